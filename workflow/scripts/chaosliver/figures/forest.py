"""What forest plots share: one estimate with its interval, and where the axis ends."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

ESTIMATE = ["mean_difference", "ci_low", "ci_high"]


def draw_estimate(axes: Axes, place: int, row: Mapping[Any, Any], limit: float, line: str, **point: Any) -> str:
    """Draw a row's mean difference and interval at height `place`, and return them as text.

    `line` is the interval's colour; `point` holds the properties of the mean's point. What lies beyond `limit` is drawn
    at the edge, a mean as an arrow. A row without an interval has NaN for its ends.
    """
    mean, low, high = (row[column] for column in ESTIMATE)
    axes.plot(np.clip([low, high], -limit, limit), [place, place], color=line, linewidth=1.6)
    if abs(mean) > limit:
        point["marker"] = "<" if mean < 0 else ">"
    axes.plot(np.clip(mean, -limit, limit), place, linestyle="none", mec=line, zorder=3, clip_on=False, **point)
    return f"{mean:+.3f}" + ("" if np.isnan(low) else f" [{low:+.3f}, {high:+.3f}]")


def reach_of(rows: pd.DataFrame, widest: float) -> float:
    """How far the axis must reach for all means that are at most `widest`, and their intervals, but no farther."""
    within = rows[rows["mean_difference"].abs() <= widest]
    return min(widest, 1.1 * float(np.nanmax(within[ESTIMATE].abs().to_numpy(float), initial=0.0)))
