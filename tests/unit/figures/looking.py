"""What stands in a figure: texts, lines and points, read from the axes."""

from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D


def texts_of(figure: Figure) -> list[str]:
    """All texts of a figure that show something."""
    return [text.get_text() for text in figure.findobj(plt.Text) if text.get_text()]


def tick_labels(axes: Axes, axis: str) -> list[str]:
    labels = axes.get_xticklabels() if axis == "x" else axes.get_yticklabels()
    return [label.get_text() for label in labels]


def points_of(line: Line2D) -> list[list[float]]:
    """The points (x, y) of a line, rounded to nine digits."""
    return np.round(np.asarray(line.get_xydata(), dtype=float), 9).tolist()


def lines_with(axes: Axes, **properties: object) -> list[Line2D]:
    """The lines of a panel with these properties, such as `linewidth=1.6`; colours as `#rrggbb`."""

    def fits(line: Line2D) -> bool:
        found = {name: getattr(line, f"get_{name}")() for name in properties}
        if "color" in found:
            found["color"] = to_hex(found["color"]).upper()
        return found == properties

    return [line for line in axes.lines if fits(line)]


def legend_of(figure: Figure) -> list[tuple[str, str, str, str]]:
    """Label, colour, marker and style of line of each entry of the figure's legend."""
    (legend,) = figure.legends
    lines = legend.legend_handles
    labels = [text.get_text() for text in legend.get_texts()]
    return [
        (label, to_hex(line.get_color()).upper(), line.get_marker(), line.get_linestyle())
        for label, line in zip(labels, lines, strict=True)
    ]


def assert_same_bytes(draw: Callable[[Path, Path], None], folder: Path) -> None:
    """Draw a figure twice, as PNG and SVG, and compare the files; no figure is left open."""
    for number in (1, 2):
        draw(folder / f"{number}.png", folder / f"{number}.svg")
    assert (folder / "1.png").read_bytes() == (folder / "2.png").read_bytes()
    assert (folder / "1.svg").read_bytes() == (folder / "2.svg").read_bytes()
    assert (folder / "1.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (folder / "1.svg").read_text()
    assert not plt.get_fignums()


def assert_near(found: object, expected: object) -> None:
    """Equal to nine digits, as arrays of one shape."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    assert found.shape == expected.shape
    assert found == pytest.approx(expected, abs=1e-9)
