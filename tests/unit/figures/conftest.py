"""Figures left open for the tests to look at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    """The figures that were saved, in order, left open. Their files stay empty, which saves most of the time."""
    figures: list[Figure] = []
    close = plt.close

    def leave_empty(figure: Figure, path: Path, **_: Any) -> None:
        assert figure.number in plt.get_fignums()
        path.touch()

    monkeypatch.setattr(plt, "close", figures.append)
    monkeypatch.setattr(Figure, "savefig", leave_empty)
    yield figures
    for figure in figures:
        close(figure)
