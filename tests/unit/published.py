"""Verdicts on contrasts, computed from a published table of patients by scipy and statsmodels."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import ttest_rel
from statsmodels.stats.power import TTestPower

Rows = Sequence[Mapping[str, str]]


def patient_means(rows: Rows, experiment: str, sequence: str, measure: str = "dice_3d") -> dict[str, float]:
    """Each patient's mean over draws and seeds."""
    values = defaultdict(list)
    for row in rows:
        if (row["experiment"], row["sequence"]) == (experiment, sequence):
            values[row["patient"]].append(float(row[measure]))
    return {patient: float(np.mean(each)) for patient, each in values.items()}


def judge(rows: Rows, contrasts: Rows, margin: float) -> dict[str, dict[str, float | str]]:
    """Each contrast's figures and verdict, by its question; Holm's procedure as its author states it."""
    tests, differences = {}, {}
    for contrast in contrasts:
        sides = [patient_means(rows, contrast[side], contrast["sequence"]) for side in ("experiment", "against")]
        assert sides[0].keys() == sides[1].keys() and len(sides[0]) == 14
        ours, theirs = (np.array([side[patient] for patient in sorted(side)]) for side in sides)
        tests[contrast["question"]] = ttest_rel(ours, theirs)
        differences[contrast["question"]] = ours - theirs
    found: dict[str, dict[str, float | str]] = {}
    rank, corrected, stopped, level = len(tests), 0.0, False, 0.0
    for question, test in sorted(tests.items(), key=lambda item: item[1].pvalue):
        corrected = max(corrected, min(1.0, rank * test.pvalue))
        level = level if stopped else 0.05 / rank
        stopped = stopped or test.pvalue > level
        low, high = test.confidence_interval(1 - level)
        within = low > -margin and high < margin
        verdict = "better" if low > 0 else "worse" if high < 0 else "equivalent" if within else "undecided"
        sd = differences[question].std(ddof=1)
        power = TTestPower().solve_power(nobs=14, alpha=level, power=0.8)
        found[question] = {
            "verdict": verdict,
            "mean_difference": float(differences[question].mean()),
            "ci_low": low,
            "ci_high": high,
            "p": test.pvalue,
            "p_holm": corrected,
            "confidence": 1 - level,
            "detectable_difference": float(power * sd),
        }
        rank -= 1
    return found
