"""Draw augmented samples of a fold's training slices with Augmentor's operations."""

from pathlib import Path
from typing import Any

from chaosliver.base.jobs import run_job
from chaosliver.prepare.augmentation import augment_on_disk
from chaosliver.prepare.samples import leaked, list_samples


def main(
    *,
    images: list[Path],
    masks: list[Path],
    held_out_images: list[Path],
    held_out_masks: list[Path],
    settings: dict[str, Any],
    leaks: dict[str, Any],
    folder: Path,
    index: Path,
) -> None:
    """Write images and masks in lock-step, and their index."""
    held_out = list_samples(held_out_images, held_out_masks)
    originals, _ = leaked(list_samples(images, masks), held_out, leaks)
    augment_on_disk(originals, settings, folder, index)


if "snakemake" in globals():
    run_job(
        main,
        log=snakemake.log[0],
        images=[Path(path) for path in snakemake.input.images],
        masks=[Path(path) for path in snakemake.input.masks],
        held_out_images=[Path(path) for path in snakemake.input.held_out_images],
        held_out_masks=[Path(path) for path in snakemake.input.held_out_masks],
        settings=snakemake.params.settings,
        leaks=snakemake.params.leaks,
        folder=Path(snakemake.output.folder),
        index=Path(snakemake.output.index),
    )
