"""How far predicted volumes agree with the ground truth, as Bland and Altman show it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..base.columns import PATIENT_COLUMNS
from ..base.files import read_tsv
from ..measure.frames import average_over_seeds, typed
from .style import STYLE, Group, groups_of, panel_grid, save, say_that_nothing_is_there, titled

VOLUMES = ("reference_ml", "predicted_ml")
# With fewer patients a standard deviation says next to nothing.
FEWEST_FOR_LIMITS = 3


class Agreement(NamedTuple):
    """Mean difference, and the limits between which 95 % of normally distributed differences lie."""

    bias: float
    low: float
    high: float


def plot_volumes(
    patients_table: Path,
    experiments: Sequence[str],
    pictures: Iterable[Path],
    organs: Mapping[str, str] | None = None,
) -> None:
    """Bland-Altman plots of organ volume in mL: a panel per experiment, sequence and cohort, all on the same axes.

    `organs` names the organ of an experiment where that is another than the first one's.
    """
    rows = typed(read_tsv(patients_table, PATIENT_COLUMNS), PATIENT_COLUMNS)
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
            found = _draw_agreement(axes, members, group)
            axes.set_title("\n".join([titled(name, organs), group.title, found]), fontsize=8)
        if not shown:
            say_that_nothing_is_there(panels)
        figure.supxlabel("Mean of prediction and ground truth (mL)", fontsize="medium")
        figure.supylabel("Prediction minus ground truth (mL)", fontsize="medium")
        save(figure, pictures)


def agreement(differences: np.ndarray) -> Agreement | None:
    """Bias and 95 % limits of agreement (bias ± 1.96 standard deviations); None for fewer than three patients.

    Source: Bland and Altman, Lancet 1986, doi 10.1016/S0140-6736(86)90837-8.
    """
    if len(differences) < FEWEST_FOR_LIMITS:
        return None
    bias, spread = float(np.mean(differences)), 1.96 * float(np.std(differences, ddof=1))
    return Agreement(bias, bias - spread, bias + spread)


def _draw_agreement(axes: Axes, patients: pd.DataFrame, group: Group) -> str:
    """Draw the points and lines of one panel, and return its figures as text."""
    differences = (patients["predicted_ml"] - patients["reference_ml"]).to_numpy()
    means = patients[[*VOLUMES]].mean(axis=1)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.plot(means, differences, group.marker, color=group.color, markersize=4, mec="black", mew=0.4, alpha=0.8)
    found = agreement(differences)
    if found is None:
        return "too few patients for limits"
    axes.axhline(found.bias, color=group.color, linewidth=1.4)
    for limit in (found.low, found.high):
        axes.axhline(limit, color=group.color, linewidth=1, linestyle="--")
    text = f"bias {found.bias:+.0f}, limits {found.low:+.0f} to {found.high:+.0f} mL"
    return text.replace("-", "\N{MINUS SIGN}")
