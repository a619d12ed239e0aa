"""The challenge's zip from the small study, whose test cohort has no ground truth, as a user asks for it."""

import io
import re
import shutil
import zipfile
from collections import defaultdict

import numpy as np
import pytest
from PIL import Image
from workflow.conftest import SMALL, copy_study, write_sheet
from workflow.privacy import told, words_of

from chaosliver.base.files import read_tsv, sha256_of

RAW = {"T1DUAL": "T1DUAL/DICOM_anon/InPhase", "T2SPIR": "T2SPIR/DICOM_anon"}


@pytest.fixture(scope="module")
def entered(finished_once, tmp_path_factory):
    """The small study with a second experiment, of T2, and two test patients, after `snakemake submission`."""
    study = copy_study(finished_once, tmp_path_factory.mktemp("entered") / "study")
    # So low that networks of one epoch mark something.
    baseline = SMALL["baseline"] | {"threshold": 0.3}
    t2 = {"train_on": ["t2_spir"], "score_on": ["t2_spir"], "split": "holdout", "augmentation": "none"}
    study.configure(baseline=baseline, experiments=SMALL["experiments"] | {"of_t2": t2}, study=["small", "of_t2"])
    cohorts = {**dict.fromkeys("1234", "development"), "9": "test", "11": "test"}
    write_sheet(study.folder / "config/small.tsv", cohorts)
    tables = [f"results/small/volumes/{name}/test_cohort.tsv" for name in ("small", "of_t2")]
    (study.folder / "printed.txt").write_text(study.succeed("--", "submission", *tables))
    return study


def test_every_png_is_the_mask_of_the_slice_of_its_number(entered):
    """Read by zipfile and Pillow, and compared with the predictions in the order of the DICOM files' names."""
    held = defaultdict(list)
    with zipfile.ZipFile(entered.results / "submission/chaos_task3.zip") as archive:
        assert archive.testzip() is None
        names = [name for name in archive.namelist() if not name.endswith("/")]
        for name in sorted(names):
            patient, folder, number = re.fullmatch(r"Task3/MR/(\d+)/(T\w+)/Results/img(\d{3})\.png", name).groups()
            image = Image.open(io.BytesIO(archive.read(name)))
            assert image.mode == "L" and int(number) == len(held[patient, folder])
            held[patient, folder].append(np.asarray(image))
        folders = {name.split("/")[0] for name in archive.namelist()}
    assert folders == {f"Task{number}" for number in range(1, 6)}
    assert set(held) == {(patient, folder) for patient in ("9", "11") for folder in RAW}
    marked = 0
    for (patient, folder), pixels in held.items():
        stems = [path.stem for path in sorted((entered.results / "raw" / patient / RAW[folder]).iterdir())]
        experiment, sequence = {"T1DUAL": ("small", "t1_in_phase"), "T2SPIR": ("of_t2", "t2_spir")}[folder]
        masks = entered.results / "predictions" / experiment / "test_cohort" / sequence / patient
        expected = [np.asarray(Image.open(masks / f"{stem}.png")) for stem in stems]
        assert np.array_equal(np.stack(pixels), np.where(np.stack(expected) == 255, 63, 0))
        marked += np.count_nonzero(pixels)
    assert marked


def test_the_contents_are_those_of_the_studys_own_table_of_volumes(entered):
    contents = {(row["patient"], row["sequence"]): row for row in read_tsv(entered.results / "submission/contents.tsv")}
    for experiment, sequence in (("small", "t1_in_phase"), ("of_t2", "t2_spir")):
        for row in read_tsv(entered.results / f"volumes/{experiment}/test_cohort.tsv"):
            told = contents.pop((row["patient"], sequence))
            assert (told["experiment"], told["slices"]) == (experiment, row["slices"])
            assert float(told["liver_ml"]) == pytest.approx(float(row["predicted_ml"]), rel=1e-5)
    assert not contents


def test_what_a_complete_entry_lacks_is_told_patient_by_patient(entered):
    said = (entered.folder / "printed.txt").read_text()
    others = "4, 6, 7, 12, 14, 16, 17, 18, 23, 24, 25, 26, 27, 28, 29, 30, 35, 40"
    for folder in RAW:
        assert f"not a complete entry for Task3: lacks {folder} of patients {others}, which the patient sheet" in said


def test_nothing_runs_twice_and_the_same_masks_give_the_same_bytes(entered):
    made = entered.results / "submission/chaos_task3.zip"
    before = sha256_of(made)
    assert entered.planned("submission") == {}
    made.unlink()
    assert entered.planned("submission") == {"make_submission": 1, "submission": 1}
    entered.succeed("--quiet", "--", "submission")
    assert sha256_of(made) == before


def test_any_zip_can_be_checked(entered, tmp_path):
    zipped = tmp_path / "mine.zip"
    shutil.copy(entered.results / "submission/chaos_task3.zip", zipped)
    with zipfile.ZipFile(zipped, "a") as archive:
        archive.writestr("notes.txt", "mine")
    said = entered.fail("--config", f"submission_zip={zipped}", "--", "check_submission")
    assert "has files that the challenge does not ask for: notes.txt" in said and "lacks T2SPIR of patients 4" in said
    assert "config key submission_zip: names no zip" in entered.fail("--", "check_submission")


def test_without_test_patients_the_error_names_the_overlay(entered):
    sheet = entered.folder / "config/small.tsv"
    kept = sheet.read_text()
    write_sheet(sheet, dict.fromkeys("1234", "development"))
    said = entered.fail("-n", "--", "submission")
    sheet.write_text(kept)
    assert "no patient of the test cohort to segment. Add --configfile config/submission.yaml" in said


def test_the_zip_tells_nobody_who_made_it(entered):
    assert told(entered.results, words_of(entered.folder)) == []
