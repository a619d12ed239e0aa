"""Whose masks go into the challenge's zip."""

import re

import pytest
from unit.study.configs import ROOT, SCHEMA, SHEET, load, study_of_everything

from chaosliver.base.entryfiles import FOLDERS, TEST_PATIENTS
from chaosliver.base.errors import InputError
from chaosliver.study.experiments import resolve_experiments
from chaosliver.study.patients import read_sheet
from chaosliver.study.plan import Plan
from chaosliver.study.submission import submission_of

OF_T2 = {"late": {"train_on": ["t2_spir"], "score_on": ["t2_spir"]}}


def submission(*, study=("first", "kidney"), **named):
    config = study_of_everything(study=list(study), submission={"T1DUAL": None, "T2SPIR": None} | named)
    config["experiments"] |= OF_T2
    return submission_of(resolve_experiments(config, SCHEMA), config)


def test_each_sequence_is_segmented_by_what_learned_it():
    assert submission(study=["first", "kidney", "late"]) == {"T1DUAL": "first", "T2SPIR": "late"}
    # `first` is scored on T2 without having learned it, and `kidney` is no experiment of the liver.
    assert submission() == {"T1DUAL": "first"}
    assert submission(study=["late"]) == {"T2SPIR": "late"}


def test_the_default_study_has_an_experiment_for_each_sequence():
    config = load("config")
    chosen = submission_of(resolve_experiments(config, SCHEMA), config)
    assert chosen == {"T1DUAL": "original", "T2SPIR": "t2"}


def test_what_the_configuration_names_counts_also_where_it_did_not_learn_the_sequence():
    assert submission(T1DUAL="first_epoch2", T2SPIR="first") == {"T1DUAL": "first_epoch2", "T2SPIR": "first"}


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"T1DUAL": "few"}, "config key submission.T1DUAL: the study runs no experiment 'few'. Known: first"),
        ({"T2SPIR": "kidney"}, "config key submission.T2SPIR: kidney segments the right_kidney"),
        (
            {"study": ["few"], "T2SPIR": "few"},
            "submission.T2SPIR: few is not scored on t2_spir. Name it in its score_on",
        ),
        ({"study": ["kidney"]}, "config key submission: no experiment of the study was trained on T1 in phase or T2"),
    ],
)
def test_what_cannot_segment_the_folder_is_refused(named, words):
    with pytest.raises(InputError, match=re.escape(words)):
        submission(**named)


def test_without_test_patients_or_a_zip_the_error_says_where_they_come_from(tmp_path):
    sheet = tmp_path / "sheet.tsv"
    sheet.write_text("".join(line for line in SHEET.splitlines(keepends=True) if "\ttest\t" not in line))
    plan = Plan.of(study_of_everything(patients=str(sheet)), SCHEMA)
    with pytest.raises(InputError, match=r"no patient of the test cohort.*config/submission\.yaml"):
        _ = plan.submission
    with pytest.raises(InputError, match="names no zip"):
        _ = plan.submission_zip
    named = Plan.of(study_of_everything(patients=str(sheet), submission_zip="~/mine.zip"), SCHEMA)
    assert named.submission_zip.endswith("/mine.zip") and "~" not in named.submission_zip


def test_the_committed_overlay_is_a_complete_entry_without_an_edit(monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = Plan.of(load("submission"), SCHEMA)
    assert plan.submission == {"T1DUAL": "fast", "T2SPIR": "fast_t2"}
    assert plan.cohort_patients("test") == list(TEST_PATIENTS)
    assert all(set(FOLDERS.values()) <= set(plan.sequences_of(patient)) for patient in TEST_PATIENTS)
    assert plan.cohorts_from("url") == ["development", "test"] and not plan.has_ground_truth("4")
    usual = read_sheet(ROOT / "config/patients.tsv", ["development"])
    assert {name: patient for name, patient in plan.patients.items() if patient.cohort == "development"} == usual
