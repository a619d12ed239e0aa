"""Tidy tables: what is counted, what is averaged over what, and the text for the terminal."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chaosliver.base.columns import EXPERIMENT_COLUMNS, GROUP, MEASURES, PATIENT_COLUMNS, SLICE_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.measure.frames import typed
from chaosliver.measure.patient_statistics import mean_interval
from chaosliver.tables.collect import collect_tables, summarise

FOLDS_PER_DRAW = defaultdict(lambda: 2, one_fold=1)


def patient_row(patient: str, seed: str = "1", dice: float | None = 0.9, **changes: Any) -> dict[str, Any]:
    row = dict.fromkeys(PATIENT_COLUMNS) | dict.fromkeys(MEASURES, dice)
    row |= {"experiment": "baseline", "fold": "0", "seed": seed, "cohort": "development", "patient": patient}
    return row | {"sequence": "t1_in_phase", "slices": 2, "slices_with_organ": 1, "predicted_ml": 1.5} | changes


def slice_rows(patient: str, seed: str = "1", **changes: Any) -> list[dict[str, Any]]:
    row = dict.fromkeys(SLICE_COLUMNS) | {"experiment": "baseline", "fold": "0", "seed": seed, "patient": patient}
    row |= {"cohort": "development", "sequence": "t1_in_phase", "position_mm": 0.0, "predicted_mm2": 3.0, "dice": 0.5}
    return [
        row | {"stem": "IMG-0004-00002", "reference_mm2": 0.0} | changes,
        row | {"stem": "IMG-0004-00004", "reference_mm2": 9.0} | changes,
    ]


def outputs_in(folder: Path) -> dict[str, Path]:
    names = ("slices_table", "patients_table", "experiments_table", "summary")
    return {name: folder / f"{name}.tsv" for name in names}


def summary_of(patients: list[dict[str, Any]], slices: list[dict[str, Any]]) -> pd.DataFrame:
    return summarise(_read_back(slices, SLICE_COLUMNS), _read_back(patients, PATIENT_COLUMNS), FOLDS_PER_DRAW)


def _read_back(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    text = [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]
    return typed(text, columns)


def test_statistics_are_over_patients_and_seeds_are_replicates() -> None:
    patients = [patient_row("1", "1", 0.8), patient_row("1", "2", 0.9), patient_row("2", "1", 0.65)]
    (row,) = summary_of(patients, slice_rows("1") + slice_rows("1", "2") + slice_rows("2")).to_dict("records")
    assert (row["patients"], row["slices"], row["share_of_empty_slices"]) == (2, 4, 0.5)
    assert row["dice_3d_mean"] == pytest.approx(0.75)
    assert row["dice_3d_sd"] == pytest.approx(0.2 / 2**0.5)
    assert (row["dice_3d_min"], row["dice_3d_max"]) == pytest.approx((0.65, 0.85))


def test_the_pooled_dice_is_over_slices_whosever_they_are() -> None:
    patients = [patient_row("1", dice=0.8), patient_row("2", dice=0.6)]
    slices = slice_rows("1", dice=0.9) + [{**slice_rows("2")[0], "stem": f"s{n}", "dice": 0.3} for n in range(4)]
    (row,) = summary_of(patients, slices).to_dict("records")
    # (2 * 0.9 + 4 * 0.3) / 6, where each patient's mean counted alike would be 0.6.
    assert row["pooled_dice"] == pytest.approx(0.5)


def test_an_interval_of_the_mean_stands_where_there_are_patients_enough() -> None:
    patients = [patient_row(str(number), dice=0.8 + number / 100, assd_mm=None) for number in range(8)]
    patients += [patient_row("1", experiment="few"), patient_row("2", experiment="few")]
    slices = [row for number in range(8) for row in slice_rows(str(number))] + slice_rows("1", experiment="few")
    many, few = summary_of(patients, slices).to_dict("records")
    assert 0.8 < many["dice_3d_ci_low"] < many["dice_3d_mean"] < many["dice_3d_ci_high"] < 0.87
    assert pd.isna([few["dice_3d_ci_low"], few["dice_3d_ci_high"], many["assd_mm_ci_low"]]).all()


def test_an_empty_prediction_is_counted_and_its_distance_left_out() -> None:
    failed = {"dice_3d": 0.0, "assd_mm": None, "mssd_mm": None, "challenge_score": 0.0, "predicted_ml": 0.0}
    patients = [patient_row("1", dice=0.8), patient_row("2", **failed)]
    (row,) = summary_of(patients, slice_rows("1") + slice_rows("2")).to_dict("records")
    assert (row["empty_predictions"], row["volumes_without_distance"]) == (1, 1)
    assert row["dice_3d_mean"] == pytest.approx(0.4)
    assert row["assd_mm_mean"] == pytest.approx(0.8)


def test_a_prediction_that_fills_its_volume_is_counted_too() -> None:
    patients = [patient_row("1", assd_mm=None, mssd_mm=None, predicted_ml=99.0)]
    (row,) = summary_of(patients, slice_rows("1")).to_dict("records")
    assert (row["empty_predictions"], row["volumes_without_distance"]) == (0, 1)


def test_a_cohort_without_ground_truth_has_counts_only() -> None:
    nothing = {"cohort": "test", "fold": "all", "seed": "all", "dice": None}
    slices = slice_rows("9", cohort="test", reference_mm2=None, dice=None)
    frame = summary_of([patient_row("1"), patient_row("9", **nothing)], slice_rows("1") + slices)
    assert list(frame["cohort"]) == ["development", "test"]
    assert (frame.loc[1, "patients"], frame.loc[1, "volumes_without_distance"]) == (1, 0)
    assert frame.loc[1].drop(["experiment", "cohort", "sequence"])[5:].isna().all()
    assert pd.isna(frame.loc[1, "share_of_empty_slices"])


def test_a_patient_scored_twice_is_refused() -> None:
    with pytest.raises(InputError, match="experiment baseline: patient 1, t1_in_phase is scored twice under seed 1"):
        summary_of([patient_row("1"), patient_row("1", fold="1")], slice_rows("1"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"fold": "2"}, {"fold": "3"}),
        ({"fold": "3"}, {"fold": "3"}),
        ({"fold": "10"}, {"fold": "11"}),
        ({"fold": "1", "experiment": "one_fold"}, {"fold": "1", "experiment": "one_fold"}),
        ({"fold": "all", "seed": "all", "cohort": "test"}, {"fold": "all", "seed": "all", "cohort": "test"}),
    ],
)
def test_a_patient_scored_twice_in_one_draw_is_refused(first: dict[str, str], second: dict[str, str]) -> None:
    with pytest.raises(InputError, match="patient 1, t1_in_phase is scored twice under seed"):
        summary_of([patient_row("2"), patient_row("1", **first), patient_row("1", **second)], slice_rows("1"))


def test_draws_are_replicates_as_seeds_are() -> None:
    """By hand: two seeds in two draws of two folds, and a patient that is held out in the other fold of the second."""
    dice = {("0", "1"): 0.8, ("0", "2"): 0.6, ("3", "1"): 0.5, ("3", "2"): 0.3}
    patients = [patient_row("1", seed, value, fold=fold) for (fold, seed), value in dice.items()]
    patients += [patient_row("2", seed, 0.75, fold=fold) for fold in "12" for seed in "12"]
    slices = [row for each in patients for row in slice_rows(each["patient"], each["seed"], fold=each["fold"])]
    (row,) = summary_of(patients, slices).to_dict("records")
    assert (row["patients"], row["slices"], row["share_of_empty_slices"]) == (2, 4, 0.5)
    assert row["dice_3d_mean"] == pytest.approx((0.55 + 0.75) / 2)
    assert (row["dice_3d_min"], row["dice_3d_max"]) == pytest.approx((0.55, 0.75))
    assert row["dice_3d_sd"] == pytest.approx(0.2 / 2**0.5)


def test_the_folds_of_a_draw_are_those_of_the_experiment() -> None:
    """Folds 0 and 1 are two draws of a split of one fold, and one of a split of two."""
    rows = [patient_row("1", fold=fold, experiment="one_fold") for fold in "01"]
    slices = [row for fold in "01" for row in slice_rows("1", experiment="one_fold", fold=fold)]
    assert summary_of(rows, slices)["patients"].tolist() == [1]


def test_tables_on_disk(tmp_path: Path) -> None:
    runs = []
    for number, patient in enumerate(("08", "13")):
        slices, patients = tmp_path / f"slices{number}.tsv", tmp_path / f"patients{number}.tsv"
        write_tsv(slices, SLICE_COLUMNS, slice_rows(patient))
        write_tsv(patients, PATIENT_COLUMNS, [patient_row(patient)])
        runs.append((slices, patients))
    outputs = outputs_in(tmp_path / "tables")
    collect_tables(
        slices=[run[0] for run in runs], patients=[run[1] for run in runs], folds_per_draw=FOLDS_PER_DRAW, **outputs
    )
    assert outputs["slices_table"].read_text().splitlines()[1:3] == runs[0][0].read_text().splitlines()[1:]
    assert [row["patient"] for row in read_tsv(outputs["patients_table"])] == ["08", "13"]
    (row,) = read_tsv(outputs["experiments_table"], EXPERIMENT_COLUMNS)
    assert (row["patients"], row["slices"], row["dice_3d_mean"], row["dice_3d_sd"]) == ("2", "4", "0.9", "0")
    assert "0.900 ± 0.000" in outputs["summary"].read_text()


def test_tables_of_a_study_without_runs(tmp_path: Path) -> None:
    outputs = outputs_in(tmp_path)
    collect_tables(slices=[], patients=[], folds_per_draw={}, **outputs)
    assert read_tsv(outputs["experiments_table"], EXPERIMENT_COLUMNS) == []


def named(experiment: str, cohort: str, sequence: str, **values: Any) -> dict[str, Any]:
    return {"experiment": experiment, "cohort": cohort, "sequence": sequence, **values}


# Two groups, the second before the first by name. Patient: seeds with 3D Dice, ASSD and predicted volume.
GROUPS = {
    ("small", "development", "t2_spir"): {
        "1": {"1": (0.5, 2.0, 0.0), "2": (0.7, 4.0, 30.0)},
        "2": {"1": (0.9, None, 0.0), "2": (0.9, None, 40.0)},
        "10": {"1": (0.1, 9.0, 50.0), "2": (0.2, None, 60.0)},
    },
    ("all", "test", "t1_in_phase"): {"1": {"all": (0.25, 1.0, 20.0)}},
}
# Reference area and Dice of each slice, of the first seed and of the second.
SLICES = {
    ("small", "development", "t2_spir"): {
        "1": [(0.0, 1.0, 1.0), (5.0, 0.5, 0.75), (6.0, 0.25, 0.5)],
        "2": [(7.0, 0.0, 0.0)],
        "10": [(8.0, 0.75, 0.25)],
    },
    ("all", "test", "t1_in_phase"): {"1": [(0.0, 0.0, None), (0.0, 1.0, None), (3.0, 0.5, None)]},
}


@pytest.fixture
def study() -> pd.DataFrame:
    patients = [
        patient_row(patient, seed, None, dice_3d=dice, assd_mm=distance, predicted_ml=volume, **named(*group))
        for group, each in GROUPS.items()
        for patient, seeds in each.items()
        for seed, (dice, distance, volume) in seeds.items()
    ]
    slices = [
        slice_rows(patient, seed, **named(*group))[0] | {"stem": f"s{n}", "reference_mm2": area, "dice": dice[place]}
        for group, each in SLICES.items()
        for patient, listed in each.items()
        for n, (area, *dice) in enumerate(listed)
        for place, seed in enumerate("12")
        if dice[place] is not None
    ]
    return summary_of(patients, slices)


def test_counts_and_statistics_of_each_group_by_hand(study: pd.DataFrame) -> None:
    first, second = study.to_dict("records")
    assert [first[name] for name in GROUP] == ["small", "development", "t2_spir"]
    assert [second[name] for name in GROUP] == ["all", "test", "t1_in_phase"]
    counts = ("patients", "slices", "empty_predictions", "volumes_without_distance")
    assert [first[name] for name in counts] == [3, 5, 2, 3]
    assert [second[name] for name in counts] == [1, 3, 0, 0]
    # One of five slices has no organ, and two of three.
    assert (first["share_of_empty_slices"], second["share_of_empty_slices"]) == pytest.approx((0.2, 2 / 3))
    # Over the slices of both seeds: (1 + 0.5 + 0.25 + 0 + 0.75 + 1 + 0.75 + 0.5 + 0 + 0.25) / 10.
    assert (first["pooled_dice"], second["pooled_dice"]) == pytest.approx((0.5, 0.5))
    # The patients' means over seeds are 0.6, 0.9 and 0.15; of ASSD 3 and 9, where the seed without one is left out.
    statistics = ("mean", "sd", "median", "min", "max")
    assert [first[f"dice_3d_{name}"] for name in statistics] == pytest.approx(
        [0.55, ((0.05**2 + 0.35**2 + 0.4**2) / 2) ** 0.5, 0.6, 0.15, 0.9]
    )
    assert [first[f"assd_mm_{name}"] for name in statistics] == pytest.approx([6, 18**0.5, 6, 3, 9])
    assert [second[f"dice_3d_{name}"] for name in ("mean", "median", "min", "max")] == [0.25] * 4
    assert pd.isna([second["dice_3d_sd"], first["mssd_mm_mean"], first["dice_3d_ci_low"]]).all()


def test_each_patients_slices_count_once_whatever_the_seeds_and_names_of_slices(study: pd.DataFrame) -> None:
    """The slices s0 of all three patients are three slices."""
    assert study.loc[0, "slices"] == 5


def test_the_interval_of_each_measure_is_that_of_its_own_patients() -> None:
    patients = [
        patient_row(str(number), dice=None, dice_3d=0.5 + number / 100, assd_mm=number**2, seed=seed)
        for number in (3, 1, 7, 10, 2, 5, 4)
        for seed in "12"
    ]
    (row,) = summary_of(patients, slice_rows("1")).to_dict("records")
    dice = np.array([0.53, 0.51, 0.57, 0.6, 0.52, 0.55, 0.54])
    assert (row["dice_3d_ci_low"], row["dice_3d_ci_high"]) == pytest.approx(mean_interval(dice))
    distances = np.array([9.0, 1, 49, 100, 4, 25, 16])
    assert (row["assd_mm_ci_low"], row["assd_mm_ci_high"]) == pytest.approx(mean_interval(distances))


@pytest.mark.parametrize("which", ["slices", "patients"])
def test_a_runs_table_without_its_columns_is_refused(tmp_path: Path, which: str) -> None:
    tables = {"slices": SLICE_COLUMNS, "patients": PATIENT_COLUMNS}
    tables[which] = tables[which][:-1]
    for name, columns in tables.items():
        write_tsv(tmp_path / f"{name}.tsv", columns, [])
    with pytest.raises(InputError, match=rf"{which}\.tsv: lacks the column"):
        collect_tables(
            **{name: [tmp_path / f"{name}.tsv"] for name in tables},
            folds_per_draw=FOLDS_PER_DRAW,
            **outputs_in(tmp_path / "tables"),
        )
