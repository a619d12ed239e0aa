"""What all figures share: colours, grids of panels, titles, and how a figure is saved."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib

# Before pyplot is imported, since a job has no display.
matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..base.files import write_atomically

# Okabe and Ito's palette, which colour-blind readers can tell apart; black stays for axes and marks.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.dpi": 150,
    "svg.hashsalt": "chaos-liver",
}
# Of larger cohorts a figure shows boxes without points, and only some of the patients one by one.
MOST_ONE_BY_ONE = 100
DICE_PANELS = {
    "mean_dice_all_slices": "Mean over all slices",
    "mean_dice_organ_slices": "Mean over slices with organ",
    "dice_3d": "Whole volume (3D)",
}
WIDTH_INCHES = 10
# Grids of panels.
PANEL_COLUMNS = 4
SMALLEST_WIDTH_INCHES = 7
LEGEND = {"loc": "outside lower center", "ncols": 3}


def save(figure: Figure, pictures: Iterable[Path]) -> None:
    """Write the figure in the format of each suffix, and close it.

    The date and the version of matplotlib are left out, so that the same figure has the same bytes.
    """
    figure.set_layout_engine("constrained")
    left_out = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}
    for picture in pictures:
        metadata = left_out[picture.suffix]
        write_atomically(picture, lambda partial, metadata=metadata: figure.savefig(partial, metadata=metadata))
    plt.close(figure)


def dice_rows(heights: Sequence[float], more: float) -> tuple[Figure, np.ndarray]:
    """A figure with one row of `DICE_PANELS` for each of `heights` (inches), and its axes (rows, panels).

    `more` is the height in inches of what stands around the rows. Without heights there is one empty row.
    """
    heights = heights or [1.0]
    return plt.subplots(
        len(heights),
        len(DICE_PANELS),
        figsize=(WIDTH_INCHES, more + sum(heights)),
        sharey="row",
        squeeze=False,
        height_ratios=heights,
    )


def panel_grid(count: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels of at least `size` inches (width, height), four in a row, all with the same axes.

    For a count of 0 there is one empty panel.
    """
    count = max(count, 1)
    columns = min(PANEL_COLUMNS, count)
    rows = -(-count // columns)
    width = max(size[0] * columns, SMALLEST_WIDTH_INCHES)
    figure, panels = plt.subplots(
        rows, columns, figsize=(width, size[1] * rows + 0.9), sharex=True, sharey=True, squeeze=False
    )
    flat = list(panels.flat)
    for place in range(count, len(flat)):
        # The panel above this empty place shows the labels of the axis.
        flat[place - columns].tick_params(labelbottom=True)
        flat[place].remove()
    return figure, flat[:count]


def wrapped(name: str, width: int = 26) -> str:
    """A name in lines of at most `width` letters where it can be broken after underscores."""
    lines = [""]
    for part in name.replace("_", "_ ").split():
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def experiment_title(name: str, organs: Mapping[str, str], width: int = 26) -> str:
    """An experiment's name as `wrapped`, with its organ where `organs` names one."""
    organ = organs.get(name)
    return wrapped(name, width) + (f"\n({organ.replace('_', ' ')})" if organ else "")


def say_no_ground_truth(panels: Iterable[Axes]) -> None:
    """Write into empty panels that there is no patient with ground truth."""
    for axes in panels:
        axes.text(0.5, 0.5, "no ground truth", transform=axes.transAxes, ha="center")
