"""The plots: what they are drawn from, the same bytes each time, and no failure on odd tables."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from chaosliver.base.columns import HISTORY_COLUMNS, MEASURES, PATIENT_COLUMNS
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.figures.style import PALETTE, chosen_epoch, groups_of, panel_grid, plot_dice, plot_training, wrapped
from chaosliver.measure.frames import typed


def patient_row(patient: str, experiment: str, dice: float | None, **changes: Any) -> dict[str, Any]:
    row = dict.fromkeys(PATIENT_COLUMNS) | dict.fromkeys(MEASURES, dice)
    row |= {"experiment": experiment, "fold": "0", "seed": "1", "cohort": "development", "patient": patient}
    return row | {"sequence": "t1_in_phase", "slices": 30, "predicted_ml": 1.0} | changes


# Seaborn 0.13 still names the orientation as matplotlib 3.11 no longer likes it.
pytestmark = pytest.mark.filterwarnings("ignore:vert. bool was deprecated")


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    rows = [
        patient_row(str(number), experiment, 0.8 + 0.01 * number + shift)
        for experiment, shift in (("baseline", 0.0), ("augmented", 0.02))
        for number in range(8)
    ]
    rows.append(patient_row("90", "baseline", 0.7, cohort="test", fold="all", seed="all"))
    rows.append(patient_row("91", "baseline", None, cohort="test", fold="all", seed="all"))
    write_tsv(tmp_path / "patients.tsv", PATIENT_COLUMNS, rows)
    return tmp_path / "patients.tsv"


def write_history(path: Path, dices: list[float | None]) -> Path:
    rows = [
        {"epoch": number, "training_loss": 1 / number, "validation_loss": 1.1 / number, "validation_dice": dice}
        for number, dice in enumerate(dices, start=1)
    ]
    write_tsv(path, HISTORY_COLUMNS, rows)
    return path


def test_dice_figure_has_the_same_bytes_each_time(patients: Path, tmp_path: Path) -> None:
    pictures = [[tmp_path / f"{number}.{suffix}" for suffix in ("png", "svg")] for number in (1, 2)]
    for pair in pictures:
        plot_dice(patients, ["baseline", "augmented"], pair)
    for first, second in zip(*pictures, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert not plt.get_fignums()


@pytest.mark.parametrize("experiments", [["baseline"], ["augmented", "baseline"], ["never_run"], []])
def test_dice_figure_of_any_choice_of_experiments(patients: Path, tmp_path: Path, experiments: list[str]) -> None:
    plot_dice(patients, experiments, [tmp_path / "dice.png"])
    assert (tmp_path / "dice.png").stat().st_size > 1000


def test_more_groups_than_colours_can_be_drawn(tmp_path: Path) -> None:
    rows = [patient_row("1", "baseline", 0.9, cohort=f"cohort{number}") for number in range(len(PALETTE) + 1)]
    write_tsv(tmp_path / "patients.tsv", PATIENT_COLUMNS, rows)
    plot_dice(tmp_path / "patients.tsv", ["baseline"], [tmp_path / "dice.png"])


def test_a_patients_points_are_joined_in_the_order_of_the_experiments(
    patients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[list[list[float]]] = []
    close = plt.close

    def read_and_close(figure: Figure) -> None:
        whole = figure.axes[2]
        lines.extend(line.get_xydata().tolist() for line in whole.lines if line.get_linewidth() == 0.4)
        close(figure)

    monkeypatch.setattr(plt, "close", read_and_close)
    plot_dice(patients, ["augmented", "baseline"], [tmp_path / "dice.png"])
    assert len(lines) == 8
    for number, line in enumerate(lines):
        assert line == pytest.approx(np.array([[0.82 + 0.01 * number, 0], [0.8 + 0.01 * number, 1]]))


def test_another_organ_is_named_and_no_patients_points_are_joined_to_it(
    patients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined, names = [], []
    close = plt.close

    def read_and_close(figure: Figure) -> None:
        joined.extend(line for axes in figure.axes for line in axes.lines if line.get_linewidth() == 0.4)
        names.extend(label.get_text() for label in figure.axes[0].get_yticklabels())
        close(figure)

    monkeypatch.setattr(plt, "close", read_and_close)
    plot_dice(patients, ["baseline", "augmented"], [tmp_path / "dice.png"], {"augmented": "left_kidney"})
    assert names == ["baseline", "augmented\n(left kidney)"]
    assert not joined


def test_a_sequence_has_one_colour_in_all_figures_and_a_cohort_its_mark() -> None:
    rows = [("test", "t2_spir"), ("development", "t2_spir"), ("development", "t1_in_phase")]
    groups = list(groups_of(pd.DataFrame(rows, columns=["cohort", "sequence"])))
    titles = ["T1 in phase, development", "T2-SPIR, development", "T2-SPIR, test"]
    assert [group.title for group in groups] == titles
    assert groups[1].color == groups[2].color != groups[0].color
    assert groups[1].marker != groups[2].marker
    (alone,) = groups_of(pd.DataFrame(rows[1:2], columns=["cohort", "sequence"]))
    assert (alone.title, alone.color) == ("T2-SPIR", groups[1].color)


def test_long_names_break_after_underscores_and_lose_no_letter() -> None:
    assert wrapped("train_on_t1_and_t2_together", 20) == "train_on_t1_and_t2_\ntogether"
    assert wrapped("small") == "small"
    name = "a_name_with_a_very_long_part_" + "x" * 40
    assert wrapped(name).replace("\n", "") == name


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_a_grid_has_its_panels_and_no_others(count: int) -> None:
    figure, panels = panel_grid(count, (2.0, 2.0))
    assert figure.axes == panels
    assert len(panels) == max(count, 1)
    plt.close(figure)


def test_training_figure_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    histories = [write_history(tmp_path / f"{fold}.tsv", [0.1, 0.5 + fold / 10, 0.4]) for fold in range(3)]
    labels = [{"experiment": "baseline", "fold": str(fold), "seed": "1", "choose": "best"} for fold in range(3)]
    pictures = [[tmp_path / f"{number}.{suffix}" for suffix in ("png", "svg")] for number in (1, 2)]
    for pair in pictures:
        plot_training(histories, labels, pair)
    for first, second in zip(*pictures, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert not plt.get_fignums()


@pytest.mark.parametrize(("choose", "dots"), [("best", [[2, 0.6], [2, 0.5]]), ("last", [])])
def test_a_dot_marks_the_best_epoch_where_it_is_the_one_that_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choose: str, dots: list[list[float]]
) -> None:
    drawn, words = [], []
    close = plt.close

    def read_and_close(figure: Figure) -> None:
        drawn.extend(
            line.get_xydata()[0].tolist() for axes in figure.axes for line in axes.lines if line.get_marker() == "o"
        )
        words.extend(text.get_text() for text in figure.legends[0].get_texts())
        close(figure)

    monkeypatch.setattr(plt, "close", read_and_close)
    history = write_history(tmp_path / "history.tsv", [0.1, 0.5, 0.4])
    rows = read_tsv(history)
    write_tsv(history, list(rows[0]), [{**row, "validation_loss": 0.6} for row in rows])
    label = {"experiment": "baseline", "fold": "0", "seed": "1", "choose": choose}
    plot_training([history], [label], [tmp_path / "one.png"])
    assert drawn == dots
    assert ("best epoch, whose weights are used" in words) == (choose == "best")


def test_training_figure_without_validation_and_without_runs(tmp_path: Path) -> None:
    history = write_history(tmp_path / "history.tsv", [None, None])
    label = {"experiment": "baseline", "fold": "0", "seed": "1", "choose": "last"}
    plot_training([history], [label], [tmp_path / "one.png"])
    plot_training([], [], [tmp_path / "none.png"])
    assert (tmp_path / "none.png").exists()


@pytest.mark.parametrize(
    ("dices", "expected"), [([0.1, 0.9, 0.9, 0.5], 2), ([None, 0.2, None], 2), ([None, None], None)]
)
def test_the_chosen_epoch_is_the_first_best(tmp_path: Path, dices: list[float | None], expected: int | None) -> None:
    history = typed(read_tsv(write_history(tmp_path / "history.tsv", dices)), HISTORY_COLUMNS)
    chosen = chosen_epoch(history)
    assert (None if chosen is None else history.loc[chosen, "epoch"]) == expected
