"""Whether masks lie on the organs of their images, or may be another patient's or in another order.

The limits were chosen on 14 real patients (T1 in phase and T2-SPIR), where they raise no false alarm.
`benchmarks/masks.py` measures each patient as it is and with its masks misplaced: docs/measurements/masks.tsv.
"""

import math
from collections.abc import Iterator

import numpy as np

from ..base.anatomy import SEQUENCES
from ..base.volumes import VolumeId
from .checks import LIVER
from .findings import Finding, error, warning
from .fit import BESIDE_MM, LOWER, OWN, REVERSED, Fitting, orders
from .slices import Image, organ_numbers

# A mask that overlaps both neighbours less than this times what they overlap each other is at odds with them.
# On the 14 real patients the lowest value is 1.02; of masks put in from another patient about 3 in 4 lie below 0.9.
NEIGHBOUR_LIMIT = 0.9
# Below this organ area in either neighbour (mm2) their overlap says nothing.
NEIGHBOUR_AREA_MM2 = 3000.0
# How much better masks fit the images where they lie than BESIDE_MM beside. On the 14 real patients at least 1.96 (T1
# in phase) and 2.01 (T2-SPIR); reversed, mirrored, of another patient or 10 mm aside at most 1.26.
BESIDE_LIMIT = 1.5
# How much better masks may fit in another order than in their own. Of the real patients' masks at most 0.79 (T1 in
# phase) and 0.88 (T2-SPIR); moved along by one slice at least 1.24 and 1.12, reversed 2.5 and 1.88. The liver alone
# tells less: its own at most 0.83 and 0.95, moved along at least 1.18 and 1.04.
ORDER_LIMIT = 1.0
# Fewer different masks than this have no order.
ORDERED_MASKS = 5
# No real image out of phase was at hand to find limits for that sequence.
FITTED_SEQUENCES = ("t1_in_phase", "t2_spir")


def check_plausible(volume: VolumeId, images: list[Image]) -> Iterator[Finding]:
    """Findings on masks that fit neither their neighbours nor the image; `images` are in order of place."""
    masked = [image for image in images if image.mask is not None]
    masks = [image.mask for image in masked if image.mask is not None]
    # Masks on several grids cannot be compared, and are an error already.
    if len({mask.shape for mask in masks}) != 1:
        return
    organs = organ_numbers(np.stack(masks))
    fitting = None
    if volume.sequence in FITTED_SEQUENCES:
        fitting = Fitting(np.stack([image.slice.pixels for image in masked]), masked[0].slice.spacing)
    yield from _check_neighbours(volume, masked, organs, fitting)
    if fitting:
        yield from _check_places(volume, masked, organs, fitting)


def _check_neighbours(
    volume: VolumeId, images: list[Image], organs: np.ndarray, fitting: Fitting | None
) -> Iterator[Finding]:
    """A finding for each slice whose mask differs from those beside it, which are alike.

    It is an error where their masks fit the slice's image better than its own, and a warning otherwise.
    """
    areas_mm2 = float(np.prod(images[0].slice.spacing)) * np.count_nonzero(organs, axis=(1, 2))
    for number in range(1, len(images) - 1):
        before, here, after = organs[number - 1 : number + 2]
        if min(areas_mm2[number - 1], areas_mm2[number + 1]) < NEIGHBOUR_AREA_MM2:
            continue
        nearer = max(overlap(before, here), overlap(here, after))
        if nearer >= NEIGHBOUR_LIMIT * overlap(before, after):
            continue
        names = f"{images[number - 1].stem} and {images[number + 1].stem}"
        message = f"the mask is at odds with its neighbours {names}, which agree with each other"
        if fitting and _fits_less(fitting, number, here, (before, after)):
            message += " and fit this image better"
            yield error(volume, images[number].ground, "mask-against-neighbours", message)
        else:
            yield warning(volume, images[number].ground, "mask-against-neighbours", message)


def _fits_less(fitting: Fitting, number: int, mask: np.ndarray, others: tuple[np.ndarray, ...]) -> bool:
    """Whether a mask fits an image less well than each of the others does."""
    return fitting.fit(mask[None], number) < min(fitting.fit(other[None], number) for other in others)


def _check_places(volume: VolumeId, images: list[Image], organs: np.ndarray, fitting: Fitting) -> Iterator[Finding]:
    """A finding where masks fit their images better in another order, or not at all."""
    ground = SEQUENCES[volume.sequence].ground
    fits = fitting.beside(organs)
    order, gain = _best_order(organs, fitting)
    if gain > ORDER_LIMIT and max(fits, fitting.beside(*orders(organs)[order])) >= BESIDE_LIMIT:
        yield error(volume, ground, "mask-order", f"the masks {_other_order(images, organs, order, gain)}")
    elif fits < BESIDE_LIMIT:
        message = (
            "the masks do not lie on the organs: they may be another patient's, mirrored or shifted (they fit the "
            f"images {fits:.2f} times as well as {BESIDE_MM:g} mm beside; usual: 1.96 or more)"
        )
        yield error(volume, ground, "mask-off-organ", message)
    else:
        liver = np.where(organs == LIVER, organs, 0)
        order, gain = _best_order(liver, fitting)
        if gain > ORDER_LIMIT:
            message = f"the liver's masks alone {_other_order(images, liver, order, gain)}"
            yield warning(volume, ground, "liver-order", message)


def _best_order(organs: np.ndarray, fitting: Fitting) -> tuple[str, float]:
    """The order in which masks fit the images best, and how much better than in their own, 1 where that is the best."""
    different = {mask.tobytes() for mask in organs if mask.any()}
    if len(different) < ORDERED_MASKS:
        return OWN, 1.0
    fits = {name: fitting.fit(*placed) for name, placed in orders(organs).items()}
    best = max(fits, key=lambda name: fits[name])
    return best, fits[best] / fits[OWN] if fits[OWN] else math.inf


def _other_order(images: list[Image], organs: np.ndarray, order: str, gain: float) -> str:
    """In words, in which order masks fit the images better than in their own."""
    if order == REVERSED:
        return f"lie in reversed order along z: turned round they fit the images {gain:.2f} times as well"
    number = 1 + int(np.count_nonzero(organs[1:-1], axis=(1, 2)).argmax())
    other = images[number - 1 if order == LOWER else number + 1].stem
    return (
        f"are shifted along z, by one slice or more: each fits the image beside its own {gain:.2f} times as well, that "
        f"of {images[number].stem} the image {other}"
    )


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Dice coefficient of two arrays of organ numbers, over all organs at once; 0 where both are empty."""
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * np.count_nonzero((first == second) & (first > 0)) / total if total else 0.0
