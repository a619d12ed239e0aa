"""Distances between the surfaces of two masks, in mm, as the CHAOS challenge measures them.

Source: the challenge's evaluation code. A border voxel is one that an erosion by its six neighbours removes, where
the volume's edge counts as inside: an organ cut off by the last slice has no surface there.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_erosion
from scipy.spatial import cKDTree


class SurfaceDistances(NamedTuple):
    """Average (ASSD) and maximum (MSSD) symmetric surface distance in mm."""

    assd_mm: float
    mssd_mm: float


def surface_distances(
    reference: np.ndarray, prediction: np.ndarray, positions_mm: Sequence[float], spacing_mm: tuple[float, float]
) -> SurfaceDistances | None:
    """ASSD and MSSD of two boolean masks of shape (slices, rows, columns); None where either has no surface.

    An empty mask has none, nor has one that fills the whole volume.

    `positions_mm` are the slices' positions along the normal and need not be evenly spaced: across a gap the true
    distance is measured. `spacing_mm` is the distance of neighbouring rows and of neighbouring columns. The distances
    from each surface to the nearest point of the other are pooled before their mean and maximum are taken.
    """
    either = reference | prediction
    if not either.any():
        return None
    box = box_around(either)
    positions = np.asarray(positions_mm)[box[0]]
    first = _border_points(reference[box], positions, spacing_mm)
    second = _border_points(prediction[box], positions, spacing_mm)
    if not len(first) or not len(second):
        return None
    pooled = np.concatenate([cKDTree(second).query(first)[0], cKDTree(first).query(second)[0]])
    return SurfaceDistances(float(pooled.mean()), float(pooled.max()))


def border(mask: np.ndarray) -> np.ndarray:
    """Voxels of a boolean mask (any shape) with a face neighbour outside it, the array's edge counting as inside."""
    return mask & ~binary_erosion(mask, border_value=1)


def box_around(mask: np.ndarray) -> tuple[slice, ...]:
    """The bounding box of `mask` with a margin of one voxel, as far as the volume reaches.

    With the margin the erosion within the box equals that of the whole volume, and is much faster.
    """
    box = []
    for axis in range(mask.ndim):
        filled = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        box.append(slice(max(int(filled[0]) - 1, 0), int(filled[-1]) + 2))
    return tuple(box)


def _border_points(mask: np.ndarray, positions_mm: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    slices, rows, columns = np.nonzero(border(mask))
    return np.column_stack([positions_mm[slices], rows * spacing_mm[0], columns * spacing_mm[1]])
