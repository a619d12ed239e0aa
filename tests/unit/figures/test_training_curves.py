"""The training curves: loss and validation Dice of each training in its row, and the epoch that is used."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from unit.figures.looking import assert_near, assert_same_bytes, legend_of, lines_with, points_of, texts_of
from unit.figures.looks import assert_looks_as_kept

from chaosliver.base.columns import HISTORY_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.figures.style import PALETTE
from chaosliver.figures.training_curves import chosen_epoch, last_quarter_rise, mean_curve, plot_training
from chaosliver.measure.frames import read_frame

BLUE, ORANGE = PALETTE[:2]


def write_history(path: Path, dices: list[float | None], first_loss: float = 1.0) -> Path:
    """A training whose losses are `first_loss` / epoch, 0.5 higher in validation."""
    rows = [
        {
            "epoch": number,
            "training_loss": first_loss / number,
            "validation_loss": None if dice is None else first_loss / number + 0.5,
            "validation_dice": dice,
            "learning_rate": 0.001,
        }
        for number, dice in enumerate(dices, start=1)
    ]
    write_tsv(path, HISTORY_COLUMNS, rows)
    return path


def label(experiment: str, fold: str, choose: str = "last") -> dict[str, str]:
    return {"experiment": experiment, "fold": fold, "seed": "1", "choose": choose}


def draw(folder: Path, trainings: list[tuple[dict[str, str], list[float | None]]]) -> None:
    histories = [write_history(folder / f"{n}.tsv", dices, n + 1.0) for n, (_, dices) in enumerate(trainings)]
    pictures = {"png": folder / "training.png", "svg": folder / "training.svg"}
    plot_training(histories=histories, labels=[label for label, _ in trainings], **pictures)


def test_each_experiment_has_a_row_and_each_fold_a_colour(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(
        tmp_path,
        [(label("b", "1"), [0.2, 0.4]), (label("a", "0"), [0.1, 0.3]), (label("b", "0"), [0.5, 0.6])],
    )
    loss_b, dice_b, loss_a, dice_a = drawn[0].axes
    assert [axes.get_title() for axes in drawn[0].axes] == ["b", "b", "a", "a"]
    assert [axes.get_ylabel() for axes in drawn[0].axes] == ["Loss", "Validation Dice"] * 2
    assert [axes.get_xlabel() for axes in drawn[0].axes] == ["", "", "Epoch", "Epoch"]
    first = {"color": BLUE, "linestyle": "-"}
    (training,) = lines_with(loss_b, **first)
    assert_near(points_of(training), [[1, 1.0], [2, 0.5]])
    (validation,) = lines_with(loss_b, color=BLUE, linestyle="--")
    assert_near(points_of(validation), [[1, 1.5], [2, 1.0]])
    (dice,) = lines_with(dice_b, **first)
    assert_near(points_of(dice), [[1, 0.2], [2, 0.4]])
    (training,) = lines_with(loss_b, color=ORANGE, linestyle="-")
    assert_near(points_of(training), [[1, 3.0], [2, 1.5]])
    (dice,) = lines_with(dice_a, color=ORANGE)
    assert_near(points_of(dice), [[1, 0.1], [2, 0.3]])
    assert (len(loss_b.lines), len(dice_b.lines), len(loss_a.lines), len(dice_a.lines)) == (4, 2, 2, 1)
    assert drawn[0].get_size_inches().tolist() == pytest.approx([10, 5.1])


def test_the_legend_tells_folds_and_lines_apart(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [(label("a", "1"), [0.2]), (label("a", "0"), [0.1])])
    assert legend_of(drawn[0]) == [
        ("fold 1", BLUE, "None", "-"),
        ("fold 0", ORANGE, "None", "-"),
        ("training", "#000000", "None", "-"),
        ("validation", "#000000", "None", "--"),
    ]


def test_more_folds_than_colours_can_be_drawn(tmp_path: Path, drawn: list[Figure]) -> None:
    folds = len(PALETTE) + 1
    draw(tmp_path, [(label("a", str(fold)), [0.2]) for fold in range(folds)])
    colours = [colour for _, colour, _, _ in legend_of(drawn[0])[:folds]]
    assert colours == [*PALETTE, BLUE]


def test_a_dot_marks_the_best_epoch_where_it_is_the_one_that_is_used(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [(label("a", "0", "best"), [0.1, 0.5, 0.4]), (label("b", "0"), [0.6, 0.5, 0.4])])
    dots = [[points_of(line) for line in lines_with(axes, marker="o")] for axes in drawn[0].axes]
    assert dots == [[[[2, 1.0]]], [[[2, 0.5]]], [], []]
    assert legend_of(drawn[0])[-1] == ("best epoch, whose weights are used", "#FFFFFF", "o", "-")


def test_epochs_are_whole_and_dice_runs_from_0_to_1(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [(label("a", "0"), [0.45, 0.5])])
    assert drawn[0].axes[1].get_ylim() == (0, 1.02)
    for axes in drawn[0].axes:
        ticks = np.array(axes.get_xticks())
        assert (ticks == ticks.round()).all()


def test_a_training_without_validation_says_so(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [(label("a", "0", "best"), [None, None, None]), (label("b", "0"), [None, 0.5, None])])
    assert [[text.get_text() for text in axes.texts] for axes in drawn[0].axes] == [[], ["no validation"], [], []]
    (text,) = drawn[0].axes[1].texts
    place = text.get_transform().transform(text.get_position())
    assert place == pytest.approx(drawn[0].axes[1].transAxes.transform((0.5, 0.5)))
    assert drawn[0].axes[1].get_xlim() == drawn[0].axes[0].get_xlim()
    assert not lines_with(drawn[0].axes[0], marker="o")


def test_the_mean_of_several_trainings_and_how_far_it_still_rises(tmp_path: Path, drawn: list[Figure]) -> None:
    """By hand: means 0.3 to 0.6 and then 0.6, 0.7, 0.6, 0.8; the last quarter is two epochs, and rises by 0.2."""
    first = [0.2, 0.3, 0.4, 0.5, 0.5, 0.6, 0.5, 0.7]
    second = [dice + 0.2 for dice in first]
    untold: list[float | None] = [None] * 8
    trainings = [
        (label("a", "0"), first),
        (label("a", "1"), second),
        (label("a", "2"), untold),
        (label("b", "0"), first),
    ]
    draw(tmp_path, [(named, list(dices)) for named, dices in trainings])
    (mean,) = lines_with(drawn[0].axes[1], color="#000000")
    assert_near(points_of(mean), [[n + 1, dice + 0.1] for n, dice in enumerate(first)])
    assert [[text.get_text() for text in axes.texts] for axes in drawn[0].axes] == [
        [],
        ["black: mean, last quarter +0.200"],
        [],
        [],
    ]


def test_the_rise_is_that_of_the_line_through_the_last_quarter() -> None:
    """By hand: of 0, 0.1, 0 at epochs 10 to 12 no rise, of 0, 0.1, 0.1 a slope of 0.05, and of two epochs none."""
    flat, rising = (pd.Series([0.9] * 9 + end, index=range(1, 13)) for end in ([0.0, 0.1, 0.0], [0.0, 0.1, 0.1]))
    assert last_quarter_rise(flat) == pytest.approx(0)
    assert last_quarter_rise(rising) == pytest.approx(0.1)
    assert last_quarter_rise(rising.iloc[:7]) is None


def test_a_training_that_stopped_early_shortens_the_mean(tmp_path: Path) -> None:
    paths = [write_history(tmp_path / "a.tsv", [0.1, 0.2, 0.3]), write_history(tmp_path / "b.tsv", [0.3, 0.6])]
    histories = [read_frame(path, HISTORY_COLUMNS) for path in paths]
    assert mean_curve(histories).to_dict() == pytest.approx({1: 0.2, 2: 0.4})
    assert mean_curve(histories[:1]).empty


def test_without_trainings_there_is_an_empty_figure(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [])
    assert len(drawn[0].axes) == 2
    assert "no validation" not in texts_of(drawn[0])
    assert [name for name, *_ in legend_of(drawn[0])] == ["training", "validation"]


def test_the_figure_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    histories = [write_history(tmp_path / f"{fold}.tsv", [0.1, 0.5 + fold / 10, 0.4]) for fold in range(3)]
    labels = [label("baseline", str(fold), "best") for fold in range(3)]
    assert_same_bytes(lambda png, svg: plot_training(histories=histories, labels=labels, png=png, svg=svg), tmp_path)


@pytest.mark.parametrize(
    ("dices", "expected"), [([0.1, 0.9, 0.9, 0.5], 2), ([None, 0.2, None], 2), ([None, None], None)]
)
def test_the_chosen_epoch_is_the_first_best(tmp_path: Path, dices: list[float | None], expected: int | None) -> None:
    history = read_frame(write_history(tmp_path / "history.tsv", dices), HISTORY_COLUMNS)
    chosen = chosen_epoch(history)
    assert (None if chosen is None else history.loc[chosen, "epoch"]) == expected


def test_the_figure_looks_as_it_did(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [(label("b", "1", "best"), [0.2, 0.4, 0.3]), (label("a", "0"), [None, None])])
    assert_looks_as_kept(drawn[0], "training_curves")
