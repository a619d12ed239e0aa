"""Grey ranges to binary masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chaosliver.base.anatomy import ORGANS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.indexes import read_index, write_index
from chaosliver.base.png import read_png, write_png
from chaosliver.prepare.masks import binary_mask, extract_masks


@given(arrays(np.uint8, (3, 5)), st.sampled_from(sorted(ORGANS)))
def test_a_pixel_is_of_the_organ_exactly_within_its_inclusive_range(ground, organ):
    low, high = ORGANS[organ]
    expected = np.where((ground >= low) & (ground <= high), 255, 0)
    assert np.array_equal(binary_mask(ground, (low, high)), expected)


def test_the_challenges_grey_levels_are_the_four_organs_and_no_two_ranges_meet():
    ground = np.array([[0, 63, 126, 189, 252]], np.uint8)
    assert [binary_mask(ground, limits).nonzero()[1].tolist() for limits in ORGANS.values()] == [[1], [2], [3], [4]]


T1, T2 = "T1DUAL/Ground", "T2SPIR/Ground"
# Neither two slices nor two organs have the same mask.
GROUNDS = {
    f"{T1}/IMG-0004-00002.png": [[0, 63, 126], [189, 64, 252]],
    f"{T1}/IMG-0004-00004.png": [[63, 0, 0], [0, 0, 126]],
    f"{T2}/IMG-0002-00001.png": [[0, 0, 0], [63, 63, 0]],
}


@pytest.fixture
def raw(tmp_path):
    """Two slices of T1 in both phases, one of T2 with a mask and one without."""
    folder = tmp_path / "raw" / "7"
    for file, levels in GROUNDS.items():
        write_png(folder / file, np.array(levels, np.uint8))
    write_index(tmp_path / "raw/7.tsv", folder, [{"file": file} for file in GROUNDS])
    rows = [
        ("t1_in_phase", "IMG-0004-00004", f"{T1}/IMG-0004-00004.png"),
        ("t1_in_phase", "IMG-0004-00002", f"{T1}/IMG-0004-00002.png"),
        ("t1_out_of_phase", "IMG-0004-00003", f"{T1}/IMG-0004-00004.png"),
        ("t1_out_of_phase", "IMG-0004-00001", f"{T1}/IMG-0004-00002.png"),
        ("t2_spir", "IMG-0002-00001", f"{T2}/IMG-0002-00001.png"),
        ("t2_spir", "IMG-0002-00002", ""),
    ]
    columns = ("sequence", "stem", "ground")
    write_tsv(tmp_path / "pairs.tsv", columns, [dict(zip(columns, row, strict=True)) for row in rows])
    return tmp_path


def extract(raw, sequence, organ="liver", name="new/masks"):
    """The masks that the index lists, in its order, by the stem of their file."""
    folder, index = raw / name, raw / f"{name}.tsv"
    source = {"pairs": raw / "pairs.tsv", "raw_index": raw / "raw/7.tsv", "sequence": sequence}
    extract_masks(**source, grey_range=ORGANS[organ], folder=folder, index=index)
    return {
        row["file"].removesuffix(".png"): read_png(folder / row["file"]).tolist() for row in read_index(index, folder)
    }


def test_each_slice_has_its_own_mask_of_the_organ_in_the_order_of_the_table(raw):
    liver = extract(raw, "t1_in_phase")
    assert list(liver.items()) == [
        ("IMG-0004-00004", [[255, 0, 0], [0, 0, 0]]),
        ("IMG-0004-00002", [[0, 255, 0], [0, 255, 0]]),
    ]
    assert extract(raw, "t1_in_phase", "right_kidney", "k") == {
        "IMG-0004-00004": [[0, 0, 0], [0, 0, 255]],
        "IMG-0004-00002": [[0, 0, 255], [0, 0, 0]],
    }
    assert extract(raw, "t1_in_phase", "spleen", "s")["IMG-0004-00002"] == [[0, 0, 0], [0, 0, 255]]


def test_a_mask_bears_the_images_stem_although_both_phases_share_a_ground_truth(raw):
    assert list(extract(raw, "t1_out_of_phase").items()) == [
        ("IMG-0004-00003", [[255, 0, 0], [0, 0, 0]]),
        ("IMG-0004-00001", [[0, 255, 0], [0, 255, 0]]),
    ]


def test_a_slice_without_ground_truth_has_no_mask(raw):
    assert extract(raw, "t2_spir") == {"IMG-0002-00001": [[0, 0, 0], [255, 255, 0]]}
    assert [path.name for path in (raw / "new/masks").iterdir()] == ["IMG-0002-00001.png"]


def test_a_sequence_without_ground_truth_has_an_empty_folder_and_index(raw):
    rows = [row | {"ground": ""} for row in read_tsv(raw / "pairs.tsv")]
    write_tsv(raw / "pairs.tsv", tuple(rows[0]), rows)
    assert extract(raw, "t2_spir") == {}
    assert list((raw / "new/masks").iterdir()) == []


def test_masks_may_be_extracted_again_and_have_the_same_bytes(raw):
    extract(raw, "t1_in_phase")
    first = (raw / "new/masks.tsv").read_bytes()
    extract(raw, "t1_in_phase")
    assert (raw / "new/masks.tsv").read_bytes() == first


def test_only_the_ground_truth_of_the_sequence_must_be_unaltered(raw):
    write_png(raw / "raw/7" / T2 / "IMG-0002-00001.png", np.zeros((2, 3), np.uint8))
    assert len(extract(raw, "t1_in_phase")) == 2
    with pytest.raises(InputError, match=r"IMG-0002-00001\.png: its content differs"):
        extract(raw, "t2_spir", name="other")
    assert not (raw / "other.tsv").exists()


@pytest.mark.parametrize("column", ["sequence", "stem", "ground"])
def test_a_table_without_a_column_is_named(raw, column):
    rows = [{key: value for key, value in row.items() if key != column} for row in read_tsv(raw / "pairs.tsv")]
    write_tsv(raw / "pairs.tsv", tuple(rows[0]), rows)
    with pytest.raises(InputError, match=f"pairs.tsv: lacks the column.* {column}"):
        extract(raw, "t1_in_phase")
