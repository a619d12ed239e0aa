"""The matrix of training by scored sequence: its rows, what it marks as seen, and its picture."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

from chaosliver.base.columns import EXPERIMENT_COLUMNS, MATRIX_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.figures.cross_sequence import cross_sequence

TRAIN_ON = {"on_t1": ["t1_in_phase"], "on_both": ["t1_in_phase", "t2_spir"]}


def experiment(name: str, sequence: str, dice: float | None, **changes: Any) -> dict[str, Any]:
    row = dict.fromkeys(EXPERIMENT_COLUMNS) | {"experiment": name, "cohort": "development", "sequence": sequence}
    return row | {"patients": 8, "dice_3d_mean": dice, "dice_3d_ci_low": dice, "dice_3d_ci_high": dice} | changes


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        experiment("on_both", "t2_spir", 0.9),
        experiment("on_t1", "t1_in_phase", 0.875),
        experiment("on_t1", "t2_spir", 0.3, dice_3d_ci_low=None, dice_3d_ci_high=None),
        experiment("on_t1", "t1_in_phase", None, cohort="test"),
        experiment("unrelated", "t1_in_phase", 0.5),
    ]
    write_tsv(tmp_path / "experiments.tsv", EXPERIMENT_COLUMNS, rows)
    return tmp_path / "experiments.tsv"


def test_the_table_says_what_was_trained_on_and_what_was_seen(table: Path, tmp_path: Path) -> None:
    cross_sequence(table, TRAIN_ON, tmp_path / "matrix.tsv", [])
    rows = read_tsv(tmp_path / "matrix.tsv", MATRIX_COLUMNS)
    told = [tuple(row[key] for key in ("train_on", "score_on", "cohort", "seen_in_training")) for row in rows]
    assert told == [
        ("t1_in_phase", "t1_in_phase", "development", "yes"),
        ("t1_in_phase", "t2_spir", "development", "no"),
        ("t1_in_phase", "t1_in_phase", "test", "yes"),
        ("t1_in_phase+t2_spir", "t2_spir", "development", "yes"),
    ]
    assert [row["dice_3d_mean"] for row in rows] == ["0.875", "0.3", "", "0.9"]


def test_the_cells_hold_the_means_and_their_intervals(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    close = plt.close
    monkeypatch.setattr(
        plt, "close", lambda figure: (texts.extend(t.get_text() for t in figure.findobj(plt.Text)), close(figure))
    )
    cross_sequence(table, TRAIN_ON, tmp_path / "matrix.tsv", [tmp_path / "matrix.png"])
    assert {"0.875\n[0.875, 0.875]", "0.300", "0.900\n[0.900, 0.900]"} <= set(texts)
    assert {"T1 in phase\n(on_t1)", "T1 in phase + T2-SPIR\n(on_both)", "scored on"} <= set(texts)
    assert "0.500\n[0.500, 0.500]" not in texts


def test_the_figure_has_the_same_bytes_each_time(table: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        pictures = [tmp_path / f"{number}.{kind}" for kind in ("png", "svg")]
        cross_sequence(table, TRAIN_ON, tmp_path / "matrix.tsv", pictures)
    for kind in ("png", "svg"):
        assert (tmp_path / f"1.{kind}").read_bytes() == (tmp_path / f"2.{kind}").read_bytes()
    assert not plt.get_fignums()


def test_without_ground_truth_there_is_a_picture_that_says_so(tmp_path: Path) -> None:
    write_tsv(tmp_path / "experiments.tsv", EXPERIMENT_COLUMNS, [experiment("on_t1", "t1_in_phase", None)])
    train_on = {"on_t1": ["t1_in_phase"]}
    cross_sequence(tmp_path / "experiments.tsv", train_on, tmp_path / "matrix.tsv", [tmp_path / "none.svg"])
    assert "no ground truth" in (tmp_path / "none.svg").read_text()


def test_an_experiment_that_the_table_lacks_is_named(table: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"experiments\.tsv: has no row of the experiment gone"):
        cross_sequence(table, {"gone": ["t2_spir"]}, tmp_path / "matrix.tsv", [])
