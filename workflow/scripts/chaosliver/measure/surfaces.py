"""Distances between the surfaces of two masks, in mm, as the CHAOS challenge measures them.

Source: the challenge's evaluation code. A border voxel is one that an erosion by its six neighbours removes, where
the volume's edge counts as inside: an organ cut off by the last slice has no surface there. The challenge has no HD95
and no surface Dice: they are of the same border voxels and distances, by the definitions of Metrics Reloaded
(Maier-Hein et al., Nature Methods 2024, doi 10.1038/s41592-023-02151-z).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_erosion
from scipy.spatial import cKDTree

# A distance so little beyond the tolerance equals it: sums and products of positions and spacings are rounded.
ROUNDING_MM = 1e-6


class Directed(NamedTuple):
    """Distance in mm of each border voxel of one mask from the nearest of the other, infinite where that has none."""

    of_reference: np.ndarray
    of_prediction: np.ndarray


class SurfaceDistances(NamedTuple):
    """Average (ASSD), 95 % (HD95) and maximum (MSSD) symmetric surface distance in mm."""

    assd_mm: float
    hd95_mm: float
    mssd_mm: float


def directed_distances(
    reference: np.ndarray, prediction: np.ndarray, positions_mm: Sequence[float], spacing_mm: tuple[float, float]
) -> Directed:
    """The distances between the surfaces of two boolean masks of shape (slices, rows, columns).

    A mask without a surface has no border voxel: an empty one, or one that fills the whole volume.

    `positions_mm` are the slices' positions along the normal and need not be evenly spaced: across a gap the true
    distance is measured. `spacing_mm` is the distance of neighbouring rows and of neighbouring columns.
    """
    either = reference | prediction
    if not either.any():
        return Directed(np.empty(0), np.empty(0))
    box = box_around(either)
    positions = np.asarray(positions_mm)[box[0]]
    first = _border_points(reference[box], positions, spacing_mm)
    second = _border_points(prediction[box], positions, spacing_mm)
    return Directed(_distances_to(second, first), _distances_to(first, second))


def surface_distances(directed: Directed) -> SurfaceDistances | None:
    """ASSD, HD95 and MSSD of the distances in both directions; None where either mask has no surface.

    ASSD and MSSD are the mean and the maximum of both directions pooled. HD95 is the larger of the two directions' 95th
    percentiles, interpolated linearly, as in Metrics Reloaded and MONAI: not the percentile of the pooled distances, in
    which the direction with fewer border voxels counts less.
    """
    if not all(map(len, directed)):
        return None
    pooled = np.concatenate(directed)
    hd95_mm = max(float(np.percentile(distances, 95)) for distances in directed)
    return SurfaceDistances(float(pooled.mean()), hd95_mm, float(pooled.max()))


def surface_dice(directed: Directed, tolerance_mm: float) -> float | None:
    """Normalised surface Dice (NSD), 0 to 1: the share of both surfaces that lies within `tolerance_mm` of the other.

    Source: Nikolov et al., Journal of Medical Internet Research 2021, doi 10.2196/26151. Shares are by number of border
    voxels of both masks together, not by area of surface elements as in their code; a distance equal to the tolerance
    counts as within. If only one mask has a surface, nothing agrees and it is 0; if neither has one, it is None.
    """
    pooled = np.concatenate(directed)
    return float(np.mean(pooled <= tolerance_mm + ROUNDING_MM)) if len(pooled) else None


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


def _distances_to(surface: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance of each point (points, 3) from the nearest of `surface` (others, 3)."""
    return cKDTree(surface).query(points)[0] if len(surface) else np.full(len(points), np.inf)


def _border_points(mask: np.ndarray, positions_mm: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    slices, rows, columns = np.nonzero(border(mask))
    return np.column_stack([positions_mm[slices], rows * spacing_mm[0], columns * spacing_mm[1]])
