"""Intervals of means, and tests of paired differences. The unit is the patient.

Slices of one patient are not independent, and seeds and draws are replicates of one patient's result: every value
compared here is the mean of them.

The interval is the percentile bootstrap over patients, its tails widened for small samples as in Hesterberg, "What
Teachers Should Know About the Bootstrap", The American Statistician 2015, doi 10.1080/00031305.2015.1089789. The
plain percentile interval is too short by about sqrt((n - 1) / n) and by the normal in place of Student's quantile: in
a simulation (1,500 samples a case; normal and beta distributed) a 95 % interval of 14 patients' mean held the truth
in 91 % of samples, BCa in 91 %, the widened one in 93 to 94 %; of 8 patients 88 %, 88 to 89 % and 92 to 93 %.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy.stats import norm, rankdata, t, wilcoxon

# With five pairs the smallest two-sided p that the signed-rank test can reach is 2 / 2^5 = 0.0625, and with fewer than
# six patients a bootstrap interval holds the truth in far less than 95 % of samples.
FEWEST_PATIENTS = 6
CONFIDENCE = 0.95
RESAMPLES = 10_000
SEED = 1


def mean_interval(values: np.ndarray) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of the mean of `values` (patients); None for fewer than `FEWEST_PATIENTS`."""
    if len(values) < FEWEST_PATIENTS:
        return None
    low, high = np.quantile(resampled_means(values), tails(len(values)))
    return float(low), float(high)


def resampled_means(values: np.ndarray) -> np.ndarray:
    """Means (resamples, ...) of patients drawn with replacement from `values` (patients, ...), the same each time."""
    return resample_shares(len(values)) @ values


@cache
def resample_shares(patients: int) -> np.ndarray:
    """The share of each patient in each resample: (resamples, patients), the same each time."""
    drawn = np.random.default_rng(SEED).integers(patients, size=(RESAMPLES, patients))
    return np.stack([np.count_nonzero(drawn == patient, axis=1) for patient in range(patients)], axis=1) / patients


def tails(patients: int) -> tuple[float, float]:
    """The quantiles of the resampled means at which the widened 95 % interval ends (Hesterberg 2015)."""
    student = t.ppf((1 + CONFIDENCE) / 2, patients - 1)
    tail = norm.cdf(-np.sqrt(patients / (patients - 1)) * student)
    return float(tail), float(1 - tail)


def signed_rank_p(differences: np.ndarray) -> float | None:
    """Two-sided p of Wilcoxon's signed-rank test; None where too few differ from zero for it to fall below 0.05.

    Zero differences are dropped, as Wilcoxon did. The distribution is exact up to 50 pairs, or 13 where ranks are
    tied; beyond that it is the normal approximation.
    """
    differences = differences[differences != 0]
    if len(differences) < FEWEST_PATIENTS:
        return None
    return float(wilcoxon(differences).pvalue)


def rank_biserial(differences: np.ndarray) -> float | None:
    """Matched-pairs rank-biserial correlation, -1 to 1: the ranks of rises less those of falls, over all ranks.

    Zero differences are dropped; None where nothing is left. Source: Kerby, Comprehensive Psychology 2014,
    doi 10.2466/11.IT.3.1.
    """
    differences = differences[differences != 0]
    if not len(differences):
        return None
    ranks = rankdata(np.abs(differences))
    return float(np.sum(ranks * np.sign(differences)) / np.sum(ranks))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction of the p values of one family, in their order."""
    corrected = np.empty(len(p_values))
    order = np.argsort(p_values, kind="stable")
    reached = 0.0
    for place, number in enumerate(order):
        reached = max(reached, min(1.0, (len(order) - place) * p_values[number]))
        corrected[number] = reached
    return corrected.tolist()
