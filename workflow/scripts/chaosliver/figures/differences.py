"""The paired comparisons as a forest plot: how far experiments differ, and how certain that is."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from ..base.columns import COMPARISON_COLUMNS
from ..measure.frames import read_frame
from .forest import draw_estimate, reach_of
from .groups import Group, groups_of
from .style import DICE_PANELS, STYLE, dice_rows, save, say_no_ground_truth

# Larger differences are drawn at the edge, so that one experiment that fails does not hide all others.
WIDEST = 0.15


def plot_differences(*, comparisons_table: Path, png: Path, svg: Path) -> None:
    """Mean differences in Dice with their 95 % intervals, one row of panels for each baseline, sequence and cohort.

    An arrow at the edge stands for a mean beyond `WIDEST`; the numbers at the right say how far.
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
        if not blocks:
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
    limit, colour = max(1.1 * 0.02, reach_of(comparisons, WIDEST)), group.colour
    for comparison in comparisons.to_dict("records"):
        place = names.index(comparison["experiment"])
        said = draw_estimate(axes, place, comparison, limit, colour, marker=group.marker, mfc=colour, markersize=5)
        axes.text(1.05, place, said, transform=axes.get_yaxis_transform(), fontsize=6, va="center")
    axes.axvline(0, color="black", linewidth=0.7, zorder=1)
    axes.set_xlim(-limit, limit)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="x", labelsize=7)
