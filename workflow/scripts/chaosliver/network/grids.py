"""How a network sees a volume: on which pixels, with which grey values, beside which neighbours."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from ..base.planes import Plane
from ..base.volumes import GAP_LIMIT
from .recipe import GridSettings, Recipe

# Of the brightest projection: air lies far below it, and the body's own rim of fat far above.
BODY_SHARE_OF_BRIGHTEST = 0.15
# Of the window: what is darker is air, and what is brighter is cut.
BODY, BRIGHTEST = 0.05, 1.3


class Grid(NamedTuple):
    """The network's pixels of a volume: `rows` x `columns`, and the affine map from them to the image's own pixels.

    `to_image` is None where the whole image is squeezed onto the grid, as in the original study.
    """

    rows: int
    columns: int
    to_image: np.ndarray | None


def grid_of(volume: Sequence[Plane], settings: GridSettings) -> Grid:
    """The grid of a volume: the whole image, or `spacing_mm` a pixel around the middle of the body.

    A common spacing gives every patient's liver the size that it has, whatever the scanner's field of view.
    """
    rows, columns, spacing = settings.rows, settings.columns, settings.spacing_mm
    if spacing is None:
        return Grid(rows, columns, None)
    middle_row, middle_column = _middle_of_body(volume)
    row_step, column_step = (spacing / own for own in volume[0].spacing_mm)
    to_image = np.array(
        [
            [column_step, 0, middle_column - column_step * (columns - 1) / 2],
            [0, row_step, middle_row - row_step * (rows - 1) / 2],
        ],
        np.float64,
    )
    return Grid(rows, columns, to_image)


def onto_grid(plane: np.ndarray, grid: Grid) -> np.ndarray:
    """A float32 plane of the image resampled to the grid: smoothed first where it shrinks (no aliasing)."""
    if grid.to_image is None:
        return resize(plane, (grid.rows, grid.columns))
    shrink = float(grid.to_image[0, 0])
    if shrink > 1:
        plane = cv2.GaussianBlur(plane, (0, 0), sigmaX=0.35 * shrink)
    size = (grid.columns, grid.rows)
    return cv2.warpAffine(plane, grid.to_image, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def off_grid(plane: np.ndarray, grid: Grid, shape: tuple[int, int]) -> np.ndarray:
    """A float32 plane of the grid back on the image's own `shape`; 0 where the grid does not reach."""
    if grid.to_image is None:
        return resize(plane, shape)
    return cv2.warpAffine(plane, grid.to_image, shape[::-1], flags=cv2.INTER_LINEAR)


def resize(plane: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A float32 plane resampled to [rows, columns]: by area where it shrinks (no aliasing), else linearly."""
    if plane.shape == shape:
        return plane
    shrinks = shape[0] < plane.shape[0]
    return cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


class View(NamedTuple):
    """How a network sees the planes of one volume: its grid, and its `normalisation`.

    `mean` and `deviation` are what becomes 0 and 1 where that is `volume`.
    """

    grid: Grid
    normalisation: str
    mean: np.float32 = np.float32(0)
    deviation: np.float32 = np.float32(1)


def view_of(volume: Sequence[Plane], recipe: Recipe) -> View:
    """How the network sees a volume, by the recipe's `grid` and `normalisation`.

    `normalisation` is `window` (the window's limits become 0 and 1, and what lies beyond is clipped), `volume` (the
    body's mean becomes 0 and its standard deviation 1, after cutting what lies 30 % above the window) or `none` (the
    grey values as they are).
    """
    grid, normalisation = grid_of(volume, recipe.grid), recipe.normalisation
    if normalisation != "volume":
        return View(grid, normalisation)
    return View(grid, normalisation, *_moments(_cut_volume(volume, grid)))


def normalise(plane: Plane, view: View) -> np.ndarray:
    """What the network sees of one plane, float32 [rows, columns]."""
    if view.normalisation == "none":
        return onto_grid(plane.pixels.astype(np.float32), view.grid)
    if view.normalisation == "window":
        return onto_grid(np.clip(_share_of_window(plane), 0, 1), view.grid)
    return (_cut(plane, view.grid) - view.mean) / view.deviation


def normalise_volume(volume: Sequence[Plane], recipe: Recipe) -> tuple[np.ndarray, Grid]:
    """What the network sees of a volume, float32 [slices, rows, columns], and on which grid."""
    if recipe.normalisation != "volume":
        view = view_of(volume, recipe)
        return np.stack([normalise(plane, view) for plane in volume]), view.grid
    grid = grid_of(volume, recipe.grid)
    cut = _cut_volume(volume, grid)
    mean, deviation = _moments(cut)
    return (cut - mean) / deviation, grid


def neighbours_of(positions_mm: Sequence[float], context: int) -> np.ndarray:
    """For each slice the rows of its neighbours, int64 [slices, 2 * context + 1], itself in the middle.

    At the volume's ends and beside a gap along z a slice stands in for its missing neighbour.
    """
    own = np.arange(len(positions_mm))
    apart = np.abs(np.diff(positions_mm))
    usual = np.median(apart) if apart.size else 0
    # Slices of one stretch have no gap between them.
    stretch = np.concatenate([[0], np.cumsum(apart > GAP_LIMIT * usual)])
    columns = []
    for step in range(-context, context + 1):
        beside = np.clip(own + step, 0, len(own) - 1)
        columns.append(np.where(stretch[beside] == stretch, beside, own))
    return np.stack(columns, axis=1)


def _share_of_window(plane: Plane) -> np.ndarray:
    return (plane.pixels.astype(np.float32) - plane.low) / (plane.high - plane.low)


def _cut(plane: Plane, grid: Grid) -> np.ndarray:
    return np.clip(onto_grid(_share_of_window(plane), grid), 0, BRIGHTEST)


def _cut_volume(volume: Sequence[Plane], grid: Grid) -> np.ndarray:
    return np.stack([_cut(plane, grid) for plane in volume])


def _moments(cut: np.ndarray) -> tuple[np.float32, np.float32]:
    """Mean and standard deviation of the body; a volume of air alone stays as it is."""
    body = cut[cut > BODY]
    if not body.size:
        return np.float32(0), np.float32(1)
    return body.mean(), body.std() + np.float32(1e-6)


def _middle_of_body(volume: Sequence[Plane]) -> tuple[float, float]:
    """Middle (row, column) of the box around the body, seen along z."""
    brightest = np.max([plane.pixels for plane in volume], axis=0).astype(np.float32)
    body = (brightest > BODY_SHARE_OF_BRIGHTEST * np.percentile(brightest, 99)).astype(np.uint8)
    body = cv2.morphologyEx(body, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, _, boxes, _ = cv2.connectedComponentsWithStats(body)
    if count < 2:
        rows, columns = brightest.shape
        return (rows - 1) / 2, (columns - 1) / 2
    largest = boxes[1 + boxes[1:, cv2.CC_STAT_AREA].argmax()]
    left, top, width, height = largest[: cv2.CC_STAT_AREA]
    return top + (height - 1) / 2, left + (width - 1) / 2
