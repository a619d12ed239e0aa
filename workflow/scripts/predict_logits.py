"""Write the logits that the original study took for its predictions."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.network.prediction import predict_logits


def main(
    *, cards: list[Path], weights: list[Path], images: list[Path], threads: int, cohort: str, folder: Path, index: Path
) -> None:
    """Write a grey PNG per slice on the image's own grid, and their index."""
    predict_logits(cards, weights, images, threads=threads, cohort=cohort, folder=folder, index=index)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        cards=[Path(path) for path in snakemake.input.cards],
        weights=[Path(path) for path in snakemake.input.weights],
        images=[Path(path) for path in snakemake.input.images],
        threads=snakemake.params.threads,
        cohort=snakemake.params.cohort,
        folder=Path(snakemake.output.folder),
        index=Path(snakemake.output.index),
    )
