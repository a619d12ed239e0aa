"""Check an archive that is already on disk, and write its receipt."""

from pathlib import Path

from chaosliver.acquire.archive import check_archive
from chaosliver.base.jobs import run_job


def main(*, archive: Path, cohort: str, sha256: str | None, receipt: Path) -> None:
    """Write the SHA-256 of the zip `archive`, after comparing it with the one given (None: unknown)."""
    check_archive(archive, cohort, sha256, receipt)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        archive=Path(snakemake.params.archive),
        cohort=snakemake.wildcards.cohort,
        sha256=snakemake.params.sha256,
        receipt=Path(snakemake.output.receipt),
    )
