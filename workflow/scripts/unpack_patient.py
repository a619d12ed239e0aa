"""Unpack one patient's files from the cohort's archive."""

from pathlib import Path

from chaosliver import archive as archives
from chaosliver.jobs import run_job


def main(*, archive: Path, members: Path, patient: str, folder: Path, index: Path) -> None:
    """Copy the files that the table `members` lists for `patient` into `folder` and index them."""
    archives.unpack_patient(archive, members, patient, folder, index)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        archive=Path(snakemake.params.archive),
        members=Path(snakemake.input.members),
        patient=snakemake.wildcards.patient,
        folder=Path(snakemake.output.folder),
        index=Path(snakemake.output.index),
    )
