"""The slices of an exam on one sheet, with the contour of the mask, and what speaks against trusting it."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from .contact_sheets import SHEET_INCHES, TILES_ACROSS, region_around, tiled
from .overlays import PREDICTION_COLOUR
from .style import STYLE, save

TILES_AT_MOST = 64


def draw_exam(
    *,
    grey: np.ndarray,
    mask: np.ndarray,
    positions_mm: Sequence[float],
    pixel_mm: tuple[float, float],
    title: str,
    remarks: Sequence[str],
    picture: Path,
) -> None:
    """Draw axial slices [slices, rows, columns], `grey` uint8 and `mask` boolean, from the head to the feet.

    `pixel_mm` is the distance of rows and that of columns. Of more than TILES_AT_MOST slices every second, third and so
    on is drawn. The `remarks` stand below.
    """
    shown = np.arange(len(grey))[:: -(-len(grey) // TILES_AT_MOST)][::-1]
    rows, columns = region_around(mask)
    tiles = tiled(grey[shown][:, rows, columns], TILES_ACROSS, 255)
    outlines = tiled(mask[shown][:, rows, columns], TILES_ACROSS, 0)
    height, width = tiles.shape
    stretch = pixel_mm[0] / pixel_mm[1]
    with plt.rc_context({**STYLE, "axes.grid": False}):
        inches = SHEET_INCHES * stretch * height / width
        figure, axes = plt.subplots(figsize=(SHEET_INCHES, inches + 0.5 + 0.2 * len(remarks)))
        axes.set_axis_off()
        axes.imshow(tiles, cmap="gray", vmin=0, vmax=255, aspect=stretch)
        if outlines.any():
            axes.contour(outlines, levels=[0.5], colors=PREDICTION_COLOUR, linewidths=0.8)
        axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        down, across = height // -(-len(shown) // TILES_ACROSS), width // TILES_ACROSS
        box = {"facecolor": "black", "edgecolor": "none", "alpha": 0.6, "pad": 0.8}
        for number, place in enumerate(shown):
            row, column = divmod(number, TILES_ACROSS)
            left, top = (column + 0.03) * across, (row + 0.03) * down
            axes.text(left, top, f"{positions_mm[place]:.0f} mm", color="white", fontsize=5.5, va="top", bbox=box)
        axes.set_title(title, fontsize=9)
        if remarks:
            figure.supxlabel("\n".join(remarks), fontsize=8, x=0.02, ha="left")
        save(figure, [picture])
