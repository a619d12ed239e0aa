"""Gather what the inventory found over all patients, as tables and a picture."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.figures import quality_control as montage


def main(
    *, slices: list[Path], findings: list[Path], patients_table: Path, findings_table: Path, picture: Path
) -> None:
    """Write the tables and the picture; stop where one mask occurs in two patients."""
    montage.quality_control(slices, findings, patients_table, findings_table, picture)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        slices=[Path(path) for path in snakemake.input.slices],
        findings=[Path(path) for path in snakemake.input.findings],
        patients_table=Path(snakemake.output.patients_table),
        findings_table=Path(snakemake.output.findings_table),
        picture=Path(snakemake.output.picture),
    )
