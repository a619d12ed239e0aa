"""Train one network: one experiment, fold and seed."""

from pathlib import Path
from typing import Any

from chaosliver.base.jobs import inputs_of_job, run_job
from chaosliver.base.sharing import Cache
from chaosliver.network.data import Data
from chaosliver.network.job.run import Outputs, run_training, supported_epochs


def main(
    inputs: dict[str, Any], *, settings: dict[str, Any], checkpoints: Path, outputs: dict[str, Path], **options: Any
) -> None:
    """Train, or re-emit what the finished checkpoint of the same settings, data and code holds, own or from the cache.

    With cards of a cross-validation, train for as many epochs as its networks were best after. `options` are handed on.
    """
    if cards := [Path(path) for path in inputs["cross_validated"]]:
        settings["recipe"] = {**settings["recipe"], "epochs": supported_epochs(cards)}
    data = Data(*([Path(path) for path in inputs[kind]] for kind in Data._fields))
    run_training(settings, data, checkpoints, Outputs(**outputs), **options)


if "snakemake" in globals():
    run_job(
        lambda: main(
            inputs_of_job(snakemake),
            # The digest of what computes is part of a training's fingerprint; that of all its code only makes it run.
            settings={**snakemake.params.settings, "code": snakemake.params.computing},
            checkpoints=Path(snakemake.params.checkpoints),
            outputs={kind: Path(snakemake.output.get(kind)) for kind in Outputs._fields},
            memory_mb=snakemake.resources.mem_mb,
            # Not through params: to watch a training is no reason to run it again.
            events=Path(snakemake.params.events) if snakemake.config["training"]["tensorboard"] else None,
            cache=Cache.of(snakemake.config["cache"]),
        ),
        log=snakemake.log[0],
    )
