"""List the slices of one patient and what is wrong with them."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.prepare.inventory import write_inventory


def main(
    *,
    raw: Path,
    raw_index: Path,
    patient: str,
    sequences: list[str],
    ground_truth: bool,
    slices: Path,
    findings: Path,
) -> None:
    """Write both tables, also where there are errors: they keep the patient out in the next step."""
    write_inventory(raw, raw_index, patient, sequences, ground_truth, slices, findings)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        raw=Path(snakemake.input.raw_index).with_suffix(""),
        raw_index=Path(snakemake.input.raw_index),
        patient=snakemake.wildcards.patient,
        sequences=list(snakemake.params.sequences),
        ground_truth=snakemake.params.ground_truth,
        slices=Path(snakemake.output.slices),
        findings=Path(snakemake.output.findings),
    )
