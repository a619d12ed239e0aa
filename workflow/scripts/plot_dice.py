"""Plot the Dice of every patient and experiment."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.figures import style as figures


def main(*, patients_table: Path, experiments: list[str], organs: dict[str, str], png: Path, svg: Path) -> None:
    """Draw the box plots of `experiments`, in that order, as PNG and SVG."""
    figures.plot_dice(patients_table, experiments, [png, svg], organs)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        patients_table=Path(snakemake.input.patients_table),
        experiments=list(snakemake.params.experiments),
        organs=dict(snakemake.params.organs),
        png=Path(snakemake.output.png),
        svg=Path(snakemake.output.svg),
    )
