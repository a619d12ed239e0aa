"""Plots of the study's numbers: Dice of the experiments, and the course of the trainings."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib

# Chosen before pyplot, since a job has no display.
matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from .anatomy import SEQUENCES
from .evaluation import PATIENT_COLUMNS
from .files import read_tsv, write_atomically
from .tables import average_over_seeds, typed

# Okabe and Ito's palette, told apart by colour-blind readers; black stays for axes and marks.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.dpi": 150,
    "svg.hashsalt": "chaos-liver",
}
DICE_PANELS = {
    "mean_dice_all_slices": "Mean over all slices",
    "mean_dice_organ_slices": "Mean over slices with organ",
    "dice_3d": "Whole volume (3D)",
}
HISTORY_COLUMNS = ("epoch", "training_loss", "validation_loss", "validation_dice")
WIDTH_INCHES = 10


def plot_dice(patients_table: Path, experiments: Sequence[str], pictures: Iterable[Path]) -> None:
    """Box plots with one point per patient: Dice over all slices, over slices with organ, and in 3D.

    The experiments stand in the order given, and each sequence and cohort has its own colour. Rows without ground
    truth are left out. The whiskers end at the outermost patients within 1.5 times the box.
    """
    patients = average_over_seeds(typed(read_tsv(patients_table, PATIENT_COLUMNS), PATIENT_COLUMNS))
    patients = patients[patients["experiment"].isin(experiments) & patients["dice_3d"].notna()]
    patients["group"] = _group_titles(patients)
    patients["row"] = _row_titles(patients)
    patients = patients.sort_values("experiment", key=lambda names: names.map(experiments.index), kind="stable")
    rows = list(dict.fromkeys(patients["row"]))
    with plt.rc_context(STYLE):
        size = (WIDTH_INCHES, 1.2 + 0.5 * max(len(rows), 1))
        figure, panels = plt.subplots(1, len(DICE_PANELS), figsize=size, sharey=True, squeeze=False)
        for axes, (measure, title) in zip(panels[0], DICE_PANELS.items(), strict=True):
            _draw_boxes(axes, patients, measure, rows)
            axes.set(title=title, xlabel="Dice", ylabel="", xlim=_dice_limits(patients[[*DICE_PANELS]].to_numpy()))
        save(figure, pictures)


def plot_training(histories: Sequence[Path], labels: Sequence[Mapping[str, str]], pictures: Iterable[Path]) -> None:
    """Loss and validation Dice by epoch, one row of panels per experiment and one colour per fold.

    `labels` gives experiment, fold and seed of each history. A dot marks the epoch whose weights are used, the first
    with the best validation Dice.
    """
    runs = [
        (label, typed(read_tsv(history, HISTORY_COLUMNS), HISTORY_COLUMNS))
        for history, label in zip(histories, labels, strict=True)
    ]
    experiments = list(dict.fromkeys(label["experiment"] for label in labels))
    folds = list(dict.fromkeys(label["fold"] for label in labels))
    colors = {fold: PALETTE[number % len(PALETTE)] for number, fold in enumerate(folds)}
    with plt.rc_context(STYLE):
        rows = max(len(experiments), 1)
        figure, panels = plt.subplots(rows, 2, figsize=(WIDTH_INCHES, 0.9 + 2.1 * rows), squeeze=False)
        for (loss, dice), experiment in zip(panels, experiments, strict=False):
            for label, history in runs:
                if label["experiment"] == experiment:
                    _draw_history(loss, dice, history, colors[label["fold"]])
            loss.set(title=experiment, ylabel="Loss")
            dice.set(title=experiment, ylabel="Validation Dice")
        for axes in panels[-1]:
            axes.set_xlabel("Epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axes in panels[:, 1]:
            axes.set_ylim(0, 1.02)
        figure.legend(handles=_history_legend(colors), loc="outside lower center", ncols=min(len(colors) + 3, 8))
        save(figure, pictures)


def chosen_epoch(history: pd.DataFrame) -> int | None:
    """Row label of the first epoch with the best validation Dice; None where no epoch was validated."""
    validated = history["validation_dice"].dropna()
    return None if validated.empty else int(validated.idxmax())


def save(figure: Figure, pictures: Iterable[Path]) -> None:
    """Write the figure in the format of each suffix, without the date and version that would alter its bytes."""
    figure.set_layout_engine("constrained")
    unstamped = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}
    for picture in pictures:
        metadata = unstamped[picture.suffix]
        write_atomically(picture, lambda partial, metadata=metadata: figure.savefig(partial, metadata=metadata))
    plt.close(figure)


def _group_titles(patients: pd.DataFrame) -> pd.Series:
    titles = patients["sequence"].map(lambda name: SEQUENCES[name].title if name in SEQUENCES else name)
    if len(set(patients["cohort"])) > 1:
        titles = titles + ", " + patients["cohort"]
    return titles


def _row_titles(patients: pd.DataFrame) -> pd.Series:
    """What stands before a box: the experiment, and where they differ the sequence and cohort."""
    if len(set(patients["group"])) <= 1:
        return patients["experiment"]
    return patients["experiment"] + "\n" + patients["group"]


def _draw_boxes(axes: Axes, patients: pd.DataFrame, measure: str, rows: Sequence[str]) -> None:
    groups = list(dict.fromkeys(patients["group"]))
    shared = {
        "data": patients,
        "x": measure,
        "y": "row",
        "hue": "group",
        "order": list(rows),
        "hue_order": groups,
        "palette": [PALETTE[number % len(PALETTE)] for number in range(len(groups))],
        "dodge": False,
        "legend": False,
        "ax": axes,
    }
    if patients.empty:
        axes.text(0.5, 0.5, "no ground truth", transform=axes.transAxes, ha="center")
        return
    sns.boxplot(**shared, width=0.7, linewidth=0.9, boxprops={"alpha": 0.45}, showfliers=False)
    # A swarm, since the jitter of a strip plot is random and would alter the picture's bytes.
    sns.swarmplot(**shared, size=3.2, linewidth=0.4, edgecolor="black", warn_thresh=1.0)


def _dice_limits(values: np.ndarray) -> tuple[float, float]:
    lowest = np.nanmin(values) if values.size else 0.0
    return max(-0.02, np.floor(lowest * 20 - 0.5) / 20), 1.02


def _draw_history(loss: Axes, dice: Axes, history: pd.DataFrame, color: str) -> None:
    loss.plot(history["epoch"], history["training_loss"], color=color, linewidth=1.1)
    loss.plot(history["epoch"], history["validation_loss"], color=color, linewidth=1.1, linestyle="--")
    dice.plot(history["epoch"], history["validation_dice"], color=color, linewidth=1.1)
    chosen = chosen_epoch(history)
    if chosen is not None:
        for axes, column in ((loss, "validation_loss"), (dice, "validation_dice")):
            best = history.loc[chosen]
            axes.plot(best["epoch"], best[column], "o", color=color, markeredgecolor="black", markersize=5, zorder=3)


def _history_legend(colors: Mapping[str, str]) -> list[Line2D]:
    return [
        *(Line2D([], [], color=color, label=f"fold {fold}") for fold, color in colors.items()),
        Line2D([], [], color="black", label="training"),
        Line2D([], [], color="black", linestyle="--", label="validation"),
        Line2D([], [], color="white", marker="o", markeredgecolor="black", label="epoch whose weights are used"),
    ]
