"""Plot the Dice along the liver, from dome to tip."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.figures import along_liver


def main(*, slices_table: Path, experiments: list[str], organs: dict[str, str], png: Path, svg: Path) -> None:
    """Draw the profiles of `experiments`, in that order, as PNG and SVG."""
    along_liver.plot_along_liver(slices_table, experiments, [png, svg], organs)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        slices_table=Path(snakemake.input.slices_table),
        experiments=list(snakemake.params.experiments),
        organs=dict(snakemake.params.organs),
        png=Path(snakemake.output.png),
        svg=Path(snakemake.output.svg),
    )
