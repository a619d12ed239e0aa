"""Segment the patients that a network, or any of several, never saw."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.network.prediction import predict_patients


def main(
    *,
    cards: list[Path],
    weights: list[Path],
    images: list[Path],
    threshold: float,
    largest_component: bool,
    threads: int,
    cohort: str,
    folder: Path,
    index: Path,
) -> None:
    """Write a binary PNG per slice on the image's own grid, and their index."""
    rule = {"threshold": threshold, "largest_component": largest_component}
    predict_patients(cards, weights, images, **rule, threads=threads, cohort=cohort, folder=folder, index=index)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        cards=[Path(path) for path in snakemake.input.cards],
        weights=[Path(path) for path in snakemake.input.weights],
        images=[Path(path) for path in snakemake.input.images],
        threshold=snakemake.params.threshold,
        largest_component=snakemake.params.largest_component,
        threads=snakemake.params.threads,
        cohort=snakemake.params.cohort,
        folder=Path(snakemake.output.folder),
        index=Path(snakemake.output.index),
    )
