"""Draw a phantom archive laid out as the CHAOS archive."""

from pathlib import Path

from chaosliver.acquire.archive import check_archive
from chaosliver.acquire.phantom import draw_archive
from chaosliver.base.jobs import run_job


def main(*, archive: Path, cohort: str, patients: list[str], seed: int, ground_truth: bool, receipt: Path) -> None:
    """Draw `patients` into the zip `archive`."""
    draw_archive(archive, patients, seed, ground_truth=ground_truth)
    check_archive(archive, cohort, None, receipt)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        archive=Path(snakemake.output.archive),
        cohort=snakemake.wildcards.cohort,
        patients=list(snakemake.params.patients),
        seed=snakemake.params.seed,
        ground_truth=snakemake.params.ground_truth,
        receipt=Path(snakemake.output.receipt),
    )
