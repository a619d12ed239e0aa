"""List the members of a cohort's archive that the study needs."""

from pathlib import Path

from chaosliver import archive as archives
from chaosliver.jobs import run_job


def main(
    *,
    archive: Path,
    cohort: str,
    sha256: str | None,
    patients: dict[str, list[str]],
    ground_truth: bool,
    members: Path,
) -> None:
    """Write the table `members` for `patients` (name to sequences) from the zip or folder `archive`."""
    archives.list_archive(archive, cohort, sha256, patients, ground_truth, members)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        archive=Path(snakemake.params.archive),
        cohort=snakemake.wildcards.cohort,
        sha256=snakemake.params.sha256,
        patients=dict(snakemake.params.patients),
        ground_truth=snakemake.params.ground_truth,
        members=Path(snakemake.output.members),
    )
