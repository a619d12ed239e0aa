"""One estimate of a forest plot, and how far its axis reaches."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from unit.figures.looking import points_of

from chaosliver.figures.forest import ESTIMATE, draw_estimate, reach_of

BLUE = "#0072b2"


def row(mean: float, low: float = np.nan, high: float = np.nan) -> dict[str, float]:
    return dict(zip(ESTIMATE, (mean, low, high), strict=True))


@pytest.mark.parametrize(
    ("estimate", "ends", "place", "marker", "said"),
    [
        (row(0.01, -0.02, 0.05), (-0.02, 0.05), 0.01, "s", "+0.010 [-0.020, +0.050]"),
        (row(0.09, -0.2, 0.4), (-0.1, 0.1), 0.09, "s", "+0.090 [-0.200, +0.400]"),
        (row(0.1, 0.05, 0.15), (0.05, 0.1), 0.1, "s", "+0.100 [+0.050, +0.150]"),
        (row(-0.3, -0.4, -0.2), (-0.1, -0.1), -0.1, "<", "-0.300 [-0.400, -0.200]"),
        (row(0.3, 0.2, 0.4), (0.1, 0.1), 0.1, ">", "+0.300 [+0.200, +0.400]"),
        (row(0.02), None, 0.02, "s", "+0.020"),
    ],
)
def test_an_estimate_is_drawn_at_its_place_and_at_the_edge_what_lies_beyond(estimate, ends, place, marker, said):
    figure, axes = plt.subplots()
    assert draw_estimate(axes, 2, estimate, 0.1, BLUE, marker="s", mfc="white", markersize=5) == said
    interval, point = axes.lines
    if ends:
        assert points_of(interval) == [[ends[0], 2], [ends[1], 2]]
    assert (interval.get_color(), interval.get_linewidth(), interval.get_marker()) == (BLUE, 1.6, "None")
    assert points_of(point) == [[place, 2]]
    assert (point.get_marker(), point.get_mfc(), point.get_mec()) == (marker, "white", BLUE)
    assert (point.get_markersize(), point.get_zorder(), point.get_clip_on()) == (5, 3, False)
    plt.close(figure)


def test_the_axis_reaches_beyond_all_estimates_whose_mean_is_not_too_wide():
    rows = pd.DataFrame([row(0.01, -0.02, 0.05), row(-0.03, -0.06, 0.0), row(0.5, 0.4, 0.9), row(0.04)])
    assert reach_of(rows, 0.3) == pytest.approx(1.1 * 0.06)
    assert reach_of(rows, 0.05) == 0.05
    assert reach_of(rows, 0.5) == 0.5
    assert reach_of(rows[:0], 0.3) == 0
