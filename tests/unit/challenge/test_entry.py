"""From masks to the challenge's zip, read by zipfile and Pillow."""

import io
import logging
import re
import stat
import time
import zipfile

import numpy as np
import pytest
from PIL import Image
from unit.challenge.conftest import T1, T2

from chaosliver.base.entryfiles import TEST_PATIENTS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv
from chaosliver.base.png import write_png
from chaosliver.challenge.entry import slice_order


def results(path, folder):
    """The images below a folder of the zip, by name."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.startswith(folder) and not name.endswith("/")]
        return {name.removeprefix(folder): Image.open(io.BytesIO(archive.read(name))) for name in names}


def test_slices_are_numbered_by_the_numbers_in_their_names_whichever_way_they_lie(cohort):
    """IMG-9 lies nearest to the head and has three pixels, IMG-11 nearest to the feet and has one."""
    cohort.submit()
    images = results(cohort.archive, "Task3/MR/4/T1DUAL/Results/")
    assert list(images) == ["img000.png", "img001.png", "img002.png"]
    assert {image.mode for image in images.values()} == {"L"}
    pixels = [np.asarray(image).tolist() for image in images.values()]
    assert pixels == [
        [[0] * 5, [0] * 5, [0, 0, 63, 63, 63]],
        [[0] * 5, [0] * 5, [0, 0, 0, 63, 63]],
        [[0] * 5, [0] * 5, [0, 0, 0, 0, 63]],
    ]
    other = results(cohort.archive, "Task3/MR/26/T2SPIR/Results/")
    assert [np.asarray(image)[-1].tolist() for image in other.values()] == [[0, 0, 63], [0, 63, 63]]
    # Numbers left out of the names leave none out here.
    assert len(results(cohort.archive, "Task3/MR/26/T1DUAL/Results/")) == 3


def test_the_order_of_names():
    assert sorted(["b1", "a10", "a9", "a09", "a"], key=slice_order) == ["a", "a09", "a9", "a10", "b1"]
    assert sorted(["IMG-0004-00010", "IMG-0004-00002"], key=slice_order)[0] == "IMG-0004-00002"
    assert sorted(["10", "9x", "x"], key=slice_order) == ["9x", "10", "x"]


def test_the_zip_has_the_folders_of_the_template_and_nothing_else(cohort):
    cohort.submit()
    with zipfile.ZipFile(cohort.archive) as archive:
        names = archive.namelist()
    assert len(names) == len(set(names)) == 440 + 3 + 2 + 3 + 2
    assert [name for name in names if not name.startswith("Task3/MR/") and not name.endswith("/")] == []


def test_the_contents_tell_what_is_in_it(cohort):
    """By hand: in 4, T1, 6 pixels of 1.5 x 2 mm in slices 5 mm apart are 90 mm3."""
    cohort.areas["26", T2] = [0, 2]
    cohort.submit()
    rows = [tuple(row.values()) for row in read_tsv(cohort.contents)]
    assert rows == [
        ("4", T1, "of_t1", "3", "3", "5", "3", "6", "0.09"),
        ("4", T2, "of_t2", "2", "4", "2", "2", "3", "0.024"),
        ("26", T1, "of_t1", "3", "2", "6", "3", "6", "0.03"),
        ("26", T2, "of_t2", "2", "5", "3", "1", "2", "0.04"),
    ]


def test_the_same_masks_give_the_same_bytes_at_any_time(cohort, monkeypatch):
    cohort.submit()
    first = cohort.archive.read_bytes()
    monkeypatch.setattr(time, "localtime", lambda *_: time.struct_time((2031, 1, 2, 3, 4, 5, 0, 1, 0)))
    cohort.submit()
    assert cohort.archive.read_bytes() == first
    cohort.areas["26", T2] = [1, 1]
    cohort.submit()
    assert cohort.archive.read_bytes() != first


def test_one_experiment_may_segment_both_sequences(cohort):
    """Its index has the masks of both: each folder takes those of its own sequence."""
    of_t1, of_t2 = cohort.predict("both", T1), read_tsv(cohort.predict("both", T2))
    cohort.predict("both", T1)
    listed = read_tsv(of_t1)
    text = of_t1.read_text() + "".join("\t".join(row.values()) + "\n" for row in of_t2)
    assert len(listed) == 6
    cohort.predict = lambda *_: (of_t1.write_text(text), of_t1)[1]
    cohort.submit([("T1DUAL", "both", T1), ("T2SPIR", "both", T2)])
    assert [row["slices"] for row in read_tsv(cohort.contents)] == ["3", "2", "3", "2"]


@pytest.mark.parametrize("stem", ["IMG-0002-00001", "IMG-0002-00002"])
def test_a_slice_without_a_mask_is_refused_since_the_later_ones_would_move(cohort, stem):
    cohort.stems["26", T2].remove(stem)
    with pytest.raises(InputError, match=rf"patient 26, T2-SPIR: {stem} has a DICOM file or a mask, but not both"):
        cohort.submit()
    assert not cohort.archive.exists() and not cohort.contents.exists()


def test_masks_of_a_patient_whom_the_sheet_no_longer_has_are_refused(cohort):
    index = cohort.predict("of_t1", T1)
    cohort.predict = lambda *_: index
    cohort.patients = ["26"]
    with pytest.raises(InputError, match=r"patient 4, T1 in phase: IMG-10, IMG-11, IMG-9 has a DICOM file or a mask"):
        cohort.submit([("T1DUAL", "of_t1", T1)])


def test_a_zip_that_would_be_wrong_is_not_written_and_the_earlier_one_stays(cohort):
    cohort.submit()
    before = cohort.archive.read_bytes()
    cohort.mask = lambda *_: np.zeros((3, 5), np.uint8)
    with pytest.raises(InputError) as refused:
        cohort.submit()
    told = str(refused.value)
    assert "would not be what the challenge asks for" in told
    for place, size in (("4/T2SPIR", "4 x 2"), ("26/T1DUAL", "2 x 6"), ("26/T2SPIR", "5 x 3")):
        assert re.search(rf"{place}/Results: img000.png, img001.png.*: 3 x 5 pixels, where the image has {size}", told)
    assert cohort.archive.read_bytes() == before


def test_an_altered_mask_is_refused(cohort):
    index = cohort.predict("of_t1", T1)
    write_png(index.with_suffix("") / T1 / "4/IMG-9.png", np.zeros((3, 5), np.uint8))
    cohort.predict = lambda *_: index
    with pytest.raises(InputError, match=r"IMG-9\.png: its content differs"):
        cohort.submit([("T1DUAL", "of_t1", T1)])


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_what_is_missing_empty_or_perhaps_renumbered_is_told(cohort, caplog):
    cohort.areas["4", T1] = [0, 0, 0]
    finding = {"patient": "26", "sequence": T1, "file": "x.dcm", "severity": "warning"}
    cohort.findings = [
        finding | {"flag": "gap", "message": "x.dcm: 1 slice missing"},
        finding | {"flag": "identical-masks", "message": "nothing to do with it"},
        # Not part of this entry.
        finding | {"sequence": T2, "flag": "gap", "message": "y.dcm: 2 slices missing"},
    ]
    cohort.submit([("T1DUAL", "of_t1", T1)])
    sheet = "as in config/submission_patients.tsv"
    others = ", ".join(patient for patient in TEST_PATIENTS if patient not in ("4", "26"))
    known, unknown = "not a complete entry for Task3: lacks", "which the patient sheet does not have. Add them with"
    assert warnings_of(caplog) == [
        "Task3/MR/4/T1DUAL/Results: no liver in any slice. Look at the images before you send this",
        "Task3/MR/26/T1DUAL/Results: x.dcm: 1 slice missing. Results are numbered by the names of the DICOM files "
        "there are: see that the challenge counts the same",
        f"{known} T1DUAL of patients {others}, {unknown} the sequence t1_in_phase, {sheet}",
        f"{known} T2SPIR of patients 4, 26. Name an experiment that is scored on t2_spir in submission.T2SPIR",
        f"{known} T2SPIR of patients {others}, {unknown} the sequence t2_spir, {sheet}",
    ]


def test_a_complete_entry_is_said_to_be_one(cohort, caplog, monkeypatch):
    monkeypatch.setattr("chaosliver.challenge.checks.TEST_PATIENTS", ("4", "26"))
    caplog.set_level(logging.INFO)
    cohort.submit()
    assert warnings_of(caplog) == []
    assert f"{cohort.archive}: a complete entry for Task3, with the liver of 4 volumes" in caplog.messages


def test_what_is_unzipped_can_be_read_by_everyone_and_has_the_first_date_of_a_zip(cohort):
    cohort.submit()
    with zipfile.ZipFile(cohort.archive) as archive:
        told = {(entry.is_dir(), entry.external_attr >> 16, entry.date_time) for entry in archive.infolist()}
        assert {(entry.create_system, entry.compress_type) for entry in archive.infolist()} == {(3, zipfile.ZIP_STORED)}
    first = (1980, 1, 1, 0, 0, 0)
    assert told == {(True, stat.S_IFDIR | 0o755, first), (False, stat.S_IFREG | 0o644, first)}
