"""What the challenge fixes, against what its archive and its rules say."""

import zipfile

import pytest

from chaosliver.base.anatomy import ORGANS, SEQUENCES

# Members of CHAOS_Train_Sets.zip: of each sequence a slice and the drawing that belongs to it.
MEMBERS = {
    "t1_in_phase": ("T1DUAL/DICOM_anon/InPhase/IMG-0004-00002.dcm", "T1DUAL/Ground/IMG-0004-00002.png"),
    "t1_out_of_phase": ("T1DUAL/DICOM_anon/OutPhase/IMG-0004-00001.dcm", "T1DUAL/Ground/IMG-0004-00002.png"),
    "t2_spir": ("T2SPIR/DICOM_anon/IMG-0002-00001.dcm", "T2SPIR/Ground/IMG-0002-00001.png"),
}


def test_each_sequence_names_the_folders_of_its_slices_and_its_drawings():
    assert list(SEQUENCES) == ["t1_in_phase", "t1_out_of_phase", "t2_spir"]
    for name, (image, drawing) in MEMBERS.items():
        assert SEQUENCES[name].images == image.rsplit("/", 1)[0]
        assert SEQUENCES[name].ground == drawing.rsplit("/", 1)[0]
    assert [sequence.title for sequence in SEQUENCES.values()] == ["T1 in phase", "T1 out of phase", "T2-SPIR"]


def test_the_real_archive_has_these_folders(shared_data):
    archive = shared_data / "CHAOS_Train_Sets.zip"
    if not archive.is_file():
        pytest.skip("the real archive is not among the shared data")
    with zipfile.ZipFile(archive) as opened:
        files = {name.split("/", 3)[3] for name in opened.namelist() if not name.endswith("/")}
    folders = {file.rsplit("/", 1)[0] for file in files}
    # It holds no slice out of phase.
    known = [SEQUENCES[name] for name in ("t1_in_phase", "t2_spir")]
    assert folders == {folder for sequence in known for folder in (sequence.images, sequence.ground)}


def test_the_organs_are_drawn_in_the_grey_values_of_the_challenges_rules():
    # "Liver: 63 (55<<<70), right kidney: 126 (110<<<135), left kidney: 189 (175<<<200), spleen: 252 (240<<<255)".
    borders = [0, 54, 55, 63, 70, 71, 109, 110, 126, 135, 136, 174, 175, 189, 200, 201, 239, 240, 252, 255]
    found = [[organ for organ, (low, high) in ORGANS.items() if low <= grey <= high] for grey in borders]
    none, liver, right, left, spleen = [], ["liver"], ["right_kidney"], ["left_kidney"], ["spleen"]
    assert (
        found
        == [none] * 2 + [liver] * 3 + [none] * 2 + [right] * 3 + [none] * 2 + [left] * 3 + [none] * 2 + [spleen] * 3
    )
    assert ORGANS["spleen"][1] == 255
    assert list(ORGANS) == ["liver", "right_kidney", "left_kidney", "spleen"]
