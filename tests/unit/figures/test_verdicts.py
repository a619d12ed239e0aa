"""The forest plot of the plan: each contrast at its place, coloured by its verdict, and the band of the margin."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from unit.figures.looking import assert_near, assert_same_bytes, lines_with, points_of, tick_labels
from unit.figures.looks import assert_looks_as_kept

from chaosliver.base.columns import VERDICT_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.figures.verdicts import WIDEST, plot_verdicts

GREEN, RED, BLUE, GREY = "#009E73", "#D55E00", "#0072B2", "#555555"
MARGIN = 0.02


def contrast(verdict: str, mean: float | None, half: float = 0.01, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(VERDICT_COLUMNS) | {"experiment": "new", "against": "old", "question": "what"}
    row |= {"sequence": "t1_in_phase", "verdict": verdict}
    if mean is not None:
        row |= {"mean_difference": mean, "ci_low": mean - half, "ci_high": mean + 2 * half}
        row["detectable_difference"] = 0.0315
    return row | changes


ROWS = [
    contrast("better", 0.04),
    contrast("worse", -0.06, question="which", experiment="newer"),
    contrast("equivalent", 0.001, 0.005, sequence="t2_spir"),
    contrast("undecided", 0.015),
    contrast("not run", None),
]


def draw(folder: Path, rows: list[dict[str, Any]]) -> None:
    write_tsv(folder / "verdicts.tsv", VERDICT_COLUMNS, rows)
    pictures = {"png": folder / "drawn.png", "svg": folder / "drawn.svg"}
    plot_verdicts(verdicts_table=folder / "verdicts.tsv", margin=MARGIN, **pictures)


def test_each_contrast_stands_at_its_place_in_the_colour_of_its_verdict(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ROWS)
    (axes,) = drawn[0].axes
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert_near([points_of(line)[0] for line in points], [[0.04, 0], [-0.06, 1], [0.001, 2], [0.015, 3]])
    colours = [(line.get_markerfacecolor(), line.get_markeredgecolor()) for line in points]
    assert colours == [(GREEN, GREEN), (RED, RED), (BLUE, BLUE), ("white", GREY)]
    for colour, place, ends in ((GREEN, 0, (0.03, 0.06)), (RED, 1, (-0.07, -0.04)), (BLUE, 2, (-0.004, 0.011))):
        (interval,) = lines_with(axes, linewidth=1.6, color=colour)
        assert_near(points_of(interval), [[end, place] for end in ends])
    assert tick_labels(axes, "y") == [
        "what, T1 in phase\nnew against old",
        "which, T1 in phase\nnewer against old",
        "what, T2-SPIR\nnew against old",
        *["what, T1 in phase\nnew against old"] * 2,
    ]
    assert [text.get_text() for text in axes.texts] == [
        "better: +0.040 [+0.030, +0.060]\ndetectable 0.032",
        "worse: -0.060 [-0.070, -0.040]\ndetectable 0.032",
        "equivalent: +0.001 [-0.004, +0.011]\ndetectable 0.032",
        "undecided: +0.015 [+0.005, +0.035]\ndetectable 0.032",
        "not run",
    ]
    assert axes.get_ylim() == (4.5, -0.5)
    assert axes.get_xlim() == pytest.approx((-0.077, 0.077))
    assert_near([axes.patches[0].get_x(), axes.patches[0].get_width()], [-MARGIN, 2 * MARGIN])
    (legend,) = drawn[0].legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == [
        "better",
        "worse",
        "equivalent",
        "undecided",
        "within 0.02",
    ]


def test_the_axis_always_shows_the_margin(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [contrast("equivalent", 0.0, 0.001)])
    draw(tmp_path, [contrast("not run", None)])
    assert [figure.axes[0].get_xlim() for figure in drawn] == [pytest.approx((-0.03, 0.03))] * 2


def test_what_lies_beyond_the_edge_is_an_arrow(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [contrast("worse", -0.6), contrast("better", 0.4), contrast("undecided", 0.25, 0.4)])
    (axes,) = drawn[0].axes
    assert axes.get_xlim() == (-WIDEST, WIDEST)
    places = {line.get_marker(): points_of(line)[0] for line in axes.lines if line.get_marker() in "<>o"}
    assert_near(places["<"], [-WIDEST, 0])
    assert_near(places[">"], [WIDEST, 1])
    assert_near(places["o"], [0.25, 2])
    (interval,) = lines_with(axes, linewidth=1.6, color=GREY)
    assert_near(points_of(interval), [[-0.15, 2], [WIDEST, 2]])


def test_a_plan_without_contrasts_gives_a_picture_that_says_so(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, [])
    assert [text.get_text() for text in drawn[0].axes[0].texts] == ["the plan asks nothing"]


def test_it_looks_as_kept(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(tmp_path, ROWS)
    assert_looks_as_kept(drawn[0], "verdicts")


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    table = tmp_path / "verdicts.tsv"
    write_tsv(table, VERDICT_COLUMNS, ROWS)
    assert_same_bytes(lambda png, svg: plot_verdicts(verdicts_table=table, margin=MARGIN, png=png, svg=svg), tmp_path)
