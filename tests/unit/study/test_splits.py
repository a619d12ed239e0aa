"""No patient stands on two sides of a split, and the seed alone decides on which."""

import random
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chaosliver.base.errors import InputError
from chaosliver.base.settings import from_mapping
from chaosliver.study.splits import HELD_OUT, Split, assign_roles, keep_training, write_split

PATIENTS = [str(number) for number in (1, 2, 3, 5, 8, 10, 13, 15, 19, 20, 21, 22, 31, 32, 33, 34, 36, 37, 38, 39)]

# Made by an earlier release.
DEFAULT_TEST = [
    ["1", "5", "21", "22"],
    ["10", "19", "32", "36"],
    ["2", "3", "33", "37"],
    ["31", "34", "38", "39"],
    ["8", "13", "15", "20"],
]
DEFAULT_VALIDATION = [["13", "19"], ["8", "37"], ["19", "39"], ["10", "21"], ["5", "10"]]
DEFAULT_HOLDOUT = ["10", "22", "37", "39"]


def having(role, roles):
    return [patient for patient in roles if roles[patient] == role]


@given(count=st.integers(6, 40), folds=st.integers(2, 6), validation=st.integers(1, 2), seed=st.integers(0, 1000))
def test_every_patient_has_one_role_a_fold_and_is_held_out_once(count, folds, validation, seed):
    patients = [f"p{number}" for number in range(count)]
    split = assign_roles(patients, Split(folds=folds, validation=validation, seed=seed))
    assert len(split) == folds
    for roles in split:
        assert sorted(roles) == sorted(patients)
        assert list(roles.values()).count("validation") == validation
        assert "train" in roles.values()
    held_out = [patient for roles in split for patient in having("test", roles)]
    assert sorted(held_out) == sorted(patients)


@pytest.mark.parametrize(("validation", "train", "validating"), [(2, 14, 2), (0, 16, 0), (HELD_OUT, 16, 0)])
def test_the_published_holdout_is_16_to_4_and_validation_comes_from_the_16_or_from_nobody(
    validation, train, validating
):
    (roles,) = assign_roles(PATIENTS, Split(test=4, validation=validation, seed=1))
    counts = {role: len(having(role, roles)) for role in ("train", "validation", "test")}
    assert counts == {"train": train, "validation": validating, "test": 4}


def test_one_seed_holds_out_the_same_patients_whoever_validates():
    test = [
        having("test", roles)
        for validation in (0, 2, HELD_OUT)
        for roles in assign_roles(PATIENTS, Split(folds=5, validation=validation, seed=1))
    ]
    assert test[:5] == test[5:10] == test[10:]


def test_patients_may_be_held_out_by_name():
    (roles,) = assign_roles(PATIENTS, Split(test=("13", "33", "39"), validation=0, seed=1))
    assert having("test", roles) == ["13", "33", "39"]
    assert "validation" not in roles.values()
    with pytest.raises(InputError, match="test names 98, 99, which is no development patient"):
        assign_roles(PATIENTS, Split(test=("99", "13", "98"), validation=0, seed=1))


def test_a_split_is_what_the_configuration_says():
    named = from_mapping(Split, {"test": ["13", "33"], "validation": HELD_OUT, "copies": 0.25, "seed": 7})
    assert named == Split(seed=7, validation="held_out", test=("13", "33"), copies=0.25)
    assert (named.validating, named.leaks) == (0, {"copies": 0.25, "validation_slices": 0, "seed": 7})
    by_slice = from_mapping(Split, {"folds": 5, "validation": 2, "validation_slices": 0.2, "seed": 3})
    assert (by_slice.validating, by_slice.leaks) == (2, {"copies": 0, "validation_slices": 0.2, "seed": 3})


def assert_dealt_in_turn(draw, order, first):
    """The three folds of a draw of seed 5, numbered from `first`, are dealt from `order`, two validating in each."""
    assert len(draw) == 3
    for place, roles in enumerate(draw):
        held_out = order[place::3]
        training = [patient for patient in order if patient not in held_out]
        validating = random.Random(f"5/{first + place}").sample(training, 2)
        assert having("test", roles) == sorted(held_out, key=int)
        assert having("validation", roles) == sorted(validating, key=int)
        assert list(roles) == sorted(order, key=int)


def test_the_order_of_patients_is_drawn_by_the_seed_and_the_folds_are_dealt_from_it():
    """By hand: sorted by number, shuffled by the seed, dealt to the folds in turn; each fold draws its validators."""
    order = [str(number) for number in range(1, 13)]
    random.Random(5).shuffle(order)
    assert order != sorted(order, key=int)
    folds = assign_roles([str(number) for number in range(12, 0, -1)], Split(folds=3, validation=2, seed=5))
    assert_dealt_in_turn(folds, order, first=0)


def test_the_default_studys_folds_are_these():
    """As they were in every release: other folds would make every result another."""
    folds = assign_roles(PATIENTS, Split(folds=5, validation=2, seed=1))
    assert [having("test", roles) for roles in folds] == DEFAULT_TEST
    assert [having("validation", roles) for roles in folds] == DEFAULT_VALIDATION
    (roles,) = assign_roles(PATIENTS, Split(test=4, validation=0, seed=1))
    assert having("test", roles) == DEFAULT_HOLDOUT


def test_the_seed_decides_and_the_sheets_order_does_not():
    split = assign_roles(PATIENTS, Split(folds=5, validation=2, seed=1))
    assert assign_roles(PATIENTS[::-1], Split(folds=5, validation=2, seed=1)) == split
    others = [assign_roles(PATIENTS, Split(folds=5, validation=2, seed=seed)) for seed in (2, 3)]
    held_out = [[having("test", roles) for roles in folds] for folds in (split, *others)]
    assert held_out[0] != held_out[1] != held_out[2]


def test_too_few_patients_are_refused_in_words():
    with pytest.raises(InputError, match="5 folds need at least 5 development patients; the sheet has 2"):
        assign_roles(["1", "2"], Split(folds=5, validation=1, seed=1))
    with pytest.raises(InputError, match="fold 0 has 1 patients held out of 3 and 2 for validation, which leaves none"):
        assign_roles(["1", "2", "3"], Split(folds=3, validation=2, seed=1))
    with pytest.raises(InputError, match="leaves none to train"):
        assign_roles(["1", "2"], Split(test=2, validation=1, seed=1))
    with pytest.raises(InputError, match="fold 0 has 0 patients held out of 2"):
        assign_roles(["1", "2"], Split(test=0, validation=0, seed=1))


def test_one_patient_is_enough_to_train_and_as_many_folds_as_patients_are_allowed():
    folds = assign_roles(["1", "2", "3"], Split(folds=3, validation=1, seed=1))
    assert [sorted(roles.values()) for roles in folds] == [["test", "train", "validation"]] * 3


def test_a_table_has_a_row_per_fold_and_patient_in_their_natural_order(tmp_path: Path):
    folds = [{"2": "train", "10": "test"}, {"2": "test", "10": "train", "b": "validation"}]
    write_split(folds=folds, table=tmp_path / "split.tsv")
    assert (tmp_path / "split.tsv").read_text() == (
        "fold\tpatient\trole\n0\t2\ttrain\n0\t10\ttest\n1\t2\ttest\n1\t10\ttrain\n1\tb\tvalidation\n"
    )
    (roles,) = assign_roles(["10", "2", "1", "b"], Split(test=1, validation=1, seed=1))
    assert list(roles) == ["1", "2", "10", "b"]


def test_the_patients_of_a_smaller_training_set_are_among_those_of_a_larger_one():
    folds = assign_roles(PATIENTS, Split(folds=5, validation=2, seed=1))
    four, eight, all_of_them = (keep_training(folds, count, 1) for count in (4, 8, 14))
    for few, more in zip(four, eight, strict=True):
        assert few.items() <= more.items()
        assert len(having("train", more)) == 8
    assert all_of_them == folds
    with pytest.raises(InputError, match="15 training patients are asked for, but a fold has 14"):
        keep_training(folds, 15, 1)


def test_the_training_patients_that_are_kept_are_drawn_fold_by_fold():
    """By hand: each fold's training patients, in their natural order, shuffled by seed and fold; the first stay."""
    folds = [dict.fromkeys(PATIENTS, "train"), {**dict.fromkeys(PATIENTS, "train"), "1": "test"}]
    for fold, (whole, kept) in enumerate(zip(folds, keep_training(folds, 5, 7), strict=True)):
        drawn = having("train", whole)
        random.Random(f"7/{fold}/training").shuffle(drawn)
        assert set(having("train", kept)) == set(drawn[:5])
        assert having("train", kept) != having("train", whole)[:5]
        assert having("test", kept) == having("test", whole)


def held_out_by_draw(folds, per_draw):
    """Who is held out by each fold, as lists of one draw each."""
    tested = [having("test", roles) for roles in folds]
    return [tested[start : start + per_draw] for start in range(0, len(tested), per_draw)]


def groups_of(draw):
    return {frozenset(test) for test in draw}


@given(
    count=st.integers(5, 30),
    folds=st.integers(2, 6),
    draws=st.integers(1, 4),
    validation=st.sampled_from([0, 1, HELD_OUT]),
    seed=st.integers(0, 1000),
)
def test_each_draw_holds_out_every_patient_once_in_groups_of_its_own(count, folds, draws, validation, seed):
    # As many patients as folds can be dealt in one way alone.
    assume(count > folds)
    patients = [f"p{number}" for number in range(count)]
    split = Split(folds=folds, draws=draws, validation=validation, seed=seed)
    found = assign_roles(patients, split)
    assert (len(found), split.folds_per_draw) == (folds * draws, folds)
    by_draw = held_out_by_draw(found, folds)
    for draw in by_draw:
        assert sorted(patient for test in draw for patient in test) == sorted(patients)
        assert {len(test) for test in draw} <= {count // folds, count // folds + 1}
    assert len({frozenset(groups_of(draw)) for draw in by_draw}) == draws
    for roles in found:
        assert sorted(roles) == sorted(patients)
        assert list(roles.values()).count("validation") == split.validating
    # Fewer draws, or none named, are the first of these.
    fewer = Split(folds=folds, draws=max(draws - 1, 1), validation=validation, seed=seed)
    assert assign_roles(patients, fewer) == found[: folds * fewer.draws]
    once = assign_roles(patients, Split(folds=folds, validation=validation, seed=seed))
    assert once == found[:folds]


def test_a_draw_is_shuffled_by_the_seed_and_its_number_and_its_folds_are_numbered_on():
    """By hand, of the third draw: patients by number, shuffled by seed and draw, dealt in turn to the folds 6 to 8."""
    order = [str(number) for number in range(1, 12)]
    random.Random("5/draw2").shuffle(order)
    folds = assign_roles([str(number) for number in range(11, 0, -1)], Split(folds=3, draws=3, validation=2, seed=5))
    assert_dealt_in_turn(folds[6:], order, first=6)


def test_the_default_studys_folds_stay_in_front_of_a_second_draw():
    folds = assign_roles(PATIENTS, Split(folds=5, draws=2, validation=2, seed=1))
    assert [having("test", roles) for roles in folds[:5]] == DEFAULT_TEST
    assert [having("validation", roles) for roles in folds[:5]] == DEFAULT_VALIDATION
    assert groups_of(having("test", roles) for roles in folds[5:]).isdisjoint(groups_of(DEFAULT_TEST))
    kept = keep_training(folds, 8, 1)
    assert kept[:5] == keep_training(folds[:5], 8, 1)
    for fold, roles in enumerate(kept):
        training = having("train", folds[fold])
        random.Random(f"1/{fold}/training").shuffle(training)
        assert set(having("train", roles)) == set(training[:8])


@pytest.mark.parametrize("seed", range(30))
def test_a_draw_that_repeats_the_groups_of_an_earlier_one_is_shuffled_on(seed):
    """Four patients make two pairs in three ways, whichever fold each pair is: three draws are these three."""
    folds = assign_roles("1234", Split(folds=2, draws=3, validation=0, seed=seed))
    expected = [{frozenset(pair), frozenset("1234") - frozenset(pair)} for pair in ("12", "13", "14")]
    found = [groups_of(draw) for draw in held_out_by_draw(folds, 2)]
    assert len(found) == 3 and all(draw in found for draw in expected)
    order = list("1234")
    random.Random(seed).shuffle(order)
    source, second = random.Random(f"{seed}/draw1"), list("1234")
    source.shuffle(second)
    while groups_of([second[::2], second[1::2]]) == groups_of([order[::2], order[1::2]]):
        source.shuffle(second)
    assert [having("test", roles) for roles in folds[2:4]] == [sorted(second[::2]), sorted(second[1::2])]


@pytest.mark.parametrize(
    ("patients", "folds"), [(patients, folds) for patients in range(2, 8) for folds in range(2, min(patients, 4) + 1)]
)
def test_as_many_draws_as_there_are_ways_are_possible_and_no_more(patients, folds):
    """The ways are counted one by one. With a patient for each fold there is one."""
    names = "abcdefg"[:patients]
    ways = {frozenset(frozenset(order[fold::folds]) for fold in range(folds)) for order in permutations(names)}
    split = {"folds": folds, "validation": 0, "seed": 3}
    drawn = assign_roles(names, Split(**split, draws=len(ways)))
    assert {frozenset(groups_of(draw)) for draw in held_out_by_draw(drawn, folds)} == ways
    counted = f"{len(ways)} way{'s' if len(ways) > 1 else ''}"
    with pytest.raises(InputError) as refused:
        assign_roles(names, Split(**split, draws=len(ways) + 1))
    assert str(refused.value) == (
        f"{len(ways) + 1} draws are asked for, but {patients} development patients can be dealt to {folds} folds in "
        f"{counted} only. Ask for fewer draws"
    )


def test_too_few_patients_for_the_folds_are_refused_whatever_the_draws():
    with pytest.raises(InputError, match="5 folds need at least 5 development patients; the sheet has 2"):
        assign_roles(["1", "2"], Split(folds=5, draws=2, validation=0, seed=1))


def test_a_split_of_one_fold_is_one_draw():
    assert Split(test=4, validation=0, seed=1).folds_per_draw == 1
    with pytest.raises(InputError, match="2 draws are asked for"):
        assign_roles(PATIENTS, Split(test=4, draws=2, validation=0, seed=1))
