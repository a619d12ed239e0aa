"""The matrix of training by scored sequence: its rows, what it marks as seen, and its picture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from unit.figures.looking import assert_near, assert_same_bytes, texts_of, tick_labels
from unit.figures.looks import assert_looks_as_kept

from chaosliver.base.columns import EXPERIMENT_COLUMNS, MATRIX_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.figures.cross_sequence import cross_sequence

TRAIN_ON = {"on_t1": ["t1_in_phase"], "on_both": ["t1_in_phase", "t2_spir"]}


def experiment(name: str, sequence: str, dice: float | None, **changes: Any) -> dict[str, Any]:
    row = dict.fromkeys(EXPERIMENT_COLUMNS) | {"experiment": name, "cohort": "development", "sequence": sequence}
    ends = {} if dice is None else {"dice_3d_ci_low": dice - 0.02, "dice_3d_ci_high": dice + 0.03}
    return row | {"patients": 8, "dice_3d_mean": dice, "mean_dice_all_slices_mean": 0.111} | ends | changes


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        experiment("on_both", "t2_spir", 0.9),
        experiment("on_t1", "t1_in_phase", 0.875),
        experiment("on_t1", "t2_spir", 0.36, dice_3d_ci_low=None, dice_3d_ci_high=None),
        experiment("on_t1", "t1_in_phase", None, cohort="test"),
        experiment("unrelated", "t1_in_phase", 0.5),
    ]
    write_tsv(tmp_path / "experiments.tsv", EXPERIMENT_COLUMNS, rows)
    return tmp_path / "experiments.tsv"


def draw(table: Path, train_on: dict[str, list[str]]) -> list[dict[str, str]]:
    """Draw the matrix, and return its table."""
    folder = table.parent
    outputs = {"matrix_table": folder / "matrix.tsv", "png": folder / "matrix.png", "svg": folder / "matrix.svg"}
    cross_sequence(experiments_table=table, train_on=train_on, **outputs)
    return read_tsv(folder / "matrix.tsv", MATRIX_COLUMNS)


def cells(axes: Axes) -> dict[tuple[float, float], tuple[str, str]]:
    """Text and colour at each place (column, row)."""
    return {text.get_position(): (text.get_text(), text.get_color()) for text in axes.texts}


def frames(axes: Axes) -> list[tuple[float, float, float, float]]:
    """Left, right, upper and lower edge of each frame."""
    boxes = [patch.get_bbox() for patch in axes.patches if isinstance(patch, Rectangle)]
    return sorted((box.x0, box.x1, box.y0, box.y1) for box in boxes)


def test_the_table_says_what_was_trained_on_and_what_was_seen(table: Path) -> None:
    rows = draw(table, TRAIN_ON)
    told = [tuple(row[key] for key in ("train_on", "score_on", "cohort", "seen_in_training")) for row in rows]
    assert told == [
        ("t1_in_phase", "t1_in_phase", "development", "yes"),
        ("t1_in_phase", "t2_spir", "development", "no"),
        ("t1_in_phase", "t1_in_phase", "test", "yes"),
        ("t1_in_phase+t2_spir", "t2_spir", "development", "yes"),
    ]
    assert [row["dice_3d_mean"] for row in rows] == ["0.875", "0.36", "", "0.9"]
    assert [row["experiment"] for row in rows] == ["on_t1", "on_t1", "on_t1", "on_both"]
    assert {row["mean_dice_all_slices_mean"] for row in rows} == {"0.111"}


def test_the_cells_hold_the_means_and_their_intervals(table: Path, drawn: list[Figure]) -> None:
    draw(table, TRAIN_ON)
    axes, bar = drawn[0].axes
    assert cells(axes) == {
        (0, 0): ("0.875\n[0.855, 0.905]", "black"),
        (1, 0): ("0.360", "white"),
        (1, 1): ("0.900\n[0.880, 0.930]", "black"),
    }
    shown = axes.images[0].get_array()
    assert np.ma.filled(shown, np.nan).tolist() == pytest.approx(np.array([[0.875, 0.36], [np.nan, 0.9]]), nan_ok=True)
    assert axes.images[0].cmap.name == "cividis"
    assert tick_labels(axes, "x") == ["T1 in phase", "T2-SPIR"]
    assert axes.get_xticks().tolist() == axes.get_yticks().tolist() == [0, 1]
    assert tick_labels(axes, "y") == ["T1 in phase\n(on_t1)", "T1 in phase + T2-SPIR\n(on_both)"]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("scored on", "trained on (experiment)", "")
    assert bar.get_ylabel() == "mean 3D Dice"
    assert drawn[0].get_size_inches().tolist() == pytest.approx([6.2, 2.84])


def test_a_long_name_is_broken_after_34_letters(table: Path, drawn: list[Figure]) -> None:
    names = [f"{'a' * 16}_{'b' * 17}", f"{'a' * 16}_{'b' * 18}"]
    write_tsv(table, EXPERIMENT_COLUMNS, [experiment(name, "t2_spir", 0.9) for name in names])
    draw(table, {name: ["t2_spir"] for name in names})
    assert tick_labels(drawn[0].axes[0], "y") == [
        f"T2-SPIR\n({'a' * 16}_{'b' * 17})",
        f"T2-SPIR\n({'a' * 16}_\n{'b' * 18})",
    ]


def test_a_frame_stands_around_what_was_seen_in_training(table: Path, drawn: list[Figure]) -> None:
    draw(table, TRAIN_ON)
    assert_near(frames(drawn[0].axes[0]), [[-0.46, 0.46, -0.44, 0.44], [0.54, 1.46, 0.56, 1.44]])
    assert not any(patch.get_fill() for patch in drawn[0].axes[0].patches)


def test_the_colours_run_from_below_the_lowest_mean_to_1(table: Path, drawn: list[Figure]) -> None:
    draw(table, TRAIN_ON)
    draw(table, {"on_both": ["t2_spir"]})
    write_tsv(table, EXPERIMENT_COLUMNS, [experiment("on_t1", "t1_in_phase", 0.02)])
    draw(table, {"on_t1": ["t1_in_phase"]})
    limits = [figure.axes[0].images[0].get_clim() for figure in drawn]
    assert_near(limits, [(0.3, 1), (0.8, 1), (0, 1)])


def test_a_mean_half_way_along_the_scale_is_written_in_white(table: Path, drawn: list[Figure]) -> None:
    values = {"a": 0.04, "b": 0.5, "c": 0.51}
    write_tsv(table, EXPERIMENT_COLUMNS, [experiment(name, "t2_spir", value) for name, value in values.items()])
    draw(table, {name: ["t2_spir"] for name in values})
    # The scale runs from 0 to 1.
    assert [colour for _, colour in cells(drawn[0].axes[0]).values()] == ["white", "white", "black"]
    assert [patch.get_edgecolor()[:3] for patch in drawn[0].axes[0].patches] == [(1, 1, 1), (1, 1, 1), (0, 0, 0)]


def test_each_cohort_has_a_panel_with_the_same_scale(table: Path, drawn: list[Figure]) -> None:
    rows = [
        experiment("on_t1", "t1_out_of_phase", 0.7),
        experiment("on_t1", "t1_in_phase", 0.6, cohort="test"),
        experiment("on_both", "t1_in_phase", 0.8, cohort="test"),
    ]
    write_tsv(table, EXPERIMENT_COLUMNS, rows)
    draw(table, TRAIN_ON)
    development, test, _ = drawn[0].axes
    assert [axes.get_title() for axes in (development, test)] == ["development cohort", "test cohort"]
    assert [axes.get_xlabel() for axes in (development, test)] == ["scored on", "scored on"]
    assert [place for place, _ in cells(development).items()] == [(1, 0)]
    assert {place: text.split("\n")[0] for place, (text, _) in cells(test).items()} == {
        (0, 0): "0.600",
        (0, 1): "0.800",
    }
    assert development.images[0].get_clim() == test.images[0].get_clim() == (0.5, 1)
    assert tick_labels(development, "x") == ["T1 in phase", "T1 out\nof phase"]
    assert tick_labels(development, "y") == ["T1 in phase\n(on_t1)", "T1 in phase + T2-SPIR\n(on_both)"]
    assert drawn[0].get_size_inches().tolist() == pytest.approx([3.4 + 2 * 2.8, 2.84])


def test_a_table_of_experiments_that_lacks_a_column_is_refused(table: Path) -> None:
    write_tsv(table, [name for name in EXPERIMENT_COLUMNS if name != "slices"], read_tsv(table))
    with pytest.raises(InputError, match=r"experiments\.tsv.*slices"):
        draw(table, TRAIN_ON)


def test_the_figure_has_the_same_bytes_each_time(table: Path) -> None:
    shared = {"experiments_table": table, "train_on": TRAIN_ON, "matrix_table": table.parent / "matrix.tsv"}
    assert_same_bytes(lambda png, svg: cross_sequence(**shared, png=png, svg=svg), table.parent)


def test_without_ground_truth_the_figure_says_so(table: Path, drawn: list[Figure]) -> None:
    write_tsv(table, EXPERIMENT_COLUMNS, [experiment("on_t1", "t1_in_phase", None)])
    draw(table, {"on_t1": ["t1_in_phase"]})
    assert texts_of(drawn[0]).count("no ground truth") == 1
    assert drawn[0].get_size_inches().tolist() == pytest.approx([5.1, 2.22])
    assert len(drawn[0].axes) == 1


def test_an_experiment_that_the_table_lacks_is_named(table: Path) -> None:
    with pytest.raises(InputError, match=r"experiments\.tsv: has no row of the experiment gone"):
        draw(table, {"on_t1": ["t1_in_phase"], "gone": ["t2_spir"]})
    assert not (table.parent / "matrix.tsv").exists()


def test_the_figure_looks_as_it_did(table: Path, drawn: list[Figure]) -> None:
    draw(table, TRAIN_ON)
    assert_looks_as_kept(drawn[0], "cross_sequence")
