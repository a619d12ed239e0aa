"""The paired comparisons as a forest plot: how far experiments differ, and how certain that is."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..base.columns import COMPARISON_COLUMNS
from ..measure.frames import read_frame
from .groups import Group, groups_of
from .style import DICE_PANELS, LEGEND, STYLE, dice_rows, save, say_no_ground_truth

# Larger differences are drawn at the edge, so that one experiment that fails does not hide all others.
WIDEST = 0.15
SIGNIFICANT = 0.05


def plot_differences(*, comparisons_table: Path, png: Path, svg: Path) -> None:
    """Mean differences in Dice with their 95 % intervals, one row of panels for each baseline, sequence and cohort.

    A point is filled where p after Holm's correction is below 0.05. An arrow at the edge stands for a mean beyond
    `WIDEST`; the numbers at the right say how far.
    """
    rows = read_frame(comparisons_table, COMPARISON_COLUMNS)
    rows = rows[rows["measure"].isin(list(DICE_PANELS)) & rows["mean_difference"].notna()]
    blocks = [
        (baseline, group, members.loc[labels])
        for baseline, members in rows.groupby("baseline", sort=False)
        for group, labels in groups_of(members).items()
    ]
    with plt.rc_context(STYLE):
        figure, panels = dice_rows([0.9 + 0.22 * members["experiment"].nunique() for _, _, members in blocks], 0.6)
        for row, (baseline, group, members) in zip(panels, blocks, strict=False):
            _draw_row(row, members, baseline, group)
        for axes in panels[-1]:
            axes.set_xlabel("Difference in Dice")
        if blocks:
            figure.legend(handles=_legend(), **LEGEND)
        else:
            say_no_ground_truth(panels[0])
        save(figure, [png, svg])


def _draw_row(row: Sequence[Axes], comparisons: pd.DataFrame, baseline: str, group: Group) -> None:
    """Draw all comparisons with one baseline in one sequence and cohort: a panel per measure."""
    names = list(dict.fromkeys(comparisons["experiment"]))
    row[0].set_yticks(range(len(names)), names)
    row[0].set_ylim(len(names) - 0.5, -0.5)
    for axes, (measure, title) in zip(row, DICE_PANELS.items(), strict=True):
        _draw_panel(axes, comparisons[comparisons["measure"] == measure], names, group)
        against = f"Against {baseline}, {group.title}" if axes is row[0] else ""
        axes.set_title(f"{against}\n{title}", loc="left")


def _draw_panel(axes: Axes, comparisons: pd.DataFrame, names: Sequence[str], group: Group) -> None:
    """Draw the comparisons by one measure, each at the place of its experiment among `names`."""
    limit, colour = _limit(comparisons), group.colour
    for comparison in comparisons.to_dict("records"):
        place = names.index(comparison["experiment"])
        mean, low, high = (comparison[column] for column in ("mean_difference", "ci_low", "ci_high"))
        axes.plot(np.clip([low, high], -limit, limit), [place, place], color=colour, linewidth=1.6)
        marker = group.marker if abs(mean) <= limit else "<" if mean < 0 else ">"
        fill = colour if comparison["p_holm"] < SIGNIFICANT else "white"
        style = {"mfc": fill, "mec": colour, "markersize": 5, "zorder": 3, "clip_on": False}
        axes.plot(np.clip(mean, -limit, limit), place, marker, **style)
        interval = "" if np.isnan(low) else f" [{low:+.3f}, {high:+.3f}]"
        axes.text(1.05, place, f"{mean:+.3f}{interval}", transform=axes.get_yaxis_transform(), fontsize=6, va="center")
    axes.axvline(0, color="black", linewidth=0.7, zorder=1)
    axes.set_xlim(-limit, limit)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="x", labelsize=7)


def _limit(comparisons: pd.DataFrame) -> float:
    """Where the axis ends: beyond all means and intervals whose mean is at most `WIDEST`, but no wider than that."""
    within = comparisons[comparisons["mean_difference"].abs() <= WIDEST]
    ends = within[["mean_difference", "ci_low", "ci_high"]].abs().to_numpy()
    return min(WIDEST, 1.1 * max(0.02, np.nanmax(ends, initial=0.0)))


def _legend() -> list[Line2D]:
    shared = {"color": "#555555", "marker": "o", "mec": "#555555"}
    return [
        Line2D([], [], **shared, label=f"p below {SIGNIFICANT} after Holm's correction"),
        Line2D([], [], **shared, mfc="white", label="not, or too few patients for a test"),
    ]
