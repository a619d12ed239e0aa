"""Dice along the organ: dome at 0, every patient with the same weight, slices without organ left out."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosliver.base.columns import SLICE_COLUMNS
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.figures.along_liver import GRID, PLACES, plot_along_liver, profiles_of, relative_positions
from chaosliver.measure.frames import typed


def volume(patient: str, dices: list[float], experiment: str = "base", **changes: Any) -> list[dict[str, Any]]:
    """A patient's slices from the feet to the head, 6 mm apart."""
    base = dict.fromkeys(SLICE_COLUMNS) | {"experiment": experiment, "fold": "0", "seed": "1", "patient": patient}
    base |= {"cohort": "development", "sequence": "t1_in_phase", "predicted_mm2": 9.0, "reference_mm2": 9.0} | changes
    return [
        {**base, "stem": f"IMG-{number}", "position_mm": 6.0 * number - 40, "dice": value}
        for number, value in enumerate(dices)
    ]


def read_back(folder: Path, rows: list[dict[str, Any]]) -> Path:
    write_tsv(folder / "slices.tsv", SLICE_COLUMNS, rows)
    return folder / "slices.tsv"


def profiles(folder: Path, rows: list[dict[str, Any]]) -> np.ndarray:
    frame = profiles_of(typed(read_tsv(read_back(folder, rows)), SLICE_COLUMNS))
    return frame[PLACES].to_numpy()


def test_the_dome_is_the_end_next_to_the_head() -> None:
    assert relative_positions(np.array([-40.0, -28.0, 20.0])).tolist() == [1.0, 0.8, 0.0]
    assert relative_positions(np.array([7.0])).tolist() == [0.5]


@given(st.lists(st.floats(-500, 500), min_size=2, max_size=40, unique=True))
def test_positions_run_from_0_to_1_against_the_normal(positions: list[float]) -> None:
    places = relative_positions(np.array(positions))
    assert (places.min(), places.max()) == (0, 1)
    assert np.argmax(positions) == np.argmin(places)


def test_the_tip_comes_last_and_slices_between_are_interpolated(tmp_path: Path) -> None:
    (profile,) = profiles(tmp_path, volume("1", [0.2, 0.6, 1.0]))
    assert profile == pytest.approx(1.0 - 0.8 * GRID)


def test_slices_without_organ_and_without_ground_truth_do_not_count(tmp_path: Path) -> None:
    rows = volume("1", [0.9, 0.9, 0.9, 0.0])
    rows[3]["reference_mm2"] = 0.0
    assert profiles(tmp_path, rows).min() == pytest.approx(0.9)
    assert len(profiles(tmp_path, volume("1", [None, None], reference_mm2=None))) == 0


def test_patients_weigh_the_same_and_seeds_are_averaged(tmp_path: Path) -> None:
    rows = volume("1", [0.5] * 30) + volume("1", [0.7] * 30, seed="2") + volume("2", [0.9] * 3)
    found = profiles(tmp_path, rows)
    assert found.mean(axis=1).tolist() == pytest.approx([0.6, 0.9])


@pytest.mark.parametrize("patients", [1, 8])
def test_the_figure_has_the_same_bytes_each_time(tmp_path: Path, patients: int) -> None:
    rows = [
        row
        for number in range(patients)
        for name in ("base", "other")
        for row in volume(str(number), [0.5, 0.8 + number / 100, 0.4], name)
    ]
    rows += volume("90", [0.3, 0.8, 0.2], "other", cohort="test", sequence="t2_spir")
    table = read_back(tmp_path, rows)
    for number in (1, 2):
        plot_along_liver(table, ["base", "other"], [tmp_path / f"{number}.{kind}" for kind in ("png", "svg")])
    for kind in ("png", "svg"):
        assert (tmp_path / f"1.{kind}").read_bytes() == (tmp_path / f"2.{kind}").read_bytes()
    assert not plt.get_fignums()


def test_many_experiments_stand_in_several_rows_of_panels(tmp_path: Path) -> None:
    names = [f"experiment_with_a_long_name_{number}" for number in range(9)]
    table = read_back(tmp_path, [row for name in names for row in volume("1", [0.5, 0.8], name)])
    plot_along_liver(table, names, [tmp_path / "many.svg"])
    text = (tmp_path / "many.svg").read_text()
    assert all(f"name_{number}" in text for number in range(9))


def test_the_first_experiment_is_named_where_it_stands_in_anothers_panel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[list[str]] = []
    close = plt.close
    monkeypatch.setattr(
        plt, "close", lambda figure: (texts.append([t.get_text() for t in figure.findobj(plt.Text)]), close(figure))
    )
    table = read_back(tmp_path, volume("1", [0.5, 0.8], "base") + volume("1", [0.5, 0.8], "other"))
    plot_along_liver(table, ["base"], [tmp_path / "one.png"])
    plot_along_liver(table, ["base", "other"], [tmp_path / "two.png"])
    assert "base, T1 in phase" not in texts[0]
    assert "base, T1 in phase" in texts[1]
    plot_along_liver(table, ["base", "other"], [tmp_path / "spleen.png"], {"other": "spleen"})
    assert "other\n(spleen)" in texts[2]
    assert "base, T1 in phase" not in texts[2]


def test_without_ground_truth_there_is_a_picture_that_says_so(tmp_path: Path) -> None:
    table = read_back(tmp_path, volume("1", [None], reference_mm2=None))
    plot_along_liver(table, ["base"], [tmp_path / "none.svg"])
    assert "no ground truth" in (tmp_path / "none.svg").read_text()
