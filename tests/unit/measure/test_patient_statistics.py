"""Intervals, p values and effects: against permutations counted out, other formulas and worked examples."""

from math import sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosliver.measure.patient_statistics import (
    mean_interval,
    rank_biserial,
    resample_shares,
    resampled_means,
    tails,
)

DIFFERENCES = np.array([0.03, -0.01, 0.05, 0.02, 0.04, 0.06])


@given(st.lists(st.integers(-50, 50), max_size=12))
@settings(max_examples=30, deadline=None)
def test_the_effect_is_the_balance_of_ranks(whole: list[int]) -> None:
    """Ties and zeros among them: ranks counted out."""
    kept = np.array([value for value in whole if value], dtype=float)
    effect = rank_biserial(np.array(whole, dtype=float))
    if not len(kept):
        assert effect is None
        return
    order = np.sort(np.abs(kept))
    ranks = np.array([np.mean(np.flatnonzero(order == abs(value))) + 1 for value in kept])
    assert effect == pytest.approx(np.sign(kept) @ ranks / ranks.sum())


def test_the_effect_changes_its_sign_with_the_differences() -> None:
    assert rank_biserial(DIFFERENCES) == pytest.approx((2 + 3 + 4 + 5 + 6 - 1) / 21)
    assert rank_biserial(-DIFFERENCES) == -rank_biserial(DIFFERENCES)
    assert rank_biserial(np.zeros(3)) is None


def test_the_interval_holds_the_mean_and_stays_among_the_values() -> None:
    low, high = mean_interval(DIFFERENCES)
    assert DIFFERENCES.min() <= low < DIFFERENCES.mean() < high <= DIFFERENCES.max()
    assert mean_interval(DIFFERENCES) == (low, high)
    assert mean_interval(DIFFERENCES[:5]) is None


def test_the_interval_is_wider_than_the_plain_percentile_and_nears_it_with_many_patients() -> None:
    low, high = mean_interval(DIFFERENCES)
    plain = np.quantile(resampled_means(DIFFERENCES), [0.025, 0.975])
    assert low < plain[0] and high > plain[1]
    assert tails(100_000) == pytest.approx((0.025, 0.975), abs=1e-4)


def test_the_interval_of_eight_patients_holds_the_truth_nearly_as_often_as_it_says() -> None:
    samples = np.random.default_rng(3).normal(size=(400, 8))
    widened = [mean_interval(sample) for sample in samples]
    plain = [np.quantile(resampled_means(sample), [0.025, 0.975]) for sample in samples]
    assert 0.91 <= np.mean([low <= 0 <= high for low, high in widened]) <= 0.97
    assert np.mean([low <= 0 <= high for low, high in plain]) < 0.91


@pytest.mark.parametrize(("patients", "student"), [(6, 2.570582), (14, 2.160369)])
def test_the_tails_by_the_published_formula(patients: int, student: float) -> None:
    """By Student's quantile from a printed table, for patients - 1 degrees of freedom."""
    tail = NormalDist().cdf(-student * sqrt(patients / (patients - 1)))
    assert tails(patients) == pytest.approx((tail, 1 - tail), rel=1e-5)
    assert tail < 0.025


def test_the_interval_by_drawing_patients_one_resample_at_a_time() -> None:
    values = np.array([0.1, 0.9, 0.35, 0.8, 0.62, 0.77, 0.05])
    drawn = np.random.default_rng(1).integers(7, size=(10_000, 7))
    means = sorted(sum(values[patient] for patient in resample) / 7 for resample in drawn)
    # Linear interpolation between the two means beside each end.
    ends = [tail * (len(means) - 1) for tail in tails(7)]
    by_hand = [means[int(end)] + (end % 1) * (means[int(end) + 1] - means[int(end)]) for end in ends]
    assert mean_interval(values) == pytest.approx(by_hand, abs=1e-12)


def test_values_of_several_kinds_are_resampled_together() -> None:
    both = np.column_stack([DIFFERENCES, -2 * DIFFERENCES])
    means = resampled_means(both)
    assert means.shape == (10_000, 2)
    np.testing.assert_allclose(means[:, 1], -2 * means[:, 0], atol=1e-15)
    np.testing.assert_allclose(means[:, 0], resampled_means(DIFFERENCES), atol=1e-15)


def test_shares_are_counts_of_draws_over_patients() -> None:
    shares = resample_shares(6)
    drawn = np.random.default_rng(1).integers(6, size=(10_000, 6))
    np.testing.assert_allclose(shares[17], [list(drawn[17]).count(patient) / 6 for patient in range(6)])
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_the_effect_of_differences_whose_ranks_are_known() -> None:
    # Ranks 1 to 7, of which 1 and 3 fall.
    differences = np.array([-0.1, 0.2, -0.3, 0.4, 0.5, 0.6, 0.7, 0.0])
    assert rank_biserial(differences) == pytest.approx((24 - 4) / 28)
