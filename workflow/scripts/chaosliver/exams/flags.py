"""Whether a mask can be trusted: what is unlike the training images, or unlike a liver, in plain words.

A flag changes nothing of the mask.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base.wording import first_few
from ..network.answers import Answer
from ..network.prediction import keep_largest
from ..prepare.contents import is_blank
from ..prepare.greys import grey_profile
from ..prepare.limits import BLANK_SLICES
from ..prepare.strangers import find_strangers
from .volumes import Axial, Volume

# A length may lie so far outside those of the training images, as a share.
LENGTH_MARGIN = 0.1
# A grey quartile may lie so far outside those of the training volumes, as a share of their own range.
GREY_MARGIN = 0.5
# The liver by MRI of 2,773 volunteers: 1,505 ± 385 mL (doi 10.1016/j.ejrad.2018.07.005), so these are 2.5 and 3
# standard deviations away; by CT of 369 others 594 to 2,250 mL (doi 10.3748/wjg.v23.i27.4968). Others have no check.
PLAUSIBLE_ML: dict[str, tuple[float, float]] = {"liver": (550.0, 2650.0)}
# Of all voxels taken for the organ: what lies apart from the largest piece.
APART_AT_MOST = 0.05
# On the first or last slice: a smaller area may be the tip of the organ.
END_CM2 = 5.0
AGREEMENT_AT_LEAST = 0.85
TILT_AT_MOST = 20.0


class Flag(NamedTuple):
    """A reason to look twice: a short name for tables, and a sentence."""

    name: str
    sentence: str


def flags_of(described: Mapping[str, Any], volume: Volume, view: Axial, answer: Answer, known: int) -> list[Flag]:
    """The flags of a segmented volume, by the description of the pack.

    `answer` is on the axial slices of `view`; `known` is how many of these slices the networks learned from.
    """
    return [
        *_seen_before(known, len(view.greys)),
        *_unlike_training(described["seen"], volume, view),
        *_odd_slices(volume),
        *_implausible(described["organ"], volume.voxel_ml, view, answer),
    ]


def _seen_before(known: int, slices: int) -> Iterator[Flag]:
    if known:
        yield Flag(
            "trained on", f"The networks learned from {known} of its {slices} slices: the mask says nothing of others."
        )


def _unlike_training(seen: Mapping[str, Sequence[float]], volume: Volume, view: Axial) -> Iterator[Flag]:
    if volume.plane != "axial":
        yield Flag("not axial", f"Its slices are {volume.plane}, and the networks learned from axial ones.")
    if volume.tilt_degrees > TILT_AT_MOST:
        yield Flag("tilted", f"Its slices are tilted by {volume.tilt_degrees:.0f} degrees from the body's axes.")
    if missing := int((~volume.present).sum()):
        yield Flag("slices missing", f"{missing} of {len(volume.present)} slices are missing: nothing is marked there.")
    rows, columns = view.greys.shape[1:]
    measured = {
        "row_spacing_mm": ("distance of rows", view.row_mm, " mm"),
        "column_spacing_mm": ("distance of columns", view.column_mm, " mm"),
        "slice_distance_mm": ("distance of slices", view.slice_mm, " mm"),
        "rows": ("number of rows", rows, ""),
        "columns": ("number of columns", columns, ""),
    }
    for key, (what, value, unit) in measured.items():
        low, high = seen[key]
        if not low * (1 - LENGTH_MARGIN) <= value <= high * (1 + LENGTH_MARGIN):
            yield Flag(what, f"The {what} is {value:.3g}{unit}; in training it was {_between(low, high)}{unit}.")
    odd = [name for name, value in grey_profile(view.greys).items() if not _within(value, *seen[name])]
    if odd:
        yield Flag("grey values", "Its grey values are distributed unlike those of training: another sequence?")


def _odd_slices(volume: Volume) -> Iterator[Flag]:
    """Flags on slices without an image, with that of another, or unlike those beside them, which are alike."""
    stack = volume.greys[volume.present]
    filled = np.array([not is_blank(plane) for plane in stack])
    blank = int((~filled).sum())
    if not BLANK_SLICES.usual(100 * blank / len(filled)):
        yield Flag("blank slices", f"{blank} of {len(filled)} slices hold one grey value alone.")
    planes = stack[filled]
    if repeated := len(planes) - len({plane.tobytes() for plane in planes}):
        yield Flag("repeated slices", f"{repeated} of {len(planes)} slices hold the same image as another.")
    column_mm, row_mm, slice_mm = volume.spacing_mm
    numbers = np.flatnonzero(volume.present)[filled]
    if odd := find_strangers(planes, (numbers * slice_mm).tolist(), (row_mm, column_mm)):
        told = first_few([int(numbers[number]) + 1 for number in odd])
        yield Flag("odd slices", f"Unlike those beside them, which are alike: slice {told}. Another patient's?")


def _implausible(key: str, voxel_ml: float, view: Axial, answer: Answer) -> Iterator[Flag]:
    organ = key.replace("_", " ")
    if not answer.mask.any():
        yield Flag(f"no {organ}", f"No {organ} was found.")
        return
    volume_ml = float(answer.mask.sum()) * voxel_ml
    low, high = PLAUSIBLE_ML.get(key, (0.0, np.inf))
    if not low <= volume_ml <= high:
        yield Flag("volume", f"The {organ} measures {volume_ml:.0f} mL; between {low:.0f} and {high:.0f} mL are usual.")
    apart = share_apart(answer.organ)
    if apart > APART_AT_MOST:
        yield Flag("fragments", f"{apart:.0%} of what was taken for {organ} lies apart from its largest piece.")
    pixel_cm2 = view.row_mm * view.column_mm / 100
    ends = {"lowest": answer.mask[0], "highest": answer.mask[-1]}
    cut = [name for name, end in ends.items() if float(end.sum()) * pixel_cm2 > END_CM2]
    if cut:
        yield Flag("cut off", f"The {organ} reaches the {' and the '.join(cut)} slice: some of it may be missing.")
    if answer.agreement is not None and answer.agreement < AGREEMENT_AT_LEAST:
        yield Flag("disagreement", f"Two of the networks agree by a Dice of only {answer.agreement:.2f}.")


def share_apart(organ: np.ndarray) -> float:
    """The share of a mask [slices, rows, columns] that is not of its largest component, connected over faces."""
    return 1 - float(keep_largest(organ).sum()) / float(organ.sum()) if organ.any() else 0.0


def _within(value: float, low: float, high: float) -> bool:
    margin = GREY_MARGIN * (high - low)
    return low - margin <= value <= high + margin


def _between(low: float, high: float) -> str:
    return f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g}"
