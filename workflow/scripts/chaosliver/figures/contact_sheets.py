"""All slices of a patient on one sheet, with the contours of ground truth and prediction."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from ..base.anatomy import SEQUENCES
from ..base.files import write_atomically
from ..base.volumes import VolumeId
from ..measure.metrics import dice
from .overlays import Pixels, Row, Trees, contour_legend, draw_contours, read_volume, rows_of_runs
from .style import MOST_ONE_BY_ONE, STYLE, save, say_no_ground_truth

SHEET_INCHES = 10
TILES_ACROSS = 8
# Around the largest extent of the contours, as a share of the image, so that a tile shows where in the body they lie.
MARGIN = 0.15


def draw_contact_sheets(
    *,
    slices: list[Path],
    runs: list[str],
    predictions: Path,
    masks: Path,
    images: Path,
    folder: Path,
    worst: Path,
) -> None:
    """Write `folder`/<sequence>/<patient>.png for every patient of an experiment that has ground truth.

    Of more than a hundred volumes only the hundred with the lowest mean Dice over their slices are drawn. `worst`
    becomes a copy of the sheet with the lowest 3D Dice, or a picture that says that there is no ground truth.

    `slices` are the tables of the `runs`, in the same order; a patient that several runs (seeds, draws) scored is
    drawn from the first. The folders are those of `overlays.Trees`. Raises InputError where what they hold does not
    give the Dice of the tables.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scores: dict[Path, float] = {}
    for volume, rows in _lowest(_rows_by_volume(rows_of_runs(slices, runs))).items():
        pixels = read_volume(rows, Trees(predictions, masks, images))
        stacks = Pixels(*(np.stack(stack) for stack in zip(*pixels, strict=True)))
        sheet = folder / volume.sequence / f"{volume.patient}.png"
        scores[sheet] = dice(stacks.reference, stacks.prediction)
        _draw_sheet(rows, stacks, scores[sheet], sheet)
    if scores:
        write_atomically(worst, lambda partial: shutil.copyfile(min(scores, key=scores.__getitem__), partial))
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
    """A stack (slices, rows, columns) as one picture, `across` tiles in a row; places left over are `filling`.

    Every tile has a gap of one pixel of `filling` on its right and lower side.
    """
    down = -(-len(stack) // across)
    padded = np.full((down * across, stack.shape[1] + 1, stack.shape[2] + 1), filling, dtype=stack.dtype)
    padded[: len(stack), :-1, :-1] = stack
    grid = padded.reshape(down, across, *padded.shape[1:])
    return grid.swapaxes(1, 2).reshape(down * padded.shape[1], across * padded.shape[2])


def _rows_by_volume(rows: Sequence[Row]) -> dict[VolumeId, list[Row]]:
    """The rows of each volume's first run, from head to foot: the greatest position is next to the head."""
    volumes: dict[VolumeId, list[Row]] = {}
    for row in rows:
        members = volumes.setdefault(VolumeId(row["sequence"], row["patient"]), [])
        if not members or members[0]["run"] == row["run"]:
            members.append(row)
    return {
        volume: sorted(members, key=lambda row: float(row["position_mm"]), reverse=True)
        for volume, members in volumes.items()
    }


def _lowest(volumes: dict[VolumeId, list[Row]]) -> dict[VolumeId, list[Row]]:
    """As many volumes as are looked at one by one: those with the lowest Dice, in their own order."""
    if len(volumes) <= MOST_ONE_BY_ONE:
        return volumes
    means = {volume: float(np.mean([float(row["dice"]) for row in rows])) for volume, rows in volumes.items()}
    lowest = sorted(volumes, key=means.__getitem__)[:MOST_ONE_BY_ONE]
    return {volume: rows for volume, rows in volumes.items() if volume in lowest}


def _draw_sheet(rows: Sequence[Row], stacks: Pixels, score: float, picture: Path) -> None:
    """Draw one volume from its stacks (slices, rows, columns); `score` is its 3D Dice."""
    top, left = region_around(stacks.reference | stacks.prediction)
    grey, reference, prediction = (
        tiled(stack[:, top, left], TILES_ACROSS, filling) for stack, filling in zip(stacks, (255, 0, 0), strict=True)
    )
    height, width = grey.shape
    with plt.rc_context({**STYLE, "axes.grid": False}):
        figure, axes = plt.subplots(figsize=(SHEET_INCHES, SHEET_INCHES * height / width + 0.7))
        axes.set_axis_off()
        axes.imshow(grey, cmap="gray", vmin=0, vmax=255)
        draw_contours(axes, reference, prediction, (1.2, 0.6))
        # `contour` widens the limits.
        axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        _label_tiles(axes, rows, height // -(-len(rows) // TILES_ACROSS), width // TILES_ACROSS)
        first = rows[0]
        title = f"{first['experiment']}, patient {first['patient']}, {SEQUENCES[first['sequence']].title}"
        axes.set_title(f"{title} ({first['run']}): 3D Dice {score:.3f}", fontsize=9)
        figure.legend(handles=contour_legend(), loc="outside lower center", ncols=2)
        save(figure, [picture])


def _draw_nothing(picture: Path) -> None:
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(SHEET_INCHES, 2))
        axes.set_axis_off()
        say_no_ground_truth([axes])
        save(figure, [picture])


def _label_tiles(axes: Axes, rows: Sequence[Row], height: int, width: int) -> None:
    """Write position and Dice into the upper left corner of each tile of `height` times `width` pixels."""
    box = {"facecolor": "black", "edgecolor": "none", "alpha": 0.6, "pad": 0.8}
    for number, row in enumerate(rows):
        down, across = divmod(number, TILES_ACROSS)
        place = across * width + 0.03 * width, down * height + 0.03 * height
        text = f"{float(row['position_mm']):.0f} mm   Dice {float(row['dice']):.2f}"
        axes.text(*place, text, color="white", fontsize=5.5, va="top", bbox=box)
