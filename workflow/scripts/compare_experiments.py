"""Compare every experiment of the study with its baseline, patient by patient."""

from pathlib import Path

from chaosliver import statistics
from chaosliver.jobs import run_job


def main(*, patients_table: Path, experiments: list[str], baseline: str, comparisons_table: Path) -> None:
    """Write the table of paired comparisons of `experiments` with `baseline`."""
    statistics.compare_experiments(patients_table, experiments, baseline, comparisons_table)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        patients_table=Path(snakemake.input.patients_table),
        experiments=list(snakemake.params.experiments),
        baseline=snakemake.params.baseline,
        comparisons_table=Path(snakemake.output.comparisons_table),
    )
