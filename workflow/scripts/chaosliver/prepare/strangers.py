"""Slices that do not belong among their neighbours: by the identifiers of their headers, or by what they show.

Where identifiers are empty or equal, a slice of another patient, or one turned over, is less like either neighbour than
these are like each other.
"""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from ..base.volumes import GAP_LIMIT, VolumeId
from ..base.wording import counted
from .contents import is_blank
from .dicom import IDENTIFIERS
from .findings import REMEDY, Finding, error, warning
from .greys import WHITE_PERCENTILE
from .slices import Image

# By what the first one that differs says of a slice.
KINDS = ("another-patient", "another-patient", "another-study", "another-series", "another-frame")
FLAGS = dict(zip(IDENTIFIERS, KINDS, strict=True))
# How far a slice is from the nearer neighbour, as a multiple of how far its neighbours are from each other. Of the
# slices of the 14 real patients at most 0.73; with one put in from another patient above 1 in 97 % (T2-SPIR) and more.
APART_LIMIT = 1.0
# How far the first or last slice is from its neighbour, as a multiple of how far that is from the next: at most 1.63.
END_LIMIT = 2.0
# Noise is smoothed away by a Gaussian of this standard deviation.
SMOOTH_MM = 3.0


def check_identifiers(volume: VolumeId, images: list[Image]) -> Iterator[Finding]:
    """A finding for each further patient, study, series or frame of reference among the slices, where these are filled.

    What differs is named, and never its values, which may tell who the patient is.
    """
    for keyword, flag in FLAGS.items():
        groups: dict[str, list[Image]] = defaultdict(list)
        for image in images:
            if value := image.slice.identifiers.get(keyword):
                groups[value].append(image)
        if len(groups) > 1:
            usual = max(groups.values(), key=len)
            for group in groups.values():
                if group is not usual:
                    message = f"its {keyword} is not that of {usual[0].stem}; {counted(len(group), 'slice')} so"
                    yield error(volume, group[0].file, flag, f"{message}. {REMEDY}")
            # The identifiers below it differ for the same reason.
            return


def check_strangers(volume: VolumeId, images: list[Image]) -> Iterator[Finding]:
    """A finding for each slice that is unlike its neighbours, which are alike; `images` are in order of place."""
    filled = [image for image in images if not is_blank(image.slice.pixels)]
    if len({image.slice.pixels.shape for image in filled}) != 1:
        return
    pixels = np.stack([image.slice.pixels for image in filled])
    places = [image.position_mm for image in filled]
    for number in find_strangers(pixels, places, filled[0].slice.spacing):
        beside = [filled[other].stem for other in (number - 1, number + 1) if 0 <= other < len(filled)]
        message = f"the image is unlike {' and '.join(beside)} beside it: another patient's, turned over or misplaced?"
        yield warning(volume, filled[number].file, "slice-against-neighbours", message)


def find_strangers(pixels: np.ndarray, places_mm: list[float], spacing: tuple[float, float]) -> list[int]:
    """The numbers of the slices that are unlike their neighbours.

    `pixels` is [slices, rows, columns] in order of place, `spacing` (row, column) in mm. Beside a gap none is found.
    """
    if len(pixels) < 3:
        return []
    white = max(float(np.percentile(pixels, WHITE_PERCENTILE)), 1.0)
    sigma = (0.0, *(SMOOTH_MM / length for length in spacing))
    smooth = ndimage.gaussian_filter(np.minimum(pixels, white).astype(np.float32), sigma)
    steps = np.diff(places_mm)
    even = steps <= GAP_LIMIT * np.median(steps)
    # From each slice to the next, and to the one after that.
    near, far = _differences(smooth, 1), _differences(smooth, 2)
    found = []
    if even[:2].all() and near[0] > END_LIMIT * near[1] > 0:
        found.append(0)
    for number in range(1, len(pixels) - 1):
        together = even[number - 1] and even[number]
        if together and min(near[number - 1], near[number]) > APART_LIMIT * far[number - 1] > 0:
            found.append(number)
    if even[-2:].all() and near[-1] > END_LIMIT * near[-2] > 0:
        found.append(len(pixels) - 1)
    return found


def _differences(slices: np.ndarray, apart: int) -> np.ndarray:
    """The root mean square difference of each slice to the one so many slices further on."""
    difference: np.ndarray = np.sqrt(np.square(slices[apart:] - slices[:-apart]).mean(axis=(1, 2)))
    return difference
