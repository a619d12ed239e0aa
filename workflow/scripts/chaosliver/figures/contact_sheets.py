"""All slices of a patient on one sheet, with the contours of reference and prediction."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from ..base.anatomy import SEQUENCES
from ..base.files import write_atomically
from ..measure.metrics import dice
from .overlays import contour_legend, draw_contours, read_volume_files, rows_of_runs
from .style import STYLE, save, say_that_nothing_is_there

SHEET_INCHES = 10
TILES_ACROSS = 8
# Around the largest extent of the contours, so that a tile shows where in the body they lie.
MARGIN = 0.15

Row = dict[str, str]


def draw_contact_sheets(
    slices: Sequence[Path], runs: Sequence[str], predictions: Path, masks: Path, images: Path, folder: Path, worst: Path
) -> None:
    """Write `folder`/<sequence>/<patient>.png for every patient of an experiment that has ground truth.

    `worst` becomes a copy of the sheet whose 3D Dice is lowest, or a picture that says that there is none.

    `slices` are the tables of the `runs`, in the same order; a patient that several runs (seeds) scored is drawn from
    the first. The other folders are those of `overlays.draw_overlays`, and what they hold must give the Dice of the
    tables: else InputError is raised.
    """
    folder.mkdir(parents=True, exist_ok=True)
    volumes: dict[tuple[str, str], list[Row]] = {}
    for row in rows_of_runs(slices, runs):
        rows = volumes.setdefault((row["sequence"], row["patient"]), [])
        if not rows or rows[0]["run"] == row["run"]:
            rows.append(row)
    sheets: dict[Path, float] = {}
    for (sequence, patient), rows in volumes.items():
        ordered = sorted(rows, key=lambda row: float(row["position_mm"]), reverse=True)
        files = read_volume_files(ordered, predictions, masks, images)
        grey, reference, prediction = (np.stack(stack) for stack in zip(*files, strict=True))
        sheet = folder / sequence / f"{patient}.png"
        _draw_sheet(ordered, grey, reference, prediction, sheet)
        sheets[sheet] = dice(reference, prediction)
    if sheets:
        write_atomically(worst, lambda partial: shutil.copyfile(min(sheets, key=sheets.get), partial))
    else:
        _draw_nothing(worst)


def region_around(masks: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns that hold every pixel set in boolean masks (slices, rows, columns), with a margin.

    Without any pixel set it is the whole image.
    """
    region = []
    for axis, length in ((1, masks.shape[1]), (2, masks.shape[2])):
        filled = np.flatnonzero(masks.any(axis=(0, 3 - axis)))
        margin = round(MARGIN * length)
        region.append(slice(max(filled[0] - margin, 0), filled[-1] + 1 + margin) if len(filled) else slice(length))
    return region[0], region[1]


def tiled(stack: np.ndarray, across: int, filling: int) -> np.ndarray:
    """A stack (slices, rows, columns) as one picture, row by row, with places left over set to `filling`.

    Every tile keeps a gap of one such pixel on its right and lower side.
    """
    down = -(-len(stack) // across)
    padded = np.full((down * across, stack.shape[1] + 1, stack.shape[2] + 1), filling, dtype=stack.dtype)
    padded[: len(stack), :-1, :-1] = stack
    grid = padded.reshape(down, across, *padded.shape[1:])
    return grid.swapaxes(1, 2).reshape(down * padded.shape[1], across * padded.shape[2])


def _draw_sheet(
    rows: Sequence[Row], grey: np.ndarray, reference: np.ndarray, prediction: np.ndarray, picture: Path
) -> None:
    top, left = region_around(reference | prediction)
    shown = [
        tiled(stack[:, top, left], TILES_ACROSS, filling)
        for stack, filling in zip((grey, reference, prediction), (255, 0, 0), strict=True)
    ]
    height, width = shown[0].shape[0], shown[0].shape[1]
    with plt.rc_context({**STYLE, "axes.grid": False}):
        figure, axes = plt.subplots(figsize=(SHEET_INCHES, SHEET_INCHES * height / width + 0.7))
        axes.set_axis_off()
        axes.imshow(shown[0], cmap="gray", vmin=0, vmax=255)
        draw_contours(axes, shown[1].astype(bool), shown[2].astype(bool), (1.2, 0.6))
        # `contour` widens the limits.
        axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        _label_tiles(axes, rows, height // -(-len(rows) // TILES_ACROSS), width // TILES_ACROSS)
        first = rows[0]
        title = f"{first['experiment']}, patient {first['patient']}, {SEQUENCES[first['sequence']].title}"
        axes.set_title(f"{title} ({first['run']}): 3D Dice {dice(reference, prediction):.3f}", fontsize=9)
        figure.legend(handles=contour_legend(), loc="outside lower center", ncols=2)
        save(figure, [picture])


def _draw_nothing(picture: Path) -> None:
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(SHEET_INCHES, 2))
        axes.set_axis_off()
        say_that_nothing_is_there([axes])
        save(figure, [picture])


def _label_tiles(axes: Axes, rows: Iterable[Row], height: int, width: int) -> None:
    box = {"facecolor": "black", "edgecolor": "none", "alpha": 0.6, "pad": 0.8}
    for number, row in enumerate(rows):
        down, across = divmod(number, TILES_ACROSS)
        place = across * width + 0.03 * width, down * height + 0.03 * height
        text = f"{float(row['position_mm']):.0f} mm   Dice {float(row['dice']):.2f}"
        axes.text(*place, text, color="white", fontsize=5.5, va="top", bbox=box)
