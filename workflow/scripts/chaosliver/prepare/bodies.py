"""Whether a volume can be one of a body: its lengths, its grey values and its organs against the table of limits."""

from collections.abc import Iterable, Iterator

import numpy as np

from ..base.anatomy import ORGANS, SEQUENCES
from ..base.volumes import VolumeId
from . import limits
from .contents import is_blank
from .findings import REMEDY, Finding, error, warning
from .limits import Limit
from .slices import Image, organ_numbers, usual_distance_mm

SPREAD_PERCENTILES = (0.5, 99.5)


def check_body(volume: VolumeId, images: list[Image]) -> Iterator[Finding]:
    """Findings on lengths and grey values that no body has, or that few have.

    `images` are in order of place. A single one has a finding of its own elsewhere.
    """
    if len(images) > 1:
        yield from _judge_all(volume, SEQUENCES[volume.sequence].images, _lengths_of(images))
        yield from _judge_all(volume, SEQUENCES[volume.sequence].images, _grey_quantities(images))


def check_organs(volume: VolumeId, images: list[Image]) -> Iterator[Finding]:
    """Findings on organs of the ground truth that are smaller or larger than they can be, or than they usually are.

    An organ that is marked nowhere has none: it may not have been drawn. Nor has any where lengths are impossible.
    """
    masked = [(image, image.mask) for image in images if image.mask is not None]
    distance_mm = usual_distance_mm(images)
    if not masked or not distance_mm or not all(limit.possible(value) for limit, _, value in _lengths_of(images)):
        return
    # In mL, by organ number.
    measured = np.zeros(len(ORGANS) + 1)
    for image, mask in masked:
        pixels = np.bincount(organ_numbers(mask).ravel(), minlength=len(measured))
        measured += pixels * (np.prod(image.slice.spacing) * distance_mm / 1000)
    found = zip(ORGANS, measured[1:].tolist(), strict=True)
    marked = [(limits.ORGAN_LIMITS[organ], f"volume of the {organ.replace('_', ' ')}", ml) for organ, ml in found if ml]
    yield from _judge_all(volume, SEQUENCES[volume.sequence].ground, marked)


def _lengths_of(images: list[Image]) -> Iterator[tuple[Limit, str, float]]:
    """The volume's lengths in mm, with the limits of each; its grid is that of the first slice."""
    grid = images[0].slice
    distance_mm = usual_distance_mm(images) or 0.0
    yield limits.SLICES, "number of slices", len(images)
    for along, spacing, pixels in zip(("rows", "columns"), grid.spacing, grid.pixels.shape, strict=True):
        yield limits.PIXEL_SPACING, f"distance of {along}", spacing
        yield limits.FIELD_OF_VIEW, f"field of view across {along}", spacing * pixels
    yield limits.SLICE_DISTANCE, "distance of slices", distance_mm
    yield limits.HEIGHT, "height of the stack", images[-1].position_mm - images[0].position_mm + distance_mm


def _grey_quantities(images: list[Image]) -> Iterator[tuple[Limit, str, float]]:
    blank = sum(is_blank(image.slice.pixels) for image in images)
    # A volume that is blank as a whole has a finding of its own.
    if blank < len(images):
        yield limits.BLANK_SLICES, "share of blank slices", 100 * blank / len(images)
        greys = np.concatenate([image.slice.pixels.ravel() for image in images])
        low, high = np.percentile(greys, SPREAD_PERCENTILES)
        yield limits.GREY_SPREAD, "spread of grey values", float(high - low)


def _judge_all(volume: VolumeId, file: str, measured: Iterable[tuple[Limit, str, float]]) -> Iterator[Finding]:
    """A finding for each quantity outside its limits: an error where it is impossible, a warning where it is rare."""
    for limit, what, value in measured:
        flag = limit.quantity.replace(" ", "-")
        if not limit.possible(value):
            message = (
                f"no body is so: {_told(what, value, limit, 'possible', limit.least_possible, limit.most_possible)}"
            )
            yield error(volume, file, flag, f"{message}. {REMEDY}")
        elif not limit.usual(value):
            yield warning(volume, file, flag, _told(what, value, limit, "usual", limit.least_usual, limit.most_usual))


def _told(what: str, value: float, limit: Limit, word: str, least: float, most: float) -> str:
    unit = f" {limit.unit}" if limit.unit else ""
    return f"the {what} is {value:.4g}{unit}, where {least:g} to {most:g}{unit} are {word}"
