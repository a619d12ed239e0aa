"""The learning curve: which experiments it joins, and what it does with a single number of patients."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from chaosliver.base.columns import MEASURES, PATIENT_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.figures.learning_curve import plot_learning_curve


def row(experiment: str, patient: str, dice: float | None, **changes: Any) -> dict[str, Any]:
    base = dict.fromkeys(PATIENT_COLUMNS) | dict.fromkeys(MEASURES, dice) | {"experiment": experiment, "fold": "0"}
    base |= {"seed": "1", "cohort": "development", "patient": patient, "sequence": "t1_in_phase"}
    return base | changes


@pytest.fixture
def curves(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The points of the thick curves drawn, one array (numbers, 2) per panel."""
    found: list[np.ndarray] = []
    close = plt.close

    def read_and_close(figure: Figure) -> None:
        for axes in figure.axes:
            found.extend(line.get_xydata() for line in axes.lines if line.get_linewidth() == 1.6)
        close(figure)

    monkeypatch.setattr(plt, "close", read_and_close)
    return found


def table(folder: Path) -> Path:
    dices = {"few": 0.6, "many": 0.8, "middle": 0.7, "other": 0.1}
    rows = [row(name, str(n), dice + n / 100) for name, dice in dices.items() for n in range(7)]
    rows.append(row("many", "8", None, cohort="test"))
    write_tsv(folder / "patients.tsv", PATIENT_COLUMNS, rows)
    return folder / "patients.tsv"


def test_the_curve_rises_with_the_number_whatever_the_order(tmp_path: Path, curves: list[np.ndarray]) -> None:
    plot_learning_curve(table(tmp_path), {"many": 12, "few": 4, "middle": 8.5}, [tmp_path / "curve.png"])
    assert len(curves) == 3
    for curve in curves:
        assert curve == pytest.approx(np.array([[4, 0.63], [8.5, 0.73], [12, 0.83]]))


def test_a_single_number_gives_a_point(tmp_path: Path, curves: list[np.ndarray]) -> None:
    plot_learning_curve(table(tmp_path), {"few": 4}, [tmp_path / "curve.png"])
    assert curves[0] == pytest.approx(np.array([[4, 0.63]]))


def test_experiments_of_one_number_are_one_point(tmp_path: Path, curves: list[np.ndarray]) -> None:
    plot_learning_curve(table(tmp_path), {"few": 4, "many": 4}, [tmp_path / "curve.png"])
    assert curves[0] == pytest.approx(np.array([[4, 0.73]]))


def test_the_figure_has_the_same_bytes_each_time_and_none_fails(tmp_path: Path) -> None:
    for number in (1, 2):
        pictures = [tmp_path / f"{number}.{kind}" for kind in ("png", "svg")]
        plot_learning_curve(table(tmp_path), {"few": 4, "many": 8}, pictures)
    for kind in ("png", "svg"):
        assert (tmp_path / f"1.{kind}").read_bytes() == (tmp_path / f"2.{kind}").read_bytes()
    plot_learning_curve(table(tmp_path), {"never_run": 4}, [tmp_path / "none.svg"])
    assert "no ground truth" in (tmp_path / "none.svg").read_text()
