"""The forest plot: what it compares with what, which points are filled, and what lies beyond the edge."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from chaosliver.base.columns import COMPARISON_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.figures.differences import WIDEST, plot_differences
from chaosliver.figures.style import DICE_PANELS


def comparison(experiment: str, mean: float, p: float | None = None, **changes: Any) -> list[dict[str, Any]]:
    base = dict.fromkeys(COMPARISON_COLUMNS) | {"baseline": "first", "cohort": "development", "sequence": "t1_in_phase"}
    base |= {"experiment": experiment, "mean_difference": mean, "ci_low": mean - 0.01, "ci_high": mean + 0.02}
    return [base | {"p_holm": p, "measure": measure} | changes for measure in DICE_PANELS]


@pytest.fixture
def figure(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    """The figures drawn, left open to be looked at."""
    drawn: list[Figure] = []
    close = plt.close
    monkeypatch.setattr(plt, "close", drawn.append)
    yield drawn
    for each in drawn:
        close(each)


def points(figure: Figure, panel: int) -> list[tuple[float, str, str]]:
    """Place, marker and fill of each point of a panel."""
    lines = [line for line in figure.axes[panel].lines if line.get_marker() != "None"]
    return [(line.get_xdata()[0], line.get_marker(), line.get_markerfacecolor()) for line in lines]


def draw(folder: Path, rows: list[dict[str, Any]], *names: str) -> None:
    write_tsv(folder / "comparisons.tsv", COMPARISON_COLUMNS, rows)
    plot_differences(folder / "comparisons.tsv", [folder / name for name in names or ("drawn.png",)])


def test_each_baseline_and_sequence_has_its_row_of_panels(tmp_path: Path, figure: list[Figure]) -> None:
    rows = [*comparison("new", 0.01), *comparison("put_right", 0.03, baseline="published")]
    draw(tmp_path, rows + comparison("new", -0.02, sequence="t2_spir"))
    titles = [axes.get_title("left").split("\n")[0] for axes in figure[0].axes]
    assert titles[::3] == ["Against first, T1 in phase", "Against first, T2-SPIR", "Against published, T1 in phase"]
    assert [points(figure[0], panel)[0][0] for panel in (0, 3, 6)] == pytest.approx([0.01, -0.02, 0.03])
    assert [text.get_text() for text in figure[0].axes[0].texts] == ["+0.010 [+0.000, +0.030]"]


def test_what_is_significant_is_filled(tmp_path: Path, figure: list[Figure]) -> None:
    draw(tmp_path, [*comparison("sure", 0.1, 0.01), *comparison("unsure", 0.1, 0.2), *comparison("untested", 0.1)])
    fills = [fill for _, _, fill in points(figure[0], 0)]
    assert fills[0] != "white" and fills[1:] == ["white", "white"]


def test_what_lies_beyond_the_edge_is_an_arrow_and_leaves_the_scale_to_the_others(
    tmp_path: Path, figure: list[Figure]
) -> None:
    draw(tmp_path, [*comparison("fails", -0.7, 0.01), *comparison("new", 0.03)])
    edge = figure[0].axes[0].get_xlim()[1]
    assert 0.03 < edge < WIDEST
    assert points(figure[0], 0)[0][:2] == pytest.approx((-edge, "<"))
    assert figure[0].axes[0].texts[0].get_text() == "-0.700 [-0.710, -0.680]"


def test_too_few_patients_have_a_point_without_an_interval(tmp_path: Path, figure: list[Figure]) -> None:
    draw(tmp_path, comparison("new", 0.03, ci_low=None, ci_high=None))
    assert points(figure[0], 2)[0][0] == pytest.approx(0.03)
    assert figure[0].axes[0].texts[0].get_text() == "+0.030"


def test_the_figure_has_the_same_bytes_each_time_and_without_comparisons_says_so(tmp_path: Path) -> None:
    for number in (1, 2):
        draw(tmp_path, comparison("new", 0.03), f"{number}.png", f"{number}.svg")
    for kind in ("png", "svg"):
        assert (tmp_path / f"1.{kind}").read_bytes() == (tmp_path / f"2.{kind}").read_bytes()
    draw(tmp_path, [], "none.svg")
    assert "no ground truth" in (tmp_path / "none.svg").read_text()
