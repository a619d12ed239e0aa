"""Dice along the organ: dome at 0, every patient with the same weight, slices without organ left out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
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

from chaosliver.base.columns import SLICE_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.figures.along_liver import GRID, PLACES, plot_along_liver, profiles_of, relative_positions
from chaosliver.measure.frames import read_frame
from chaosliver.measure.patient_statistics import mean_interval

BLUE, GREEN, GREY = "#0072B2", "#009E73", "#555555"


def volume(patient: str, dices: list[float], experiment: str = "base", **changes: Any) -> list[dict[str, Any]]:
    """A patient's slices from the feet to the head, 6 mm apart."""
    base = dict.fromkeys(SLICE_COLUMNS) | {"experiment": experiment, "fold": "0", "seed": "1", "patient": patient}
    base |= {"cohort": "development", "sequence": "t1_in_phase", "predicted_mm2": 9.0, "reference_mm2": 9.0} | changes
    return [
        {**base, "stem": f"IMG-{number}", "position_mm": 6.0 * number - 40, "dice": value}
        for number, value in enumerate(dices)
    ]


def read_back(folder: Path, rows: list[dict[str, Any]]) -> Path:
    write_tsv(folder / "slices.tsv", SLICE_COLUMNS, rows)
    return folder / "slices.tsv"


def profiles(folder: Path, rows: list[dict[str, Any]]) -> np.ndarray:
    frame = profiles_of(read_frame(read_back(folder, rows), SLICE_COLUMNS))
    return frame[PLACES].to_numpy()


def draw(
    folder: Path, rows: list[dict[str, Any]], experiments: list[str], organs: dict[str, str] | None = None
) -> None:
    table = read_back(folder, rows)
    pictures = {"png": folder / "along.png", "svg": folder / "along.svg"}
    plot_along_liver(slices_table=table, experiments=experiments, organs=organs or {}, **pictures)


def test_positions_are_compared_at_21_places() -> None:
    assert GRID.tolist() == pytest.approx([number / 20 for number in range(21)])
    assert list(range(21)) == PLACES


def test_the_dome_is_the_end_next_to_the_head() -> None:
    assert relative_positions(np.array([-40.0, -28.0, 20.0])).tolist() == [1.0, 0.8, 0.0]
    assert relative_positions(np.array([7.0])).tolist() == [0.5]


@given(st.lists(st.floats(-500, 500), min_size=2, max_size=40, unique=True))
def test_positions_run_from_0_to_1_against_the_normal(positions: list[float]) -> None:
    places = relative_positions(np.array(positions))
    assert (places.min(), places.max()) == (0, 1)
    assert np.argmax(positions) == np.argmin(places)


def test_the_tip_comes_last_and_slices_between_are_interpolated(tmp_path: Path) -> None:
    (profile,) = profiles(tmp_path, volume("1", [0.2, 0.6, 1.0]))
    assert profile == pytest.approx(1.0 - 0.8 * GRID)


def test_slices_stand_at_their_positions_whatever_their_order(tmp_path: Path) -> None:
    rows = volume("1", [0.2, 0.4, 1.0])
    rows[1]["position_mm"] = -31.0
    # 12 mm from dome to tip: the middle slice lies at 0.25.
    (profile,) = profiles(tmp_path, [rows[1], rows[0], rows[2]])
    assert profile == pytest.approx(np.interp(GRID, [0, 0.25, 1], [1.0, 0.4, 0.2]))


def test_slices_without_organ_and_without_ground_truth_do_not_count(tmp_path: Path) -> None:
    rows = volume("1", [0.9, 0.9, 0.9, 0.0])
    rows[3]["reference_mm2"] = 0.0
    assert profiles(tmp_path, rows).min() == pytest.approx(0.9)
    assert len(profiles(tmp_path, volume("1", [None, None], reference_mm2=None))) == 0
    # A slice whose Dice does not exist, as no grey logit gives it, is left out alone.
    assert profiles(tmp_path, volume("1", [0.9, None, 0.9])).min() == pytest.approx(0.9)


def test_patients_weigh_the_same_and_seeds_are_averaged(tmp_path: Path) -> None:
    rows = volume("1", [0.5] * 30) + volume("1", [0.7] * 30, seed="2") + volume("2", [0.9] * 3)
    found = profiles(tmp_path, rows)
    assert found.mean(axis=1).tolist() == pytest.approx([0.6, 0.9])


def test_the_profiles_of_two_draws_are_averaged_and_their_slices_never_joined(tmp_path: Path) -> None:
    """By hand, one seed: the draws have the same slices, so that joining them would alternate between both."""
    rows = volume("1", [0.2, 0.6, 1.0]) + volume("1", [0.4, 0.4, 0.4], fold="4") + volume("2", [0.9] * 3, fold="3")
    first, second = profiles(tmp_path, rows)
    assert first == pytest.approx(0.7 - 0.4 * GRID)
    assert second == pytest.approx(np.full(21, 0.9))


def test_a_row_says_whose_profile_it_is(tmp_path: Path) -> None:
    rows = volume("1", [0.5, 0.6]) + volume("1", [0.7, 0.8], sequence="t2_spir") + volume("9", [0.1], "other")
    frame = profiles_of(read_frame(read_back(tmp_path, rows), SLICE_COLUMNS))
    assert list(frame.columns) == ["experiment", "cohort", "sequence", "patient", *PLACES]
    keys = frame[["experiment", "cohort", "sequence", "patient"]].to_numpy().tolist()
    assert keys == [
        ["base", "development", "t1_in_phase", "1"],
        ["base", "development", "t2_spir", "1"],
        ["other", "development", "t1_in_phase", "9"],
    ]
    assert frame[0].tolist() == pytest.approx([0.6, 0.8, 0.1])


def several() -> list[dict[str, Any]]:
    """Two experiments, two sequences and two cohorts; the dome always lies 0.2 below the tip."""
    rows = []
    for number in range(8):
        rows += volume(str(number), [0.5 + number / 100, 0.3 + number / 100])
        rows += volume(str(number), [0.7, 0.5], "new")
    rows += volume("0", [0.9, 0.7], "base", sequence="t2_spir") + volume("0", [0.95, 0.75], "new", sequence="t2_spir")
    return rows + volume("90", [0.6, 0.4], "new", cohort="test", sequence="t2_spir")


def test_each_experiment_has_a_panel_per_cohort_with_the_mean_of_each_sequence(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    draw(tmp_path, several(), ["base", "new", "never_run"])
    assert [axes.get_title() for axes in drawn[0].axes] == [
        "base\ndevelopment cohort",
        "new\ndevelopment cohort",
        "new\ntest cohort",
    ]
    solid = [
        {line.get_color(): points_of(line) for line in axes.lines if line.get_linestyle() != "--"}
        for axes in drawn[0].axes
    ]
    expected = [{BLUE: 0.335, GREEN: 0.7}, {BLUE: 0.5, GREEN: 0.75}, {GREEN: 0.4}]
    assert [set(panel) for panel in solid] == [set(panel) for panel in expected]
    for panel, domes in zip(solid, expected, strict=True):
        for colour, dome in domes.items():
            assert_near(panel[colour], np.stack([GRID, dome + 0.2 * GRID], axis=1))
    assert [line.get_linestyle() for line in drawn[0].axes[2].lines] == [":"]


def test_the_band_is_the_interval_of_the_mean_where_there_are_enough_patients(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    draw(tmp_path, several(), ["base"])
    (band,) = drawn[0].axes[0].collections
    low, high = mean_interval(np.array([0.3 + number / 100 for number in range(8)]))
    corners = band.get_paths()[0].vertices
    at_dome = corners[corners[:, 0] == 0][:, 1]
    assert (at_dome.min(), at_dome.max()) == pytest.approx((low, high))
    rows = [row for number in range(6) for row in volume(str(number), [0.5 + number / 100])]
    draw(tmp_path, rows, ["base"])
    draw(tmp_path, [row for row in rows if row["patient"] != "5"], ["base"])
    assert [len(figure.axes[0].collections) for figure in drawn] == [1, 1, 0]


def test_the_first_experiment_of_a_cohort_is_dashed_in_the_others_panels(tmp_path: Path, drawn: list[Figure]) -> None:
    rows = several() + volume("90", [0.2, 0.1], "other", cohort="test", sequence="t2_spir")
    draw(tmp_path, rows, ["base", "new", "other"])
    dashed = [[points_of(line) for line in lines_with(axes, color=GREY, linestyle="--")] for axes in drawn[0].axes]
    base = np.stack([GRID, 0.335 + 0.2 * GRID], axis=1)
    first_of_test = np.stack([GRID, 0.4 + 0.2 * GRID], axis=1)
    assert [len(lines) for lines in dashed] == [0, 1, 0, 1]
    assert_near(dashed[1][0], base)
    assert_near(dashed[3][0], first_of_test)


def test_another_organ_is_named_and_not_compared(tmp_path: Path, drawn: list[Figure]) -> None:
    rows = several() + volume("0", [0.1, 0.1], "kidney")
    draw(tmp_path, rows, ["base", "new", "kidney"], {"kidney": "left_kidney"})
    assert "kidney\n(left kidney)\ndevelopment cohort" in texts_of(drawn[0])
    assert [len(lines_with(axes, color=GREY)) for axes in drawn[0].axes] == [0, 1, 0, 0]
    assert ("base, T1 in phase", GREY, "None", "--") in legend_of(drawn[0])
    draw(tmp_path, rows, ["base", "kidney"], {"kidney": "left_kidney"})
    assert [name for name, *_ in legend_of(drawn[1])] == ["T1 in phase, development", "T2-SPIR, development"]


def test_the_legend_names_the_lines(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, several(), ["base", "new"])
    assert legend_of(drawn[0]) == [
        ("T1 in phase, development", BLUE, "None", "-"),
        ("T2-SPIR, development", GREEN, "None", "-"),
        ("T2-SPIR, test", GREEN, "None", ":"),
        ("base, T1 in phase", GREY, "None", "--"),
    ]
    draw(tmp_path, volume("1", [0.5, 0.8]), ["base"])
    assert legend_of(drawn[1]) == [("T1 in phase", BLUE, "None", "-")]


def test_the_axes_run_from_dome_to_tip_and_from_0_to_1(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, volume("1", [0.5, 0.8]), ["base"])
    axes = drawn[0].axes[0]
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 1), (-0.02, 1.02))
    assert axes.get_xticks().tolist() == [0, 0.5, 1]
    assert tick_labels(axes, "x") == ["dome", "0.5", "tip"]
    sides = [label.get_horizontalalignment() for label in axes.get_xticklabels()]
    assert sides == ["left", "center", "right"]
    assert axes.get_title() == "base"
    assert {"Dice of the slice", "Dice by relative position along the organ"} <= set(texts_of(drawn[0]))
    assert drawn[0].get_size_inches().tolist() == pytest.approx([7, 3.0])


def test_many_experiments_stand_in_several_rows_of_panels(tmp_path: Path, drawn: list[Figure]) -> None:
    names = [f"experiment_with_a_long_name_{number}" for number in range(9)]
    draw(tmp_path, [row for name in names for row in volume("1", [0.5, 0.8], name)], names)
    titles = [axes.get_title().replace("\n", "") for axes in drawn[0].axes]
    assert titles == names
    assert drawn[0].get_size_inches().tolist() == pytest.approx([10.8, 7.2])


def test_without_ground_truth_the_figure_says_so(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, volume("1", [None], reference_mm2=None), ["base"])
    assert texts_of(drawn[0]).count("no ground truth") == 1
    assert not drawn[0].legends


def test_the_figure_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    shared = {"slices_table": read_back(tmp_path, several()), "experiments": ["base", "new"], "organs": {}}
    assert_same_bytes(lambda png, svg: plot_along_liver(**shared, png=png, svg=svg), tmp_path)


def test_the_figure_looks_as_it_did(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, several(), ["base", "new"])
    assert_looks_as_kept(drawn[0], "along_liver")
