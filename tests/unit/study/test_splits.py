"""No patient stands on two sides of a split."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosliver.base.errors import InputError
from chaosliver.study.splits import HELD_OUT, assign_roles, keep_training, split_rows

PATIENTS = [str(number) for number in (1, 2, 3, 5, 8, 10, 13, 15, 19, 20, 21, 22, 31, 32, 33, 34, 36, 37, 38, 39)]


@given(count=st.integers(6, 40), folds=st.integers(2, 6), validation=st.integers(1, 2), seed=st.integers(0, 1000))
def test_every_patient_has_one_role_a_fold_and_is_held_out_once(count, folds, validation, seed):
    patients = [f"p{number}" for number in range(count)]
    split = assign_roles(patients, {"folds": folds, "validation": validation, "seed": seed})
    assert len(split) == folds
    for roles in split:
        assert sorted(roles) == sorted(patients)
        assert list(roles.values()).count("validation") == validation
        assert "train" in roles.values()
    held_out = [patient for roles in split for patient, role in roles.items() if role == "test"]
    assert sorted(held_out) == sorted(patients)


@pytest.mark.parametrize(("validation", "train", "validating"), [(2, 14, 2), (0, 16, 0), (HELD_OUT, 16, 0)])
def test_the_published_holdout_is_16_to_4_and_validation_comes_from_the_16_or_from_nobody(
    validation, train, validating
):
    (roles,) = assign_roles(PATIENTS, {"test": 4, "validation": validation, "seed": 1})
    counts = {role: list(roles.values()).count(role) for role in ("train", "validation", "test")}
    assert counts == {"train": train, "validation": validating, "test": 4}


def test_one_seed_holds_out_the_same_patients_whoever_validates():
    test = [
        {patient for patient, role in roles.items() if role == "test"}
        for validation in (0, 2, HELD_OUT)
        for roles in assign_roles(PATIENTS, {"folds": 5, "validation": validation, "seed": 1})
    ]
    assert test[:5] == test[5:10] == test[10:]


def test_patients_may_be_held_out_by_name():
    (roles,) = assign_roles(PATIENTS, {"test": ["13", "33", "39"], "validation": 0, "seed": 1})
    assert [patient for patient, role in roles.items() if role == "test"] == ["13", "33", "39"]
    assert "validation" not in roles.values()
    with pytest.raises(InputError, match="test names 99, which is no development patient"):
        assign_roles(PATIENTS, {"test": ["13", "99"], "validation": 0, "seed": 1})


def test_the_seed_decides_and_the_sheets_order_does_not():
    definition = {"folds": 5, "validation": 2, "seed": 1}
    split = assign_roles(PATIENTS, definition)
    assert assign_roles(PATIENTS[::-1], definition) == split
    assert assign_roles(PATIENTS, {**definition, "seed": 2}) != split


def test_too_few_patients_are_refused_in_words():
    with pytest.raises(InputError, match="5 folds need at least 5"):
        assign_roles(["1", "2"], {"folds": 5, "validation": 1, "seed": 1})
    with pytest.raises(InputError, match="leaves none to train"):
        assign_roles(["1", "2", "3"], {"folds": 3, "validation": 2, "seed": 1})
    with pytest.raises(InputError, match="leaves none to train"):
        assign_roles(["1", "2"], {"test": 2, "validation": 1, "seed": 1})


def test_rows_are_in_the_natural_order_of_patients():
    rows = split_rows(assign_roles(["10", "2", "1", "b"], {"folds": 2, "validation": 1, "seed": 1}))
    assert [row["patient"] for row in rows[:4]] == ["1", "2", "10", "b"]


def test_the_patients_of_a_smaller_training_set_are_among_those_of_a_larger_one():
    folds = assign_roles(PATIENTS, {"folds": 5, "validation": 2, "seed": 1})
    for few, more in zip(keep_training(folds, 4, 1), keep_training(folds, 8, 1), strict=True):
        assert few.items() <= more.items()
        assert list(more.values()).count("train") == 8
