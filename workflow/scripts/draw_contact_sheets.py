"""Draw all slices of each patient of one experiment with their contours."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.figures import contact_sheets


def main(
    *, slices: list[Path], runs: list[str], predictions: Path, masks: Path, images: Path, folder: Path, worst: Path
) -> None:
    """Draw a sheet per patient and sequence from the tables of all `runs` of an experiment."""
    contact_sheets.draw_contact_sheets(slices, runs, predictions, masks, images, folder, worst)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        slices=[Path(table) for table in snakemake.input.slices],
        runs=list(snakemake.params.runs),
        predictions=Path(snakemake.params.predictions),
        masks=Path(snakemake.params.masks),
        images=Path(snakemake.params.images),
        folder=Path(snakemake.output.folder),
        worst=Path(snakemake.output.worst),
    )
