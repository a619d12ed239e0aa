"""How well masks fit the images that they lie on: edges under the organs' outlines, and even grey within the organs."""

import math

import numpy as np
from scipy import ndimage

# Share of the 99th percentile of grey values below which a pixel is air.
AIR = 0.1
# Grey values are whole numbers, so no organ is known to be more even than this.
SMALLEST_SPREAD = 0.5
BESIDE_MM = 15.0
# Orders of masks.
OWN, LOWER, HIGHER, REVERSED = "own", "lower", "higher", "reversed"


class Fitting:
    """Images [slices, rows, columns] that masks are held against; `spacing` is (row, column) in mm."""

    def __init__(self, pixels: np.ndarray, spacing: tuple[float, float]) -> None:
        self._pixels, self._spacing = pixels, spacing
        self._edges = edges(pixels)

    def fit(self, organs: np.ndarray, first: int = 0) -> float:
        """The edges under the organs' outlines by the grey values' spread within them; 0 for empty masks.

        `organs` are organ numbers [slices, rows, columns]; the first slice is held against the image number `first`.
        The figure is good for comparing masks on the same images: its size depends on the grey values' scale.
        """
        if not organs.any():
            return 0.0
        box = _box(organs)
        place = (slice(first, first + len(organs)), *box)
        held = organs[:, *box]
        outline = outlines(held)
        if not outline.any():
            return 0.0
        strength = float(self._edges[place][outline].mean())
        return strength / max(spread(self._pixels[place], held), SMALLEST_SPREAD)

    def beside(self, organs: np.ndarray, first: int = 0) -> float:
        """How much better masks fit where they lie than moved by BESIDE_MM, the mean of eight directions.

        About 1 where masks and images have nothing to do with each other, infinite where nothing fits beside.
        """
        down, right = (round(BESIDE_MM / length) for length in self._spacing)
        ways = [(i * down, j * right) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
        fits = [self.fit(moved(organs, *way), first) for way in ways]
        return self.fit(organs, first) / float(np.mean(fits)) if any(fits) else math.inf


def orders(organs: np.ndarray) -> dict[str, tuple[np.ndarray, int]]:
    """Masks in their own order and in others, by name: the masks, and the image that the first of them is held against.

    Without the first and the last slice, so that all orders hold the same masks, or nearly, against images.
    """
    inner = organs[1:-1]
    return {OWN: (inner, 1), LOWER: (inner, 0), HIGHER: (inner, 2), REVERSED: (organs[::-1][1:-1], 1)}


def _box(organs: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns that have organs, and one more on each side where there is one."""
    rows, columns = (np.flatnonzero(organs.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    return slice(max(rows[0] - 1, 0), rows[-1] + 2), slice(max(columns[0] - 1, 0), columns[-1] + 2)


def outlines(organs: np.ndarray) -> np.ndarray:
    """The pixels of organs, bool [slices, rows, columns], that touch another organ or none within their slice."""
    square = (1, 3, 3)
    differs = ndimage.minimum_filter(organs, square) != ndimage.maximum_filter(organs, square)
    found: np.ndarray = (organs > 0) & differs
    return found


def spread(pixels: np.ndarray, organs: np.ndarray) -> float:
    """The mean distance of grey values from the median of their organ in their slice; 0 where there is no organ."""
    total, count = 0.0, 0
    for image, mask in zip(pixels, organs, strict=True):
        for organ in np.unique(mask[mask > 0]):
            greys = image[mask == organ].astype(np.float32)
            total += float(np.abs(greys - np.median(greys)).sum())
            count += len(greys)
    return total / count if count else 0.0


def edges(pixels: np.ndarray) -> np.ndarray:
    """Strength of the edges along rows and columns, 0 to 1, [slices, rows, columns].

    The gradient g of the smoothed volume as g / (g + median of g), so that neither fat nor air outweighs the rest.
    """
    smooth = ndimage.gaussian_filter(pixels.astype(np.float32), (0, 1, 1))
    gradient = np.hypot(*np.gradient(smooth, axis=(1, 2)))
    body = pixels > AIR * np.percentile(pixels, 99)
    typical = float(np.median(gradient[body])) if body.any() else 0.0
    strength: np.ndarray = gradient / (gradient + max(typical, 1e-6))
    return strength


def moved(organs: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Masks [slices, rows, columns] moved so far down and to the right; what comes in from outside is empty."""
    wide = np.pad(organs, ((0, 0), (abs(rows), abs(rows)), (abs(columns), abs(columns))))
    down, right = abs(rows) - rows, abs(columns) - columns
    return wide[:, down : down + organs.shape[1], right : right + organs.shape[2]]
