"""Folds of an experiment, and sequences that no patient of a role has."""

from dataclasses import replace

import pytest
from unit.study.configs import SCHEMA

from chaosliver.base.errors import InputError
from chaosliver.base.settings import from_mapping
from chaosliver.study.experiments import resolve_experiments
from chaosliver.study.folds import check_sequences, folds_of, selection_of
from chaosliver.study.patients import Patient
from chaosliver.study.splits import Split, keep_training


@pytest.fixture
def original(config):
    return resolve_experiments(config, SCHEMA)["original"]


@pytest.fixture
def five_fold(config):
    return from_mapping(Split, config["splits"]["five_fold"])


def cohort(count, *sequences, start=0, name="development"):
    return {str(number): Patient(name, sequences) for number in range(start, start + count)}


def test_a_sequence_that_no_patient_has_is_refused_before_the_dag(original, five_fold):
    patients = cohort(10, "t2_spir")
    with pytest.raises(InputError, match="experiment original: train_on names t1_in_phase, but no train patient of"):
        check_sequences("original", original, folds_of(original, five_fold, patients), patients)
    with pytest.raises(InputError, match=r"config key splits\.five_fold: 5 folds need"):
        folds_of(original, five_fold, dict(list(patients.items())[:3]))


@pytest.mark.parametrize(("role", "key"), [("train", "train_on"), ("validation", "train_on"), ("test", "score_on")])
def test_each_role_needs_the_sequences_that_it_trains_on_or_scores(original, role, key):
    """All but the patients of one role have every sequence, and those lack t1_in_phase."""
    all_sequences = ("t1_in_phase", "t1_out_of_phase", "t2_spir")
    fold = {"1": "train", "2": "train", "3": "validation", "4": "test", "5": "test"}
    patients = {name: Patient("development", all_sequences) for name in fold}
    check_sequences("original", original, [fold], patients)
    lacking = {name: Patient("development", all_sequences[1:]) for name in fold if fold[name] == role}
    message = f"experiment original: {key} names t1_in_phase, but no {role} patient of fold 1 has it"
    with pytest.raises(InputError, match=message):
        check_sequences(
            "original",
            original,
            [{"9": "train", "8": "test"}, fold],
            {**patients, **cohort(2, *all_sequences, start=8), **lacking},
        )
    # One patient of the role that has it is enough.
    some = {**patients, **dict(list(lacking.items())[1:])}
    check_sequences("original", original, [fold], some)


def test_folds_without_validation_patients_need_none(original):
    patients = cohort(3, "t1_in_phase", "t1_out_of_phase", "t2_spir")
    check_sequences("original", original, [{"0": "train", "1": "train", "2": "test"}], patients)


def test_a_test_cohort_that_cannot_be_scored_is_refused(config, five_fold):
    patients = cohort(10, "t1_in_phase")
    experiment = resolve_experiments(config, SCHEMA)["not_augmented"]
    folds = folds_of(experiment, five_fold, patients)
    check_sequences("not_augmented", experiment, folds, patients | cohort(1, "t1_in_phase", start=99, name="test"))
    with pytest.raises(InputError, match="no patient of the test cohort has a sequence that score_on names"):
        check_sequences("not_augmented", experiment, folds, patients | cohort(1, "t2_spir", start=99, name="test"))


def test_the_test_cohort_has_no_role(original, five_fold):
    patients = cohort(10, "t1_in_phase") | cohort(5, "t1_in_phase", start=50, name="test")
    folds = folds_of(original, five_fold, patients)
    assert [sorted(roles, key=int) for roles in folds] == [[str(number) for number in range(10)]] * 5


def test_fewer_training_patients_are_a_selection_of_their_own(original, five_fold):
    patients = cohort(20, "t1_in_phase")
    four = replace(original, training_patients=4)
    assert (selection_of(original), selection_of(four)) == ("five_fold", "five_fold_4patients")
    whole, kept = (folds_of(experiment, five_fold, patients) for experiment in (original, four))
    assert len(whole) == len(kept) == 5
    for all_roles, roles in zip(whole, kept, strict=True):
        assert list(roles.values()).count("train") == 4
        assert list(roles.values()).count("test") == 4
        assert roles.items() <= all_roles.items()
    assert kept == keep_training(whole, 4, 1) != keep_training(whole, 4, 2)
    with pytest.raises(InputError, match=r"splits\.five_fold: 17 training patients are asked for, but a fold has 16"):
        folds_of(replace(original, training_patients=17), five_fold, patients)
