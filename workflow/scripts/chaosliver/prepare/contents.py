"""Whether slices hold an image at all: blank ones, parts that are cut away, and the same pixels twice."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from ..base.anatomy import SEQUENCES
from ..base.volumes import VolumeId
from ..base.wording import counted, first_few
from .findings import REMEDY, Finding, error
from .greys import WHITE_PERCENTILE
from .slices import Image

# At an edge of the image, this share of the rows or columns may be blank whatever lies beside them.
BLANK_EDGE = 0.1
# A pixel that differs from a blank edge by more than this share of the volume's white (99.5th percentile) is body.
AIR = 0.1
# Body that begins beside a blank edge with this share of the row and with this share of its greatest width is cut: none
# of the slices of the 14 real patients is, and 84 to 100 in 100 are once half of their rows or columns are blank.
BODY_BESIDE_BLANK, WIDE = 0.25, 0.8


def is_blank(pixels: np.ndarray) -> bool:
    """Whether all pixels of a slice have one value."""
    return bool((pixels == pixels.flat[0]).all())


def check_contents(volume: VolumeId, images: list[Image]) -> Iterator[Finding]:
    """Findings on volumes and slices that hold no image, a part of one, or that of another slice.

    `images` are in order of place. Blank slices at the ends of a volume have none here, since resampling makes them.
    """
    blank = [is_blank(image.slice.pixels) for image in images]
    if all(blank):
        value = images[0].slice.pixels.flat[0]
        message = f"every slice is blank: one grey value ({value} in {images[0].stem}). {REMEDY}"
        yield error(volume, SEQUENCES[volume.sequence].images, "blank-volume", message)
        return
    first, last = blank.index(False), len(blank) - 1 - blank[::-1].index(False)
    if within := [image for image, empty in zip(images[first:last], blank[first:last], strict=True) if empty]:
        message = f"blank slices among others, of one grey value each: {first_few([image.stem for image in within])}"
        yield error(volume, within[0].file, "blank-slice", f"{message}. {REMEDY}")
    filled = [image for image, empty in zip(images, blank, strict=True) if not empty]
    yield from _check_repeats(volume, filled)
    yield from _check_cuts(volume, filled)


def check_blank_masks(volume: VolumeId, images: list[Image]) -> Iterator[Finding]:
    """A finding where organs are marked on blank slices."""
    blank = [image for image in images if is_blank(image.slice.pixels)]
    marked = [image for image in blank if image.mask is not None and image.mask.any()]
    # A volume that is blank as a whole has a finding already.
    if marked and len(blank) < len(images):
        message = f"organs are marked where the image is blank: {first_few([image.stem for image in marked])}"
        yield error(volume, marked[0].ground, "mask-on-blank", f"{message}. {REMEDY}")


def _check_repeats(volume: VolumeId, images: list[Image]) -> Iterator[Finding]:
    """A finding that names all slices whose pixels are the same: noise alone would make them differ."""
    by_digest: dict[bytes, list[Image]] = defaultdict(list)
    for image in images:
        by_digest[hashlib.sha256(np.ascontiguousarray(image.slice.pixels).data).digest()].append(image)
    if groups := [group for group in by_digest.values() if len(group) > 1]:
        names = first_few([" = ".join(image.stem for image in group) for group in groups])
        yield error(volume, groups[0][1].file, "repeated-slice", f"identical images in different slices: {names}")


def _check_cuts(volume: VolumeId, images: list[Image]) -> Iterator[Finding]:
    """A finding that names all slices of which a part is blank, from an edge to the middle of the body."""
    white = float(np.percentile(np.concatenate([image.slice.pixels.ravel() for image in images]), WHITE_PERCENTILE))
    if cut := [image for image in images if _is_cut(image.slice.pixels, AIR * white)]:
        named = first_few([image.stem for image in cut])
        message = f"{counted(len(cut), 'slice')} with a blank part that ends within the body: {named}. {REMEDY}"
        yield error(volume, cut[0].file, "cut-slice", message)


def _is_cut(pixels: np.ndarray, air: float) -> bool:
    """Whether the body begins with nearly its full width beside blank rows or columns at an edge."""
    for lines in (pixels, pixels[::-1], pixels.T, pixels.T[::-1]):
        blank = int((lines != lines[0, 0]).any(axis=1).argmax())
        body = np.mean(np.abs(lines[blank:].astype(np.float32) - float(lines[0, 0])) > air, axis=1)
        if blank >= BLANK_EDGE * len(lines) and body[0] >= max(BODY_BESIDE_BLANK, WIDE * body.max()):
            return True
    return False
