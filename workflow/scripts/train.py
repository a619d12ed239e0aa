"""Train one network: one experiment, fold and seed."""

from pathlib import Path
from typing import Any

from chaosliver.jobs import run_job
from chaosliver.runs import Data, run_training


def main(
    *,
    settings: dict[str, Any],
    indexes: dict[str, list[Path]],
    checkpoint: Path,
    history: Path,
    weights: Path,
    card: Path,
) -> None:
    """Train, or re-emit what the finished checkpoint of the same settings, data and code holds."""
    run_training(settings, Data(**indexes), checkpoint, {"history": history, "weights": weights, "card": card})


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        settings={**snakemake.params.settings, "code": snakemake.params.code},
        indexes={kind: [Path(path) for path in snakemake.input.get(kind)] for kind in Data._fields},
        checkpoint=Path(snakemake.params.checkpoint),
        history=Path(snakemake.output.history),
        weights=Path(snakemake.output.weights),
        card=Path(snakemake.output.card),
    )
