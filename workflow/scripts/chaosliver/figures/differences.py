"""The paired comparisons as a forest plot: how far experiments differ, and how sure that is."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..base.columns import COMPARISON_COLUMNS
from ..base.files import read_tsv
from ..measure.frames import typed
from .style import DICE_PANELS, LEGEND, STYLE, Group, dice_rows, groups_of, save, say_that_nothing_is_there

# Beyond this a difference is drawn at the edge, so that one experiment that fails does not hide all others.
WIDEST = 0.15
SIGNIFICANT = 0.05


def plot_differences(comparisons_table: Path, pictures: Iterable[Path]) -> None:
    """Mean differences in Dice with their 95 % intervals, a row of panels by what the experiments are compared with.

    Sequences and cohorts have rows of their own. A filled point has a p below 0.05 after Holm's correction. An arrow
    at the edge stands for a mean beyond `WIDEST`; numbers at the right say how far.
    """
    rows = typed(read_tsv(comparisons_table, COMPARISON_COLUMNS), COMPARISON_COLUMNS)
    rows = rows[rows["measure"].isin(list(DICE_PANELS)) & rows["mean_difference"].notna()]
    blocks = [
        (baseline, group, members.loc[labels])
        for baseline, members in rows.groupby("baseline", sort=False)
        for group, labels in groups_of(members).items()
    ]
    with plt.rc_context(STYLE):
        figure, panels = dice_rows([0.9 + 0.22 * members["experiment"].nunique() for _, _, members in blocks], 0.6)
        for line, (baseline, group, members) in zip(panels, blocks, strict=False):
            names = list(dict.fromkeys(members["experiment"]))
            line[0].set_yticks(range(len(names)), names)
            line[0].set_ylim(len(names) - 0.5, -0.5)
            for axes, (measure, title) in zip(line, DICE_PANELS.items(), strict=True):
                _draw_block(axes, members[members["measure"] == measure], names, group)
                against = f"Against {baseline}, {group.title}" if axes is line[0] else ""
                axes.set_title(f"{against}\n{title}", loc="left")
        for axes in panels[-1]:
            axes.set_xlabel("Difference in Dice")
        if blocks:
            figure.legend(handles=_legend(), **LEGEND)
        else:
            say_that_nothing_is_there(panels[0])
        save(figure, pictures)


def _draw_block(axes: Axes, rows: pd.DataFrame, names: Sequence[str], group: Group) -> None:
    """Draw the comparisons of one measure, each at its experiment's place among `names`."""
    limit, color = _limit(rows), group.color
    for row in rows.to_dict("records"):
        place = names.index(row["experiment"])
        mean, low, high = row["mean_difference"], row["ci_low"], row["ci_high"]
        axes.plot(np.clip([low, high], -limit, limit), [place, place], color=color, linewidth=1.6)
        marker = group.marker if abs(mean) <= limit else "<" if mean < 0 else ">"
        fill = color if row["p_holm"] < SIGNIFICANT else "white"
        axes.plot(
            np.clip(mean, -limit, limit), place, marker, mfc=fill, mec=color, markersize=5, zorder=3, clip_on=False
        )
        interval = "" if np.isnan(low) else f" [{low:+.3f}, {high:+.3f}]"
        axes.text(1.05, place, f"{mean:+.3f}{interval}", transform=axes.get_yaxis_transform(), fontsize=6, va="center")
    axes.axvline(0, color="black", linewidth=0.7, zorder=1)
    axes.set_xlim(-limit, limit)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="x", labelsize=7)


def _limit(rows: pd.DataFrame) -> float:
    within = rows[rows["mean_difference"].abs() <= WIDEST]
    ends = within[["mean_difference", "ci_low", "ci_high"]].abs().to_numpy()
    return min(WIDEST, 1.1 * max(0.02, np.nanmax(ends, initial=0.0)))


def _legend() -> list[Line2D]:
    shared = {"color": "#555555", "marker": "o", "mec": "#555555"}
    return [
        Line2D([], [], **shared, label=f"p below {SIGNIFICANT} after Holm's correction"),
        Line2D([], [], **shared, mfc="white", label="not, or too few patients for a test"),
    ]
