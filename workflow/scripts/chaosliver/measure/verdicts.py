"""The verdict on each question that the study's plan asks, and how far patients, draws of the folds and seeds scatter.

A question is a contrast of two experiments by the primary measure, the 3D Dice, on one sequence. The unit is the
patient: its value is the mean over draws and seeds, and the test is the paired t-test, whose interval says the same as
its p. All contrasts of the plan are one family with Holm's correction. Each interval is of the level at which Holm's
procedure tests that contrast, so that it excludes 0 just where the corrected p is below ALPHA.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import nctdtrinc
from scipy.stats import t, ttest_1samp

from ..base.columns import PATIENT_COLUMNS, VARIANCE_COLUMNS, VERDICT_COLUMNS
from ..base.files import read_tsv, write_tsv
from ..base.patient_order import natural
from .paired_comparisons import DECIMALS, notes_on_ties
from .patient_statistics import FEWEST_PATIENTS

MEASURE = "dice_3d"
COHORT = "development"
ALPHA = 0.05
POWER = 0.8
BETTER, WORSE, EQUIVALENT, UNDECIDED, NOT_RUN = "better", "worse", "equivalent", "undecided", "not run"

Row = Mapping[str, str]
# A patient's values by fold and seed.
Replicates = dict[tuple[str, str], float]
# By patient.
Scored = dict[str, Replicates]


class Spread(NamedTuple):
    """Standard deviations between patients, between a patient's draws, and between the seeds of one draw."""

    patients: float
    draws: float | None
    seeds: float | None


def judge_contrasts(
    *,
    patients_table: Path,
    contrasts: Sequence[Mapping[str, str]],
    margin: float,
    verdicts_table: Path,
    variances_table: Path,
) -> None:
    """Write the verdict on each contrast, and the spread of each experiment that a contrast names.

    `contrasts` hold `question`, `experiment`, `against` and `sequence`; differences are experiment minus against, and
    means that differ by less than `margin` (3D Dice) are equivalent. A contrast that was not run, or has fewer than
    FEWEST_PATIENTS patients, gets no numbers, but remains one of the family.
    """
    scored = _scored(read_tsv(patients_table, PATIENT_COLUMNS))
    rows = [_measured(contrast, scored) for contrast in contrasts]
    for row, p_holm, level in zip(rows, *_corrected([row["p"] for row in rows]), strict=True):
        if row["p"] is not None:
            row |= {"p_holm": p_holm, **_judged(row, level, margin)}
    write_tsv(verdicts_table, VERDICT_COLUMNS, rows)
    named = dict.fromkeys((each[side], each["sequence"]) for each in contrasts for side in ("against", "experiment"))
    write_tsv(variances_table, VARIANCE_COLUMNS, [_spread_row(*key, scored[key]) for key in named if key in scored])


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction of the p values of one family, in their order."""
    corrected = np.empty(len(p_values))
    order = np.argsort(p_values, kind="stable")
    reached = 0.0
    for place, number in enumerate(order):
        reached = max(reached, min(1.0, (len(order) - place) * p_values[number]))
        corrected[number] = reached
    return corrected.tolist()


def holm_levels(p_values: Sequence[float]) -> list[float]:
    """The significance level at which Holm's procedure tests each p value of a family, in their order.

    The smallest is tested at ALPHA / n, the next at ALPHA / (n - 1), and so on; after the first that is above its
    level, all others keep that level.
    """
    levels = [0.0] * len(p_values)
    rejected = 0
    for number in np.argsort(p_values, kind="stable"):
        levels[number] = ALPHA / (len(p_values) - rejected)
        rejected += bool(p_values[number] <= levels[number])
    return levels


def verdict_of(low: float, high: float, margin: float) -> str:
    """What an interval of the mean difference says of a measure of which more is better.

    An interval that excludes 0 decides, also where it lies within the margin.
    """
    if low > 0:
        return BETTER
    if high < 0:
        return WORSE
    return EQUIVALENT if -margin < low and high < margin else UNDECIDED


def detectable_difference(sd: float, patients: int, level: float) -> float:
    """The true mean difference that the paired t-test at `level`, two-sided, finds with a probability of POWER.

    `sd` is the standard deviation of the patients' differences. Source: the noncentral t distribution, as in
    Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988.
    """
    limit = t.ppf(1 - level / 2, patients - 1)
    # The noncentrality at which the test misses in 1 - POWER of all samples; that it then finds the wrong sign is
    # too rare to count.
    return float(nctdtrinc(patients - 1, 1 - POWER, limit)) * sd / float(np.sqrt(patients))


def spread_of(values: np.ndarray) -> Spread:
    """The spread of `values` (patients, draws, seeds): seeds nested in draws, draws nested in patients.

    The estimates are those of the analysis of variance, 0 where they would be negative; None where there is only one
    draw or one seed. What a single draw or seed adds is then part of the spread around it.
    """
    patients, draws, seeds = values.shape
    of_seeds = float(values.var(axis=2, ddof=1).mean()) if seeds > 1 else None
    draw_means = values.mean(axis=2)
    of_draws = None
    if draws > 1:
        of_draws = max(float(draw_means.var(axis=1, ddof=1).mean()) - (of_seeds or 0) / seeds, 0.0)
    inner = (of_seeds or 0) / (draws * seeds) + (of_draws or 0) / draws
    of_patients = max(float(draw_means.mean(axis=1).var(ddof=1)) - inner, 0.0) if patients > 1 else 0.0
    return Spread(
        float(np.sqrt(of_patients)),
        None if of_draws is None else float(np.sqrt(of_draws)),
        None if of_seeds is None else float(np.sqrt(of_seeds)),
    )


def _scored(rows: Sequence[Row]) -> dict[tuple[str, str], Scored]:
    """The values of the primary measure: {(experiment, sequence): {patient: {(fold, seed): value}}}."""
    scored: dict[tuple[str, str], Scored] = {}
    for row in rows:
        if row["cohort"] == COHORT and row[MEASURE]:
            patients = scored.setdefault((row["experiment"], row["sequence"]), {})
            patients.setdefault(row["patient"], {})[row["fold"], row["seed"]] = float(row[MEASURE])
    return scored


def _measured(contrast: Mapping[str, str], scored: Mapping[tuple[str, str], Scored]) -> dict[str, Any]:
    """A contrast's row without what depends on the family: its p is None where there is no test."""
    row: dict[str, Any] = dict.fromkeys(VERDICT_COLUMNS) | dict(contrast)
    sides = [scored.get((contrast[side], contrast["sequence"]), {}) for side in ("against", "experiment")]
    if not all(sides):
        return row | {"verdict": NOT_RUN}
    paired = sorted(sides[0].keys() & sides[1].keys(), key=natural)
    before, after = (np.array([np.mean(list(side[patient].values())) for patient in paired]) for side in sides)
    differences = np.round(after - before, DECIMALS)
    row |= {"patients": len(paired), "note": "; ".join(_notes(sides, differences)), "verdict": UNDECIDED}
    if len(paired) < FEWEST_PATIENTS:
        return row
    return row | {
        "against_mean": float(before.mean()),
        "experiment_mean": float(after.mean()),
        "mean_difference": float(differences.mean()),
        "sd_difference": float(differences.std(ddof=1)),
        "p": float(ttest_1samp(differences, 0).pvalue) if np.ptp(differences) else float(not differences.any()),
    }


def _corrected(p_values: Sequence[float | None]) -> tuple[list[float], list[float]]:
    """Holm's corrected p and level of each contrast; one without a test counts as never rejected."""
    family = [1.0 if p is None else p for p in p_values]
    return holm(family), holm_levels(family)


def _judged(row: Mapping[str, Any], level: float, margin: float) -> dict[str, Any]:
    """Interval, detectable difference and verdict of a contrast that is tested at `level`."""
    mean, sd, patients = row["mean_difference"], row["sd_difference"], row["patients"]
    half = float(t.ppf(1 - level / 2, patients - 1)) * sd / float(np.sqrt(patients))
    return {
        "confidence": 1 - level,
        "ci_low": mean - half,
        "ci_high": mean + half,
        "detectable_difference": detectable_difference(sd, patients, level),
        "verdict": verdict_of(mean - half, mean + half, margin),
    }


def _notes(sides: Sequence[Scored], differences: np.ndarray) -> list[str]:
    notes = []
    if alone := sides[0].keys() ^ sides[1].keys():
        notes.append(f"scored by one of the two only: {', '.join(sorted(alone, key=natural))}")
    if len(differences) < FEWEST_PATIENTS:
        notes.append(f"fewer than {FEWEST_PATIENTS} patients: not tested")
    return notes + notes_on_ties(differences)


def _spread_row(experiment: str, sequence: str, scored: Scored) -> dict[str, Any]:
    values = _balanced(scored)
    row: dict[str, Any] = dict.fromkeys(VARIANCE_COLUMNS) | {
        "experiment": experiment,
        "sequence": sequence,
        "patients": len(scored),
        "mean": float(np.mean([np.mean(list(replicates.values())) for replicates in scored.values()])),
    }
    if values is None:
        return row | {"note": "not every patient was scored in as many draws and seeds: the spread is not split"}
    spread = spread_of(values)
    return row | {
        **dict(zip(("draws", "seeds"), values.shape[1:], strict=True)),
        "sd_patients": spread.patients,
        "sd_draws": spread.draws,
        "sd_seeds": spread.seeds,
    }


def _balanced(scored: Scored) -> np.ndarray | None:
    """The values (patients, draws, seeds); None where a patient lacks some. A patient's folds are its draws."""
    tables = []
    for replicates in scored.values():
        folds = sorted({fold for fold, _ in replicates})
        seeds = sorted({seed for _, seed in replicates})
        if len(replicates) != len(folds) * len(seeds):
            return None
        tables.append([[replicates[fold, seed] for seed in seeds] for fold in folds])
    shapes = {(len(table), len(table[0])) for table in tables}
    return np.array(tables) if len(shapes) == 1 else None
