"""Loss and validation Dice of the trainings, epoch by epoch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..base.columns import HISTORY_COLUMNS
from ..measure.frames import read_frame
from .style import PALETTE, STYLE, WIDTH_INCHES, save


class Training(NamedTuple):
    """The history of a training, one row per epoch, and the row label of the epoch to mark."""

    experiment: str
    fold: str
    history: pd.DataFrame
    marked: int | None


def plot_training(*, histories: list[Path], labels: list[dict[str, str]], png: Path, svg: Path) -> None:
    """Loss and validation Dice by epoch, one row of panels per experiment and one colour per fold.

    `labels` gives `experiment`, `fold` and `choose` of each history. Where `choose` is `best`, a dot marks the epoch
    whose weights are used, the first with the best validation Dice; otherwise those of the last epoch are used. Of
    several validated trainings the mean Dice is drawn too, with how far it still rises in the last quarter.
    """
    trainings = [_training(history, label) for history, label in zip(histories, labels, strict=True)]
    experiments = list(dict.fromkeys(training.experiment for training in trainings))
    folds = list(dict.fromkeys(training.fold for training in trainings))
    colours = {fold: PALETTE[number % len(PALETTE)] for number, fold in enumerate(folds)}
    with plt.rc_context(STYLE):
        rows = max(len(experiments), 1)
        figure, panels = plt.subplots(rows, 2, figsize=(WIDTH_INCHES, 0.9 + 2.1 * rows), squeeze=False)
        for row, experiment in zip(panels, experiments, strict=False):
            _draw_row(*row, experiment, [each for each in trainings if each.experiment == experiment], colours)
        _finish(panels)
        handles = _legend(colours, any(label["choose"] == "best" for label in labels))
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(colours) + 3, 8))
        save(figure, [png, svg])


def chosen_epoch(history: pd.DataFrame) -> int | None:
    """Row label of the first epoch with the best validation Dice; None where no epoch was validated."""
    validated = history["validation_dice"].dropna()
    return None if validated.empty else int(validated.idxmax())


def mean_curve(histories: Sequence[pd.DataFrame]) -> pd.Series:
    """The mean validation Dice by epoch, of the epochs that all of `histories` have; empty for fewer than two."""
    curves = [history.set_index("epoch")["validation_dice"].dropna() for history in histories]
    curves = [curve for curve in curves if not curve.empty]
    return pd.concat(curves, axis=1, join="inner").mean(axis=1) if len(curves) > 1 else pd.Series(dtype=float)


def last_quarter_rise(curve: pd.Series) -> float | None:
    """How far the least-squares line through the last quarter of the epochs rises; None for a quarter of one epoch."""
    last = curve.iloc[-(len(curve) // 4) :] if len(curve) >= 8 else curve.iloc[:0]
    return None if last.empty else float(np.polyfit(last.index, last, 1)[0] * (last.index[-1] - last.index[0]))


def _training(path: Path, label: Mapping[str, str]) -> Training:
    history = read_frame(path, HISTORY_COLUMNS)
    return Training(
        label["experiment"], label["fold"], history, chosen_epoch(history) if label["choose"] == "best" else None
    )


def _draw_row(
    loss: Axes, dice: Axes, experiment: str, trainings: Sequence[Training], colours: Mapping[str, str]
) -> None:
    """Draw the trainings of one experiment."""
    for training in trainings:
        _draw_training(loss, dice, training, colours[training.fold])
    if not any(np.isfinite(line.get_ydata()).any() for line in dice.lines):
        dice.text(0.5, 0.5, "no validation", transform=dice.transAxes, ha="center")
        dice.set_xlim(loss.get_xlim())
    _draw_mean(dice, mean_curve([training.history for training in trainings]))
    loss.set(title=experiment, ylabel="Loss")
    dice.set(title=experiment, ylabel="Validation Dice")


def _draw_training(loss: Axes, dice: Axes, training: Training, colour: str) -> None:
    history = training.history
    loss.plot(history["epoch"], history["training_loss"], color=colour, linewidth=1.1)
    loss.plot(history["epoch"], history["validation_loss"], color=colour, linewidth=1.1, linestyle="--")
    dice.plot(history["epoch"], history["validation_dice"], color=colour, linewidth=1.1)
    if training.marked is not None:
        best = history.loc[training.marked]
        for axes, column in ((loss, "validation_loss"), (dice, "validation_dice")):
            axes.plot(best["epoch"], best[column], "o", color=colour, markeredgecolor="black", markersize=5, zorder=3)


def _draw_mean(dice: Axes, mean: pd.Series) -> None:
    rise = last_quarter_rise(mean)
    if rise is not None:
        dice.plot(mean.index, mean, color="black", linewidth=1.6, zorder=3)
        said = f"black: mean, last quarter {rise:+.3f}"
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
        dice.text(0.98, 0.04, said, transform=dice.transAxes, ha="right", fontsize=8, bbox=box, zorder=4)


def _finish(panels: np.ndarray) -> None:
    """Set the axes of all panels (experiments, 2): whole epochs, and Dice from 0 to 1."""
    for axes in panels[-1]:
        axes.set_xlabel("Epoch")
    for axes in panels.flat:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in panels[:, 1]:
        axes.set_ylim(0, 1.02)


def _legend(colours: Mapping[str, str], marked: bool) -> list[Line2D]:
    mark = {"color": "white", "marker": "o", "markeredgecolor": "black"}
    return [
        *(Line2D([], [], color=colour, label=f"fold {fold}") for fold, colour in colours.items()),
        Line2D([], [], color="black", label="training"),
        Line2D([], [], color="black", linestyle="--", label="validation"),
        *([Line2D([], [], **mark, label="best epoch, whose weights are used")] if marked else []),
    ]
