"""Files that no one would read are errors, each named; what desktops leave is none."""

import numpy as np
import pytest

from chaosliver.base.png import write_png
from chaosliver.base.volumes import VolumeId
from chaosliver.prepare.listing import check_listed, check_names

T1, OUT, T2 = VolumeId("t1_in_phase", "7"), VolumeId("t1_out_of_phase", "7"), VolumeId("t2_spir", "7")
FOLDER, GROUND, T1_GROUND = "T2SPIR/DICOM_anon", "T2SPIR/Ground", "T1DUAL/Ground"


def found(findings):
    for finding in findings:
        assert finding.severity == "error" and finding.patient == "7"
        assert finding.message.startswith(f"{finding.file}: ")
    return [(finding.sequence, finding.flag, finding.file) for finding in findings]


@pytest.mark.parametrize(
    ("file", "sequence"),
    [
        (f"{FOLDER}/a.dcm", "t2_spir"),
        (f"{GROUND}/more/", "t2_spir"),
        ("t2spir/", "t2_spir"),
        ("T2SPIR/a.dcm", "t2_spir"),
        ("T1DUAL/DICOM_anon/OutPhase/a.dcm", "t1_out_of_phase"),
        (f"{T1_GROUND}/a.png", "t1_in_phase"),
        ("T1DUAL/a.dcm", "t1_in_phase"),
        ("a.dcm", "t1_in_phase"),
    ],
)
def test_what_the_archive_has_and_was_not_unpacked_is_an_error_of_its_sequence(file, sequence):
    listed = [
        {"file": file, "state": "lost", "why": "it is a pipe"},
        {"file": f"{FOLDER}/b.dcm", "state": "unpacked", "why": ""},
        {"file": f"{FOLDER}/Thumbs.db", "state": "left out", "why": "what a desktop leaves in folders"},
    ]
    (finding,) = check_listed([T1, OUT, T2], listed)
    assert found([finding]) == [(sequence, "not-unpacked", file)]
    assert finding.message.endswith("the archive has it, but it is a pipe")


def make(raw, *files):
    for file in files:
        (raw / file).parent.mkdir(parents=True, exist_ok=True)
        (raw / file).write_bytes(b"x")
    return raw


@pytest.mark.parametrize("name", ["b.ima", "b", "b.dcm.bak", "b.png", "b.dcm~"])
def test_an_image_of_another_ending_is_an_error(tmp_path, name):
    raw = make(tmp_path, f"{FOLDER}/a.dcm", f"{FOLDER}/c.DCM", f"{FOLDER}/{name}", f"{GROUND}/a.png")
    (finding,) = check_names(raw, [T2], True)
    assert found([finding]) == [("t2_spir", "other-ending", f"{FOLDER}/{name}")]
    assert "does not end in .dcm" in finding.message


def test_a_mask_of_another_ending_is_an_error_where_there_is_ground_truth(tmp_path):
    raw = make(tmp_path, f"{FOLDER}/a.dcm", f"{GROUND}/a.PNG", f"{GROUND}/b.bmp")
    (finding,) = check_names(raw, [T2], True)
    assert found([finding]) == [("t2_spir", "other-ending", f"{GROUND}/b.bmp")]
    assert "does not end in .png" in finding.message
    assert list(check_names(raw, [T2], False)) == []
    # Both phases share their masks: what is wrong with them is said once.
    raw = make(tmp_path, f"{T1_GROUND}/b.bmp")
    assert found(list(check_names(raw, [T1, OUT], True))) == [("t1_in_phase", "other-ending", f"{T1_GROUND}/b.bmp")]


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        (FOLDER, ("X.DCM", "X.dcm")),
        (FOLDER, ("X.dcm", "x.dcm")),
        (GROUND, ("X.PNG", "X.png")),
        (GROUND, ("X.png", "x.png")),
    ],
    ids=["image endings", "image names", "mask endings", "mask names"],
)
def test_two_files_that_would_become_one_are_an_error(tmp_path, folder, names):
    raw = make(tmp_path, *(f"{folder}/{name}" for name in names))
    if len(list((raw / folder).iterdir())) == 1:
        pytest.skip("this file system does not tell capitals from small letters")
    (finding,) = check_names(raw, [T2], True)
    assert found([finding]) == [("t2_spir", "same-name", f"{folder}/{names[1]}")]
    assert f"has the name of {names[0]} but for capitals" in finding.message


def test_nothing_is_told_of_sound_folders(tmp_path):
    raw = make(tmp_path, *(f"{FOLDER}/IMG-{n}.dcm" for n in range(3)), *(f"{GROUND}/IMG-{n}.png" for n in range(3)))
    write_png(raw / T1_GROUND / "a.png", np.zeros((2, 3), np.uint8))
    assert list(check_names(raw, [T1, OUT, T2], True)) == []
