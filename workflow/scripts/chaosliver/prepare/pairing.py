"""Which ground truth belongs to which image: by name, and for images out of phase by place along z."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from ..base.anatomy import SEQUENCES
from ..base.volumes import VolumeId
from ..base.wording import size_of
from .findings import REMEDY, Finding, error, warning
from .slices import Ground, Image, same_place

OUT_OF_PHASE = "t1_out_of_phase"


def pair(
    volume: VolumeId, images: list[Image], ground: Ground, in_phase: list[Image], unreadable: Collection[str]
) -> tuple[list[Image], list[Finding]]:
    """The images with their masks, and findings on those without a partner or with one of another matrix.

    `in_phase` are the images by whose places those out of phase find their ground truth. `unreadable` are the stems of
    files that have a finding already: their partners get none.
    """
    folder = SEQUENCES[volume.sequence].ground
    if not ground.files:
        return images, [error(volume, folder, "no-ground-truth", f"there is no mask in it. {REMEDY}")]
    stems, findings = _ground_stems(volume, images, in_phase)
    paired = []
    for image in images:
        image_with_mask, found = _with_mask(volume, image, stems.get(image.stem), ground)
        paired.append(image_with_mask)
        findings += found
    findings += _without_image(volume, ground, set(stems.values()), unreadable)
    return paired, findings


def _ground_stems(volume: VolumeId, images: list[Image], in_phase: list[Image]) -> tuple[dict[str, str], list[Finding]]:
    """The stem of the ground truth by the stem of the image, and findings on how it was found."""
    if volume.sequence != OUT_OF_PHASE:
        return {image.stem: image.stem for image in images}, []
    if not in_phase:
        message = "there is no image in phase to pair with by position: paired by stem alone (ground truth minus 1)"
        found = warning(volume, SEQUENCES["t1_in_phase"].images, "paired-by-stem", message)
        return {image.stem: _renumbered(image.stem, 1) for image in images}, [found]
    stems = {other.stem: image.stem for image, other in same_place(in_phase, images)}
    return stems, list(_check_stems(volume, images, stems))


def _check_stems(volume: VolumeId, images: list[Image], stems: dict[str, str]) -> Iterator[Finding]:
    """A finding for each image whose stem is not that of its ground truth minus 1, as it is in the archive."""
    for image in images:
        ground = stems.get(image.stem)
        if ground and (expected := _renumbered(ground, -1)) != image.stem:
            message = f"by position it belongs to {ground}, whose stem minus 1 would be {expected}"
            yield warning(volume, image.file, "phase-stem", f"{message}. The position is used")


def _with_mask(volume: VolumeId, image: Image, stem: str | None, ground: Ground) -> tuple[Image, list[Finding]]:
    """The image with the mask of this stem, and a finding where there is none or where it does not fit."""
    folder = SEQUENCES[volume.sequence].ground
    file = ground.files.get(stem or "", f"{folder}/{stem}.png")
    if stem is None or stem not in ground.files:
        where = file if stem else f"{folder}: no image in phase lies at its place"
        return image, [error(volume, image.file, "without-partner", f"image without ground truth ({where})")]
    if stem not in ground.masks:  # It cannot be read, and has a finding already.
        return image, []
    mask = ground.masks[stem]
    if mask.shape == image.slice.pixels.shape:
        return replace(image, ground=file, mask=mask), []
    sizes = f"is {size_of(mask.shape)}, the image {image.file} {size_of(image.slice.pixels.shape)}"
    message = f"the matrix of the mask {sizes} (rows x columns)"
    return replace(image, ground=file), [error(volume, file, "matrix", message)]


def _without_image(
    volume: VolumeId, ground: Ground, stems: Collection[str], unreadable: Collection[str]
) -> Iterator[Finding]:
    """A finding for each ground truth that has none of these stems: no image has it."""
    sequence = SEQUENCES[volume.sequence]
    for stem in sorted(set(ground.files) - set(stems)):
        partner = stem if volume.sequence != OUT_OF_PHASE else _renumbered(stem, -1)
        if partner not in unreadable:
            message = f"ground truth without an image ({sequence.images}/{partner}.dcm)"
            yield error(volume, ground.files[stem], "without-partner", message)


def _renumbered(stem: str, by: int) -> str:
    """The stem with `by` added to the number at its end, which keeps its digits: IMG-0004-00009 becomes ...00010."""
    head = stem.rstrip("0123456789")
    digits = stem[len(head) :]
    return f"{head}{int(digits or 0) + by:0{len(digits)}d}"
