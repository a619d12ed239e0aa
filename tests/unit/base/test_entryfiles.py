"""The challenge's folders, names and patients."""

import pytest
from unit.study.configs import ROOT

from chaosliver.base import entryfiles
from chaosliver.base.anatomy import ORGANS, SEQUENCES
from chaosliver.base.entryfiles import Results, place_of, template_folders
from chaosliver.base.files import read_tsv


def test_results_have_the_participants_paths_and_are_recognised_by_them():
    results = Results("26", "T2SPIR")
    assert results.path == "Task3/MR/26/T2SPIR/Results"
    assert results.file(7) == "Task3/MR/26/T2SPIR/Results/img007.png"
    assert place_of(results.file(107)) == (results, 107)


@pytest.mark.parametrize(
    "name",
    [
        "Task5/MR/26/T2SPIR/Results/img007.png",
        "Task3/CT/26/T2SPIR/Results/img007.png",
        "Task3/MR/26/InPhase/Results/img007.png",
        "Task3/MR/26/T2SPIR/img007.png",
        "Task3/MR/26/T2SPIR/Results/img7.png",
        "Task3/MR/26/T2SPIR/Results/img007.png.bak",
        "entry/Task3/MR/26/T2SPIR/Results/img007.png",
        "Task3/MR/26/T2SPIR/Results/img00\u0667.png",
    ],
)
def test_nothing_else_is_taken_for_a_result(name):
    assert place_of(name) is None


def test_each_folder_is_that_of_its_sequences_images_and_the_grey_level_is_the_livers():
    for folder, sequence in entryfiles.FOLDERS.items():
        assert SEQUENCES[sequence].images.startswith(f"{folder}/")
    low, high = ORGANS["liver"]
    assert low <= entryfiles.LIVER <= high


def test_the_template_has_a_folder_for_each_task_modality_patient_and_mr_sequence():
    folders = list(template_folders())
    # CT in three tasks, MR with two sequences in four, 40 patients each.
    assert len(folders) == len(set(folders)) == 40 * (3 + 2 * 4)
    assert {"Task2/CT/40/Results/", "Task5/MR/1/T1DUAL/Results/", "Task1/CT/9/Results/"} < set(folders)
    assert not [name for name in folders if name.startswith(("Task3/CT", "Task2/MR", "Task5/CT"))]


def test_the_test_patients_are_those_that_do_not_train():
    training = {row["patient"] for row in read_tsv(ROOT / "config/patients.tsv")}
    assert len(entryfiles.TEST_PATIENTS) == len(training) == 20
    assert {*entryfiles.TEST_PATIENTS, *training} == set(entryfiles.PATIENTS)
