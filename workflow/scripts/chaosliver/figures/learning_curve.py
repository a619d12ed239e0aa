"""How the Dice grows with the number of training patients."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..base.columns import PATIENT_COLUMNS
from ..base.files import read_tsv
from ..measure.frames import average_over_seeds, typed
from ..measure.patient_statistics import mean_interval
from .style import DICE_PANELS, LEGEND, STYLE, WIDTH_INCHES, Group, groups_of, save, say_that_nothing_is_there


def plot_learning_curve(patients_table: Path, training_patients: Mapping[str, float], pictures: Iterable[Path]) -> None:
    """Mean Dice by number of training patients, with 95 % intervals and a thin line for each held-out patient.

    `training_patients` gives the number for each experiment to draw, which should differ in nothing else. With one
    number alone the figure shows the points without a curve.
    """
    patients = average_over_seeds(typed(read_tsv(patients_table, PATIENT_COLUMNS), PATIENT_COLUMNS))
    patients = patients[patients["experiment"].isin(list(training_patients)) & patients["dice_3d"].notna()]
    patients["number"] = patients["experiment"].map(dict(training_patients)).astype(float)
    groups = groups_of(patients)
    step = 0.08 + 0.02 * float(np.ptp(patients["number"])) if groups else 0.0
    with plt.rc_context(STYLE):
        figure, panels = plt.subplots(1, len(DICE_PANELS), figsize=(WIDTH_INCHES, 3.6), sharex=True, sharey=True)
        for axes, (measure, title) in zip(panels, DICE_PANELS.items(), strict=True):
            for place, (group, rows) in enumerate(groups.items()):
                _draw_curve(axes, patients.loc[rows], measure, group, step * (place - (len(groups) - 1) / 2))
            axes.set(title=title, xlabel="Training patients")
        if groups:
            _set_numbers(panels[0], sorted(set(patients["number"])))
            panels[0].set_ylabel("Dice")
            figure.legend(handles=[*map(_handle, groups)], **LEGEND)
        else:
            say_that_nothing_is_there(panels)
        save(figure, pictures)


def _draw_curve(axes: Axes, patients: pd.DataFrame, measure: str, group: Group, aside: float) -> None:
    """Draw one group; it stands `aside` from its number, so that the intervals of several groups do not overlap."""
    # Experiments of one number, as two splits of it, are replicates of a patient.
    table = patients.pivot_table(measure, "patient", "number").sort_index(axis=1)
    numbers = table.columns.to_numpy()
    axes.plot(numbers + aside, table.to_numpy().T, color=group.color, linewidth=0.4, alpha=0.5)
    for number, values in table.items():
        shown = values.dropna().to_numpy()
        axes.plot(np.full(len(shown), number + aside), shown, ".", color=group.color, markersize=3, alpha=0.5)
        if interval := mean_interval(shown):
            axes.plot([number + aside] * 2, interval, color=group.color, linewidth=3, alpha=0.5)
    style = {"color": group.color, "linestyle": group.linestyle, "marker": group.marker, "mec": "black", "mew": 0.5}
    axes.plot(numbers + aside, table.mean(), linewidth=1.6, markersize=6, zorder=3, **style)


def _set_numbers(axes: Axes, numbers: list[float]) -> None:
    margin = 0.5 + 0.1 * (numbers[-1] - numbers[0])
    axes.set_xlim(numbers[0] - margin, numbers[-1] + margin)
    axes.set_xticks(numbers, [f"{number:.3g}" for number in numbers])


def _handle(group: Group) -> Line2D:
    return Line2D(
        [], [], color=group.color, linestyle=group.linestyle, marker=group.marker, mec="black", label=group.title
    )
