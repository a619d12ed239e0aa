"""Bland-Altman: bias and limits by hand, and a panel for each experiment, sequence and cohort."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from unit.figures.looking import assert_near, assert_same_bytes, lines_with, points_of, texts_of
from unit.figures.looks import assert_looks_as_kept

from chaosliver.base.columns import PATIENT_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.figures.volumes import agreement, plot_volumes

MINUS = "\N{MINUS SIGN}"
BLUE, GREEN = "#0072B2", "#009E73"


def row(experiment: str, patient: str, reference: float | None, predicted: float, **changes: Any) -> dict[str, Any]:
    base = dict.fromkeys(PATIENT_COLUMNS) | {"experiment": experiment, "fold": "0", "seed": "1", "patient": patient}
    base |= {"cohort": "development", "sequence": "t1_in_phase"}
    return base | {"reference_ml": reference, "predicted_ml": predicted} | changes


# Differences of the first experiment -20 (mean of two seeds), -20, -30, -40, with means 990, 1010, 1015, 1020 mL.
ROWS = [
    row("base", "1", 1000.0, 990.0),
    row("base", "1", 1000.0, 970.0, seed="2"),
    row("base", "2", 1020.0, 1000.0),
    row("base", "3", 1030.0, 1000.0),
    row("base", "4", 1040.0, 1000.0),
    row("base", "9", 900.0, 950.0, cohort="test", sequence="t2_spir"),
    row("base", "8", None, 900.0, cohort="test", sequence="t2_spir"),
    row("kidney", "1", 100.0, 130.0),
    row("kidney", "2", 110.0, 110.0),
    row("kidney", "3", 120.0, 180.0),
]


def draw(folder: Path, rows: list[dict[str, Any]], *experiments: str, organs: dict[str, str] | None = None) -> None:
    write_tsv(folder / "patients.tsv", PATIENT_COLUMNS, rows)
    pictures = {"png": folder / "volumes.png", "svg": folder / "volumes.svg"}
    table = folder / "patients.tsv"
    plot_volumes(patients_table=table, experiments=list(experiments), organs=organs or {}, **pictures)


def test_bias_and_limits() -> None:
    found = agreement(np.array([-10.0, 0.0, 10.0, 40.0]))
    spread = 1.96 * np.sqrt((20**2 + 10**2 + 0 + 30**2) / 3)
    assert found == pytest.approx((10, 10 - spread, 10 + spread))
    assert agreement(np.array([1.0, 2.0])) is None
    assert agreement(np.array([1.0, 2.0, 3.0])) == pytest.approx((2, 0.04, 3.96))


def test_each_experiment_sequence_and_cohort_has_a_panel(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ROWS, "kidney", "never_run", "base", organs={"kidney": "left_kidney"})
    assert [axes.get_title().replace(MINUS, "-") for axes in drawn[0].axes] == [
        "kidney\n(left kidney)\nT1 in phase, development\nbias +30, limits -29 to +89 mL",
        "base\nT1 in phase, development\nbias -28, limits -46 to -9 mL",
        "base\nT2-SPIR, test\ntoo few patients for limits",
    ]
    assert {"Mean of prediction and ground truth (mL)", "Prediction minus ground truth (mL)"} <= set(texts_of(drawn[0]))
    assert "-46" not in " ".join(texts_of(drawn[0]))
    assert drawn[0].get_size_inches().tolist() == pytest.approx([8.1, 3.2])


def test_points_are_the_patients_differences_over_their_means(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ROWS, "base")
    (points,) = lines_with(drawn[0].axes[0], marker="o", color=BLUE)
    assert_near(points_of(points), [[990, -20], [1010, -20], [1015, -30], [1020, -40]])
    (points,) = lines_with(drawn[0].axes[1], marker="D", color=GREEN)
    assert_near(points_of(points), [[925, 50]])


def test_lines_stand_at_zero_bias_and_limits(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ROWS, "base")
    bias, spread = -27.5, 1.96 * np.sqrt((7.5**2 + 7.5**2 + 2.5**2 + 12.5**2) / 3)
    first, second = drawn[0].axes
    heights = [
        [line.get_ydata()[0] for line in lines_with(first, color=colour, linestyle=style, marker="None")]
        for colour, style in (("#000000", "-"), (BLUE, "-"), (BLUE, "--"))
    ]
    assert heights[:2] == [[0], [bias]]
    assert heights[2] == pytest.approx([bias - spread, bias + spread])
    assert [line.get_ydata()[0] for line in lines_with(second, marker="None")] == [0]


def test_the_figure_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    write_tsv(tmp_path / "patients.tsv", PATIENT_COLUMNS, ROWS)
    shared = {"patients_table": tmp_path / "patients.tsv", "experiments": ["base", "kidney"], "organs": {}}
    assert_same_bytes(lambda png, svg: plot_volumes(**shared, png=png, svg=svg), tmp_path)


def test_without_ground_truth_the_figure_says_so(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [row("base", "1", None, 900.0)], "base")
    draw(tmp_path, ROWS, "base")
    assert [texts_of(figure).count("no ground truth") for figure in drawn] == [1, 0]


def test_the_figure_looks_as_it_did(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ROWS, "base", "kidney", organs={"kidney": "left_kidney"})
    assert_looks_as_kept(drawn[0], "volumes")
