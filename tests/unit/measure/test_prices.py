"""The published study's errors are priced as its figure would have changed, by hand and by a second implementation."""

from itertools import product
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from chaosliver.base.columns import PRICE_COLUMNS, SLICE_COLUMNS
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.measure.patient_statistics import mean_interval, resample_shares, tails
from chaosliver.measure.prices import ALL, NOTHING, price_errors

GREY, CHOSEN, POOLED = (
    "Dice of grey logits",
    "number of epochs chosen on the patients that are reported",
    "slices of all patients pooled",
)
PRICED = {
    **{"published": ["p_epoch2", "p"], "right": "r", "each": {"an error": ["e_epoch2", "e"]}},
    "folds_per_draw": 3,
}


def rows(experiment, patient, fold, grey, mask=None, seed="1", **changes):
    """A row per slice of a patient: Dice as scored, and of the mask."""
    named = {"experiment": experiment, "fold": fold, "seed": seed, "cohort": "development", "patient": patient}
    named |= {"sequence": "t1_in_phase", "scores": "logits", **changes}
    return [
        dict.fromkeys(SLICE_COLUMNS) | named | {"stem": f"s{n}", "dice": dice, "dice_of_mask": of_mask}
        for n, (dice, of_mask) in enumerate(zip(grey, mask or grey, strict=True))
    ]


def priced(folder: Path, table, names=PRICED):
    write_tsv(folder / "slices.tsv", SLICE_COLUMNS, table)
    price_errors(slices_table=folder / "slices.tsv", prices=names, prices_table=folder / "prices.tsv")
    return {row["put_right"]: row for row in read_tsv(folder / "prices.tsv", PRICE_COLUMNS)}


@pytest.fixture
def table():
    """Two folds of one patient each: of one slice, and of three."""
    return [
        *rows("p_epoch2", "1", 0, [0.6], [0.7]),
        *rows("p", "1", 0, [0.5], [0.8]),
        *rows("p_epoch2", "2", 1, [0.1, 0.2, 0.3], [0.3, 0.3, 0.3]),
        *rows("p", "2", 1, [0.2, 0.3, 0.4], [0.2, 0.3, 0.1]),
        *rows("e_epoch2", "1", 0, [0.1], [0.1]),
        *rows("e", "1", 0, [0.9], [0.95]),
        *rows("e_epoch2", "2", 1, [0.1, 0.1, 0.1]),
        *rows("e", "2", 1, [0.5, 0.6, 0.7]),
        *rows("r", "1", 0, [0.9], [0.8]),
        *rows("r", "2", 1, [0.3, 0.6, 0.6], [0.2, 0.5, 0.5]),
    ]


def test_each_reading_is_the_one_worked_out_by_hand(tmp_path, table):
    found = priced(tmp_path, table)
    by_hand = {
        # The better epochs of each fold: (0.6 + 0.9) / 4.
        NOTHING: 0.375,
        # (0.9 + 1.8) / 4.
        "an error": 0.675,
        # Of masks the last epoch is better in the first fold, the earlier one in the second: (0.8 + 0.9) / 4.
        GREY: 0.425,
        # (0.5 + 0.9) / 4.
        CHOSEN: 0.35,
        # (0.6 + 0.3) / 2.
        POOLED: 0.45,
        # Of masks, (0.8 + 0.4) / 2.
        ALL: 0.6,
    }
    assert {error: float(row["dice"]) for error, row in found.items()} == pytest.approx(by_hand)
    assert found[NOTHING]["difference"] == ""
    differences = {error: figure - 0.375 for error, figure in by_hand.items() if error != NOTHING}
    assert {error: float(found[error]["difference"]) for error in differences} == pytest.approx(differences)
    assert {(row["patients"], row["slices"], row["ci_low"]) for row in found.values()} == {("2", "4", "")}
    assert (found[ALL]["experiment"], found["an error"]["experiment"], found[POOLED]["experiment"]) == ("r", "e", "p")


def test_seeds_choose_by_themselves_and_are_averaged(tmp_path, table):
    second = [{**row, "seed": "2", "dice": 1 - row["dice"]} for row in table]
    # Of the second seed: the better of 0.4 and 0.5, and of 2.4 and 2.1.
    assert float(priced(tmp_path, table + second)[NOTHING]["dice"]) == pytest.approx((0.375 + (0.5 + 2.4) / 4) / 2)


def test_other_cohorts_sequences_and_experiments_count_for_nothing(tmp_path, table):
    foreign = [
        *rows("r", "1", 0, [0.0], sequence="t2_spir"),
        *rows("p", "9", "all", [0.0], cohort="test"),
        *rows("other", "1", 0, [0.0]),
        *rows("other", "44", 1, [0.5, 0.6]),
    ]
    assert priced(tmp_path, table + foreign) == priced(tmp_path, table)


def test_a_study_without_the_experiments_has_an_empty_table(tmp_path, table):
    assert priced(tmp_path, table, {}) == {}


def test_intervals_repeat_the_choice_in_every_resample(tmp_path):
    """Against a plain loop over the same resamples."""
    draw = np.random.default_rng(4)
    patients = {str(number): (number % 3, int(draw.integers(2, 6))) for number in range(7)}
    dice = {key: draw.random(patients[key[1]][1]) for key in product(("p_epoch2", "p", "r"), patients)}
    table = [row for (name, own), each in dice.items() for row in rows(name, own, patients[own][0], each.tolist())]
    found = priced(tmp_path, table, {**PRICED, "each": {}})
    as_published, right = [], []
    for shares in resample_shares(7):
        times = dict(zip(patients, np.rint(7 * shares).astype(int), strict=True))
        read = []
        for fold in range(3):
            own = [patient for patient, (f, _) in patients.items() if f == fold for _ in range(times[patient])]
            pools = [[d for patient in own for d in dice[name, patient]] for name in ("p_epoch2", "p")]
            read += max(pools, key=lambda pool: fmean(pool) if pool else 0)
        as_published.append(fmean(read))
        right.append(fmean(fmean(dice["r", patient]) for patient in patients for _ in range(times[patient])))
    ends = np.quantile(as_published, tails(7))
    assert [float(found[NOTHING][column]) for column in ("ci_low", "ci_high")] == pytest.approx(ends, abs=1e-5)
    ends = np.quantile(np.subtract(right, as_published), tails(7))
    columns = ("difference_ci_low", "difference_ci_high")
    assert [float(found[ALL][column]) for column in columns] == pytest.approx(ends, abs=1e-5)


def test_of_three_numbers_of_epochs_each_fold_takes_the_best_and_without_choice_the_last(tmp_path):
    """The second of three is the best in one fold and the first in the other."""
    names = {
        "published": ["p2", "p4", "p"],
        "right": "r",
        "each": {"grey masks": ["e2", "e4", "e"]},
        "folds_per_draw": 2,
    }
    dice = {"p2": (0.2, 0.9), "p4": (0.7, 0.5), "p": (0.4, 0.6), "e2": (0.1, 0.3), "e4": (0.8, 0.2), "e": (0.3, 0.1)}
    table = [
        row
        for name, each in (dice | {"r": (0.5, 0.25)}).items()
        for patient, (fold, value) in enumerate(zip((0, 1), each, strict=True))
        for row in rows(name, str(patient), fold, [value] * 2, sequence="t2_spir")
    ]
    found = priced(tmp_path, table, names)
    assert [*found] == [NOTHING, "grey masks", GREY, CHOSEN, POOLED, ALL]
    figures = {error: float(row["dice"]) for error, row in found.items()}
    assert figures == pytest.approx({NOTHING: 0.8, "grey masks": 0.55, GREY: 0.8, CHOSEN: 0.5, POOLED: 0.8, ALL: 0.375})
    assert [row["experiment"] for row in found.values()] == ["p", "e", "p", "p", "p", "r"]
    assert float(found["grey masks"]["difference"]) == pytest.approx(-0.25)


@pytest.mark.parametrize(("count", "told"), [(5, False), (6, True)])
def test_six_patients_have_an_interval_and_five_have_none(tmp_path, count, told):
    names = {"published": ["p"], "right": "r", "each": {}, "folds_per_draw": 1}
    # "10" stands after "9", though its text comes before.
    patients = [str(number) for number in range(6, 6 + count)]
    figures = {patient: place**0.5 / 3 for place, patient in enumerate(patients, 1)}
    table = [row for patient in patients for row in rows("p", patient, 0, [figures[patient]])]
    table += [row for patient in patients for row in rows("r", patient, 0, [0.05])]
    found = priced(tmp_path, table, names)
    columns = [column for column in PRICE_COLUMNS if "ci_" in column]
    assert {column for column in columns if found[ALL][column]} == (set(columns) if told else set())
    assert {column for column in columns if found[NOTHING][column]} == ({"ci_low", "ci_high"} if told else set())
    if told:
        ends = mean_interval(np.array([figures[patient] for patient in patients]))
        assert (float(found[NOTHING]["ci_low"]), float(found[NOTHING]["ci_high"])) == pytest.approx(ends, abs=1e-5)


def test_slices_without_ground_truth_count_for_nothing(tmp_path, table):
    blind = [{**row, "stem": f"x{n}", "dice": None} for n, row in enumerate(table)]
    assert priced(tmp_path, table + blind) == priced(tmp_path, table)


# Slices of each patient, and the two folds of each draw: patients 1 and 2 are held out together in the first draw only.
SLICES = {"1": 1, "2": 2, "3": 4}
DRAWN = [{"1": 0, "2": 0, "3": 1}, {"1": 2, "2": 3, "3": 3}]
# Dice of every slice of a patient by seed, draw and experiment: patients 1, 2 and 3.
BY_DRAW = {
    ("1", 0): {"p2": (0.2, 0.6, 0.3), "p": (0.8, 0.1, 0.5), "r": (0.9, 0.8, 0.7)},
    ("1", 1): {"p2": (0.4, 0.5, 0.2), "p": (0.1, 0.6, 0.1), "r": (0.5, 0.6, 0.1)},
    ("2", 0): {"p2": (0.0, 0.7, 0.9), "p": (0.6, 0.2, 0.4), "r": (0.3, 0.3, 0.9)},
    ("2", 1): {"p2": (0.3, 0.1, 0.6), "p": (0.7, 0.4, 0.5), "r": (0.2, 0.4, 0.6)},
}


@pytest.fixture
def drawn_twice():
    return [
        row
        for (seed, draw), experiments in BY_DRAW.items()
        for name, each in experiments.items()
        for (patient, count), dice in zip(SLICES.items(), each, strict=True)
        for row in rows(name, patient, DRAWN[draw][patient], [dice] * count, seed=seed)
    ]


TWICE = {"published": ["p2", "p"], "right": "r", "each": {}, "folds_per_draw": 2}


def test_draws_choose_by_themselves_and_are_averaged_as_seeds_are(tmp_path, drawn_twice):
    found = priced(tmp_path, drawn_twice, TWICE)
    best = [
        # Patients 1 and 2 together: 0.2 + 2 * 0.6 beats 0.8 + 2 * 0.1; patient 3: 4 * 0.5.
        (1.4 + 2.0) / 7,
        # Patient 1: 0.4; patients 2 and 3 together: 2 * 0.5 + 4 * 0.2 beats 2 * 0.6 + 4 * 0.1.
        (0.4 + 1.8) / 7,
        # 2 * 0.7 beats 0.6 + 2 * 0.2; 4 * 0.9.
        (1.4 + 3.6) / 7,
        # 0.7; 2 * 0.4 + 4 * 0.5 beats 2 * 0.1 + 4 * 0.6.
        (0.7 + 2.8) / 7,
    ]
    last = [(0.8 + 0.2 + 2.0) / 7, (0.1 + 1.2 + 0.4) / 7, (0.6 + 0.4 + 1.6) / 7, (0.7 + 0.8 + 2.0) / 7]
    right = [2.4 / 3, 1.2 / 3, 1.5 / 3, 1.2 / 3]
    assert float(found[NOTHING]["dice"]) == pytest.approx(sum(best) / 4, abs=1e-6)
    assert float(found[CHOSEN]["dice"]) == pytest.approx(sum(last) / 4, abs=1e-6)
    assert float(found[ALL]["dice"]) == pytest.approx(sum(right) / 4, abs=1e-6)
    assert float(found[ALL]["difference"]) == pytest.approx((sum(right) - sum(best)) / 4, abs=1e-6)
    # Each patient counts once, and each slice.
    assert {(row["patients"], row["slices"]) for row in found.values()} == {("3", "7")}


def test_draws_are_the_same_replicates_whether_they_have_one_seed_or_two(tmp_path, drawn_twice):
    """The four replicates as four seeds of the draw that each is of, and in any order of the rows."""
    renamed = [{**row, "seed": f"{row['seed']}{int(row['fold']) // 2}"} for row in reversed(drawn_twice)]
    assert priced(tmp_path, renamed, TWICE) == priced(tmp_path, drawn_twice, TWICE)


def test_experiments_without_a_price_may_have_other_seeds_and_folds(tmp_path, drawn_twice):
    foreign = [*rows("other", "1", 9, [0.5], seed="7"), *rows("other", "44", 0, [0.5])]
    assert priced(tmp_path, drawn_twice + foreign, TWICE) == priced(tmp_path, drawn_twice, TWICE)


def test_intervals_of_two_draws_choose_in_each_draw_and_resample_patients(tmp_path):
    """Seven patients; against a plain loop over the same resamples, whose patients are the same in both draws."""
    draw = np.random.default_rng(5)
    counts = {str(number): int(draw.integers(2, 6)) for number in range(7)}
    folds = [{patient: int(patient) % 3 for patient in counts}, {patient: 3 + int(patient) // 3 for patient in counts}]
    dice = {key: draw.random(counts[key[2]]).tolist() for key in product(("p_epoch2", "p", "r"), (0, 1), counts)}
    table = [row for (name, which, own), each in dice.items() for row in rows(name, own, folds[which][own], each)]
    found = priced(tmp_path, table, {**PRICED, "each": {}})
    resampled = []
    for shares in resample_shares(7):
        times = dict(zip(counts, np.rint(7 * shares).astype(int), strict=True))
        figures = []
        for which, fold_of in enumerate(folds):
            read = []
            for fold in set(fold_of.values()):
                own = [patient for patient in counts if fold_of[patient] == fold for _ in range(times[patient])]
                pools = [[d for patient in own for d in dice[name, which, patient]] for name in ("p_epoch2", "p")]
                read += max(pools, key=lambda pool: fmean(pool) if pool else 0)
            figures.append(fmean(read))
        resampled.append(fmean(figures))
    ends = np.quantile(resampled, tails(7))
    assert [float(found[NOTHING][column]) for column in ("ci_low", "ci_high")] == pytest.approx(ends, abs=1e-5)
