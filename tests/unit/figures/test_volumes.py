"""Bland-Altman: bias and limits by hand, and a panel for each experiment, sequence and cohort."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from chaosliver.base.columns import PATIENT_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.figures.volumes import agreement, plot_volumes

MINUS = "\N{MINUS SIGN}"


def row(experiment: str, patient: str, reference: float | None, predicted: float, **changes: Any) -> dict[str, Any]:
    base = dict.fromkeys(PATIENT_COLUMNS) | {"experiment": experiment, "fold": "0", "seed": "1", "patient": patient}
    base |= {"cohort": "development", "sequence": "t1_in_phase"}
    return base | {"reference_ml": reference, "predicted_ml": predicted} | changes


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All texts of the figures drawn."""
    found: list[str] = []
    close = plt.close
    monkeypatch.setattr(
        plt, "close", lambda figure: (found.extend(t.get_text() for t in figure.findobj(plt.Text)), close(figure))
    )
    return found


def test_bias_and_limits() -> None:
    found = agreement(np.array([-10.0, 0.0, 10.0, 40.0]))
    spread = 1.96 * np.sqrt((20**2 + 10**2 + 0 + 30**2) / 3)
    assert found == pytest.approx((10, 10 - spread, 10 + spread))
    assert agreement(np.array([1.0, 2.0])) is None


def test_each_panel_gives_its_numbers_with_seeds_averaged(tmp_path: Path, texts: list[str]) -> None:
    rows = [row("base", str(n), 1000.0, 1000.0 - 10 * n) for n in range(1, 5)]
    rows += [row("base", "1", 1000.0, 970.0, seed="2")]
    rows += [row("base", "9", 900.0, 950.0, cohort="test"), row("base", "8", None, 900.0, cohort="test")]
    write_tsv(tmp_path / "patients.tsv", PATIENT_COLUMNS, rows)
    plot_volumes(tmp_path / "patients.tsv", ["base"], [tmp_path / "volumes.png"])
    # Differences -20 (mean of two seeds), -20, -30, -40.
    assert "base\nT1 in phase, development\nbias -28, limits -46 to -9 mL" in [
        text.replace(MINUS, "-") for text in texts
    ]
    assert "base\nT1 in phase, test\ntoo few patients for limits" in texts


def test_the_figure_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    rows = [row(name, str(n), 1000.0 + n, 900.0 + n * n) for name in ("base", "other") for n in range(5)]
    write_tsv(tmp_path / "patients.tsv", PATIENT_COLUMNS, rows)
    for number in (1, 2):
        pictures = [tmp_path / f"{number}.{kind}" for kind in ("png", "svg")]
        plot_volumes(tmp_path / "patients.tsv", ["base", "other"], pictures)
    for kind in ("png", "svg"):
        assert (tmp_path / f"1.{kind}").read_bytes() == (tmp_path / f"2.{kind}").read_bytes()
    assert not plt.get_fignums()


def test_without_ground_truth_there_is_a_picture_that_says_so(tmp_path: Path, texts: list[str]) -> None:
    write_tsv(tmp_path / "patients.tsv", PATIENT_COLUMNS, [row("base", "1", None, 900.0)])
    plot_volumes(tmp_path / "patients.tsv", ["base"], [tmp_path / "none.png"])
    assert "no ground truth" in texts
