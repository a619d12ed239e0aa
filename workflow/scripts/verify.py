"""Check every file of the study against the checksum taken when it was made."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.measure.verification import verify


def main(*, results: Path) -> None:
    """Name every file that is missing or altered."""
    verify(results)


if "snakemake" in globals():
    run_job(main, log=snakemake.log[0], results=Path(snakemake.params.results))
