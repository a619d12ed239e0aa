"""Tabulate and draw what a network trained on one sequence is worth on another."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.figures import cross_sequence


def main(*, experiments_table: Path, train_on: dict[str, list[str]], matrix_table: Path, png: Path, svg: Path) -> None:
    """Write the matrix of the experiments named in `train_on` as a table, as PNG and as SVG."""
    cross_sequence.cross_sequence(experiments_table, train_on, matrix_table, [png, svg])


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        experiments_table=Path(snakemake.input.experiments_table),
        train_on=dict(snakemake.params.train_on),
        matrix_table=Path(snakemake.output.matrix_table),
        png=Path(snakemake.output.png),
        svg=Path(snakemake.output.svg),
    )
