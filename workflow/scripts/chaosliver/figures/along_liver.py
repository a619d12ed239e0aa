"""Dice along the organ, from its dome under the diaphragm to its lower tip."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..base.anatomy import SEQUENCES
from ..base.columns import GROUP, SLICE_COLUMNS
from ..measure.frames import read_frame
from ..measure.patient_statistics import FEWEST_PATIENTS, resampled_means, tails
from .groups import Group, groups_of
from .style import LEGEND, STYLE, experiment_title, panel_grid, save, say_no_ground_truth

# Relative positions at which patients are compared: each patient has the same weight, however many slices it has.
GRID = np.linspace(0, 1, 21)
PLACES = list(range(len(GRID)))
# How the first experiment looks in the others' panels.
FIRST = {"color": "#555555", "linestyle": "--", "linewidth": 1}

# The profiles of each experiment's patients, by sequence and cohort.
Profiles = Mapping[tuple[str, Group], pd.DataFrame]


def plot_along_liver(
    *, slices_table: Path, experiments: list[str], organs: dict[str, str], png: Path, svg: Path
) -> None:
    """Mean Dice over patients by relative position, with a 95 % band over patients, one line per sequence.

    Each experiment has a panel per cohort. The first experiment is drawn into every panel as a dashed line, on the
    first of its sequences, except where the panel's experiment segments another organ, which `organs` then names.
    Without ground truth there is nothing to draw.
    """
    profiles = _by_experiment(profiles_of(read_frame(slices_table, SLICE_COLUMNS)), experiments)
    shown = list(dict.fromkeys((name, group.cohort) for name, group in profiles))
    several = len({cohort for _, cohort in shown}) > 1
    with plt.rc_context(STYLE):
        figure, panels = panel_grid(len(shown), (2.7, 2.1))
        for axes, (name, cohort) in zip(panels, shown, strict=False):
            axes.set_title(experiment_title(name, organs) + (f"\n{cohort} cohort" if several else ""), fontsize=9)
            _draw_panel(axes, profiles, name, cohort, organs)
        figure.supylabel("Dice of the slice", fontsize="medium")
        figure.suptitle("Dice by relative position along the organ", fontsize="medium")
        if shown:
            figure.legend(handles=_legend(profiles, organs), **LEGEND)
        else:
            say_no_ground_truth(panels)
        save(figure, [png, svg])


def relative_positions(positions_mm: np.ndarray) -> np.ndarray:
    """Positions along the normal as 0 at the dome, the end next to the head, to 1 at the tip; 0.5 for a single slice.

    The normal of axial slices points to the head, so that the greatest position is the dome.
    """
    extent = np.ptp(positions_mm)
    return (positions_mm.max() - positions_mm) / extent if extent else np.full(len(positions_mm), 0.5)


def profiles_of(slices: pd.DataFrame) -> pd.DataFrame:
    """One row per experiment, cohort, sequence and patient: Dice at each position of `GRID` in columns 0, 1, 2, ...

    Only slices with the organ in the ground truth count. Between slices the Dice is interpolated. Seeds and
    draws are averaged.
    """
    scored = slices[slices["reference_mm2"] > 0].dropna(subset=["dice"])
    columns = [*GROUP, "patient", "fold", "seed"]
    names, profiles = [], []
    for key, volume in scored.groupby(columns, sort=False):
        ordered = volume.sort_values("position_mm", ascending=False)
        places = relative_positions(ordered["position_mm"].to_numpy())
        names.append(key)
        profiles.append(np.interp(GRID, places, ordered["dice"].to_numpy()))
    frame = pd.DataFrame(names, columns=columns).join(pd.DataFrame(profiles, columns=PLACES))
    return frame.drop(columns=["fold", "seed"]).groupby([*GROUP, "patient"], sort=False).mean().reset_index()


def _by_experiment(profiles: pd.DataFrame, experiments: Sequence[str]) -> Profiles:
    """The profiles of each experiment, sequence and cohort that has any, in the order in which they are drawn."""
    groups = groups_of(profiles)
    return {
        (name, group): members
        for name in experiments
        for group, labels in groups.items()
        if len(members := profiles.loc[labels].query("experiment == @name"))
    }


def _draw_panel(axes: Axes, profiles: Profiles, name: str, cohort: str, organs: Mapping[str, str]) -> None:
    """Draw one experiment in one cohort, beside the first one."""
    for (experiment, group), patients in profiles.items():
        if (experiment, group.cohort) == (name, cohort):
            _draw_profile(axes, group, patients)
    first, group = _first_in(profiles, cohort)
    if first != name and name not in organs:
        axes.plot(GRID, profiles[first, group][PLACES].mean(), **FIRST, zorder=1)
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02))
    axes.set_xticks([0, 0.5, 1], ["dome", "0.5", "tip"])
    # Panels above others have no labels.
    for label, side in zip(axes.get_xticklabels(), ("left", "center", "right"), strict=False):
        label.set_horizontalalignment(side)


def _first_in(profiles: Profiles, cohort: str) -> tuple[str, Group]:
    """The first experiment that is scored in a cohort, and the first of its sequences there."""
    return next(key for key in profiles if key[1].cohort == cohort)


def _draw_profile(axes: Axes, group: Group, patients: pd.DataFrame) -> None:
    values = patients[PLACES].to_numpy()
    axes.plot(GRID, values.mean(axis=0), color=group.colour, linestyle=group.linestyle, linewidth=1.4)
    if len(values) >= FEWEST_PATIENTS:
        low, high = np.quantile(resampled_means(values), tails(len(values)), axis=0)
        axes.fill_between(GRID, low, high, color=group.colour, alpha=0.2, linewidth=0)


def _legend(profiles: Profiles, organs: Mapping[str, str]) -> list[Line2D]:
    """The lines of the groups, and the dashed one of the first experiment where another's panel shows it."""
    handles = [
        Line2D([], [], color=group.colour, linestyle=group.linestyle, linewidth=1.4, label=group.title)
        for group in dict.fromkeys(group for _, group in profiles)
    ]
    first, group = next(iter(profiles))
    if {name for name, _ in profiles} - organs.keys() > {first}:
        handles.append(Line2D([], [], **FIRST, label=f"{first}, {SEQUENCES[group.sequence].title}"))
    return handles
