"""Each image gets its own ground truth, and what is left without a partner is named."""

import numpy as np
import pytest

from chaosliver.base.volumes import VolumeId
from chaosliver.prepare.pairing import pair
from chaosliver.prepare.slices import Ground

T2, IN, OUT = VolumeId("t2_spir", "7"), VolumeId("t1_in_phase", "7"), VolumeId("t1_out_of_phase", "7")
FOLDER, GROUND = "T2SPIR/DICOM_anon", "T2SPIR/Ground"
T1_OUT, T1_GROUND = "T1DUAL/DICOM_anon/OutPhase", "T1DUAL/Ground"


def ground_of(*stems, shape=(2, 3), unreadable=(), folder=GROUND):
    """Ground truth of these stems, whose masks bear 1, 2, ... as their grey levels."""
    masks = {stem: np.full(shape, number, np.uint8) for number, stem in enumerate(stems, start=1)}
    return Ground({stem: f"{folder}/{stem}.png" for stem in (*stems, *unreadable)}, masks)


def flags(findings):
    return [(finding.severity, finding.flag, finding.file) for finding in findings]


def pairs_of(images):
    """Stem of the image, file of its ground truth and grey level of its mask."""
    return [(image.stem, image.ground, None if image.mask is None else int(image.mask.max())) for image in images]


def test_images_are_paired_by_stem_whatever_the_order(make_image):
    images = [make_image("b", 0), make_image("a", 9)]
    paired, findings = pair(T2, images, ground_of("a", "b"), [], set())
    assert findings == []
    assert pairs_of(paired) == [("b", f"{GROUND}/b.png", 2), ("a", f"{GROUND}/a.png", 1)]
    # What is paired keeps its pixels and its place.
    assert [(after.file, after.slice) for after in paired] == [(before.file, before.slice) for before in images]


def test_no_ground_truth_at_all_is_one_error(make_image):
    images = [make_image("a"), make_image("b")]
    paired, findings = pair(T2, images, ground_of(), [], set())
    assert flags(findings) == [("error", "no-ground-truth", GROUND)]
    assert paired == images and findings[0][:2] == ("7", "t2_spir")


def test_an_image_without_ground_truth_and_the_reverse_are_errors(make_image):
    paired, findings = pair(T2, [make_image("a"), make_image("b")], ground_of("c", "b", "d"), [], set())
    assert flags(findings) == [
        ("error", "without-partner", f"{FOLDER}/a.dcm"),
        ("error", "without-partner", f"{GROUND}/c.png"),
        ("error", "without-partner", f"{GROUND}/d.png"),
    ]
    assert f"{GROUND}/a.png" in findings[0].message and f"{FOLDER}/c.dcm" in findings[1].message
    assert pairs_of(paired) == [("a", "", None), ("b", f"{GROUND}/b.png", 2)]


def test_what_cannot_be_read_is_not_told_of_again(make_image):
    ground = ground_of("a", "b", unreadable=["c"])
    paired, findings = pair(T2, [make_image("a"), make_image("c")], ground, [], {"b", "c"})
    assert findings == []
    assert pairs_of(paired) == [("a", f"{GROUND}/a.png", 1), ("c", "", None)]


def test_a_mask_of_another_matrix_is_an_error_and_is_not_used(make_image):
    paired, findings = pair(T2, [make_image("a")], ground_of("a", shape=(3, 2)), [], set())
    assert flags(findings) == [("error", "matrix", f"{GROUND}/a.png")]
    assert "is 3 x 2, the image T2SPIR/DICOM_anon/a.dcm 2 x 3" in findings[0].message
    assert pairs_of(paired) == [("a", f"{GROUND}/a.png", None)]


def out_of_phase(make_image, places):
    return [make_image(stem, place, sequence="t1_out_of_phase") for stem, place in places.items()]


IN_PLACES = {"IMG-0004-00002": 0.0, "IMG-0004-00004": 9.0, "IMG-0004-00010": 18.0}


@pytest.fixture
def in_phase(make_image):
    return [make_image(stem, place, sequence="t1_in_phase") for stem, place in IN_PLACES.items()]


def test_images_out_of_phase_have_the_ground_truth_of_the_image_in_phase_at_their_place(make_image, in_phase):
    # Up to a tenth of 9 mm beside it, and in another order.
    images = out_of_phase(make_image, {"IMG-0004-00009": 18.9, "IMG-0004-00001": -0.9, "IMG-0004-00003": 9.5})
    paired, findings = pair(OUT, images, ground_of(*IN_PLACES, folder=T1_GROUND), in_phase, set())
    assert findings == []
    assert pairs_of(paired) == [
        ("IMG-0004-00009", f"{T1_GROUND}/IMG-0004-00010.png", 3),
        ("IMG-0004-00001", f"{T1_GROUND}/IMG-0004-00002.png", 1),
        ("IMG-0004-00003", f"{T1_GROUND}/IMG-0004-00004.png", 2),
    ]


def test_a_stem_that_is_not_its_ground_truths_minus_1_is_a_warning_and_the_place_is_used(make_image, in_phase):
    images = out_of_phase(make_image, {"IMG-0004-00003": 0.0, "IMG-0004-00001": 9.0, "IMG-0004-00009": 18.0})
    paired, findings = pair(OUT, images, ground_of(*IN_PLACES, folder=T1_GROUND), in_phase, set())
    assert flags(findings) == [
        ("warning", "phase-stem", f"{T1_OUT}/IMG-0004-00003.dcm"),
        ("warning", "phase-stem", f"{T1_OUT}/IMG-0004-00001.dcm"),
    ]
    assert "belongs to IMG-0004-00002, whose stem minus 1 would be IMG-0004-00001" in findings[0].message
    assert [mask for _, _, mask in pairs_of(paired)] == [1, 2, 3]


def test_an_image_out_of_phase_at_another_place_has_no_ground_truth(make_image, in_phase):
    images = out_of_phase(make_image, {"IMG-0004-00001": 0.0, "IMG-0004-00003": 10.0, "IMG-0004-00009": 18.0})
    paired, findings = pair(OUT, images, ground_of(*IN_PLACES, folder=T1_GROUND), in_phase, set())
    assert flags(findings) == [
        ("error", "without-partner", f"{T1_OUT}/IMG-0004-00003.dcm"),
        ("error", "without-partner", f"{T1_GROUND}/IMG-0004-00004.png"),
    ]
    assert "no image in phase lies at its place" in findings[0].message
    # The image that the ground truth would belong to has the stem before it.
    assert f"{T1_OUT}/IMG-0004-00003.dcm" in findings[1].message
    assert pairs_of(paired)[1] == ("IMG-0004-00003", "", None)
    _, findings = pair(OUT, images, ground_of(*IN_PLACES, folder=T1_GROUND), in_phase, {"IMG-0004-00003"})
    assert flags(findings) == [("error", "without-partner", f"{T1_OUT}/IMG-0004-00003.dcm")]


def test_the_warning_on_stems_comes_before_what_has_no_partner(make_image, in_phase):
    images = out_of_phase(make_image, {"IMG-0004-00007": 0.0, "IMG-0004-00003": 9.0})
    _, findings = pair(OUT, images, ground_of(*IN_PLACES, folder=T1_GROUND), in_phase, set())
    assert [flag for _, flag, _ in flags(findings)] == ["phase-stem", "without-partner"]


def test_without_images_in_phase_the_stem_plus_1_is_taken_with_a_warning(make_image):
    images = out_of_phase(make_image, {"IMG-0004-00001": 0.0, "IMG-0004-00009": 9.0, "IMG-0004-00011": 18.0})
    paired, findings = pair(OUT, images, ground_of("IMG-0004-00002", "IMG-0004-00010", folder=T1_GROUND), [], set())
    assert flags(findings) == [
        ("warning", "paired-by-stem", "T1DUAL/DICOM_anon/InPhase"),
        ("error", "without-partner", f"{T1_OUT}/IMG-0004-00011.dcm"),
    ]
    assert f"{T1_GROUND}/IMG-0004-00012.png" in findings[1].message
    assert [mask for _, _, mask in pairs_of(paired)] == [1, 2, None]


@pytest.mark.parametrize(("stem", "next_stem"), [("slice", "slice1"), ("X9", "X10"), ("7X009", "7X010")])
def test_only_the_number_at_the_end_of_a_stem_counts_from_0_if_there_is_none(make_image, stem, next_stem):
    paired, _ = pair(OUT, out_of_phase(make_image, {stem: 0.0}), ground_of(next_stem, folder=T1_GROUND), [], set())
    assert pairs_of(paired) == [(stem, f"{T1_GROUND}/{next_stem}.png", 1)]


def test_images_in_phase_are_paired_by_stem(make_image, in_phase):
    paired, findings = pair(IN, in_phase, ground_of(*IN_PLACES, folder=T1_GROUND), in_phase, set())
    assert findings == [] and [mask for _, _, mask in pairs_of(paired)] == [1, 2, 3]
