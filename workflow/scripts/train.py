"""Train one network: one experiment, fold and seed."""

from pathlib import Path
from typing import Any

from chaosliver.base.jobs import run_job
from chaosliver.base.sharing import Cache
from chaosliver.network.data import Data
from chaosliver.network.job.run import Outputs, run_training, supported_epochs


def main(
    *,
    settings: dict[str, Any],
    indexes: dict[str, list[Path]],
    cross_validated: list[Path],
    checkpoints: Path,
    outputs: dict[str, Path],
    **options: Any,
) -> None:
    """Train, or re-emit what the finished checkpoint of the same settings, data and code holds, own or from the cache.

    With cards of a cross-validation, train for as many epochs as its networks were best after. `options` are handed on.
    """
    if cross_validated:
        settings["recipe"] = {**settings["recipe"], "epochs": supported_epochs(cross_validated)}
    run_training(settings, Data(**indexes), checkpoints, Outputs(**outputs), **options)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        # The digest of what computes is part of a training's fingerprint; that of all its code only makes the job run.
        settings={**snakemake.params.settings, "code": snakemake.params.computing},
        indexes={kind: [Path(path) for path in snakemake.input.get(kind)] for kind in Data._fields},
        cross_validated=[Path(path) for path in snakemake.input.cross_validated],
        checkpoints=Path(snakemake.params.checkpoints),
        outputs={kind: Path(snakemake.output.get(kind)) for kind in Outputs._fields},
        memory_mb=snakemake.resources.mem_mb,
        # Not through params: to watch a training is no reason to run it again.
        events=Path(snakemake.params.events) if snakemake.config["training"]["tensorboard"] else None,
        cache=Cache.of(snakemake.config["cache"]),
    )
