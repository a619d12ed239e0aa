"""The forest plot: what it compares with what, and what lies beyond the edge."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from unit.figures.looking import assert_near, assert_same_bytes, lines_with, points_of, texts_of, tick_labels
from unit.figures.looks import assert_looks_as_kept

from chaosliver.base.columns import COMPARISON_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.figures.differences import WIDEST, plot_differences
from chaosliver.figures.style import DICE_PANELS

BLUE, GREEN = "#0072B2", "#009E73"


def comparison(experiment: str, mean: float, **changes: Any) -> list[dict[str, Any]]:
    """By three measures of Dice, each 0.01 higher than the one before, and by a distance that is not drawn."""
    base = dict.fromkeys(COMPARISON_COLUMNS) | {"baseline": "first", "cohort": "development", "sequence": "t1_in_phase"}
    rows = []
    for number, measure in enumerate([*DICE_PANELS, "assd_mm"]):
        shown = mean + number / 100
        numbers = {"mean_difference": shown, "ci_low": shown - 0.01, "ci_high": shown + 0.02}
        rows.append(base | {"experiment": experiment, "measure": measure} | numbers | changes)
    return rows


def points(figure: Figure, panel: int) -> list[tuple[float, float, str, str]]:
    """Place (x, y), marker and fill of each point of a panel."""
    lines = [line for line in figure.axes[panel].lines if line.get_marker() != "None"]
    return [(*points_of(line)[0], line.get_marker(), line.get_markerfacecolor()) for line in lines]


def draw(folder: Path, rows: list[dict[str, Any]]) -> None:
    write_tsv(folder / "comparisons.tsv", COMPARISON_COLUMNS, rows)
    pictures = {"png": folder / "drawn.png", "svg": folder / "drawn.svg"}
    plot_differences(comparisons_table=folder / "comparisons.tsv", **pictures)


def test_each_baseline_and_sequence_has_its_row_of_panels(tmp_path: Path, drawn: list[Figure]) -> None:
    rows = [*comparison("new", 0.01), *comparison("put_right", 0.03, baseline="published")]
    draw(tmp_path, rows + comparison("new", -0.05, sequence="t2_spir") + comparison("newer", 0.0))
    figure = drawn[0]
    titles = [axes.get_title("left").split("\n") for axes in figure.axes]
    assert [title[0] for title in titles[::3]] == [
        "Against first, T1 in phase",
        "Against first, T2-SPIR",
        "Against published, T1 in phase",
    ]
    assert all(title[0] == "" for number, title in enumerate(titles) if number % 3)
    assert [title[1] for title in titles] == list(DICE_PANELS.values()) * 3
    assert [tick_labels(axes, "y") for axes in figure.axes[::3]] == [["new", "newer"], ["new"], ["put_right"]]
    assert [axes.get_ylim() for axes in figure.axes[::3]] == [(1.5, -0.5), (0.5, -0.5), (0.5, -0.5)]
    assert [axes.get_xlabel() for axes in figure.axes] == [""] * 6 + ["Difference in Dice"] * 3
    assert figure.get_size_inches().tolist() == pytest.approx([10, 0.6 + 3 * 0.9 + 0.22 * 4])


def test_each_panel_shows_its_own_measure_at_each_experiments_place(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [*comparison("new", 0.01), *comparison("newer", -0.04)])
    for number in range(3):
        found = points(drawn[0], number)
        assert_near([place[:2] for place in found], [[0.01 + number / 100, 0], [-0.04 + number / 100, 1]])
        assert {place[2] for place in found} == {"o"}
        intervals = [points_of(line) for line in lines_with(drawn[0].axes[number], linewidth=1.6, color=BLUE)]
        ends = [(0.01 + number / 100, 0), (-0.04 + number / 100, 1)]
        assert_near(intervals, [[[mean - 0.01, place], [mean + 0.02, place]] for mean, place in ends])
        assert [text.get_text() for text in drawn[0].axes[number].texts] == [
            f"{mean:+.3f} [{mean - 0.01:+.3f}, {mean + 0.02:+.3f}]" for mean, _ in ends
        ]
        assert [text.get_position() for text in drawn[0].axes[number].texts] == [(1.05, 0), (1.05, 1)]
        (zero,) = lines_with(drawn[0].axes[number], color="#000000")
        assert zero.get_xdata() == [0, 0]


def test_sequences_and_cohorts_have_their_colours_and_markers(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [*comparison("new", 0.01, sequence="t2_spir", cohort="test"), *comparison("new", 0.02)])
    assert [points(drawn[0], panel)[0][2] for panel in (0, 3)] == ["o", "D"]
    colours = [drawn[0].axes[panel].lines[0].get_color() for panel in (0, 3)]
    assert colours == [BLUE, GREEN]


def test_the_axis_ends_a_tenth_beyond_the_farthest_interval(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [*comparison("new", -0.06), *comparison("newer", 0.03)])
    # The farthest ends: -0.07, then -0.06, then 0.07.
    assert [axes.get_xlim() for axes in drawn[0].axes] == [
        pytest.approx((-1.1 * end, 1.1 * end)) for end in (0.07, 0.06, 0.07)
    ]
    draw(tmp_path, comparison("new", 0.0, mean_difference=0.001, ci_low=-0.001, ci_high=0.002))
    assert drawn[1].axes[0].get_xlim() == pytest.approx((-0.022, 0.022))


def test_what_lies_beyond_the_edge_is_an_arrow_and_leaves_the_scale_to_the_others(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    draw(tmp_path, [*comparison("fails", -0.7), *comparison("new", 0.03), *comparison("wins", 0.2)])
    edge = drawn[0].axes[0].get_xlim()[1]
    assert edge == pytest.approx(1.1 * 0.05)
    assert [point[:3] for point in points(drawn[0], 0)] == [
        (pytest.approx(-edge), 0, "<"),
        (pytest.approx(0.03), 1, "o"),
        (pytest.approx(edge), 2, ">"),
    ]
    intervals = [points_of(line) for line in lines_with(drawn[0].axes[0], linewidth=1.6)]
    assert_near(intervals[0], [[-edge, 0], [-edge, 0]])
    assert drawn[0].axes[0].texts[0].get_text() == "-0.700 [-0.710, -0.680]"


def test_the_axis_is_never_wider_than_the_widest(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, comparison("new", 0.0, mean_difference=WIDEST, ci_low=-0.3, ci_high=0.4))
    assert drawn[0].axes[0].get_xlim() == (-WIDEST, WIDEST) == (-0.15, 0.15)
    assert points(drawn[0], 0)[0][:3] == (0.15, 0, "o")
    (interval,) = lines_with(drawn[0].axes[0], linewidth=1.6)
    assert points_of(interval) == [[-0.15, 0], [0.15, 0]]


def test_too_few_patients_have_a_point_without_an_interval(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, comparison("new", 0.03, ci_low=None, ci_high=None))
    assert points(drawn[0], 2)[0][0] == pytest.approx(0.05)
    assert drawn[0].axes[0].texts[0].get_text() == "+0.030"


def test_a_comparison_without_a_pair_of_patients_is_left_out(tmp_path: Path, drawn: list[Figure]) -> None:
    unpaired = comparison("unpaired", 0.0, mean_difference=None, ci_low=None, ci_high=None)
    draw(tmp_path, [*unpaired, *comparison("new", 0.03)])
    assert tick_labels(drawn[0].axes[0], "y") == ["new"]


def test_the_figure_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    write_tsv(tmp_path / "comparisons.tsv", COMPARISON_COLUMNS, comparison("new", 0.03))
    table = tmp_path / "comparisons.tsv"
    assert_same_bytes(lambda png, svg: plot_differences(comparisons_table=table, png=png, svg=svg), tmp_path)


def test_without_comparisons_the_figure_says_so(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [])
    draw(tmp_path, comparison("new", 0.03))
    assert [texts_of(figure).count("no ground truth") for figure in drawn] == [3, 0]


def test_the_figure_looks_as_it_did(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [*comparison("fails", -0.7), *comparison("new", 0.03), *comparison("wins", 0.2)])
    assert_looks_as_kept(drawn[0], "differences")
