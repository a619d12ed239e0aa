"""Slices with the contours of ground truth and prediction: where a network is best, as usual, and worst."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..base.anatomy import SEQUENCES
from ..base.columns import GREY_COLUMNS, SLICE_COLUMNS
from ..base.errors import InputError
from ..base.files import read_tsv
from ..base.slicefiles import indexed_by_stem, read_binary, read_grey
from ..base.volumes import VolumeId
from ..measure.metrics import dice
from .style import STYLE, save

REFERENCE_COLOUR = "#56B4E9"
PREDICTION_COLOUR = "#E69F00"
PER_CLASS = 4
CELL_INCHES = 2.6
# The tables keep six significant digits.
DICE_TOLERANCE = 1e-5

Row = Mapping[str, str]


class Trees(NamedTuple):
    """Folders that hold <sequence>/<patient>/<stem>.png: `predictions` below a folder for each run, the others at once.

    Beside the folder of each sequence and patient in `images` lies its index.
    """

    predictions: Path
    masks: Path
    images: Path


class Pixels(NamedTuple):
    """One slice: image (uint8), ground truth and prediction (boolean), all of one shape (rows, columns)."""

    grey: np.ndarray
    reference: np.ndarray
    prediction: np.ndarray


def draw_overlays(
    *,
    slices: list[Path],
    runs: list[str],
    predictions: Path,
    masks: Path,
    images: Path,
    organ: str,
    picture: Path,
) -> None:
    """Draw the best, median and worst slices of one experiment, and those with a prediction but without the organ.

    `slices` are the tables of the `runs`, in the same order. The folders are those of `Trees`.

    Raises InputError where a slice's files do not give the Dice in its row, so that no picture can show one patient's
    mask over another's image.
    """
    trees = Trees(predictions, masks, images)
    chosen = {
        title: [(row, *read_volume([row], trees)) for row in picked]
        for title, picked in choose_slices(rows_of_runs(slices, runs), organ).items()
        if picked
    }
    with plt.rc_context({**STYLE, "axes.grid": False}):
        figure, cells = _cells(max(len(chosen), 1), max([2, *map(len, chosen.values())]))
        for line, (title, picked) in zip(cells, chosen.items(), strict=False):
            line[0].text(-0.06, 0.5, title, rotation=90, va="center", ha="right", transform=line[0].transAxes, size=10)
            for axes, (row, pixels) in zip(line, picked, strict=False):
                _draw_slice(axes, row, pixels, organ)
        if not chosen:
            figure.suptitle("No slice with ground truth to show")
        figure.legend(handles=contour_legend(), loc="outside lower center", ncols=2)
        save(figure, [picture])


def rows_of_runs(slices: Sequence[Path], runs: Sequence[str]) -> list[Row]:
    """The rows of slices with ground truth from the tables of the runs, each with its `run`."""
    return [
        {**row, "run": run}
        for run, table in zip(runs, slices, strict=True)
        for row in read_tsv(table, SLICE_COLUMNS)
        if row["dice"]
    ]


def choose_slices(rows: Sequence[Row], organ: str) -> dict[str, list[Row]]:
    """The slices to show under each title, at most `PER_CLASS`, and each patient at most once per title.

    Best, median and worst are chosen among slices with the organ in the ground truth; a further title takes slices
    without it that have a prediction, the largest predicted area first. Equal slices are ordered by their names.
    """
    named = sorted(rows, key=lambda row: (row["patient"], row["sequence"], row["stem"], row["run"]))
    with_organ = [row for row in named if float(row["reference_mm2"]) > 0]
    false = [row for row in named if float(row["reference_mm2"]) == 0 and float(row["predicted_mm2"]) > 0]
    middle = median(float(row["dice"]) for row in with_organ) if with_organ else 0.0
    return {
        "best": _first_per_patient(with_organ, lambda row: -float(row["dice"])),
        "median": _first_per_patient(with_organ, lambda row: abs(float(row["dice"]) - middle)),
        "worst": _first_per_patient(with_organ, lambda row: float(row["dice"])),
        f"predicted without {_title(organ)}": _first_per_patient(false, lambda row: -float(row["predicted_mm2"])),
    }


def read_volume(rows: Sequence[Row], trees: Trees) -> list[Pixels]:
    """The pixels of each row. All rows are of one patient's sequence, whose index is read and checked once.

    Raises InputError where a slice has no image, or where its masks do not give the Dice of the row.
    """
    volume = VolumeId(rows[0]["sequence"], rows[0]["patient"])
    listed = indexed_by_stem(volume.folder(trees.images), GREY_COLUMNS)
    return [_read_slice(row, volume, listed, trees) for row in rows]


def _read_slice(row: Row, volume: VolumeId, listed: Mapping[str, dict[str, str]], trees: Trees) -> Pixels:
    file = f"{row['stem']}.png"
    predicted, drawn = volume.folder(trees.predictions / row["run"]) / file, volume.folder(trees.masks) / file
    if row["stem"] not in listed:
        raise InputError(
            f"{volume.index(trees.images)}: lists no image {row['stem']}, which the table of slices names. "
            "Make the images and the table anew"
        )
    grey = read_grey(listed[row["stem"]], volume.folder(trees.images))
    reference, prediction = read_binary(drawn, grey.shape), read_binary(predicted, grey.shape)
    found = dice(reference, prediction)
    if abs(found - float(row["dice_of_mask"])) > DICE_TOLERANCE:
        raise InputError(
            f"{predicted}: gives Dice {found:.6g} with {drawn}, but the table of slices says {row['dice_of_mask']}. "
            "They are not of one run: evaluate anew"
        )
    return Pixels(grey, reference, prediction)


def draw_contours(axes: Axes, reference: np.ndarray, prediction: np.ndarray, widths: tuple[float, float]) -> None:
    """Outline two masks (rows, columns), the ground truth's below and wider, so that both show where they agree."""
    for mask, colour, width in ((reference, REFERENCE_COLOUR, widths[0]), (prediction, PREDICTION_COLOUR, widths[1])):
        # A frame of background closes the contour of a mask that touches the image's edge.
        if mask.any():
            columns, rows = np.arange(-1, mask.shape[1] + 1), np.arange(-1, mask.shape[0] + 1)
            axes.contour(columns, rows, np.pad(mask, 1), levels=[0.5], colors=colour, linewidths=width)


def contour_legend() -> list[Line2D]:
    """What the colours of `draw_contours` mean."""
    return [
        Line2D([], [], color=REFERENCE_COLOUR, linewidth=1.8, label="ground truth"),
        Line2D([], [], color=PREDICTION_COLOUR, linewidth=0.9, label="prediction"),
    ]


def _first_per_patient(rows: Sequence[Row], key: Callable[[Row], float]) -> list[Row]:
    first: dict[str, Row] = {}
    for row in sorted(rows, key=key):
        first.setdefault(row["patient"], row)
    return list(first.values())[:PER_CLASS]


def _cells(height: int, width: int) -> tuple[Figure, np.ndarray]:
    """A figure and its cells (height, width), without axes."""
    figure, cells = plt.subplots(height, width, squeeze=False, figsize=(CELL_INCHES * width, 3.0 * height + 0.5))
    for axes in cells.flat:
        axes.set_axis_off()
    return figure, cells


def _draw_slice(axes: Axes, row: Row, pixels: Pixels, organ: str) -> None:
    axes.imshow(pixels.grey, cmap="gray", vmin=0, vmax=255)
    draw_contours(axes, pixels.reference, pixels.prediction, (1.8, 0.9))
    if not pixels.reference.any():
        _note(axes, f"no {_title(organ)} in the reference", REFERENCE_COLOUR)
    if not pixels.prediction.any():
        _note(axes, "nothing predicted", PREDICTION_COLOUR)
    sequence = SEQUENCES[row["sequence"]].title
    axes.set_title(
        f"patient {row['patient']}, {sequence}\n{row['stem']} at {float(row['position_mm']):.1f} mm\n"
        f"Dice {float(row['dice']):.3f} ({row['run']})",
        fontsize=7,
    )
    rows, columns = pixels.grey.shape
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))


def _note(axes: Axes, text: str, colour: str) -> None:
    box = {"facecolor": "black", "edgecolor": "none", "alpha": 0.6, "pad": 2}
    axes.text(0.5, 0.04, text, color=colour, size=8, ha="center", transform=axes.transAxes, bbox=box)


def _title(organ: str) -> str:
    return organ.replace("_", " ")
