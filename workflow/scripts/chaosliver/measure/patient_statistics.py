"""Intervals of means, and the effect size of paired differences. The unit is the patient.

Slices of one patient are not independent, and seeds and draws are replicates of one patient's result: every value
compared here is the mean of them.

The interval is the percentile bootstrap over patients, its tails widened for small samples as in Hesterberg, "What
Teachers Should Know About the Bootstrap", The American Statistician 2015, doi 10.1080/00031305.2015.1089789. The
plain percentile interval is too short by about sqrt((n - 1) / n) and by the normal in place of Student's quantile: in
a simulation (1,500 samples a case; normal and beta distributed) a 95 % interval of 14 patients' mean held the truth
in 91 % of samples, BCa in 91 %, the widened one in 93 to 94 %; of 8 patients 88 %, 88 to 89 % and 92 to 93 %.
"""

from functools import cache

import numpy as np
from scipy.stats import norm, rankdata, t

# With fewer patients a bootstrap interval holds the truth in far less than 95 % of samples.
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
