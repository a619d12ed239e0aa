"""Draw a phantom archive laid out as the CHAOS archive."""

from pathlib import Path

from chaosliver.jobs import run_job
from chaosliver.phantom import draw_archive


def main(*, archive: Path, patients: list[str], seed: int, ground_truth: bool) -> None:
    """Draw `patients` into the zip `archive`."""
    draw_archive(archive, patients, seed, ground_truth=ground_truth)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        archive=Path(snakemake.output.archive),
        patients=list(snakemake.params.patients),
        seed=snakemake.params.seed,
        ground_truth=snakemake.params.ground_truth,
    )
