"""Compare the experiments of the study, patient by patient."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.measure import patient_statistics as statistics


def main(*, patients_table: Path, pairs: list[tuple[str, str]], comparisons_table: Path) -> None:
    """Write the table of paired comparisons of the `pairs`, each an experiment and what it is compared with."""
    statistics.compare_experiments(patients_table, pairs, comparisons_table)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        patients_table=Path(snakemake.input.patients_table),
        pairs=list(snakemake.params.pairs),
        comparisons_table=Path(snakemake.output.comparisons_table),
    )
