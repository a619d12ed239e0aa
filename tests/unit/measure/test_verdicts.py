"""Verdicts recomputed with plain scipy, and the split of the spread with statsmodels."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from chaosliver.base.columns import MEASURES, PATIENT_COLUMNS, VARIANCE_COLUMNS, VERDICT_COLUMNS
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.measure.verdicts import (
    detectable_difference,
    holm,
    holm_levels,
    judge_contrasts,
    spread_of,
    verdict_of,
)

PATIENTS = [str(number) for number in (1, 2, 3, 5, 8, 10, 13, 15)]
# By draw: the fold that holds each patient out.
FOLDS = ("0", "3")
SEEDS = ("1", "2", "3")
MARGIN = 0.02


def row(experiment: str, patient: str, value: float | None, fold: str = "0", seed: str = "1", **changes: Any) -> dict:
    base: dict[str, Any] = dict.fromkeys(PATIENT_COLUMNS) | dict.fromkeys(MEASURES, 0.1)
    base |= {"experiment": experiment, "fold": fold, "seed": seed, "cohort": "development", "patient": patient}
    return base | {"sequence": "t1_in_phase", "slices": 30, "dice_3d": value} | changes


def scored(experiment: str, differences: list[float], rng: np.random.Generator, sequence: str = "t1_in_phase") -> list:
    """Each patient's 0.8 plus its difference in the mean of two draws and three seeds, which scatter around it."""
    rows = []
    for patient, difference in zip(PATIENTS, differences, strict=True):
        scatter = rng.normal(0, 0.02, (2, 3))
        scatter -= scatter.mean()
        for (d, fold), (s, seed) in product(enumerate(FOLDS), enumerate(SEEDS)):
            value = 0.8 + difference + scatter[d, s]
            rows.append(row(experiment, patient, value, fold, seed, sequence=sequence))
    return rows


def judged(folder: Path, rows: list[dict], contrasts: list[tuple[str, str, str]]) -> tuple[list[dict], list[dict]]:
    write_tsv(folder / "patients.tsv", PATIENT_COLUMNS, rows)
    named = [
        {"question": f"{first} or {second}", "experiment": first, "against": second, "sequence": sequence}
        for first, second, sequence in contrasts
    ]
    judge_contrasts(
        patients_table=folder / "patients.tsv",
        contrasts=named,
        margin=MARGIN,
        verdicts_table=folder / "verdicts.tsv",
        variances_table=folder / "variances.tsv",
    )
    return read_tsv(folder / "verdicts.tsv", VERDICT_COLUMNS), read_tsv(folder / "variances.tsv", VARIANCE_COLUMNS)


DIFFERENCES = {
    "base": [0.0] * 8,
    "higher": [0.05, 0.06, 0.04, 0.055, 0.045, 0.05, 0.06, 0.04],
    "lower": [-0.05, -0.02, -0.06, -0.01, -0.04, -0.03, -0.05, -0.02],
    "near": [0.003, -0.002, 0.001, -0.003, 0.002, 0.001, -0.001, 0.002],
    "loose": [0.09, -0.1, 0.05, -0.04, 0.12, -0.08, 0.02, 0.03],
}
T1 = "t1_in_phase"
CONTRASTS = [(name, "base", T1) for name in ("near", "higher", "loose", "lower")] + [("absent", "base", T1)]


def study(rng_seed: int = 5) -> list[dict]:
    rng = np.random.default_rng(rng_seed)
    return [entry for name, differences in DIFFERENCES.items() for entry in scored(name, differences, rng)]


def test_holm_of_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.6, 0.7]) == [1.0, 1.0]


@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_lies_between_the_raw_and_bonferroni(p_values: list[float]) -> None:
    corrected = np.array(holm(p_values))
    raw = np.array(p_values)
    assert np.all(corrected >= raw) and np.all(corrected <= np.minimum(1, raw * len(raw)) + 1e-12)
    assert np.all(np.diff(corrected[np.argsort(raw, kind="stable")]) >= 0)


def test_each_verdict_is_recomputed_from_the_patients_with_plain_scipy(tmp_path: Path) -> None:
    """As a stranger does: means per patient, paired t-tests, Holm over all five, intervals at Holm's levels."""
    verdicts, _ = judged(tmp_path, study(), CONTRASTS)
    means = pd.DataFrame(study()).pivot_table("dice_3d", "experiment", "patient")
    tests = [stats.ttest_rel(means.loc[name], means.loc["base"]) for name in ("near", "higher", "loose", "lower")]
    p_values = [float(test.pvalue) for test in tests]
    corrected = multipletests([*p_values, 1.0], method="holm")[1]
    # By size of p: higher, lower, then near and loose. Two are rejected, so that those two are tested at 0.05 / 3.
    levels = [0.05 / 3, 0.05 / 5, 0.05 / 3, 0.05 / 4]
    assert [each["verdict"] for each in verdicts] == ["equivalent", "better", "undecided", "worse", "not run"]
    for found, test, p, p_holm, level in zip(verdicts, tests, p_values, corrected, levels, strict=False):
        assert float(found["p"]) == pytest.approx(p, rel=1e-4)
        assert float(found["p_holm"]) == pytest.approx(p_holm, rel=1e-4)
        assert float(found["confidence"]) == pytest.approx(1 - level, abs=1e-5)
        interval = test.confidence_interval(1 - level)
        assert (float(found["ci_low"]), float(found["ci_high"])) == pytest.approx(tuple(interval), abs=1e-6)
        assert found["patients"] == "8"
        effect = TTestPower().solve_power(nobs=8, alpha=level, power=0.8)
        detectable = effect * float(found["sd_difference"])
        assert float(found["detectable_difference"]) == pytest.approx(detectable, rel=1e-4)
    higher = verdicts[1]
    assert (float(higher["against_mean"]), float(higher["experiment_mean"])) == pytest.approx((0.8, 0.85))
    assert float(higher["mean_difference"]) == pytest.approx(0.05, abs=1e-6)
    assert float(higher["sd_difference"]) == pytest.approx(np.std(DIFFERENCES["higher"], ddof=1), rel=1e-4)


def test_a_contrast_that_was_not_run_remains_one_of_the_family(tmp_path: Path) -> None:
    alone, _ = judged(tmp_path, study(), CONTRASTS[1:2])
    beside, _ = judged(tmp_path, study(), [CONTRASTS[1], CONTRASTS[-1]])
    assert (float(alone[0]["confidence"]), float(beside[0]["confidence"])) == (0.95, 0.975)
    assert float(beside[0]["p_holm"]) == pytest.approx(2 * float(alone[0]["p_holm"]))
    assert set(beside[1].values()) == {"absent or base", "absent", "base", T1, "not run", ""}


def test_another_sequence_cohort_or_measure_does_not_enter(tmp_path: Path) -> None:
    others = [
        row("higher", "1", 0.1, sequence="t2_spir"),
        row("higher", "1", 0.1, fold="all", seed="all", cohort="test"),
        row("higher", "1", None, fold="1"),
    ]
    assert judged(tmp_path, study(), CONTRASTS)[0] == judged(tmp_path, [*study(), *others], CONTRASTS)[0]


def test_patients_are_paired_and_those_of_one_side_named(tmp_path: Path) -> None:
    rows = [entry for entry in study() if (entry["experiment"], entry["patient"]) != ("higher", "10")]
    (found,), _ = judged(tmp_path, rows, CONTRASTS[1:2])
    assert (found["patients"], found["note"]) == ("7", "scored by one of the two only: 10")
    assert float(found["mean_difference"]) == pytest.approx((sum(DIFFERENCES["higher"]) - 0.05) / 7, abs=1e-6)


def test_five_patients_are_too_few(tmp_path: Path) -> None:
    rows = [entry for entry in study() if entry["patient"] in PATIENTS[:5]]
    (found,), _ = judged(tmp_path, rows, CONTRASTS[1:2])
    assert (found["verdict"], found["patients"], found["p"], found["ci_low"]) == ("undecided", "5", "", "")
    assert found["note"] == "fewer than 6 patients: not tested"


def test_networks_that_do_not_differ_are_said_to_be_the_same(tmp_path: Path) -> None:
    rows = [row(name, patient, 0.7 + 0.01 * n) for name in ("base", "copy") for n, patient in enumerate(PATIENTS)]
    rows += [row("one", patient, 0.7 + 0.01 * n + (0.001 if n == 3 else 0)) for n, patient in enumerate(PATIENTS)]
    (same, nearly), _ = judged(tmp_path, rows, [("copy", "base", T1), ("one", "base", T1)])
    assert (same["verdict"], same["note"], same["p"]) == ("equivalent", "no patient differs", "1")
    assert (same["ci_low"], same["ci_high"], same["detectable_difference"]) == ("0", "0", "0")
    assert (nearly["verdict"], nearly["note"]) == ("equivalent", "7 of 8 patients do not differ")


def test_one_and_the_same_difference_in_every_patient_is_certain(tmp_path: Path) -> None:
    rows = [row(name, patient, value) for name, value in (("base", 0.5), ("new", 0.625)) for patient in PATIENTS]
    (found,), _ = judged(tmp_path, rows, [("new", "base", T1)])
    assert (found["verdict"], found["p"], found["ci_low"]) == ("better", "0", "0.125")


def test_a_plan_without_contrasts_gives_empty_tables(tmp_path: Path) -> None:
    assert judged(tmp_path, study(), []) == ([], [])


def test_holms_levels_by_hand() -> None:
    assert holm_levels([0.5, 0.001, 0.03, 0.012]) == pytest.approx([0.05 / 2, 0.05 / 4, 0.05 / 2, 0.05 / 3])
    # After the first that is not rejected, none is, and the level stays.
    assert holm_levels([0.02, 0.021, 0.001]) == pytest.approx([0.05 / 2, 0.05, 0.05 / 3])
    assert holm_levels([0.03, 0.02, 0.04]) == pytest.approx([0.05 / 3] * 3)
    # On its level is rejected.
    assert holm_levels([0.025, 0.4]) == pytest.approx([0.025, 0.05])


@pytest.mark.parametrize("count", [2, 8])
def test_a_p_is_below_its_level_where_the_corrected_p_is_below_5_percent(count: int) -> None:
    for p_values in np.random.default_rng(1).uniform(0, 0.03, (200, count)):
        corrected = np.array(holm(p_values))
        assert [p <= level for p, level in zip(p_values, holm_levels(p_values), strict=True)] == list(corrected <= 0.05)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.001, 0.05, "better"),
        (-0.05, -0.001, "worse"),
        (0.001, 0.015, "better"),
        (-0.015, -0.001, "worse"),
        (-0.019, 0.019, "equivalent"),
        (-0.02, 0.019, "undecided"),
        (-0.019, 0.02, "undecided"),
        (0.0, 0.03, "undecided"),
        (-0.03, 0.0, "undecided"),
    ],
)
def test_verdicts_by_the_ends_of_the_interval(low: float, high: float, verdict: str) -> None:
    assert verdict_of(low, high, MARGIN) == verdict


@pytest.mark.parametrize(("patients", "level"), [(6, 0.05), (14, 0.05 / 8), (20, 0.05 / 3)])
def test_the_detectable_difference_is_that_of_statsmodels(patients: int, level: float) -> None:
    effect = TTestPower().solve_power(nobs=patients, alpha=level, power=0.8)
    assert detectable_difference(0.03, patients, level) == pytest.approx(0.03 * effect, rel=1e-5)


def crossed(patients: int, draws: int, seeds: int) -> np.ndarray:
    rng = np.random.default_rng(11)
    values = 0.85 + rng.normal(0, 0.05, (patients, 1, 1)) + rng.normal(0, 0.03, (patients, draws, 1))
    return values + rng.normal(0, 0.02, (patients, draws, seeds))


def test_the_spread_is_that_of_statsmodels_mixed_model() -> None:
    # Times ten, since statsmodels takes small variances for the boundary.
    values = 10 * crossed(14, 3, 4)
    long = pd.DataFrame(
        [(p, f"{p}/{d}", values[p, d, s]) for p, d, s in np.ndindex(values.shape)], columns=["patient", "draw", "dice"]
    )
    model = smf.mixedlm("dice ~ 1", long, groups="patient", re_formula="1", vc_formula={"draw": "0 + C(draw)"})
    fitted = model.fit(reml=True)
    spread = spread_of(values)
    assert spread.patients == pytest.approx(float(fitted.cov_re.iloc[0, 0]) ** 0.5, rel=1e-4)
    assert spread.draws == pytest.approx(float(fitted.vcomp[0]) ** 0.5, rel=1e-4)
    assert spread.seeds == pytest.approx(float(fitted.scale) ** 0.5, rel=1e-4)


def test_the_spread_by_hand() -> None:
    # Seeds differ by 0.02 in each draw, draws by 0.1, patients by 0.4: variances 0.0002, 0.005 - 0.0001, 0.08 - 0.0025.
    values = np.array([[[0.39, 0.41], [0.49, 0.51]], [[0.79, 0.81], [0.89, 0.91]]])
    spread = spread_of(values)
    assert spread.seeds == pytest.approx(0.0002**0.5)
    assert spread.draws == pytest.approx(0.0049**0.5)
    assert spread.patients == pytest.approx((0.08 - 0.005 / 2) ** 0.5)


def test_what_a_single_draw_or_seed_adds_is_not_told_apart() -> None:
    values = crossed(9, 1, 1)
    assert spread_of(values) == (pytest.approx(values[:, 0, 0].std(ddof=1)), None, None)
    assert spread_of(crossed(9, 1, 3))[1] is None
    assert spread_of(crossed(9, 3, 1))[2] is None


def test_no_variance_is_negative() -> None:
    values = np.array([[[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    assert spread_of(values) == (0.0, 0.0, pytest.approx(0.5**0.5))


def test_the_spread_of_each_experiment_of_the_plan_is_written(tmp_path: Path) -> None:
    _, variances = judged(tmp_path, study(), CONTRASTS)
    assert [found["experiment"] for found in variances] == ["base", "near", "higher", "loose", "lower"]
    higher = variances[2]
    assert [higher[key] for key in ("sequence", "patients", "draws", "seeds", "note")] == [T1, "8", "2", "3", ""]
    assert float(higher["mean"]) == pytest.approx(0.85, abs=1e-6)
    own = [entry["dice_3d"] for entry in study() if entry["experiment"] == "higher"]
    spread = spread_of(np.array(own).reshape(8, 2, 3))
    found = tuple(float(higher[key]) for key in ("sd_patients", "sd_draws", "sd_seeds"))
    assert found == pytest.approx(tuple(spread), rel=1e-4)


def test_patients_with_fewer_results_than_others_leave_the_spread_unsplit(tmp_path: Path) -> None:
    lacking = [entry for entry in study() if (entry["patient"], entry["fold"], entry["seed"]) != ("5", "3", "2")]
    one_draw = [entry for entry in study() if (entry["patient"], entry["fold"]) != ("5", "3")]
    for rows in (lacking, one_draw):
        _, variances = judged(tmp_path, rows, CONTRASTS)
        assert variances[1]["sd_patients"] == variances[1]["draws"] == ""
        assert "is not split" in variances[1]["note"]
