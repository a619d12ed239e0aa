"""Draw augmented samples of a fold's training slices with Augmentor's operations."""

from pathlib import Path
from typing import Any

from chaosliver.augmentation import augment_on_disk
from chaosliver.jobs import run_job
from chaosliver.samples import list_samples


def main(*, images: list[Path], masks: list[Path], settings: dict[str, Any], folder: Path, index: Path) -> None:
    """Write images and masks in lock-step, and their index."""
    augment_on_disk(list_samples(images, masks), settings, folder, index)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        images=[Path(path) for path in snakemake.input.images],
        masks=[Path(path) for path in snakemake.input.masks],
        settings=snakemake.params.settings,
        folder=Path(snakemake.output.folder),
        index=Path(snakemake.output.index),
    )
