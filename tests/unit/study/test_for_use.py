"""The network for use: whose recipe it follows, and which networks it consists of."""

import os
import re
from pathlib import Path

import pytest
from unit.study.configs import SCHEMA, SHEET, study_of_everything

from chaosliver.base.errors import InputError
from chaosliver.study.for_use import exams_of, state_of, with_exam
from chaosliver.study.plan import Plan


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    path = tmp_path_factory.mktemp("sheet") / "everything.tsv"
    path.write_text(SHEET)
    return str(path)


def test_the_network_for_use_is_the_first_experiments_one_per_seed_or_its_folds(sheet):
    plan = Plan.of(study_of_everything(patients=sheet), SCHEMA)
    assert plan.model == "first"
    assert [run.name for run in plan.model_runs] == ["foldall_seed1", "foldall_seed2"]
    model = {"experiment": "kidney", "networks": "folds"}
    folds = Plan.of(study_of_everything(patients=sheet, model=model), SCHEMA)
    assert [(run.experiment, run.name) for run in folds.model_runs] == [
        ("kidney", f"fold{fold}_seed{seed}") for fold in (0, 1) for seed in (1, 2)
    ]
    assert folds.pack_settings() == {
        "experiment": "kidney",
        "networks": "folds",
        "organ": "right_kidney",
        "other_organs": ["spleen"],
        "scores": "mask",
        "sequences": ["t2_spir", "t1_in_phase"],
        "encoding": {"bits": 16, "percentiles": [0.5, 99.5]},
        "threshold": 0.25,
        "largest_component": False,
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("not_run", "config key model.experiment: the study trains no experiment 'not_run'. Known: first, kidney"),
        ("first_epoch2", "trains no experiment 'first_epoch2'"),
        ("few", "few trains on 1 patients only"),
    ],
)
def test_a_network_for_use_that_the_study_does_not_train_on_everyone_is_refused(sheet, name, words):
    model = {"experiment": name, "networks": "all_patients"}
    refused = Plan.of(study_of_everything(patients=sheet, model=model), SCHEMA)
    with pytest.raises(InputError, match=re.escape(words)):
        _ = refused.model_runs


NOTHING = {"exam": None, "name": None, "series": None, "truth": None}


def exams(path, **changes):
    return exams_of(NOTHING | {"exam": str(path)} | changes)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Two studies and a ground truth."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first").mkdir()
    (tmp_path / "first/a.dcm").write_bytes(b"a")
    for name in ("second.nii.gz", "truth.nii.gz"):
        (tmp_path / name).write_bytes(b"image")
    return tmp_path


def test_a_single_study_is_named_after_its_folder_or_file_without_what_it_is(mine):
    assert exams(mine / "first") == (
        "first",
        ({"name": "first", "path": str(mine / "first"), "series": None, "truth": None},),
    )
    found = exams("second.nii.gz", series=2, truth="truth.nii.gz", name="other")
    assert found == ("other", ({"name": "other", "path": "second.nii.gz", "series": 2, "truth": "truth.nii.gz"},))


def test_a_sheet_names_series_and_ground_truth_of_each_study_where_it_has_the_columns(mine):
    (mine / "sheet.tsv").write_text("exam\tpath\ttruth\na\tfirst\t\nb\tsecond.nii.gz\ttruth.nii.gz\n")
    name, members = exams("sheet.tsv")
    assert name == "sheet" and [member["name"] for member in members] == ["a", "b"]
    assert [(member["series"], member["truth"]) for member in members] == [(None, None), (None, "truth.nii.gz")]


@pytest.mark.parametrize(
    ("sheet", "changes", "words"),
    [
        ("a\tfirst\t", {"truth": "truth.nii.gz"}, "config key truth: is for a single study; sheet.tsv has columns"),
        ("a\tfirst\t", {"series": 0}, "config key series: is for a single study"),
        (
            "a\tfirst\tabsent.nii",
            {},
            "sheet.tsv: line 2: absent.nii: no such file. Correct the path",
        ),
        ("a\tfirst\t\nA\tfirst\t", {}, "sheet.tsv: line 3: the exam 'A' is listed twice"),
        ("a\tabsent\t", {}, "sheet.tsv: line 2: absent: no such file or folder"),
        ("a b\tfirst\t", {}, "sheet.tsv: line 2: the exam 'a b' is no name for results"),
        ("", {}, "sheet.tsv: lists no study"),
    ],
)
def test_a_sheet_that_cannot_be_meant_is_refused_by_its_line(mine, sheet, changes, words):
    (mine / "sheet.tsv").write_text(f"exam\tpath\ttruth\n{sheet}\n" if sheet else "exam\tpath\ttruth\n")
    with pytest.raises(InputError, match=re.escape(words)):
        exams("sheet.tsv", **changes)


def test_names_that_are_no_utf_8_are_part_of_the_state(mine):
    before = state_of(exams("first"))
    (mine / "first" / os.fsdecode(b"Gr\xf6\xdfe")).write_bytes(b"x")
    assert state_of(exams("first")) != before


def test_another_ground_truth_is_another_state(mine):
    def state():
        return state_of(exams("first", truth="truth.nii.gz"))

    before = state()
    assert before == state() != state_of(exams("first"))
    os.utime(mine / "truth.nii.gz", (1, 1))
    later = state()
    assert later != before
    Path("first/a.dcm").write_bytes(b"other")
    assert state() != later


def test_a_path_given_as_study_is_the_exam_and_the_experiments_are_those_of_the_nearest_file():
    files = [{"results": "x"}, {"study": ["ours"]}, {"study": ["original"]}]
    assert with_exam({"study": "/my/exam", "name": None}, files) == {
        "study": ["ours"],
        "exam": "/my/exam",
        "name": None,
    }
    assert with_exam({"study": ["a"]}, files) == {"study": ["a"]}
    for wrong in ({"study": None}, {"study": "/my/exam"}):
        with pytest.raises(InputError, match="config key study: is no list of experiments"):
            with_exam(wrong, files[:1] if wrong["study"] else files)
