"""Draw image, prediction and ground truth of every predicted slice side by side."""

from pathlib import Path

from chaosliver.base.jobs import run_job
from chaosliver.figures import triplets


def main(*, predictions: Path, prediction_index: Path, masks: Path, images: Path, folder: Path, index: Path) -> None:
    """Draw the triplets of one run into `folder`, and write their index."""
    triplets.draw_triplets(predictions, prediction_index, masks, images, folder, index)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        predictions=Path(snakemake.input.prediction_index).with_suffix(""),
        prediction_index=Path(snakemake.input.prediction_index),
        masks=Path(snakemake.params.masks),
        images=Path(snakemake.params.images),
        folder=Path(snakemake.output.folder),
        index=Path(snakemake.output.index),
    )
