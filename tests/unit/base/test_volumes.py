"""Where a volume's slices lie, from its name and back."""

from pathlib import Path

import pytest

from chaosliver.base.volumes import VolumeId


def test_a_volume_knows_its_folder_and_its_index_in_each_tree():
    volume = VolumeId("t2_spir", "13")
    assert volume.folder(Path("png/8bit")) == Path("png/8bit/t2_spir/13")
    assert volume.index(Path("masks/liver")) == Path("masks/liver/t2_spir/13.tsv")


def test_a_volume_is_found_from_its_index_and_from_its_text():
    volume = VolumeId(sequence="t1_in_phase", patient="p.7")
    assert VolumeId.of_index(volume.index(Path("results/png"))) == volume
    assert str(volume) == "t1_in_phase/p.7"
    assert VolumeId.parse("t1_in_phase/p.7") == volume


@pytest.mark.parametrize("text", ["13", "a/b/c", ""])
def test_other_text_names_no_volume(text):
    with pytest.raises(ValueError, match="unpack"):
        VolumeId.parse(text)
