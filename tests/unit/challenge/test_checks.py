"""What a zip lacks, and what is wrong with it: each fault planted in an entry that was right."""

import io
import shutil
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from chaosliver.base.entryfiles import Results
from chaosliver.base.errors import InputError
from chaosliver.challenge.checks import Expected, check_entry, check_submission, expected_of

SPOILED = "Task3/MR/4/T2SPIR/Results"


@pytest.fixture(autouse=True)
def two_patients(monkeypatch):
    monkeypatch.setattr("chaosliver.challenge.checks.TEST_PATIENTS", ("4", "26"))


@pytest.fixture
def entry(cohort):
    """A right entry of both patients, as {name: bytes}, and a function that checks it after changes."""
    cohort.submit()
    with zipfile.ZipFile(cohort.archive) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def checked(entry, cohort):
    path = cohort.folder / "changed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entry.items():
            archive.writestr(name, data)
    return check_entry(path, expected_of(cohort.tables()["pairs"]))


def png(pixels, mode=None, kind="PNG", **options):
    image = Image.fromarray(np.asarray(pixels))
    stream = io.BytesIO()
    (image.convert(mode) if mode else image).save(stream, kind, **options)
    return stream.getvalue()


def huge_png(columns, rows):
    """A PNG of two pixels whose header says that it has so many."""
    whole = png(np.zeros((1, 2), np.uint8))
    header = b"IHDR" + struct.pack(">II", columns, rows) + whole[24:29]
    return whole[:12] + header + struct.pack(">I", zlib.crc32(header)) + whole[33:]


RIGHT = np.array([[0, 0], [0, 0], [0, 63], [63, 63]], np.uint8)


def test_what_is_expected_comes_from_the_dicom_images(cohort):
    expected = expected_of(cohort.tables()["pairs"])
    assert expected == {
        Results("4", "T1DUAL"): Expected(3, (3, 5), pytest.approx(0.015)),
        Results("4", "T2SPIR"): Expected(2, (4, 2), pytest.approx(0.008)),
        Results("26", "T1DUAL"): Expected(3, (2, 6), pytest.approx(0.005)),
        Results("26", "T2SPIR"): Expected(2, (5, 3), pytest.approx(0.02)),
    }


def test_a_right_entry_has_no_fault(entry, cohort):
    assert checked(entry, cohort)[1:] == ([], [], [])
    # Only pixels count, not how another program packs them.
    entry[f"{SPOILED}/img001.png"] = png(RIGHT, optimize=True)
    told = checked(entry, cohort)
    assert told[1:] == ([], [], [])
    assert [row["liver_voxels"] for row in told.rows] == [6, 1 + 3, 6, 3]
    assert [row["liver_ml"] for row in told.rows] == pytest.approx([0.09, 0.032, 0.03, 0.06])


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (png(RIGHT * 0 + 255), "grey values other than 0 and 63: 255"),
        (png(RIGHT // 63), "grey values other than 0 and 63: 1"),
        (png(RIGHT.T), "2 x 4 pixels, where the image has 4 x 2"),
        (png(RIGHT, "RGB"), "not 8-bit grey"),
        (png(RIGHT, "P"), "not 8-bit grey"),
        (png(RIGHT, "LA"), "not 8-bit grey"),
        (png(RIGHT > 0), "not 8-bit grey"),
        (png(RIGHT.astype(np.uint16)), "not 8-bit grey"),
        (png(RIGHT, kind="BMP"), "no readable PNG"),
        (png(RIGHT)[:40], "no readable PNG"),
        (b"", "no readable PNG"),
        (huge_png(65535, 65535), "65535 x 65535 pixels by its header, far more than any slice"),
        (huge_png(30000, 20000), "20000 x 30000 pixels by its header, far more than any slice"),
    ],
    ids=[
        *("white", "labels", "turned", "rgb", "palette", "alpha", "1 bit", "16 bit", "bmp", "cut", "empty"),
        *("65535 by 65535", "30000 by 20000"),
    ],
)
def test_a_wrong_image_is_told_by_name(entry, cohort, data, fault):
    entry[f"{SPOILED}/img001.png"] = data
    assert checked(entry, cohort).wrong == [f"{SPOILED}: img001.png: {fault}"]


def test_each_fault_is_told_once_for_a_volume_with_its_files(entry, cohort):
    for number in range(2):
        entry[f"{SPOILED}/img00{number}.png"] = png(RIGHT * 0 + 255)
    entry["Task3/MR/26/T1DUAL/Results/img002.png"] = b""
    assert checked(entry, cohort).wrong == [
        f"{SPOILED}: img000.png, img001.png: grey values other than 0 and 63: 255",
        "Task3/MR/26/T1DUAL/Results: img002.png: no readable PNG",
    ]


def test_a_volume_of_which_nothing_can_be_read_has_no_size(entry, cohort):
    for number in range(2):
        entry[f"{SPOILED}/img00{number}.png"] = b"text"
    told = checked(entry, cohort)
    assert told.wrong == [f"{SPOILED}: img000.png, img001.png: no readable PNG"]
    assert (told.rows[1]["slices"], told.rows[1]["rows"], told.rows[1]["columns"]) == (2, None, None)


def test_a_table_of_slices_that_lacks_a_column_is_refused(tmp_path):
    (tmp_path / "4.pairs.tsv").write_text("patient\tsequence\trows\n4\tt1_in_phase\t3\n")
    with pytest.raises(InputError, match="lacks the column"):
        expected_of([tmp_path / "4.pairs.tsv"])


def test_numbers_start_at_0_and_leave_none_out(entry, cohort):
    first = entry.pop(f"{SPOILED}/img000.png")
    assert checked(entry, cohort).wrong == [
        f"{SPOILED}: lacks the result of slice 0: they are numbered from 000 without a gap"
    ]
    entry[f"{SPOILED}/img000.png"] = entry[f"{SPOILED}/img002.png"] = first
    assert checked(entry, cohort).wrong == [f"{SPOILED}: has a result of slice 2, but the DICOM series has 2 slices"]


def test_a_whole_volume_is_missing_and_not_wrong(entry, cohort):
    for number in range(2):
        del entry[f"{SPOILED}/img00{number}.png"]
    told = checked(entry, cohort)
    assert told.wrong == told.odd == [] and len(told.rows) == 3
    remedy = "Name an experiment that is scored on t2_spir in submission.T2SPIR"
    assert told.missing == [f"lacks T2SPIR of patient 4. {remedy}"]


def test_a_task_that_has_no_folder_is_missing(entry, cohort):
    kept = {name: data for name, data in entry.items() if not name.startswith(("Task1", "Task4"))}
    assert checked(kept, cohort).missing == ["lacks the folder Task1, Task4 of the challenge's template. Add it, empty"]


@pytest.mark.parametrize("name", ["notes.txt", "Task3/MR/4/T1DUAL/img000.png", "Task3/MR/4/T1DUAL/Results/img0001.png"])
def test_files_that_nobody_asks_for_are_wrong(entry, cohort, name):
    entry[name] = png(RIGHT)
    asked = f"has files that the challenge does not ask for: {name}. Leave them out"
    assert checked(entry, cohort).wrong == [asked]


def test_a_zip_of_a_folder_around_the_tasks_is_wrong_and_lacks_everything(entry, cohort):
    told = checked({f"entry/{name}": data for name, data in entry.items()}, cohort)
    assert told.rows == [] and len(told.wrong) == 1 and len(told.missing) == 3


def test_other_tasks_empty_volumes_and_strangers_deserve_a_look(entry, cohort):
    entry["Task5/MR/4/T1DUAL/Results/img000.png"] = png(RIGHT)
    for number in range(2):
        entry[f"{SPOILED}/img00{number}.png"] = png(RIGHT * 0)
    entry["Task3/MR/10/T1DUAL/Results/img000.png"] = png(RIGHT)
    told = checked(entry, cohort)
    assert told.wrong == told.missing == []
    assert told.odd == [
        "1 file of tasks other than Task3: not checked",
        f"{SPOILED}: no liver in any slice. Look at the images before you send this",
        "Task3/MR/10/T1DUAL/Results: 10 is none of the challenge's test patients",
    ]
    assert told.rows[2]["patient"] == "10" and told.rows[2]["liver_ml"] is None


def test_a_patient_of_whom_the_study_knows_nothing_is_checked_for_what_needs_no_dicom(entry, cohort):
    cohort.patients = ["26"]
    entry[f"{SPOILED}/img003.png"] = png(RIGHT.T)
    told = checked(entry, cohort)
    assert told.wrong == [
        f"{SPOILED}: lacks the result of slice 2: they are numbered from 000 without a gap",
        f"{SPOILED}: img003.png: 2 x 4 pixels, where the image has 4 x 2",
    ]
    assert f"{SPOILED}: the patient sheet does not have this volume" in told.odd[-1]


def test_a_member_that_is_damaged_is_told(entry, cohort):
    path = cohort.folder / "damaged.zip"
    shutil.copy(cohort.archive, path)
    data, image = path.read_bytes(), entry[f"{SPOILED}/img001.png"]
    at = data.index(image, data.index(f"{SPOILED}/img001.png".encode()))
    path.write_bytes(data[: at + 45] + b"\0\0\0\0" + data[at + 49 :])
    assert check_entry(path, {}).wrong == [f"{SPOILED}: img001.png: damaged in the zip"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "no such zip file"),
        (lambda path: path.mkdir(), "no such zip file"),
        (lambda path: path.write_bytes(b"no zip"), "not a zip file, or one cut short"),
        (lambda path: zipfile.ZipFile(path, "w").writestr("../Task3/x.png", b""), "refused because of its member"),
    ],
)
def test_what_is_no_zip_to_open_is_refused(tmp_path, make, words):
    path = tmp_path / "entry.zip"
    opened = make(path)
    del opened
    with pytest.raises(InputError, match=words):
        check_entry(path, {})


def test_a_zip_from_elsewhere_is_checked_as_a_whole(entry, cohort):
    pairs = cohort.tables()["pairs"]
    check_submission(submission_zip=cohort.archive, pairs=pairs)
    with zipfile.ZipFile(cohort.archive, "a") as archive:
        archive.writestr("notes.txt", "mine")
        archive.writestr("Task3/MR/4/T1DUAL/Results/img003.png", png(RIGHT))
    with pytest.raises(InputError) as refused:
        check_submission(submission_zip=cohort.archive, pairs=pairs)
    assert [line.strip() for line in str(refused.value).splitlines()] == [
        f"{cohort.archive}: is not an entry to send:",
        "has files that the challenge does not ask for: notes.txt. Leave them out",
        "Task3/MR/4/T1DUAL/Results: has a result of slice 3, but the DICOM series has 3 slices",
        "Task3/MR/4/T1DUAL/Results: img003.png: 4 x 2 pixels, where the image has 3 x 5",
    ]


def test_a_zip_that_unpacks_to_more_than_any_entry_is_refused_before_it_is_read(entry, cohort):
    path = cohort.folder / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{SPOILED}/img000.png", bytes(20 << 20))
    with pytest.raises(InputError, match=r"bomb\.zip: refused: .* that unpack to 20,971,520"):
        check_entry(path, {})
