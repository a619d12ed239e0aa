"""Write the tables as pages to read and sort in the report."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.tables import tablepages


def main(
    *,
    experiments_table: Path,
    comparisons_table: Path,
    matrix_table: Path,
    patients_table: Path,
    trainings_table: Path,
    prices_table: Path,
    findings_table: Path,
    provenance: Path,
    pages: dict[str, Path],
) -> None:
    """Write one page per table."""
    tablepages.write_experiments_page(experiments_table, pages["experiments"])
    tablepages.write_comparisons_page(comparisons_table, pages["comparisons"])
    tablepages.write_matrix_page(matrix_table, pages["cross_sequence"])
    tablepages.write_patients_page(patients_table, pages["patients"])
    tablepages.write_trainings_page(trainings_table, pages["trainings"])
    tablepages.write_prices_page(prices_table, pages["prices"])
    tablepages.write_findings_page(findings_table, pages["findings"])
    tablepages.write_provenance_page(provenance, pages["provenance"])


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        **{name: Path(path) for name, path in snakemake.input.items()},
        pages={name: Path(path) for name, path in snakemake.output.items()},
    )
