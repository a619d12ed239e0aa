"""Grey ranges to binary masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chaosliver.base.anatomy import ORGANS
from chaosliver.base.files import write_tsv
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


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw" / "7"
    ground = np.array([[0, 63], [126, 64]], np.uint8)
    write_png(folder / "T1DUAL/Ground/IMG-0004-00002.png", ground)
    write_index(tmp_path / "raw" / "7.tsv", folder, [{"file": "T1DUAL/Ground/IMG-0004-00002.png"}])
    rows = [
        {"sequence": "t1_in_phase", "stem": "IMG-0004-00002", "ground": "T1DUAL/Ground/IMG-0004-00002.png"},
        {"sequence": "t1_out_of_phase", "stem": "IMG-0004-00001", "ground": "T1DUAL/Ground/IMG-0004-00002.png"},
        {"sequence": "t2_spir", "stem": "IMG-0002-00001", "ground": ""},
    ]
    write_tsv(tmp_path / "pairs.tsv", ("sequence", "stem", "ground"), rows)
    return tmp_path


def test_a_mask_bears_the_images_stem_although_both_phases_share_a_ground_truth(raw):
    folder = raw / "masks"
    extract_masks(raw / "pairs.tsv", raw / "raw/7.tsv", "t1_out_of_phase", ORGANS["liver"], folder, raw / "masks.tsv")
    assert [row["file"] for row in read_index(raw / "masks.tsv", folder)] == ["IMG-0004-00001.png"]
    assert read_png(folder / "IMG-0004-00001.png").tolist() == [[0, 255], [0, 255]]


def test_a_sequence_without_ground_truth_has_an_empty_index(raw):
    extract_masks(raw / "pairs.tsv", raw / "raw/7.tsv", "t2_spir", ORGANS["liver"], raw / "m", raw / "m.tsv")
    assert read_index(raw / "m.tsv", raw / "m") == []


def test_the_same_ground_truth_gives_the_same_bytes(raw):
    for name in ("a", "b"):
        extract_masks(
            raw / "pairs.tsv", raw / "raw/7.tsv", "t1_in_phase", ORGANS["liver"], raw / name, raw / f"{name}.tsv"
        )
    assert (raw / "a.tsv").read_bytes() == (raw / "b.tsv").read_bytes()
