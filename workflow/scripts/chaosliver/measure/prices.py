"""How much each error of a published study changed its Dice: the Dice as published, and with the error put right.

The original study gave the mean Dice of all slices of its held-out patients together, of grey logits, and the best of
several numbers of epochs. These three errors lie in how the Dice was averaged and alter no network; the others do, and
have an experiment each. The bootstrap is over patients, as in `patient_statistics`; the number of epochs is chosen
anew in each resample.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..base.columns import PRICE_COLUMNS, SLICE_COLUMNS
from ..base.files import read_tsv, write_tsv
from ..base.patient_order import natural
from .patient_statistics import FEWEST_PATIENTS, resample_shares, tails

NOTHING, ALL = "nothing, as published", "all of them"


class Reading(NamedTuple):
    """How a study's Dice is averaged from its slices: by default with all of the published errors.

    `dice` is the column of the slices' table. With `best` each fold takes the number of epochs whose Dice is highest
    on its own held-out patients, else the last. With `pooled` the mean is over slices, else over patients' means.
    """

    dice: str = "dice"
    best: bool = True
    pooled: bool = True


PUBLISHED, RIGHT = Reading(), Reading("dice_of_mask", best=False, pooled=False)
ERRORS_OF_READING = {
    "Dice of grey logits": PUBLISHED._replace(dice="dice_of_mask"),
    "number of epochs chosen on the patients that are reported": PUBLISHED._replace(best=False),
    "slices of all patients pooled": PUBLISHED._replace(pooled=False),
}

Row = Mapping[str, str]
# The rows of the priced experiments, by seed and draw.
Replicates = Sequence[Sequence[Row]]


class Arm(NamedTuple):
    """A row of the table: the error put right, the experiments of one training by epochs, and how Dice is averaged."""

    error: str
    experiments: Sequence[str]
    reading: Reading


class Scores(NamedTuple):
    """Of one seed and draw: sums of the slices' Dice [epochs, patients], each patient's number of slices, and fold."""

    sums: np.ndarray
    counts: np.ndarray
    folds: np.ndarray


def price_errors(*, slices_table: Path, prices: Mapping[str, Any], prices_table: Path) -> None:
    """Write the Dice as published, with each error put right alone and with all, and how far they differ.

    `prices` holds `published` and, in `each` by the name of an error, the experiments of one training in the order of
    their epochs, and `right`, the experiment without any error; `folds_per_draw` says how many folds in turn are of one
    draw. Empty, it gives an empty table. Each seed and draw gives a Dice of all patients, and their mean is written.
    Differences are the Dice put right minus the published one. There is no interval for fewer than FEWEST_PATIENTS
    patients.
    """
    rows: list[dict[str, Any]] = []
    if prices:
        published = Arm(NOTHING, prices["published"], PUBLISHED)
        arms = [
            published,
            *(Arm(error, names, PUBLISHED) for error, names in prices["each"].items()),
            *(Arm(error, published.experiments, reading) for error, reading in ERRORS_OF_READING.items()),
            Arm(ALL, [prices["right"]], RIGHT),
        ]
        replicates = _replicates(_comparable(read_tsv(slices_table, SLICE_COLUMNS), arms), prices["folds_per_draw"])
        rows = [_priced(replicates, arm, published) for arm in arms]
    write_tsv(prices_table, PRICE_COLUMNS, rows)


def dice_of(scores: Scores, reading: Reading, shares: np.ndarray) -> np.ndarray:
    """The Dice of each resample, whose row of `shares` (resamples, patients) says how much of it each patient is."""
    weights = shares if not reading.pooled else shares * scores.counts
    means = scores.sums / scores.counts
    shown = np.zeros(len(shares))
    for fold in np.unique(scores.folds):
        own = weights * (scores.folds == fold)
        # [resamples, epochs]; a fold of which a resample has no patient weighs nothing.
        totals = own @ means.T
        shown += totals.max(axis=1) if reading.best else totals[:, -1]
    return shown / weights.sum(axis=1)


def _comparable(table: Sequence[Row], arms: Sequence[Arm]) -> list[Row]:
    """The arms' scored slices of the development cohort, of the sequences that the first arm was scored on."""
    named = {name for arm in arms for name in arm.experiments}
    scored = [row for row in table if row["experiment"] in named and row["cohort"] == "development" and row["dice"]]
    sequences = {row["sequence"] for row in scored if row["experiment"] == arms[0].experiments[-1]}
    return [row for row in scored if row["sequence"] in sequences]


def _replicates(table: Sequence[Row], folds_per_draw: int) -> Replicates:
    """The rows of each seed and draw. In each of them a patient is held out by one fold."""
    replicates: dict[tuple[str, int], list[Row]] = {}
    for row in table:
        replicates.setdefault((row["seed"], int(row["fold"]) // folds_per_draw), []).append(row)
    return [replicates[key] for key in sorted(replicates)]


def _priced(replicates: Replicates, arm: Arm, published: Arm) -> dict[str, Any]:
    scored = [row for table in replicates for row in table if row["experiment"] == arm.experiments[-1]]
    patients = sorted({row["patient"] for row in scored}, key=natural)
    everyone = np.full((1, len(patients)), 1 / len(patients))
    # Fewer patients have no interval.
    resampled = [resample_shares(len(patients))] if len(patients) >= FEWEST_PATIENTS else []
    shares = np.concatenate([everyone, *resampled])
    found = _mean_of_replicates(replicates, arm, patients, shares)
    base = _mean_of_replicates(replicates, published, patients, shares)
    row = dict.fromkeys(PRICE_COLUMNS) | {
        "put_right": arm.error,
        "experiment": arm.experiments[-1],
        "patients": len(patients),
        "slices": len({(row["patient"], row["sequence"], row["stem"]) for row in scored}),
    }
    row |= _with_interval(found, len(patients), ("dice", "ci_low", "ci_high"))
    if arm is not published:
        columns = ("difference", "difference_ci_low", "difference_ci_high")
        row |= _with_interval(found - base, len(patients), columns)
    return row


def _with_interval(found: np.ndarray, patients: int, columns: Sequence[str]) -> dict[str, float | None]:
    """The Dice of all patients, which stands first, and its interval by the resamples that follow."""
    ends = np.quantile(found[1:], tails(patients)).tolist() if patients >= FEWEST_PATIENTS else (None, None)
    return dict(zip(columns, (float(found[0]), *ends), strict=True))


def _mean_of_replicates(replicates: Replicates, arm: Arm, patients: Sequence[str], shares: np.ndarray) -> np.ndarray:
    return np.mean([dice_of(_scores(table, arm, patients), arm.reading, shares) for table in replicates], axis=0)


def _scores(table: Sequence[Row], arm: Arm, patients: Sequence[str]) -> Scores:
    names = list(arm.experiments)
    place = {patient: number for number, patient in enumerate(patients)}
    sums, counts = np.zeros((len(names), len(patients))), np.zeros((len(names), len(patients)))
    folds = np.zeros(len(patients), int)
    for row in table:
        if row["experiment"] in names:
            where = names.index(row["experiment"]), place[row["patient"]]
            sums[where] += float(row[arm.reading.dice])
            counts[where] += 1
            folds[where[1]] = int(row["fold"])
    return Scores(sums, counts[-1], folds)
