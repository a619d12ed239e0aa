"""The learning curve: which experiments it joins, its intervals, and what a single number of patients gives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from unit.figures.looking import (
    assert_near,
    assert_same_bytes,
    legend_of,
    lines_with,
    points_of,
    texts_of,
    tick_labels,
)
from unit.figures.looks import assert_looks_as_kept

from chaosliver.base.columns import MEASURES, PATIENT_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.figures.learning_curve import plot_learning_curve
from chaosliver.figures.style import DICE_PANELS
from chaosliver.measure.patient_statistics import mean_interval

BLUE, GREEN = "#0072B2", "#009E73"


def row(experiment: str, patient: str, dice: float | None, **changes: Any) -> dict[str, Any]:
    """A patient whose three Dice differ: 0.05 higher on slices with organ, 0.1 higher in 3D."""
    measures = {name: None if dice is None else dice + n / 20 for n, name in enumerate(DICE_PANELS)}
    base = dict.fromkeys(PATIENT_COLUMNS) | dict.fromkeys(MEASURES, 9.0) | measures
    base |= {"experiment": experiment, "fold": "0", "seed": "1", "cohort": "development", "patient": patient}
    return base | {"sequence": "t1_in_phase"} | changes


def table(folder: Path, further: list[dict[str, Any]] | None = None) -> Path:
    """Seven patients, 0.01 apart, with Dice 0.6, 0.7 and 0.8 of `few`, `middle` and `many` for the first of them."""
    dices = {"few": 0.6, "many": 0.8, "middle": 0.7, "other": 0.1}
    rows = [row(name, str(n), dice + n / 100) for name, dice in dices.items() for n in range(7)]
    rows.append(row("many", "8", None, cohort="test"))
    write_tsv(folder / "patients.tsv", PATIENT_COLUMNS, rows + (further or []))
    return folder / "patients.tsv"


def draw(folder: Path, numbers: dict[str, float], further: list[dict[str, Any]] | None = None) -> None:
    pictures = {"png": folder / "curve.png", "svg": folder / "curve.svg"}
    plot_learning_curve(patients_table=table(folder, further), training_patients=numbers, **pictures)


def curves(figure: Figure) -> list[list[list[float]]]:
    return [points_of(line) for axes in figure.axes for line in lines_with(axes, linewidth=1.6)]


def test_the_curve_of_each_measure_rises_with_the_number_whatever_the_order(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    draw(tmp_path, {"many": 12, "few": 4, "middle": 8.5})
    assert [axes.get_title() for axes in drawn[0].axes] == list(DICE_PANELS.values())
    for n, curve in enumerate(curves(drawn[0])):
        assert_near(curve, [[4, 0.63 + n / 20], [8.5, 0.73 + n / 20], [12, 0.83 + n / 20]])
    assert len(curves(drawn[0])) == 3
    assert [axes.get_xlabel() for axes in drawn[0].axes] == ["Training patients"] * 3
    assert [axes.get_ylabel() for axes in drawn[0].axes] == ["Dice", "", ""]


def test_each_patient_has_a_line_and_a_point_at_each_number(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, {"many": 12, "few": 4})
    for n, axes in enumerate(drawn[0].axes):
        patients = [0.6 + number / 100 + n / 20 for number in range(7)]
        lines = [points_of(line) for line in lines_with(axes, linewidth=0.4, color=BLUE)]
        assert_near(lines, [[[4, dice], [12, dice + 0.2]] for dice in patients])
        at_few, at_many = (points_of(line) for line in lines_with(axes, marker=".", color=BLUE))
        assert_near(at_few, [[4, dice] for dice in patients])
        assert_near(at_many, [[12, dice + 0.2] for dice in patients])


def test_an_interval_stands_at_each_number_of_enough_patients(tmp_path: Path, drawn: list[Figure]) -> None:
    few = [row("fewest", str(n), 0.5) for n in range(5)]
    draw(tmp_path, {"many": 12, "few": 4, "fewest": 2}, few)
    for n, axes in enumerate(drawn[0].axes):
        intervals = [points_of(line) for line in lines_with(axes, linewidth=3, color=BLUE)]
        expected = []
        for number, dice in ((4, 0.6), (12, 0.8)):
            ends = mean_interval(np.array([dice + patient / 100 + n / 20 for patient in range(7)]))
            expected.append([[number, end] for end in ends])
        assert_near(intervals, expected)


def test_a_patient_without_one_of_the_numbers_has_a_point_at_the_other(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, {"many": 12, "few": 4}, [row("many", "7", 0.95)])
    at_few, at_many = (points_of(line) for line in lines_with(drawn[0].axes[0], marker="."))
    assert (len(at_few), len(at_many)) == (7, 8)
    assert_near(curves(drawn[0])[0], [[4, 0.63], [12, (7 * 0.83 + 0.95) / 8]])


def test_groups_stand_beside_each_other_around_their_numbers(tmp_path: Path, drawn: list[Figure]) -> None:
    further = [row(name, str(n), 0.4, sequence="t2_spir") for name in ("few", "many") for n in range(2)]
    draw(tmp_path, {"many": 12, "few": 4}, further)
    # A step of 0.08 and 2 % of the 8 patients between the numbers, half of it to each side.
    first, second = (points_of(line) for line in lines_with(drawn[0].axes[0], linewidth=1.6))
    assert_near(first, [[3.88, 0.63], [11.88, 0.83]])
    assert_near(second, [[4.12, 0.4], [12.12, 0.4]])
    assert_near(
        [points_of(line)[0] for line in lines_with(drawn[0].axes[0], marker=".", color=GREEN)],
        [[4.12, 0.4], [12.12, 0.4]],
    )
    (line,) = {points_of(line)[0][0] for line in lines_with(drawn[0].axes[0], linewidth=0.4, color=GREEN)}
    assert line == 4.12
    ends = [points_of(line)[0][0] for line in lines_with(drawn[0].axes[0], linewidth=3)]
    assert ends == [3.88, 11.88]
    assert legend_of(drawn[0]) == [("T1 in phase", BLUE, "o", "-"), ("T2-SPIR", GREEN, "o", "-")]


def test_seeds_are_averaged_before_patients(tmp_path: Path, drawn: list[Figure]) -> None:
    further = [row("few", "0", 0.6 + change, seed=seed) for seed, change in (("2", 0.03), ("3", 0.33))]
    draw(tmp_path, {"few": 4}, further)
    # Patient 0 has (0.6 + 0.63 + 0.93) / 3 = 0.72 in place of 0.6.
    assert_near(curves(drawn[0])[0], [[4, 0.63 + 0.12 / 7]])


def test_the_axis_has_the_numbers_and_a_margin(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, {"many": 12, "few": 4, "middle": 8.4666})
    axes = drawn[0].axes[0]
    assert axes.get_xlim() == pytest.approx((2.7, 13.3))
    assert axes.get_xticks().tolist() == [4, 8.4666, 12]
    assert tick_labels(axes, "x") == ["4", "8.47", "12"]
    assert drawn[0].axes[2].get_xlim() == axes.get_xlim()
    axes.set_ylim(0.1, 0.2)
    assert drawn[0].axes[2].get_ylim() == (0.1, 0.2)
    assert drawn[0].get_size_inches().tolist() == pytest.approx([10, 3.6])


def test_a_single_number_gives_a_point(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, {"few": 4})
    assert_near(curves(drawn[0])[0], [[4, 0.63]])
    assert drawn[0].axes[0].get_xlim() == (3.5, 4.5)


def test_experiments_of_one_number_are_one_point(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, {"few": 4, "many": 4})
    assert_near(curves(drawn[0])[0], [[4, 0.73]])


def test_a_cohort_has_its_marker_and_line(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, {"few": 4}, [row("few", "90", 0.3, cohort="test")])
    marks = [(line.get_marker(), line.get_linestyle()) for line in lines_with(drawn[0].axes[0], linewidth=1.6)]
    assert marks == [("o", "-"), ("D", ":")]
    assert legend_of(drawn[0])[1] == ("T1 in phase, test", BLUE, "D", ":")


def test_without_ground_truth_the_figure_says_so(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, {"never_run": 4})
    draw(tmp_path, {"few": 4})
    assert [texts_of(figure).count("no ground truth") for figure in drawn] == [3, 0]


def test_the_figure_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    shared = {"patients_table": table(tmp_path), "training_patients": {"few": 4, "many": 8}}
    assert_same_bytes(lambda png, svg: plot_learning_curve(**shared, png=png, svg=svg), tmp_path)


def test_the_figure_looks_as_it_did(tmp_path: Path, drawn: list[Figure]) -> None:
    further = [row(name, str(n), 0.4, sequence="t2_spir") for name in ("few", "many") for n in range(2)]
    draw(tmp_path, {"many": 12, "few": 4}, further)
    assert_looks_as_kept(drawn[0], "learning_curve")
