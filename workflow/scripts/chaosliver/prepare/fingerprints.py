"""Telling a slice by its pixels, whatever its file is called and whichever way round it is stored."""

import hashlib

import numpy as np


def fingerprint_of(pixels: np.ndarray) -> str | None:
    """SHA-256 of a slice's grey values, whole numbers [rows, columns]; None for a slice of one grey value.

    It is the smallest of the digests of the slice as it is, mirrored and turned by right angles, so that a copy in
    another orientation has the same. A slice of one grey value, such as air, tells nobody from anybody.
    """
    if pixels.min() == pixels.max():
        return None
    values = np.asarray(pixels, "<i4")
    turned = [np.rot90(side, quarter) for side in (values, values.T) for quarter in range(4)]
    return min(_digest(each) for each in turned)


def _digest(values: np.ndarray) -> str:
    shape = "x".join(map(str, values.shape))
    return hashlib.sha256(shape.encode() + np.ascontiguousarray(values).tobytes()).hexdigest()
