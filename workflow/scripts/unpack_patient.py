"""Unpack what the study needs of one patient."""

from pathlib import Path

from chaosliver.acquire.archive import unpack_patient
from chaosliver.base.jobs import run_job


def main(
    *, archive: Path, cohort: str, patient: str, sequences: list[str], ground_truth: bool, folder: Path, index: Path
) -> None:
    """Copy the patient's files from the zip or folder `archive` into `folder`, and index them."""
    unpack_patient(archive, cohort, patient, sequences, ground_truth, folder, index)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        archive=Path(snakemake.params.archive),
        cohort=snakemake.params.cohort,
        patient=snakemake.wildcards.patient,
        sequences=snakemake.params.sequences,
        ground_truth=snakemake.params.ground_truth,
        folder=Path(snakemake.output.folder),
        index=Path(snakemake.output.index),
    )
