"""The table of experiments as text for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from .printed import NOTHING, title_of

HEADINGS = (
    ("experiment", "", ""),
    ("cohort", "", ""),
    ("sequence", "", ""),
    ("pa-", "tients", ""),
    ("slices", "without", "organ"),
    ("Dice,", "all", "slices"),
    ("Dice,", "organ", "slices"),
    ("Dice 3D,", "mean ± SD", ""),
    ("ASSD", "mm", ""),
    ("MSSD", "mm", ""),
    ("no", "ASSD", ""),
)
LEFT_ALIGNED = 3
NOTE = """\
Means over patients (seeds and draws of one patient averaged first). All slices: a slice with neither reference nor
prediction counts as Dice 1, so slices without organ lift that figure. ASSD and MSSD leave out volumes whose prediction
has no surface, as an empty one: the last column counts them.
"""


def summary_text(experiments: pd.DataFrame) -> str:
    """The table of experiments as aligned text for a terminal of 120 columns, with a note on how to read it."""
    cells = [list(line) for line in zip(*HEADINGS, strict=True)]
    cells += [_cells(row) for row in experiments.to_dict("records")]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_aligned(line, widths) for line in cells]
    line = "-" * (sum(widths) + 2 * (len(widths) - 1))
    heads = len(HEADINGS[0])
    return "\n".join([*lines[:heads], line, *lines[heads:], "", NOTE])


def _cells(row: Mapping[Any, Any]) -> list[str]:
    spread = _number(row["dice_3d_sd"], 3)
    return [
        str(row["experiment"]),
        str(row["cohort"]),
        title_of(str(row["sequence"])),
        str(row["patients"]),
        _number(row["share_of_empty_slices"], 0, percent=True),
        _number(row["mean_dice_all_slices_mean"], 3),
        _number(row["mean_dice_organ_slices_mean"], 3),
        _number(row["dice_3d_mean"], 3) + (f" ± {spread}" if spread != NOTHING else ""),
        _number(row["assd_mm_mean"], 2),
        _number(row["mssd_mm_mean"], 1),
        str(row["volumes_without_distance"]),
    ]


def _number(value: float, digits: int, *, percent: bool = False) -> str:
    if pd.isna(value):
        return NOTHING
    return f"{value:.{digits}%}" if percent else f"{value:.{digits}f}"


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if place < LEFT_ALIGNED else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()
