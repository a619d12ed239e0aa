"""Dice of the experiments as box plots."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from ..base.columns import PATIENT_COLUMNS
from ..measure.frames import average_over_seeds, read_frame
from .groups import Group, groups_of
from .style import DICE_PANELS, MOST_ONE_BY_ONE, STYLE, dice_rows, experiment_title, save, say_no_ground_truth


def plot_dice(*, patients_table: Path, experiments: list[str], organs: dict[str, str], png: Path, svg: Path) -> None:
    """Box plots with one point per patient: Dice over all slices, over slices with organ, and in 3D.

    Of more than a hundred patients only those beyond the whiskers have points, and no lines.

    Each sequence and cohort has a row of panels. In each panel the experiments stand in the order given, and thin
    lines join the points of one patient. Patients without ground truth are left out. `organs` names the organ of each
    experiment that segments another one than the first experiment does; lines join points of the same organ only. The
    whiskers end at the outermost patients within 1.5 times the box.
    """
    patients = average_over_seeds(read_frame(patients_table, PATIENT_COLUMNS))
    patients = patients[patients["experiment"].isin(experiments) & patients["dice_3d"].notna()]
    groups = [(group, patients.loc[labels]) for group, labels in groups_of(patients).items()]
    names = [[name for name in experiments if name in set(members["experiment"])] for _, members in groups]
    with plt.rc_context(STYLE):
        figure, panels = dice_rows([0.9 + 0.3 * len(shown) for shown in names], 0.4)
        for row, (group, members), shown in zip(panels, groups, names, strict=False):
            _draw_row(row, members, shown, group, organs)
        for axes in panels[-1]:
            axes.set_xlabel("Dice")
        if not groups:
            say_no_ground_truth(panels[0])
        save(figure, [png, svg])


def _draw_row(
    row: Sequence[Axes], patients: pd.DataFrame, names: Sequence[str], group: Group, organs: Mapping[str, str]
) -> None:
    """Draw one sequence of one cohort: a panel per measure."""
    limits = _dice_limits(patients[[*DICE_PANELS]].to_numpy())
    for axes, (measure, title) in zip(row, DICE_PANELS.items(), strict=True):
        _draw_boxes(axes, patients, measure, names, group, organs)
        axes.set(xlabel="", ylabel="", xlim=limits)
        axes.set_yticks(range(len(names)), [experiment_title(name, organs, len(name)) for name in names])
        axes.set_title(f"{group.title if axes is row[0] else ''}\n{title}", loc="left")


def _draw_boxes(
    axes: Axes,
    patients: pd.DataFrame,
    measure: str,
    names: Sequence[str],
    group: Group,
    organs: Mapping[str, str],
) -> None:
    shared = {"data": patients, "x": measure, "y": "experiment", "order": list(names), "color": group.colour}
    table = patients.pivot_table(measure, "patient", "experiment", dropna=False).reindex(columns=list(names))
    many = len(table) > MOST_ONE_BY_ONE
    if not many:
        _join(axes, table, names, organs)
    sns.boxplot(**shared, ax=axes, width=0.65, linewidth=0.9, boxprops={"alpha": 0.35}, showfliers=many, fliersize=2)
    if not many:
        # Without jitter, so that the lines between a patient's points end on them.
        sns.stripplot(**shared, ax=axes, jitter=False, size=3, marker=group.marker, linewidth=0.4, edgecolor="black")
    axes.axvline(table[names[0]].median(), color="black", linewidth=0.7, linestyle="--", zorder=1)


def _join(axes: Axes, table: pd.DataFrame, names: Sequence[str], organs: Mapping[str, str]) -> None:
    """Join each patient's points in two experiments that segment the same organ; `table` is patients by experiments."""
    for place, pair in enumerate(itertools.pairwise(names)):
        if len({organs.get(name) for name in pair}) == 1:
            values = table[[*pair]].to_numpy().T
            axes.plot(values, [place, place + 1], color="#888888", linewidth=0.4, alpha=0.7, zorder=1)


def _dice_limits(values: np.ndarray) -> tuple[float, float]:
    """Limits of the Dice axis: to 1.02 from a multiple of 0.05 that lies below all values (patients, measures)."""
    return max(-0.02, np.floor(np.nanmin(values) * 20 - 0.5) / 20), 1.02
