"""Download a cohort's archive."""

from pathlib import Path

from chaosliver.acquire.archive import check_archive
from chaosliver.acquire.download import download
from chaosliver.base.jobs import run_job


def main(*, url: str, sha256: str | None, cohort: str, archive: Path, receipt: Path) -> None:
    """Fetch `url` to `archive`, resuming what an earlier call left, and check its SHA-256 (None: unknown)."""
    download(url, sha256, archive, cohort=cohort)
    check_archive(archive, cohort, sha256, receipt)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        url=snakemake.params.url,
        sha256=snakemake.params.sha256,
        cohort=snakemake.wildcards.cohort,
        archive=Path(snakemake.output.archive),
        receipt=Path(snakemake.output.receipt),
    )
