"""Paired comparisons: patients are the unit, small samples get no interval, and what cannot be paired is named."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chaosliver.base.columns import COMPARISON_COLUMNS, MEASURES, PATIENT_COLUMNS
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.measure.paired_comparisons import BETTER, compare_experiments, patient_means
from chaosliver.measure.patient_statistics import mean_interval


def row(experiment: str, patient: str, value: float | None, seed: str = "1", **changes: Any) -> dict[str, Any]:
    base = dict.fromkeys(PATIENT_COLUMNS) | dict.fromkeys(MEASURES, value)
    base |= {"experiment": experiment, "fold": "0", "seed": seed, "cohort": "development", "patient": patient}
    return base | {"sequence": "t1_in_phase", "slices": 30} | changes


def compared(folder: Path, rows: list[dict[str, Any]], experiments: tuple[str, ...] = ("new",)) -> list[dict]:
    return compared_pairs(folder, rows, [(name, "base") for name in experiments])


def compared_pairs(folder: Path, rows: list[dict[str, Any]], pairs: list[tuple[str, str]]) -> list[dict]:
    write_tsv(folder / "patients.tsv", PATIENT_COLUMNS, rows)
    table, compared = folder / "patients.tsv", folder / "comparisons.tsv"
    compare_experiments(patients_table=table, pairs=pairs, comparisons_table=compared)
    return read_tsv(folder / "comparisons.tsv", COMPARISON_COLUMNS)


def both(count: int, shift: float = 0.01, **changes: Any) -> list[dict[str, Any]]:
    """Rows of `count` patients under both experiments, the second better by shift, 2 shift, 3 shift, ..."""
    pairs = ((row("base", str(n), 0.5), row("new", str(n), 0.5 + shift * n, **changes)) for n in range(1, count + 1))
    return [entry for pair in pairs for entry in pair]


def test_a_clear_difference(tmp_path: Path) -> None:
    found = {entry["measure"]: entry for entry in compared(tmp_path, both(6))}
    assert list(found) == list(BETTER)
    dice = found["dice_3d"]
    assert (dice["pairs"], dice["rank_biserial"], dice["note"]) == ("6", "1", "")
    assert float(dice["mean_difference"]) == pytest.approx(0.035)
    assert float(dice["median_difference"]) == pytest.approx(0.035)
    assert float(dice["ci_low"]) < 0.035 < float(dice["ci_high"])
    assert (found["assd_mm"]["better"], dice["better"]) == ("lower", "higher")


def test_five_pairs_are_too_few_for_an_interval(tmp_path: Path) -> None:
    for entry in compared(tmp_path, both(5)):
        assert entry["ci_low"] == entry["ci_high"] == ""
        assert entry["note"] == "fewer than 6 pairs: too few for an interval"
        assert float(entry["mean_difference"]) == pytest.approx(0.03)


def test_seeds_are_replicates_of_a_patient(tmp_path: Path) -> None:
    rows = [row(name, str(n), 0.5, seed) for name, seed in product(("base", "new"), "12") for n in range(7)]
    rows[-1] |= dict.fromkeys(MEASURES, 0.9)
    entry = compared(tmp_path, rows)[0]
    assert entry["pairs"] == "7"
    assert float(entry["mean_difference"]) == pytest.approx(0.2 / 7, rel=1e-5)


def test_a_patient_without_its_pair_is_named(tmp_path: Path) -> None:
    rows = [*both(7), row("base", "10", 0.9), row("base", "9", 0.9), row("new", "x", 0.1)]
    entry = compared(tmp_path, rows)[0]
    assert entry["pairs"] == "7"
    assert entry["note"] == "not scored by the experiment: 9, 10; not scored by the baseline: x"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_distance_that_does_not_exist_makes_no_pair_and_is_told(tmp_path: Path, value: float | None) -> None:
    rows = [*both(7), row("base", "9", 0.9), row("new", "9", 0.0, assd_mm=value, mssd_mm=value)]
    found = {entry["measure"]: entry for entry in compared(tmp_path, rows)}
    assert (found["assd_mm"]["pairs"], found["dice_3d"]["pairs"]) == ("7", "8")
    assert found["assd_mm"]["note"] == "no value under the experiment: 9"
    assert found["dice_3d"]["note"] == ""


def test_a_distance_missing_under_one_seed_is_the_mean_of_the_others(tmp_path: Path) -> None:
    rows = [*both(7), row("new", "1", 0.7, "2", assd_mm=None)]
    found = {entry["measure"]: entry for entry in compared(tmp_path, rows)}
    assert found["assd_mm"]["pairs"] == "7"
    assert float(found["assd_mm"]["mean_difference"]) == pytest.approx(0.04)
    assert float(found["dice_3d"]["mean_difference"]) == pytest.approx(0.04 + 0.19 / 2 / 7, rel=1e-5)


def test_experiments_that_agree_in_every_patient_have_no_effect_size(tmp_path: Path) -> None:
    for entry in compared(tmp_path, both(8, shift=0.0)):
        assert (entry["rank_biserial"], entry["mean_difference"]) == ("", "0")
        assert (entry["ci_low"], entry["ci_high"], entry["note"]) == ("0", "0", "no patient differs")


def test_a_sequence_that_the_baseline_is_not_scored_on_is_told(tmp_path: Path) -> None:
    rows = [*both(6), *(row("new", str(n), 0.5, sequence="t2_spir") for n in range(6))]
    unpaired = [entry for entry in compared(tmp_path, rows) if entry["sequence"] == "t2_spir"]
    assert {(entry["pairs"], entry["mean_difference"], entry["note"]) for entry in unpaired} == {
        ("0", "", "the baseline is not scored on this")
    }


def test_without_ground_truth_there_is_no_pair(tmp_path: Path) -> None:
    entry = compared(tmp_path, [row("base", "1", None), row("new", "1", None)])[0]
    assert (entry["pairs"], entry["mean_difference"]) == ("0", "")
    assert entry["note"] == "no value under the baseline: 1; no value under the experiment: 1; no pair"


def test_comparisons_with_another_baseline_have_its_differences(tmp_path: Path) -> None:
    rows = both(8) + [row("third", str(n), 0.5 + (0.1 if n % 2 else -0.05) * n) for n in range(1, 9)]
    found = compared_pairs(tmp_path, rows, [("new", "base"), ("third", "base"), ("third", "new")])
    dice = [entry for entry in found if entry["measure"] == "dice_3d"]
    assert [(entry["experiment"], entry["baseline"]) for entry in dice] == [
        ("new", "base"),
        ("third", "base"),
        ("third", "new"),
    ]
    differences = [float(entry["mean_difference"]) for entry in dice]
    assert differences[2] == pytest.approx(differences[1] - differences[0], rel=1e-4)


def test_a_study_of_one_experiment_has_an_empty_table(tmp_path: Path) -> None:
    assert compared(tmp_path, [row("base", "1", 0.5)], ()) == []


def test_the_table_is_the_same_each_time_and_whatever_the_order_of_rows(tmp_path: Path) -> None:
    rows = [row(name, str(n), float(np.sin(n * len(name)))) for name in ("base", "new") for n in range(9)]
    assert compared(tmp_path, rows) == compared(tmp_path, rows[::-1])


# By patient, seeds of each: of the baseline, and of the experiment. Patient 10 comes after 9 although "10" < "9".
DISTANCES = {
    "9": ((3.0, 5.0), (1.0, 2.0)),
    "10": ((8.0, 8.0), (9.0, 9.5)),
    "2": ((2.0, 4.0), (2.5, 2.5)),
    "31": ((6.0, 7.0), (6.0, 4.5)),
    "5": ((1.0, 1.0), (0.5, 0.0)),
    "a": ((4.0, 2.0), (2.0, 2.0)),
    "7": ((9.0, 5.0), (3.0, 3.0)),
}
# Of the means over seeds, in the patients' order: 2, 5, 7, 9, 10, 31, a.
CHANGES = [-0.5, -0.75, -4.0, -2.5, 1.25, -1.25, -1.0]


def test_every_column_of_a_comparison_by_hand(tmp_path: Path) -> None:
    rows = [
        row(name, patient, 0.5, str(seed), assd_mm=values[seed], sequence="t2_spir", cohort="test")
        for patient, each in DISTANCES.items()
        for name, values in zip(("base", "new"), each, strict=True)
        for seed in (0, 1)
    ]
    (found,) = [entry for entry in compared(tmp_path, rows) if entry["measure"] == "assd_mm"]
    named = ("baseline", "experiment", "cohort", "sequence", "better", "pairs", "note")
    assert [found[name] for name in named] == ["base", "new", "test", "t2_spir", "lower", "7", ""]
    means = [4, 8, 3, 6.5, 1, 3, 7]
    numbers = {name: float(found[name]) for name in COMPARISON_COLUMNS if name not in (*named, "measure")}
    assert numbers == pytest.approx(
        {
            "baseline_mean": sum(means) / 7,
            "experiment_mean": (sum(means) + sum(CHANGES)) / 7,
            "mean_difference": sum(CHANGES) / 7,
            "ci_low": mean_interval(np.array(CHANGES))[0],
            "ci_high": mean_interval(np.array(CHANGES))[1],
            "median_difference": -1,
            # Ranks of the sizes: 1, 2, 7, 6, 4.5, 4.5, 3; the fifth alone rises.
            "rank_biserial": (4.5 - 23.5) / 28,
        },
        rel=1e-5,
    )


def test_which_way_each_measure_improves() -> None:
    higher = ("mean_dice_all_slices", "mean_dice_organ_slices", "dice_3d", "nsd", "challenge_score")
    assert dict.fromkeys(higher, "higher") | dict.fromkeys(("assd_mm", "hd95_mm", "mssd_mm"), "lower") == BETTER


def test_the_rows_stand_in_the_order_of_the_pairs_and_each_has_its_own_cohort_and_sequence(tmp_path: Path) -> None:
    rows = [
        row(name, str(n), value, sequence=sequence, cohort=cohort)
        for name, value in (("base", 0.5), ("new", 0.7), ("third", 0.4))
        for cohort, sequence in (("test", "t2_spir"), ("development", "t1_in_phase"))
        for n in range(3)
    ]
    for entry in rows:
        entry["dice_3d"] += 0.1 * (entry["experiment"] == "new") * (entry["cohort"] == "test")
    found = compared_pairs(tmp_path, rows, [("third", "base"), ("new", "third")])
    dice = [entry for entry in found if entry["measure"] == "dice_3d"]
    assert [(e["experiment"], e["baseline"], e["cohort"], e["sequence"]) for e in dice] == [
        ("third", "base", "test", "t2_spir"),
        ("third", "base", "development", "t1_in_phase"),
        ("new", "third", "test", "t2_spir"),
        ("new", "third", "development", "t1_in_phase"),
    ]
    assert [float(e["mean_difference"]) for e in dice] == pytest.approx([-0.1, -0.1, 0.4, 0.3])
    assert [entry["measure"] for entry in found] == [*BETTER] * 4


def test_differences_that_are_only_rounding_are_ties(tmp_path: Path) -> None:
    rows = [row(name, str(n), value) for n in range(6) for name, value in (("base", "0.3"), ("new", "0.3"))]
    # The means of these seeds differ by 5e-17 from 0.3.
    rows += [row("new", str(n), value, seed) for n in range(6) for seed, value in (("2", "0.1"), ("3", "0.5"))]
    found = compared(tmp_path, rows)[0]
    assert (found["mean_difference"], found["rank_biserial"], found["note"]) == ("0", "", "no patient differs")
    for value, effect in (("0.3000000004", ""), ("0.3000000006", "1")):
        rows = [row(name, str(n), dice) for n in range(6) for name, dice in (("base", "0.3"), ("new", value))]
        assert compared(tmp_path, rows)[0]["rank_biserial"] == effect


def test_patients_that_do_not_differ_are_counted_and_leave_the_interval(tmp_path: Path) -> None:
    """By hand: two of seven do not differ, and the interval is over all seven; the effect size leaves the two out."""
    rows = both(5) + [row(name, patient, 0.5) for name in ("base", "new") for patient in ("x", "y")]
    found = compared(tmp_path, rows)[0]
    assert (found["pairs"], found["rank_biserial"]) == ("7", "1")
    assert found["note"] == "2 of 7 patients do not differ"
    differences = np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0, 0])
    assert (float(found["ci_low"]), float(found["ci_high"])) == pytest.approx(mean_interval(differences), rel=1e-5)
    few = compared(tmp_path, both(4) + [row(name, "x", 0.5) for name in ("base", "new")])[0]
    assert few["note"] == "fewer than 6 pairs: too few for an interval; 1 of 5 patients do not differ"


def test_means_are_over_the_seeds_with_a_finite_value_and_of_each_patient_by_itself() -> None:
    rows = [
        {**dict.fromkeys(PATIENT_COLUMNS, ""), **named, "dice_3d": dice, "assd_mm": distance}
        for named, dice, distance in (
            ({"experiment": "e", "cohort": "c", "sequence": "s", "patient": "1"}, "0.5", "inf"),
            ({"experiment": "e", "cohort": "c", "sequence": "s", "patient": "1"}, "0.75", "4"),
            ({"experiment": "e", "cohort": "c", "sequence": "s", "patient": "2"}, "1", ""),
            ({"experiment": "e", "cohort": "c", "sequence": "other", "patient": "1"}, "0.25", "8"),
        )
    ]
    means = patient_means(rows)
    assert {group: values["dice_3d"] for group, values in means.items()} == {
        ("e", "c", "s"): {"1": 0.625, "2": 1},
        ("e", "c", "other"): {"1": 0.25},
    }
    distances = means["e", "c", "s"]["assd_mm"]
    assert distances["1"] == 4 and np.isnan(distances["2"])


def test_draws_are_replicates_of_a_patient_as_seeds_are(tmp_path: Path) -> None:
    """By hand: patient 6 has 0.5, 0.5, 0.7 and 0.9 in two seeds and draws; a missing distance is left out."""
    rows = [
        row(name, str(n), 0.5, seed, fold=fold)
        for name, seed, fold in product(("base", "new"), "12", "03")
        for n in range(7)
    ]
    ours = [entry for entry in rows if (entry["experiment"], entry["patient"]) == ("new", "6")]
    ours[2] |= dict.fromkeys(MEASURES, 0.7)
    ours[3] |= dict.fromkeys(MEASURES, 0.9) | {"assd_mm": None}
    found = {entry["measure"]: entry for entry in compared(tmp_path, rows)}
    assert {entry["pairs"] for entry in found.values()} == {"7"}
    assert float(found["dice_3d"]["mean_difference"]) == pytest.approx((2.6 / 4 - 0.5) / 7, rel=1e-5)
    assert float(found["assd_mm"]["mean_difference"]) == pytest.approx((1.7 / 3 - 0.5) / 7, rel=1e-5)
