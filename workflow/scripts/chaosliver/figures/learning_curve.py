"""How the Dice grows with the number of training patients."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..base.columns import PATIENT_COLUMNS
from ..measure.frames import average_over_seeds, read_frame
from ..measure.patient_statistics import mean_interval
from .groups import Group, groups_of
from .style import DICE_PANELS, LEGEND, STYLE, WIDTH_INCHES, save, say_no_ground_truth


def plot_learning_curve(*, patients_table: Path, training_patients: dict[str, float], png: Path, svg: Path) -> None:
    """Mean Dice by number of training patients, with 95 % intervals and a thin line for each held-out patient.

    `training_patients` gives the number for each experiment to draw. These experiments should differ in nothing else.
    Where all have the same number, the figure shows points without a curve.
    """
    patients = average_over_seeds(read_frame(patients_table, PATIENT_COLUMNS))
    patients = patients[patients["experiment"].isin(list(training_patients)) & patients["dice_3d"].notna()]
    patients["number"] = patients["experiment"].map(training_patients).astype(float)
    groups = groups_of(patients)
    with plt.rc_context(STYLE):
        figure, panels = plt.subplots(1, len(DICE_PANELS), figsize=(WIDTH_INCHES, 3.6), sharex=True, sharey=True)
        for axes, (measure, title) in zip(panels, DICE_PANELS.items(), strict=True):
            for (group, labels), aside in zip(groups.items(), _asides(patients, len(groups)), strict=True):
                _draw_curve(axes, patients.loc[labels], measure, group, aside)
            axes.set(title=title, xlabel="Training patients")
        if groups:
            _set_numbers(panels[0], sorted(set(patients["number"])))
            panels[0].set_ylabel("Dice")
            figure.legend(handles=[*map(_handle, groups)], **LEGEND)
        else:
            say_no_ground_truth(panels)
        save(figure, [png, svg])


def _asides(patients: pd.DataFrame, groups: int) -> list[float]:
    """How far each group is drawn beside its numbers, so that the intervals of several groups do not overlap."""
    step = 0.08 + 0.02 * float(np.ptp(patients["number"])) if groups else 0.0
    return [step * (place - (groups - 1) / 2) for place in range(groups)]


def _draw_curve(axes: Axes, patients: pd.DataFrame, measure: str, group: Group, aside: float) -> None:
    # Experiments with the same number, such as two splits, are replicates of a patient.
    table = patients.pivot_table(measure, "patient", "number").sort_index(axis=1)
    numbers = table.columns.to_numpy()
    axes.plot(numbers + aside, table.to_numpy().T, color=group.colour, linewidth=0.4, alpha=0.5)
    for number, values in table.items():
        shown = values.dropna().to_numpy()
        axes.plot(np.full(len(shown), number + aside), shown, ".", color=group.colour, markersize=3, alpha=0.5)
        if interval := mean_interval(shown):
            axes.plot([number + aside] * 2, interval, color=group.colour, linewidth=3, alpha=0.5)
    style = {"color": group.colour, "linestyle": group.linestyle, "marker": group.marker, "mec": "black", "mew": 0.5}
    axes.plot(numbers + aside, table.mean(), linewidth=1.6, markersize=6, zorder=3, **style)


def _set_numbers(axes: Axes, numbers: list[float]) -> None:
    margin = 0.5 + 0.1 * (numbers[-1] - numbers[0])
    axes.set_xlim(numbers[0] - margin, numbers[-1] + margin)
    axes.set_xticks(numbers, [f"{number:.3g}" for number in numbers])


def _handle(group: Group) -> Line2D:
    return Line2D(
        [], [], color=group.colour, linestyle=group.linestyle, marker=group.marker, mec="black", label=group.title
    )
