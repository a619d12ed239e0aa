"""What becomes of each path of an archive, worked out by hand; whole archives are in test_archive."""

import pytest

from chaosliver.acquire.places import place_of, state_of


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("Train_Sets/MR/1/T2SPIR/Ground/a.png", ("Train_Sets/MR", "1", "T2SPIR/Ground/a.png")),
        ("MR/1/T2SPIR/a.dcm", ("MR", "1", "T2SPIR/a.dcm")),
        ("a/b/MR/1/x", ("a/b/MR", "1", "x")),
        # What lies in a folder that is not known is that folder.
        ("MR/1/T2SPIR/Ground/more/deep/a.png", ("MR", "1", "T2SPIR/Ground/more/")),
        ("MR/1/t2spir/Ground/a.png", ("MR", "1", "t2spir/")),
        ("MR/1/T2SPIR/Ground/more/", ("MR", "1", "T2SPIR/Ground/more/")),
        ("MR/1/T2SPIR/Ground/", None),
        ("MR/1/", None),
        ("MR/readme.txt", None),
        ("a/b/c/MR/1/x", None),
        ("CT/1/DICOM_anon/a.dcm", None),
        ("__MACOSX/MR/1/T2SPIR/Ground/._a.png", None),
    ],
)
def test_a_path_is_a_patients_file_or_nothing(name, place):
    assert place_of(name) == place


@pytest.mark.parametrize(
    ("file", "state"),
    [
        ("T2SPIR/Ground/a.png", "unpacked"),
        ("T2SPIR/Ground/anything", "unpacked"),
        ("T2SPIR/Ground/._a.png", "left out"),
        ("T2SPIR/Ground/THUMBS.DB", "left out"),
        ("T2SPIR/Ground/.a.png", "lost"),
        ("T2SPIR/Ground/.a.PNG.part", "lost"),
        ("T2SPIR/Ground/.nfs0001", "left out"),
        ("T2SPIR/notes.txt", "left out"),
        ("T2SPIR/a.ima", "lost"),
        ("T2SPIR/Ground/more/", "lost"),
        ("T2SPIR/DICOM_ANON/", "lost"),
        ("T1DUAL/DICOM_anon/inphase/", "lost"),
        ("T1DUAL/other/", "left out"),
        ("T2SPIR/Ground/a\nb.png", "lost"),
        ("T2SPIR/Ground/\udcff.png", "lost"),
    ],
)
def test_a_file_is_unpacked_left_out_or_lost_with_a_reason(file, state):
    found, why = state_of(place_of(f"MR/1/{file}"))
    assert found == state and bool(why) == (state != "unpacked")


def test_a_slice_that_cannot_be_read_is_lost_for_that_reason():
    assert state_of(place_of("MR/1/T2SPIR/Ground/a.png"), "it is a pipe") == ("lost", "it is a pipe")
    assert state_of(place_of("MR/1/T2SPIR/Ground/Thumbs.db"), "it is a pipe")[0] == "left out"
