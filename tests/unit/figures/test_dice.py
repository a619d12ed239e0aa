"""The box plots of Dice: whose points stand where, what is joined, and the lines of boxes and medians."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from unit.figures.looking import assert_near, assert_same_bytes, lines_with, points_of, texts_of, tick_labels
from unit.figures.looks import assert_looks_as_kept

from chaosliver.base.columns import MEASURES, PATIENT_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.figures.dice import plot_dice
from chaosliver.figures.style import DICE_PANELS

# Seaborn 0.13 still names the orientation as matplotlib 3.11 no longer likes it.
pytestmark = pytest.mark.filterwarnings("ignore:vert. bool was deprecated")

BLUE, GREEN = "#0072B2", "#009E73"


def row(experiment: str, patient: str, dice: float | None, **changes: Any) -> dict[str, Any]:
    """A patient whose three Dice differ: 0.01 higher on slices with organ, 0.02 higher in 3D."""
    measures = {name: None if dice is None else dice + n / 100 for n, name in enumerate(DICE_PANELS)}
    base = dict.fromkeys(PATIENT_COLUMNS) | dict.fromkeys(MEASURES, 9.0) | measures
    base |= {"experiment": experiment, "fold": "0", "seed": "1", "cohort": "development", "patient": patient}
    return base | {"sequence": "t1_in_phase", "slices": 30} | changes


def dices(experiment: str, values: list[float], **changes: Any) -> list[dict[str, Any]]:
    return [row(experiment, str(number), value, **changes) for number, value in enumerate(values)]


# Two seeds of patient 0, whose mean is 0.8; a second sequence without the third experiment; a test cohort.
ROWS = [
    *dices("base", [0.9, 0.82, 0.84, 0.88]),
    row("base", "0", 0.7, seed="2"),
    *dices("new", [0.85, 0.75, 0.95]),
    *dices("kidney", [0.5, 0.6]),
    *dices("base", [0.3, 0.4], sequence="t2_spir"),
    *dices("new", [0.35, 0.31], sequence="t2_spir"),
    row("base", "90", 0.6, cohort="test", fold="all", seed="all"),
    row("base", "91", None, cohort="test", fold="all", seed="all"),
    row("unrelated", "0", 0.1),
]


def draw(folder: Path, experiments: list[str], organs: dict[str, str] | None = None) -> None:
    write_tsv(folder / "patients.tsv", PATIENT_COLUMNS, ROWS)
    plot_dice(
        patients_table=folder / "patients.tsv",
        experiments=experiments,
        organs=organs or {},
        png=folder / "dice.png",
        svg=folder / "dice.svg",
    )


def scatter(axes: Axes) -> list[list[list[float]]]:
    """The points of each experiment, from left to right."""
    return [sorted(np.round(np.asarray(points.get_offsets()), 9).tolist()) for points in axes.collections]


def test_each_panel_shows_its_own_measure_with_seeds_averaged(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ["base", "new"])
    for number, axes in enumerate(drawn[0].axes[:3]):
        base, new = scatter(axes)
        assert_near(base, [[value + number / 100, 0] for value in (0.8, 0.82, 0.84, 0.88)])
        assert_near(new, [[value + number / 100, 1] for value in (0.75, 0.85, 0.95)])
    titles = [axes.get_title("left").split("\n")[1] for axes in drawn[0].axes[:3]]
    assert titles == ["Mean over all slices", "Mean over slices with organ", "Whole volume (3D)"]


def test_each_sequence_and_cohort_has_a_row_with_its_own_experiments(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ["new", "base", "kidney"])
    rows = [drawn[0].axes[start : start + 3] for start in (0, 3, 6)]
    titles = [row[0].get_title("left").split("\n")[0] for row in rows]
    assert titles == ["T1 in phase, development", "T2-SPIR, development", "T1 in phase, test"]
    assert all(axes.get_title("left").startswith("\n") for row in rows for axes in row[1:])
    assert [tick_labels(row[0], "y") for row in rows] == [["new", "base", "kidney"], ["new", "base"], ["base"]]
    assert_near(scatter(rows[1][2])[0], [[0.33, 0], [0.37, 0]])
    assert_near(scatter(rows[2][0])[0], [[0.6, 0]])
    assert drawn[0].get_size_inches().tolist() == pytest.approx([10, 0.4 + 3 * 0.9 + 0.3 * 6])
    assert [axes.get_xlabel() for axes in drawn[0].axes] == [""] * 6 + ["Dice"] * 3
    assert {axes.get_ylabel() for axes in drawn[0].axes} == {""}


def test_a_group_has_its_colour_and_a_cohort_its_marker(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ["base"])
    points = [drawn[0].axes[place].collections[0] for place in (0, 3, 6)]
    assert [to_hex(each.get_facecolor()[0]).upper() for each in points] == [BLUE, GREEN, BLUE]
    round_one, diamond = points[1].get_paths()[0].vertices, points[2].get_paths()[0].vertices
    assert len(round_one) > len(diamond) == 5


def test_a_patients_points_are_joined_in_the_order_of_the_experiments(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ["new", "base"])
    joined = [points_of(line) for line in lines_with(drawn[0].axes[2], color="#888888")]
    expected = [[[0.87, 0], [0.82, 1]], [[0.77, 0], [0.84, 1]], [[0.97, 0], [0.86, 1]], [[np.nan, 0], [0.90, 1]]]
    for found, points in zip(joined, expected, strict=True):
        assert found == pytest.approx(np.array(points), nan_ok=True)


def test_another_organ_is_named_and_no_patients_points_are_joined_to_it(tmp_path: Path, drawn: list[Figure]) -> None:
    organs = {"kidney": "left_kidney", "new": "left_kidney"}
    draw(tmp_path, ["base", "kidney", "new"], organs)
    assert tick_labels(drawn[0].axes[0], "y") == ["base", "kidney\n(left kidney)", "new\n(left kidney)"]
    joined = [points_of(line)[0][1] for line in lines_with(drawn[0].axes[0], color="#888888")]
    assert set(joined) == {1}
    draw(tmp_path, ["base", "kidney", "new"])
    joined = [points_of(line)[0][1] for line in lines_with(drawn[1].axes[0], color="#888888")]
    assert set(joined) == {0, 1}


def test_a_dashed_line_stands_at_the_first_experiments_median(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ["base", "new"])
    for axes, median in zip(drawn[0].axes[:6], (0.83, 0.84, 0.85, 0.35, 0.36, 0.37), strict=True):
        (line,) = lines_with(axes, color="#000000", linestyle="--")
        assert line.get_xdata() == pytest.approx([median, median])


def test_boxes_end_at_the_quartiles_and_hide_no_point(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ["base"])
    (box,) = drawn[0].axes[0].patches
    corners = box.get_path().vertices
    assert (corners[:, 0].min(), corners[:, 0].max()) == pytest.approx(
        np.quantile([0.8, 0.82, 0.84, 0.88], [0.25, 0.75])
    )
    assert (corners[:, 1].min(), corners[:, 1].max()) == pytest.approx((-0.325, 0.325))
    assert box.get_alpha() == 0.35
    assert not lines_with(drawn[0].axes[0], marker="o")


def test_the_axis_begins_below_the_lowest_point_of_any_panel(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ["base", "new"])
    # Lowest values 0.75, 0.3 and 0.6 over all three measures, in steps of 0.05, at least 0.025 below.
    limits = [axes.get_xlim() for axes in drawn[0].axes]
    assert_near(limits, [(0.7, 1.02)] * 3 + [(0.25, 1.02)] * 3 + [(0.55, 1.02)] * 3)
    write_tsv(tmp_path / "low.tsv", PATIENT_COLUMNS, dices("base", [0.0, 0.5]))
    pictures = {"png": tmp_path / "low.png", "svg": tmp_path / "low.svg"}
    plot_dice(patients_table=tmp_path / "low.tsv", experiments=["base"], organs={}, **pictures)
    assert drawn[1].axes[0].get_xlim() == (-0.02, 1.02)


def test_without_ground_truth_the_figure_says_so(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ["never_run"])
    assert texts_of(drawn[0]).count("no ground truth") == 3
    draw(tmp_path, ["base"])
    assert "no ground truth" not in texts_of(drawn[1])


def test_the_figure_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    write_tsv(tmp_path / "patients.tsv", PATIENT_COLUMNS, ROWS)
    shared = {"patients_table": tmp_path / "patients.tsv", "experiments": ["base", "new"], "organs": {}}
    assert_same_bytes(lambda png, svg: plot_dice(**shared, png=png, svg=svg), tmp_path)
    assert not plt.get_fignums()


def test_the_figure_looks_as_it_did(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ["base", "new", "kidney"], {"kidney": "left_kidney"})
    assert_looks_as_kept(drawn[0], "dice")


def test_of_many_patients_only_those_beyond_the_whiskers_have_points(tmp_path: Path, drawn: list[Figure]) -> None:
    """101 patients: a hundred from 0.80 to 0.899 in steps of 0.001, and one at 0.3."""
    values = [*(0.8 + number / 1000 for number in range(100)), 0.3]
    write_tsv(tmp_path / "patients.tsv", PATIENT_COLUMNS, [*dices("base", values), *dices("new", values)])
    plot_dice(
        patients_table=tmp_path / "patients.tsv",
        experiments=["base", "new"],
        organs={},
        png=tmp_path / "dice.png",
        svg=tmp_path / "dice.svg",
    )
    axes = drawn[0].axes[0]
    assert not axes.collections
    single = [line.get_xdata().tolist() for line in axes.lines if line.get_marker() not in ("", "None", None)]
    assert single == [[0.3], [0.3]]
    assert [line for line in axes.lines if to_hex(line.get_color()) == "#888888"] == []
