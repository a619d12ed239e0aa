"""How well a network trained on one sequence segments another: the matrix of training by scored sequences."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from ..base.anatomy import SEQUENCES
from ..base.columns import EXPERIMENT_COLUMNS, MATRIX_COLUMNS
from ..base.errors import InputError
from ..base.files import read_tsv, write_tsv
from .style import STYLE, save, say_no_ground_truth, wrapped

SHOWN = "dice_3d"

Row = Mapping[str, str]


def cross_sequence(
    *, experiments_table: Path, train_on: dict[str, list[str]], matrix_table: Path, png: Path, svg: Path
) -> None:
    """Write the matrix as a tidy table and as heat maps of 3D Dice, one per cohort.

    `train_on` names the experiments to show and the sequences on which each was trained. A frame marks the sequences
    that a network has seen in training. Raises InputError where the table lacks one of the experiments.
    """
    rows = read_tsv(experiments_table, EXPERIMENT_COLUMNS)
    if missing := sorted(set(train_on) - {row["experiment"] for row in rows}):
        raise InputError(f"{experiments_table}: has no row of the experiment {missing[0]}. Collect the tables anew")
    matrix = [
        {**row, "train_on": "+".join(trained), "score_on": row["sequence"]}
        | {"seen_in_training": "yes" if row["sequence"] in trained else "no"}
        for name, trained in train_on.items()
        for row in rows
        if row["experiment"] == name
    ]
    write_tsv(matrix_table, MATRIX_COLUMNS, matrix)
    _draw_matrix([row for row in matrix if row[f"{SHOWN}_mean"]], [png, svg])


def _draw_matrix(matrix: Sequence[Row], pictures: Sequence[Path]) -> None:
    cohorts = list(dict.fromkeys(row["cohort"] for row in matrix)) or [""]
    names = list(dict.fromkeys(row["experiment"] for row in matrix))
    scored = [sequence for sequence in SEQUENCES if any(row["score_on"] == sequence for row in matrix)]
    with plt.rc_context({**STYLE, "axes.grid": False}):
        size = (3.4 + len(cohorts) * (0.6 + 1.1 * max(len(scored), 1)), 1.6 + 0.62 * max(len(names), 1))
        scale = _scale(matrix)
        figure, panels = plt.subplots(1, len(cohorts), figsize=size, sharey=True, squeeze=False)
        for axes, cohort in zip(panels[0], cohorts, strict=True):
            image = _draw_cohort(axes, [row for row in matrix if row["cohort"] == cohort], names, scored, scale)
            axes.set(title=f"{cohort} cohort" if len(cohorts) > 1 else "", xlabel="scored on")
        if matrix:
            panels[0][0].set_ylabel("trained on (experiment)")
            panels[0][0].set_yticks(range(len(names)), _row_labels(matrix, names))
            figure.colorbar(image, ax=panels[0], label="mean 3D Dice", aspect=30)
        else:
            say_no_ground_truth(panels[0])
        save(figure, pictures)


def _scale(matrix: Sequence[Row]) -> Normalize:
    """The scale of colours: to 1 from a multiple of 0.1 at least 0.05 below the lowest mean, but not below 0."""
    lowest = min((float(row[f"{SHOWN}_mean"]) for row in matrix), default=0.0)
    return Normalize(max(0.0, np.floor(10 * lowest - 0.5) / 10), 1.0)


def _row_labels(matrix: Sequence[Row], names: Sequence[str]) -> list[str]:
    """What each experiment was trained on, with its name below."""
    trained = {row["experiment"]: row["train_on"].split("+") for row in matrix}
    titles = {name: " + ".join(SEQUENCES[sequence].title for sequence in trained[name]) for name in names}
    return [f"{titles[name]}\n({wrapped(name, 34)})" for name in names]


def _draw_cohort(
    axes: Axes, rows: Sequence[Row], names: Sequence[str], scored: Sequence[str], scale: Normalize
) -> AxesImage:
    values = np.full((max(len(names), 1), max(len(scored), 1)), np.nan)
    for row in rows:
        place = names.index(row["experiment"]), scored.index(row["score_on"])
        values[place] = float(row[f"{SHOWN}_mean"])
        _write_cell(axes, row, place, "black" if scale(values[place]) > 0.5 else "white")
    # Cividis looks the same to colour-blind readers, and in grey print lighter still means better.
    image = axes.imshow(values, cmap="cividis", norm=scale, aspect="auto")
    axes.set_xticks(range(len(scored)), [SEQUENCES[name].title.replace(" of ", "\nof ") for name in scored])
    axes.tick_params(length=0)
    return image


def _write_cell(axes: Axes, row: Row, place: tuple[int, int], colour: str) -> None:
    texts = [row[f"{SHOWN}_{name}"] for name in ("mean", "ci_low", "ci_high")]
    mean, low, high = (f"{float(text):.3f}" if text else "" for text in texts)
    shown = f"{mean}\n[{low}, {high}]" if low else mean
    axes.text(place[1], place[0], shown, ha="center", va="center", color=colour, fontsize=7.5)
    if row["seen_in_training"] == "yes":
        corner = place[1] - 0.46, place[0] - 0.44
        axes.add_patch(Rectangle(corner, 0.92, 0.88, fill=False, edgecolor=colour, linewidth=1.5))
