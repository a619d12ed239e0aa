"""A slice as arrays and numbers, whoever looks at it."""

from typing import NamedTuple

import numpy as np


class Plane(NamedTuple):
    """A slice's pixels [rows, columns], its window, its spacing (row, column) in mm and its place along z in mm.

    `own_shape` is that of the DICOM image, on which predictions are given: a drawn slice has other pixels.
    """

    pixels: np.ndarray
    low: float
    high: float
    spacing_mm: tuple[float, float]
    position_mm: float
    own_shape: tuple[int, int]
