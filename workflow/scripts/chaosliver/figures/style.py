"""Plots of the study's numbers: Dice of the experiments, and the course of the trainings."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

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

from ..base.anatomy import SEQUENCES
from ..base.columns import HISTORY_COLUMNS, PATIENT_COLUMNS
from ..base.files import read_tsv, write_atomically
from ..measure.frames import average_over_seeds, typed

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
WIDTH_INCHES = 10
# Grids of panels.
PANEL_COLUMNS = 4
SMALLEST_WIDTH_INCHES = 7
LEGEND = {"loc": "outside lower center", "ncols": 3}


def plot_dice(
    patients_table: Path,
    experiments: Sequence[str],
    pictures: Iterable[Path],
    organs: Mapping[str, str] | None = None,
) -> None:
    """Box plots with one point per patient: Dice over all slices, over slices with organ, and in 3D.

    Each sequence and cohort has a row of panels, in which the experiments stand in the order given and thin lines join
    the points of one patient. Patients without ground truth are left out. `organs` names the organ of an experiment
    where that is another than the first one's; lines join points of the same organ alone. The whiskers end at the
    outermost patients within 1.5 times the box.
    """
    patients = average_over_seeds(typed(read_tsv(patients_table, PATIENT_COLUMNS), PATIENT_COLUMNS))
    patients = patients[patients["experiment"].isin(experiments) & patients["dice_3d"].notna()]
    groups = [(group, patients.loc[rows]) for group, rows in groups_of(patients).items()]
    shown = [[name for name in experiments if name in set(members["experiment"])] for _, members in groups]
    with plt.rc_context(STYLE):
        figure, panels = dice_rows([0.9 + 0.3 * len(rows) for rows in shown], 0.4)
        for line, (group, members), rows in zip(panels, groups, shown, strict=False):
            limits = _dice_limits(members[[*DICE_PANELS]].to_numpy())
            for axes, (measure, title) in zip(line, DICE_PANELS.items(), strict=True):
                _draw_boxes(axes, members, measure, rows, group, organs or {})
                axes.set(xlabel="", ylabel="", xlim=limits)
                axes.set_yticks(range(len(rows)), [titled(name, organs, len(name)) for name in rows])
                axes.set_title(f"{group.title if axes is line[0] else ''}\n{title}", loc="left")
        for axes in panels[-1]:
            axes.set_xlabel("Dice")
        if not groups:
            say_that_nothing_is_there(panels[0])
        save(figure, pictures)


def plot_training(histories: Sequence[Path], labels: Sequence[Mapping[str, str]], pictures: Iterable[Path]) -> None:
    """Loss and validation Dice by epoch, one row of panels per experiment and one colour per fold.

    `labels` gives experiment, fold, seed and `choose` of each history. Where that is `best`, a dot marks the epoch
    whose weights are used, the first with the best validation Dice; else the last epoch's are.
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
                    chosen = chosen_epoch(history) if label["choose"] == "best" else None
                    _draw_history(loss, dice, history, colors[label["fold"]], chosen)
            if not any(np.isfinite(line.get_ydata()).any() for line in dice.lines):
                dice.text(0.5, 0.5, "no validation", transform=dice.transAxes, ha="center")
                dice.set_xlim(loss.get_xlim())
            loss.set(title=experiment, ylabel="Loss")
            dice.set(title=experiment, ylabel="Validation Dice")
        for axes in panels[-1]:
            axes.set_xlabel("Epoch")
        for axes in panels.flat:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axes in panels[:, 1]:
            axes.set_ylim(0, 1.02)
        marked = any(label["choose"] == "best" for label in labels)
        figure.legend(
            handles=_history_legend(colors, marked), loc="outside lower center", ncols=min(len(colors) + 3, 8)
        )
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


class Group(NamedTuple):
    """A sequence of a cohort, and how every figure shows it."""

    cohort: str
    sequence: str
    title: str
    color: str
    marker: str
    linestyle: str


def groups_of(frame: pd.DataFrame) -> dict[Group, pd.Index]:
    """Row labels of each sequence and cohort; a sequence's colour is the same in all figures of all studies."""
    several = len(set(frame["cohort"])) > 1
    groups = {}
    for (cohort, sequence), rows in frame.groupby(["cohort", "sequence"]).groups.items():
        known = sequence in SEQUENCES
        title = SEQUENCES[sequence].title if known else sequence
        place = list(SEQUENCES).index(sequence) if known else len(SEQUENCES)
        marker, linestyle = ("D", ":") if cohort == "test" else ("o", "-")
        shown = f"{title}, {cohort}" if several else title
        groups[Group(cohort, sequence, shown, PALETTE[place], marker, linestyle)] = rows
    return dict(sorted(groups.items(), key=lambda item: (item[0].cohort, PALETTE.index(item[0].color))))


def dice_rows(heights: Sequence[float], more: float) -> tuple[Figure, np.ndarray]:
    """A figure of rows of `DICE_PANELS`, each of its height in inches, with `more` inches for what stands around them.

    Without any row to fill there is an empty one.
    """
    heights = heights or [1.0]
    return plt.subplots(
        len(heights),
        len(DICE_PANELS),
        figsize=(WIDTH_INCHES, more + sum(heights)),
        sharey="row",
        squeeze=False,
        height_ratios=heights,
    )


def panel_grid(count: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels of at least `size` inches, four in a row, all with the same axes.

    Without any panel to fill there is an empty one.
    """
    count = max(count, 1)
    columns = min(PANEL_COLUMNS, count)
    rows = -(-count // columns)
    width = max(size[0] * columns, SMALLEST_WIDTH_INCHES)
    figure, panels = plt.subplots(
        rows, columns, figsize=(width, size[1] * rows + 0.9), sharex=True, sharey=True, squeeze=False
    )
    flat = list(panels.flat)
    for place in range(count, len(flat)):
        # The panel above shows the axis in its stead.
        flat[place - columns].tick_params(labelbottom=True)
        flat[place].remove()
    return figure, flat[:count]


def wrapped(name: str, width: int = 26) -> str:
    """A name in lines of about `width` letters, broken after underscores."""
    lines = [""]
    for part in name.replace("_", "_ ").split():
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def titled(name: str, organs: Mapping[str, str] | None, width: int = 26) -> str:
    """An experiment's name as `wrapped`, with its organ where `organs` has it."""
    organ = (organs or {}).get(name)
    return wrapped(name, width) + (f"\n({organ.replace('_', ' ')})" if organ else "")


def say_that_nothing_is_there(panels: Iterable[Axes]) -> None:
    """Mark panels that no patient with ground truth fills."""
    for axes in panels:
        axes.text(0.5, 0.5, "no ground truth", transform=axes.transAxes, ha="center")


def _draw_boxes(
    axes: Axes,
    patients: pd.DataFrame,
    measure: str,
    rows: Sequence[str],
    group: Group,
    organs: Mapping[str, str],
) -> None:
    shared = {"data": patients, "x": measure, "y": "experiment", "order": list(rows), "color": group.color, "ax": axes}
    table = patients.pivot_table(measure, "patient", "experiment", dropna=False).reindex(columns=list(rows))
    for place, pair in enumerate(itertools.pairwise(rows)):
        if len({organs.get(name) for name in pair}) == 1:
            values = table[[*pair]].to_numpy().T
            axes.plot(values, [place, place + 1], color="#888888", linewidth=0.4, alpha=0.7, zorder=1)
    sns.boxplot(**shared, width=0.65, linewidth=0.9, boxprops={"alpha": 0.35}, showfliers=False)
    # In line, since the lines between one patient's points must end on them.
    sns.stripplot(**shared, jitter=False, size=3, marker=group.marker, linewidth=0.4, edgecolor="black")
    axes.axvline(table[rows[0]].median(), color="black", linewidth=0.7, linestyle="--", zorder=1)


def _dice_limits(values: np.ndarray) -> tuple[float, float]:
    lowest = np.nanmin(values) if values.size else 0.0
    return max(-0.02, np.floor(lowest * 20 - 0.5) / 20), 1.02


def _draw_history(loss: Axes, dice: Axes, history: pd.DataFrame, color: str, chosen: int | None) -> None:
    loss.plot(history["epoch"], history["training_loss"], color=color, linewidth=1.1)
    loss.plot(history["epoch"], history["validation_loss"], color=color, linewidth=1.1, linestyle="--")
    dice.plot(history["epoch"], history["validation_dice"], color=color, linewidth=1.1)
    if chosen is not None:
        for axes, column in ((loss, "validation_loss"), (dice, "validation_dice")):
            best = history.loc[chosen]
            axes.plot(best["epoch"], best[column], "o", color=color, markeredgecolor="black", markersize=5, zorder=3)


def _history_legend(colors: Mapping[str, str], marked: bool) -> list[Line2D]:
    mark = Line2D(
        [], [], color="white", marker="o", markeredgecolor="black", label="best epoch, whose weights are used"
    )
    return [
        *(Line2D([], [], color=color, label=f"fold {fold}") for fold, color in colors.items()),
        Line2D([], [], color="black", label="training"),
        Line2D([], [], color="black", linestyle="--", label="validation"),
        *([mark] if marked else []),
    ]
