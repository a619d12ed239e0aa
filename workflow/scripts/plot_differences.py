"""Plot the paired comparisons of the study."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.figures import differences


def main(*, comparisons_table: Path, png: Path, svg: Path) -> None:
    """Draw the differences in Dice with their intervals, as PNG and SVG."""
    differences.plot_differences(comparisons_table, [png, svg])


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        comparisons_table=Path(snakemake.input.comparisons_table),
        png=Path(snakemake.output.png),
        svg=Path(snakemake.output.svg),
    )
