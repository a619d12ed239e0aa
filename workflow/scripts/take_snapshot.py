"""Make a snapshot of a training a model of its own."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.network.job.snapshots import take_snapshot


def main(
    *, epoch: int, card: Path, history: Path, folder: Path, to_card: Path, to_weights: Path, to_history: Path
) -> None:
    """Write the model that a training of so many epochs would have given."""
    made = {"to_card": to_card, "to_weights": to_weights, "to_history": to_history}
    take_snapshot(epoch, card=card, history=history, folder=folder, **made)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        epoch=snakemake.params.epoch,
        card=Path(snakemake.input.card),
        history=Path(snakemake.input.history),
        folder=Path(snakemake.input.snapshots),
        to_card=Path(snakemake.output.card),
        to_weights=Path(snakemake.output.weights),
        to_history=Path(snakemake.output.history),
    )
