"""Slices with the contours of reference and prediction: where a network does best, usually, and worst."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..base.anatomy import SEQUENCES
from ..base.columns import GREY_COLUMNS, SLICE_COLUMNS
from ..base.errors import InputError
from ..base.files import read_tsv
from ..base.slicefiles import indexed_by_stem, read_binary, read_grey
from ..measure.metrics import dice
from .style import STYLE, save

REFERENCE_COLOR = "#56B4E9"
PREDICTION_COLOR = "#E69F00"
PER_CLASS = 4
CELL_INCHES = 2.6
# The tables keep six significant digits.
DICE_TOLERANCE = 1e-5

Row = dict[str, str]


def draw_overlays(
    slices: Sequence[Path],
    runs: Sequence[str],
    predictions: Path,
    masks: Path,
    images: Path,
    organ: str,
    picture: Path,
) -> None:
    """Draw the best, median and worst slices of one experiment, and those with a prediction where no organ is.

    `slices` are the tables of the `runs`, in the same order. `predictions`/<run>, `masks` and `images` each hold
    <sequence>/<patient>/<stem>.png.

    Raises InputError where a slice's files do not give the Dice in its row, so that no picture can show one patient's
    mask over another's image.
    """
    rows = rows_of_runs(slices, runs)
    chosen = {
        title: [(row, *read_slice_files(row, predictions, masks, images)) for row in picked]
        for title, picked in choose_slices(rows, organ).items()
        if picked
    }
    with plt.rc_context({**STYLE, "axes.grid": False}):
        height, width = max(len(chosen), 1), max([2, *map(len, chosen.values())])
        figure, cells = plt.subplots(height, width, squeeze=False, figsize=(CELL_INCHES * width, 3.0 * height + 0.5))
        for axes in cells.flat:
            axes.set_axis_off()
        for line, (title, picked) in zip(cells, chosen.items(), strict=False):
            line[0].text(-0.06, 0.5, title, rotation=90, va="center", ha="right", transform=line[0].transAxes, size=10)
            for axes, shown in zip(line, picked, strict=False):
                _draw_slice(axes, *shown, organ)
        if not chosen:
            figure.suptitle("No slice with ground truth to show")
        figure.legend(handles=contour_legend(), loc="outside lower center", ncols=2)
        save(figure, [picture])


def rows_of_runs(slices: Sequence[Path], runs: Sequence[str]) -> list[Row]:
    """The rows with ground truth of the runs' tables of slices, each with its `run`."""
    return [
        {**row, "run": run}
        for run, table in zip(runs, slices, strict=True)
        for row in read_tsv(table, SLICE_COLUMNS)
        if row["dice"]
    ]


def choose_slices(rows: Sequence[Row], organ: str) -> dict[str, list[Row]]:
    """The slices to show under each title, a patient at most once per title.

    Best, median and worst are chosen among slices with the organ in the reference; a further title takes slices
    without it where something was predicted, by the area predicted. Equal slices are ordered by their names.
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


def read_slice_files(
    row: Row, predictions: Path, masks: Path, images: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grey image (uint8), reference and prediction (boolean) of a row, all of one shape (rows, columns)."""
    (files,) = read_volume_files([row], predictions, masks, images)
    return files


def read_volume_files(
    rows: Sequence[Row], predictions: Path, masks: Path, images: Path
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """What `read_slice_files` gives for each row of one patient's sequence, its index read and checked once."""
    folder = images / rows[0]["sequence"] / rows[0]["patient"]
    listed = indexed_by_stem(folder, GREY_COLUMNS)
    return [_read_slice(row, listed, predictions, masks, images) for row in rows]


def _read_slice(
    row: Row, listed: Mapping[str, dict[str, str]], predictions: Path, masks: Path, images: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    volume, stem = Path(row["sequence"], row["patient"]), row["stem"]
    predicted, drawn = predictions / row["run"] / volume / f"{stem}.png", masks / volume / f"{stem}.png"
    if stem not in listed:
        raise InputError(f"{images / volume}.tsv: lists no image {stem}, which the table of slices names")
    grey = read_grey(listed[stem], images / volume)
    reference, prediction = read_binary(drawn, grey.shape), read_binary(predicted, grey.shape)
    found = dice(reference, prediction)
    if abs(found - float(row["dice_of_mask"])) > DICE_TOLERANCE:
        raise InputError(
            f"{predicted}: gives Dice {found:.6g} with {drawn}, but the table of slices says {row['dice_of_mask']}. "
            "They are not of one run: evaluate anew"
        )
    return grey, reference, prediction


def draw_contours(axes: Axes, reference: np.ndarray, prediction: np.ndarray, widths: tuple[float, float]) -> None:
    """Outline two masks (rows, columns), the ground truth's below and wider, so that both show where they agree."""
    for mask, color, width in ((reference, REFERENCE_COLOR, widths[0]), (prediction, PREDICTION_COLOR, widths[1])):
        # A frame of background closes the contour of a mask that touches the image's edge.
        if mask.any():
            extent = (-1, mask.shape[1], -1, mask.shape[0])
            columns, rows = np.arange(extent[0], extent[1] + 1), np.arange(extent[2], extent[3] + 1)
            axes.contour(columns, rows, np.pad(mask, 1), levels=[0.5], colors=color, linewidths=width)


def contour_legend() -> list[Line2D]:
    """What the colours of `draw_contours` mean."""
    return [
        Line2D([], [], color=REFERENCE_COLOR, linewidth=1.8, label="ground truth"),
        Line2D([], [], color=PREDICTION_COLOR, linewidth=0.9, label="prediction"),
    ]


def _first_per_patient(rows: Sequence[Row], key: Callable[[Row], float]) -> list[Row]:
    first: dict[str, Row] = {}
    for row in sorted(rows, key=key):
        first.setdefault(row["patient"], row)
    return list(first.values())[:PER_CLASS]


def _draw_slice(
    axes: Axes, row: Row, grey: np.ndarray, reference: np.ndarray, prediction: np.ndarray, organ: str
) -> None:
    axes.imshow(grey, cmap="gray", vmin=0, vmax=255)
    draw_contours(axes, reference, prediction, (1.8, 0.9))
    if not reference.any():
        _note(axes, 0.04, f"no {_title(organ)} in the reference", REFERENCE_COLOR)
    if not prediction.any():
        _note(axes, 0.04, "nothing predicted", PREDICTION_COLOR)
    sequence = SEQUENCES[row["sequence"]].title
    axes.set_title(
        f"patient {row['patient']}, {sequence}\n{row['stem']} at {float(row['position_mm']):.1f} mm\n"
        f"Dice {float(row['dice']):.3f} ({row['run']})",
        fontsize=7,
    )
    axes.set(xlim=(-0.5, grey.shape[1] - 0.5), ylim=(grey.shape[0] - 0.5, -0.5))


def _note(axes: Axes, height: float, text: str, color: str) -> None:
    box = {"facecolor": "black", "edgecolor": "none", "alpha": 0.6, "pad": 2}
    axes.text(0.5, height, text, color=color, size=8, ha="center", transform=axes.transAxes, bbox=box)


def _title(organ: str) -> str:
    return organ.replace("_", " ")
