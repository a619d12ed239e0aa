"""Write which patient trains, validates or is held out, fold by fold."""

from pathlib import Path

from chaosliver.base.columns import FOLD_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.base.jobs import run_job
from chaosliver.study.splits import split_rows


def main(*, folds: list[dict[str, str]], table: Path) -> None:
    """Write one row per fold and patient."""
    write_tsv(table, FOLD_COLUMNS, split_rows(folds))


if "snakemake" in globals():
    run_job(main, log=snakemake.log[0], folds=snakemake.params.folds, table=Path(snakemake.output.table))
