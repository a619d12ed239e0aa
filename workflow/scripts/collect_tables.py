"""Join all runs' metrics into the study's tables and a short one for the terminal."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.tables import collect as tables


def main(
    *,
    slices: list[Path],
    patients: list[Path],
    slices_table: Path,
    patients_table: Path,
    experiments_table: Path,
    summary: Path,
) -> None:
    """Write the tables of slices, patients and experiments, and the summary for the terminal."""
    tables.collect_tables(slices, patients, slices_table, patients_table, experiments_table, summary)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        slices=[Path(table) for table in snakemake.input.slices],
        patients=[Path(table) for table in snakemake.input.patients],
        slices_table=Path(snakemake.output.slices_table),
        patients_table=Path(snakemake.output.patients_table),
        experiments_table=Path(snakemake.output.experiments_table),
        summary=Path(snakemake.output.summary),
    )
