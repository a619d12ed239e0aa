"""Whether masks lie on the organs of their images, or may be another patient's.

The limits were chosen on 14 real patients (T1 in phase and T2-SPIR), where they raise no false alarm.
"""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from ..base.anatomy import SEQUENCES
from ..base.volumes import VolumeId
from .findings import Finding, warning
from .slices import Image, organ_numbers

# A mask that overlaps both neighbours less than this times what they overlap each other is at odds with them.
# On the 14 real patients the lowest value is 1.02; of masks put in from another patient about 3 in 4 lie below 0.9.
NEIGHBOUR_LIMIT = 0.9
# Below this organ area in either neighbour (mm2) their overlap says nothing.
NEIGHBOUR_AREA_MM2 = 3000.0
# How much sharper the image's edges are under the masks' outlines than beside them. On the 14 real patients at least
# 1.14 (T1 in phase) and 1.25 (T2-SPIR); with the masks of another patient at most 1.12, in 9 of 10 cases below 1.05.
OUTLINE_LIMIT = 1.08
OUTLINE_SHIFT_MM = 15.0
# No real image out of phase was at hand to find a limit for that sequence.
OUTLINE_SEQUENCES = ("t1_in_phase", "t2_spir")
# Share of the 99th percentile of grey values below which a pixel is air.
AIR = 0.1


def check_plausible(volume: VolumeId, images: list[Image]) -> Iterator[Finding]:
    """Findings on masks that fit neither their neighbours nor the image; `images` are in order of place."""
    masked = [(image, image.mask) for image in images if image.mask is not None]
    # Masks on several grids cannot be compared, and are an error already.
    if len({mask.shape for _, mask in masked}) != 1:
        return
    organs = organ_numbers(np.stack([mask for _, mask in masked]))
    own = [image for image, _ in masked]
    yield from _check_neighbours(volume, own, organs)
    if volume.sequence in OUTLINE_SEQUENCES:
        yield from _check_outlines(volume, own, organs)


def _check_neighbours(volume: VolumeId, images: list[Image], organs: np.ndarray) -> Iterator[Finding]:
    """A finding for each slice whose mask differs from those beside it, which are alike."""
    areas_mm2 = float(np.prod(images[0].slice.spacing)) * np.count_nonzero(organs, axis=(1, 2))
    for number in range(1, len(images) - 1):
        before, here, after = organs[number - 1 : number + 2]
        if min(areas_mm2[number - 1], areas_mm2[number + 1]) < NEIGHBOUR_AREA_MM2:
            continue
        nearer = max(overlap(before, here), overlap(here, after))
        if nearer < NEIGHBOUR_LIMIT * overlap(before, after):
            names = f"{images[number - 1].stem} and {images[number + 1].stem}"
            message = f"the mask is at odds with its neighbours {names}, which agree with each other"
            yield warning(volume, images[number].ground, "mask-against-neighbours", message)


def _check_outlines(volume: VolumeId, images: list[Image], organs: np.ndarray) -> Iterator[Finding]:
    """A finding where the masks' outlines do not lie on the images' edges."""
    pixels = np.stack([image.slice.pixels for image in images])
    sharpness = outline_sharpness(pixels, organs > 0, images[0].slice.spacing)
    if sharpness is not None and sharpness < OUTLINE_LIMIT:
        message = (
            "the organs' outlines do not lie on the images' edges: the masks may be another patient's or shifted "
            f"(edges {sharpness:.2f} times as sharp as {OUTLINE_SHIFT_MM:g} mm beside; usual: 1.14 or more)"
        )
        yield warning(volume, SEQUENCES[volume.sequence].ground, "mask-off-organ", message)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Dice coefficient of two arrays of organ numbers, over all organs at once; 0 where both are empty."""
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * np.count_nonzero((first == second) & (first > 0)) / total if total else 0.0


def outline_sharpness(volume: np.ndarray, mask: np.ndarray, spacing: tuple[float, float]) -> float | None:
    """How much stronger the image's edges are under the mask's outline than under the same outline shifted.

    Arrays are [slices, rows, columns], `spacing` is (row, column) in mm. The outline is shifted by OUTLINE_SHIFT_MM in
    eight directions. About 1 where mask and image have nothing to do with each other; None for an empty mask.
    """
    slices, rows, columns = np.nonzero(mask & ~ndimage.binary_erosion(mask, np.ones((1, 3, 3), bool)))
    if not len(slices):
        return None
    edges = _edges(volume)
    down, right = (round(OUTLINE_SHIFT_MM / length) for length in spacing)

    def strength(row_shift: int, column_shift: int) -> float:
        shifted_rows = np.clip(rows + row_shift, 0, mask.shape[1] - 1)
        shifted_columns = np.clip(columns + column_shift, 0, mask.shape[2] - 1)
        return float(edges[slices, shifted_rows, shifted_columns].mean())

    shifts = [(i * down, j * right) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    beside = float(np.mean([strength(*shift) for shift in shifts]))
    return strength(0, 0) / beside if beside else None


def _edges(volume: np.ndarray) -> np.ndarray:
    """Strength of the edges along rows and columns, 0 to 1, [slices, rows, columns].

    The gradient g of the smoothed volume as g / (g + median of g), so that neither fat nor air outweighs the rest.
    """
    smooth = ndimage.gaussian_filter(volume.astype(np.float32), (0, 1, 1))
    gradient = np.hypot(ndimage.sobel(smooth, 1), ndimage.sobel(smooth, 2))
    body = volume > AIR * np.percentile(volume, 99)
    typical = float(np.median(gradient[body])) if body.any() else 0.0
    return gradient / (gradient + max(typical, 1e-6))
