"""How well predicted volumes agree with the ground truth, in the plots of Bland and Altman."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..base.columns import PATIENT_COLUMNS
from ..measure.frames import average_over_seeds, read_frame
from .groups import Group, groups_of
from .style import STYLE, experiment_title, panel_grid, save, say_no_ground_truth

VOLUMES = ("reference_ml", "predicted_ml")
# The standard deviation of fewer patients says next to nothing.
FEWEST_FOR_LIMITS = 3


class Agreement(NamedTuple):
    """Mean difference, and the limits between which 95 % of normally distributed differences lie."""

    bias: float
    low: float
    high: float


def plot_volumes(*, patients_table: Path, experiments: list[str], organs: dict[str, str], png: Path, svg: Path) -> None:
    """Bland-Altman plots of organ volume in mL: a panel per experiment, sequence and cohort, all on the same axes.

    `organs` names the organ of each experiment that segments another one than the first experiment does.
    """
    rows = read_frame(patients_table, PATIENT_COLUMNS)
    patients = average_over_seeds(rows, VOLUMES).dropna()
    groups = groups_of(patients)
    shown = [
        (name, group, members)
        for name in experiments
        for group, labels in groups.items()
        if len(members := patients.loc[labels].query("experiment == @name"))
    ]
    with plt.rc_context(STYLE):
        figure, panels = panel_grid(len(shown), (2.7, 2.3))
        for axes, (name, group, members) in zip(panels, shown, strict=False):
            _draw_panel(axes, members, name, group, organs)
        if not shown:
            say_no_ground_truth(panels)
        figure.supxlabel("Mean of prediction and ground truth (mL)", fontsize="medium")
        figure.supylabel("Prediction minus ground truth (mL)", fontsize="medium")
        save(figure, [png, svg])


def agreement(differences: np.ndarray) -> Agreement | None:
    """Bias and 95 % limits of agreement (bias ± 1.96 standard deviations); None for fewer than three patients.

    Source: Bland and Altman, Lancet 1986, doi 10.1016/S0140-6736(86)90837-8.
    """
    if len(differences) < FEWEST_FOR_LIMITS:
        return None
    bias, spread = float(np.mean(differences)), 1.96 * float(np.std(differences, ddof=1))
    return Agreement(bias, bias - spread, bias + spread)


def _draw_panel(axes: Axes, patients: pd.DataFrame, name: str, group: Group, organs: Mapping[str, str]) -> None:
    """Draw one experiment's patients of one sequence and cohort, with bias and limits."""
    differences = (patients["predicted_ml"] - patients["reference_ml"]).to_numpy()
    means = patients[[*VOLUMES]].mean(axis=1)
    found = agreement(differences)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.plot(means, differences, group.marker, color=group.colour, markersize=4, mec="black", mew=0.4, alpha=0.8)
    if found is not None:
        axes.axhline(found.bias, color=group.colour, linewidth=1.4)
        for limit in (found.low, found.high):
            axes.axhline(limit, color=group.colour, linewidth=1, linestyle="--")
    axes.set_title("\n".join([experiment_title(name, organs), group.title, _described(found)]), fontsize=8)


def _described(found: Agreement | None) -> str:
    if found is None:
        return "too few patients for limits"
    text = f"bias {found.bias:+.0f}, limits {found.low:+.0f} to {found.high:+.0f} mL"
    return text.replace("-", "\N{MINUS SIGN}")
