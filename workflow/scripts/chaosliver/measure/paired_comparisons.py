"""Paired comparisons of experiments, patient by patient, by every measure."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..base.columns import COMPARISON_COLUMNS, PATIENT_COLUMNS
from ..base.files import read_tsv, write_tsv
from ..base.patient_order import natural
from .patient_statistics import FEWEST_PATIENTS, mean_interval, rank_biserial

# Which way each measure improves.
BETTER = {
    "mean_dice_all_slices": "higher",
    "mean_dice_organ_slices": "higher",
    "dice_3d": "higher",
    "assd_mm": "lower",
    "hd95_mm": "lower",
    "mssd_mm": "lower",
    "nsd": "higher",
    "challenge_score": "higher",
}
# The tables keep six significant digits: a difference beyond these decimals is rounding, and must count as a tie.
DECIMALS = 9

# Experiment, cohort and sequence.
Group = tuple[str, str, str]
# By patient.
Values = dict[str, float]


def compare_experiments(*, patients_table: Path, pairs: list[tuple[str, str]], comparisons_table: Path) -> None:
    """Compare the `pairs` (experiment, baseline) by every measure, cohort and sequence, and write the table.

    Differences are experiment minus baseline. They are secondary, and so have intervals but no p values: the questions
    that are tested are those of the plan of analysis, in `verdicts`.
    """
    means = patient_means(read_tsv(patients_table, PATIENT_COLUMNS))
    rows = [row for experiment, baseline in pairs for row in _compared(means, experiment, baseline)]
    write_tsv(comparisons_table, COMPARISON_COLUMNS, rows)


def patient_means(rows: Iterable[Mapping[str, str]]) -> dict[Group, dict[str, Values]]:
    """Each patient's mean over seeds and draws: {(experiment, cohort, sequence): {measure: {patient: mean}}}.

    A result that does not exist or is not finite (the distance of an empty prediction) is left out of its patient's
    mean, and a patient without any value has none.
    """
    results: dict[Group, dict[str, dict[str, list[float]]]] = {}
    for row in rows:
        group = results.setdefault((row["experiment"], row["cohort"], row["sequence"]), {name: {} for name in BETTER})
        for measure, patients in group.items():
            values = patients.setdefault(row["patient"], [])
            value = float(row[measure] or "nan")
            if np.isfinite(value):
                values.append(value)
    return {
        group: {
            measure: {patient: float(np.mean(values)) if values else float("nan") for patient, values in held.items()}
            for measure, held in measures.items()
        }
        for group, measures in results.items()
    }


def compare(baseline: Mapping[str, Values], experiment: Mapping[str, Values], measure: str) -> dict[str, Any]:
    """The columns of one comparison, from `pairs` on, by the patients with a value under both.

    A patient without a pair is left out and named. Nothing is imputed: where an experiment's prediction is empty, its
    distances do not exist, and the failure shows in the Dice and the challenge score instead.
    """
    first, second = baseline.get(measure, {}), experiment[measure]
    paired = sorted((name for name in first if np.isfinite(first[name] - second.get(name, np.nan))), key=natural)
    before, after = (np.array([values[name] for name in paired]) for values in (first, second))
    differences = np.round(after - before, DECIMALS)
    row: dict[str, Any] = dict.fromkeys(COMPARISON_COLUMNS[COMPARISON_COLUMNS.index("pairs") :])
    row |= {"pairs": len(paired), "note": "; ".join(_notes(first, second, differences))}
    if not paired:
        return row
    low, high = mean_interval(differences) or (None, None)
    return row | {
        "baseline_mean": float(before.mean()),
        "experiment_mean": float(after.mean()),
        "mean_difference": float(differences.mean()),
        "ci_low": low,
        "ci_high": high,
        "median_difference": float(np.median(differences)),
        "rank_biserial": rank_biserial(differences),
    }


def _compared(means: Mapping[Group, Mapping[str, Values]], experiment: str, baseline: str) -> Iterator[dict[str, Any]]:
    """A row for every cohort, sequence and measure of the experiment."""
    for name, cohort, sequence in means:
        if name == experiment:
            first = means.get((baseline, cohort, sequence), {})
            for measure, better in BETTER.items():
                named = {"baseline": baseline, "experiment": experiment, "cohort": cohort, "sequence": sequence}
                compared = compare(first, means[experiment, cohort, sequence], measure)
                yield {**named, "measure": measure, "better": better, **compared}


def _notes(first: Values, second: Values, differences: np.ndarray) -> list[str]:
    if not first:
        return ["the baseline is not scored on this"]
    notes = []
    for values, other, name in ((first, second, "experiment"), (second, first, "baseline")):
        if alone := values.keys() - other.keys():
            notes.append(f"not scored by the {name}: {_named(alone)}")
    both = first.keys() & second.keys()
    for values, name in ((first, "baseline"), (second, "experiment")):
        if undefined := {patient for patient in both if np.isnan(values[patient])}:
            notes.append(f"no value under the {name}: {_named(undefined)}")
    if not len(differences):
        return [*notes, "no pair"]
    if len(differences) < FEWEST_PATIENTS:
        notes.append(f"fewer than {FEWEST_PATIENTS} pairs: too few for an interval")
    return notes + notes_on_ties(differences)


def notes_on_ties(differences: np.ndarray) -> list[str]:
    """A note that says how many of the patients do not differ at all, if there are such."""
    same, patients = int(np.count_nonzero(differences == 0)), len(differences)
    if not same:
        return []
    return ["no patient differs" if same == patients else f"{same} of {patients} patients do not differ"]


def _named(patients: Iterable[str]) -> str:
    return ", ".join(sorted(patients, key=natural))
