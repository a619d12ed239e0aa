"""Draw the best, median and worst slices of one experiment with their contours."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.figures import overlays


def main(
    *, slices: list[Path], runs: list[str], predictions: Path, masks: Path, images: Path, organ: str, picture: Path
) -> None:
    """Draw one picture from the tables of all `runs` of an experiment."""
    overlays.draw_overlays(slices, runs, predictions, masks, images, organ, picture)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        slices=[Path(table) for table in snakemake.input.slices],
        runs=list(snakemake.params.runs),
        predictions=Path(snakemake.params.predictions),
        masks=Path(snakemake.params.masks),
        images=Path(snakemake.params.images),
        organ=snakemake.params.organ,
        picture=Path(snakemake.output.picture),
    )
