"""The verdicts of the plan as a forest plot, with the margin within which means are equivalent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..base.columns import VERDICT_COLUMNS
from ..measure.frames import read_frame
from ..tables.printed import title_of
from .forest import draw_estimate, reach_of
from .style import LEGEND, PALETTE, STYLE, WIDTH_INCHES, save

# Verdicts that have a colour of their own; a point of any other is white.
COLOURS = {"better": PALETTE[2], "worse": PALETTE[5], "equivalent": PALETTE[0]}
UNDECIDED = "#555555"
# A difference beyond it is drawn at the edge, so that one failure does not hide all others.
WIDEST = 0.3


def plot_verdicts(*, verdicts_table: Path, margin: float, png: Path, svg: Path) -> None:
    """Mean differences in 3D Dice with the intervals that decide, one row for each contrast of the plan.

    The band reaches from -margin to margin. At the right stand the verdict, the difference and the detectable one. An
    arrow at the edge stands for a mean beyond WIDEST.
    """
    table = read_frame(verdicts_table, VERDICT_COLUMNS)
    rows = table.to_dict("records")
    # The margin is always in sight.
    limit = max(1.5 * margin, reach_of(table, WIDEST))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(WIDTH_INCHES, 1.8 + 0.42 * len(rows)))
        axes.axvspan(-margin, margin, color="#e8e8e8", zorder=0)
        axes.axvline(0, color="black", linewidth=0.7, zorder=1)
        for place, row in enumerate(rows):
            _draw_row(axes, place, row, limit)
        axes.set_yticks(range(len(rows)), [_name(row) for row in rows], fontsize=7)
        axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
        if not rows:
            axes.text(0.5, 0.5, "the plan asks nothing", transform=axes.transAxes, ha="center")
        axes.set_xlim(-limit, limit)
        axes.set_xlabel("Difference in 3D Dice, experiment minus against")
        figure.legend(handles=_legend(margin), **LEGEND | {"ncols": 5})
        save(figure, [png, svg])


def _draw_row(axes: Axes, place: int, row: Mapping[Any, Any], limit: float) -> None:
    said = row["verdict"]
    if not np.isnan(row["mean_difference"]):
        colour = COLOURS.get(said, UNDECIDED)
        fill = colour if said in COLOURS else "white"
        estimate = draw_estimate(axes, place, row, limit, colour, marker="o", mfc=fill)
        said += f": {estimate}\ndetectable {row['detectable_difference']:.3f}"
    axes.text(1.02, place, said, transform=axes.get_yaxis_transform(), fontsize=7, va="center")


def _name(row: Mapping[Any, Any]) -> str:
    return f"{row['question']}, {title_of(row['sequence'])}\n{row['experiment']} against {row['against']}"


def _legend(margin: float) -> list[Line2D | Patch]:
    marks = [*COLOURS.items(), ("undecided", UNDECIDED)]
    return [
        *(
            Line2D([], [], color=colour, marker="o", mfc=colour if name in COLOURS else "white", label=name)
            for name, colour in marks
        ),
        Patch(color="#e8e8e8", label=f"within {margin:g}"),
    ]
