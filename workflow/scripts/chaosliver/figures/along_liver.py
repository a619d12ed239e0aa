"""Dice along the organ, from its dome under the diaphragm to its lower tip."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..base.anatomy import SEQUENCES
from ..base.columns import GROUP, SLICE_COLUMNS
from ..base.files import read_tsv
from ..measure.frames import typed
from ..measure.patient_statistics import FEWEST_PATIENTS, resampled_means, tails
from .style import LEGEND, STYLE, Group, groups_of, panel_grid, save, say_that_nothing_is_there, titled

# Relative positions at which all patients are compared, each with as much weight, however many slices it has.
GRID = np.linspace(0, 1, 21)
PLACES = list(range(len(GRID)))
# How the first experiment looks in the others' panels.
FIRST = {"color": "#555555", "linestyle": "--", "linewidth": 1}


def plot_along_liver(
    slices_table: Path,
    experiments: Sequence[str],
    pictures: Iterable[Path],
    organs: Mapping[str, str] | None = None,
) -> None:
    """Mean Dice over patients by relative position, with a 95 % band over patients, one line per sequence.

    Each experiment has a panel per cohort. The first experiment stands in every panel as a dashed line, on the first
    of its sequences, except where the panel's experiment segments another organ, which `organs` then names. Without
    ground truth there is nothing to draw.
    """
    profiles = profiles_of(typed(read_tsv(slices_table, SLICE_COLUMNS), SLICE_COLUMNS))
    groups = groups_of(profiles)
    lines = {
        (name, group): members
        for name in experiments
        for group, rows in groups.items()
        if len(members := profiles.loc[rows].query("experiment == @name"))
    }
    shown = list(dict.fromkeys((name, group.cohort) for name, group in lines))
    first = {cohort: next((key for key in lines if key[1].cohort == cohort), None) for _, cohort in shown}
    with plt.rc_context(STYLE):
        figure, panels = panel_grid(len(shown), (2.7, 2.1))
        for axes, (name, cohort) in zip(panels, shown, strict=False):
            axes.set_title(titled(name, organs) + (f"\n{cohort} cohort" if len(first) > 1 else ""), fontsize=9)
            for key, members in lines.items():
                if key == (name, key[1]) and key[1].cohort == cohort:
                    _draw_profile(axes, key[1], members)
            if first[cohort][0] != name and name not in (organs or {}):
                mean = lines[first[cohort]][PLACES].mean()
                axes.plot(GRID, mean, **FIRST, zorder=1)
            axes.set(xlim=(0, 1), ylim=(-0.02, 1.02))
            axes.set_xticks([0, 0.5, 1], ["dome", "0.5", "tip"])
            # Panels above others have no labels.
            for label, side in zip(axes.get_xticklabels(), ("left", "center", "right"), strict=False):
                label.set_horizontalalignment(side)
        figure.supylabel("Dice of the slice", fontsize="medium")
        figure.suptitle("Dice by relative position along the organ", fontsize="medium")
        if shown:
            handles = _handles([group for _, group in lines])
            if {name for name, _ in shown} - {*(organs or {})} > {shown[0][0]}:
                label = f"{shown[0][0]}, {SEQUENCES[first[shown[0][1]][1].sequence].title}"
                handles.append(Line2D([], [], **FIRST, label=label))
            figure.legend(handles=handles, **LEGEND)
        else:
            say_that_nothing_is_there(panels)
        save(figure, pictures)


def relative_positions(positions_mm: np.ndarray) -> np.ndarray:
    """Positions along the normal as 0 at the dome, the end next to the head, to 1 at the tip; 0.5 for one slice alone.

    The normal of axial slices points to the head, so that the greatest position is the dome.
    """
    extent = np.ptp(positions_mm)
    return (positions_mm.max() - positions_mm) / extent if extent else np.full(len(positions_mm), 0.5)


def profiles_of(slices: pd.DataFrame) -> pd.DataFrame:
    """One row per experiment, cohort, sequence and patient: Dice at each position of `GRID`, its columns 0, 1, 2, ...

    Only slices with the organ in the reference count. Between slices the Dice is interpolated, and seeds are averaged.
    """
    scored = slices[slices["reference_mm2"] > 0].dropna(subset=["dice"])
    names, profiles = [], []
    for key, volume in scored.groupby([*GROUP, "patient", "seed"], sort=False):
        ordered = volume.sort_values("position_mm", ascending=False)
        places = relative_positions(ordered["position_mm"].to_numpy())
        names.append(key)
        profiles.append(np.interp(GRID, places, ordered["dice"].to_numpy()))
    columns = [*GROUP, "patient", "seed"]
    frame = pd.DataFrame(names, columns=columns).join(pd.DataFrame(profiles, columns=PLACES))
    return frame.drop(columns="seed").groupby([*GROUP, "patient"], sort=False).mean().reset_index()


def _draw_profile(axes: Axes, group: Group, patients: pd.DataFrame) -> None:
    values = patients[PLACES].to_numpy()
    axes.plot(GRID, values.mean(axis=0), color=group.color, linestyle=group.linestyle, linewidth=1.4)
    if len(values) >= FEWEST_PATIENTS:
        low, high = np.quantile(resampled_means(values), tails(len(values)), axis=0)
        axes.fill_between(GRID, low, high, color=group.color, alpha=0.2, linewidth=0)


def _handles(groups: Sequence[Group]) -> list[Line2D]:
    return [
        Line2D([], [], color=group.color, linestyle=group.linestyle, linewidth=1.4, label=group.title)
        for group in dict.fromkeys(groups)
    ]
