"""Lengths, grey values and organs on either side of each limit, of volumes that are otherwise sound."""

import numpy as np
import pytest

from chaosliver.base.volumes import VolumeId
from chaosliver.prepare.bodies import check_body, check_organs

T1, T2 = VolumeId("t1_in_phase", "7"), VolumeId("t2_spir", "7")
FOLDER, GROUND = "T2SPIR/DICOM_anon", "T2SPIR/Ground"
# Rows and columns of a slice: with 4 mm x 3 mm pixels, 240 mm x 240 mm.
SHAPE = (60, 80)


def greys(low=0, high=900, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).integers(low, high + 1, shape)


def stack(make_image, slices=10, distance=9.0, spacing=(4.0, 3.0), pixels=None, masks=None):
    """A sound volume, but for what is given; `masks` hold one for each slice, or None."""
    return [
        make_image(
            f"IMG-{number}",
            distance * number,
            pixels=greys(seed=number) if pixels is None else pixels(number),
            spacing=spacing,
            mask=masks and masks[number],
        )
        for number in range(slices)
    ]


def found(findings):
    told = list(findings)
    for finding in told:
        assert finding[:2] == ("7", "t2_spir") and finding.message.startswith(f"{finding.file}: ")
    return [(finding.severity, finding.flag) for finding in told]


def judged(make_image, **changes):
    return found(check_body(T2, stack(make_image, **changes)))


def test_a_sound_volume_has_no_finding(make_image):
    assert judged(make_image) == []


def test_a_single_slice_has_its_finding_elsewhere(make_image):
    assert judged(make_image, slices=1) == []


@pytest.mark.parametrize(
    ("changes", "severity", "flag"),
    [
        pytest.param({"slices": 2, "distance": 30.0}, "error", "slices", id="two slices"),
        pytest.param({"slices": 4, "distance": 20.0}, "error", "slices", id="four slices"),
        pytest.param({"slices": 5, "distance": 12.0}, "warning", "slices", id="five slices"),
        pytest.param({"slices": 7}, "warning", "slices", id="seven slices"),
        pytest.param({"distance": 12.1}, "warning", "slice-distance", id="far apart"),
        pytest.param({"distance": 30.1}, "error", "slice-distance", id="too far apart"),
        pytest.param({"distance": 5.9}, "warning", "height", id="low stack"),
        pytest.param({"distance": 3.9}, "error", "height", id="no body as low"),
    ],
)
def test_slices_and_their_distances(make_image, changes, severity, flag):
    assert (severity, flag) in judged(make_image, **changes)
    assert {name for _, name in judged(make_image, **changes)} <= {flag, "slice-distance"}


@pytest.mark.parametrize(
    ("spacing", "shape", "expected"),
    [
        pytest.param((4.51, 3.0), (60, 80), [("warning", "pixel-spacing")], id="coarse rows"),
        pytest.param((4.0, 4.51), (60, 80), [("warning", "pixel-spacing")], id="coarse columns"),
        pytest.param((10.1, 3.0), (30, 80), [("error", "pixel-spacing")], id="rows too coarse"),
        pytest.param((0.29, 3.0), (800, 80), [("warning", "pixel-spacing")], id="fine rows"),
        pytest.param((0.09, 3.0), (2400, 80), [("error", "pixel-spacing")], id="rows too fine"),
        pytest.param((4.0, 3.0), (49, 80), [("warning", "field-of-view")], id="small field"),
        pytest.param((4.0, 3.0), (19, 80), [("error", "field-of-view")], id="field too small"),
        pytest.param((4.0, 3.0), (60, 184), [("warning", "field-of-view")], id="large field"),
        pytest.param((4.0, 3.0), (60, 334), [("error", "field-of-view")], id="field too large"),
        pytest.param(
            (0.001, 0.001), (60, 80), [("error", "pixel-spacing"), ("error", "field-of-view")] * 2, id="0.001"
        ),
    ],
)
def test_spacing_and_field_of_view(make_image, spacing, shape, expected):
    assert judged(make_image, spacing=spacing, pixels=lambda number: greys(shape=shape, seed=number)) == expected


def test_positions_in_metres_are_told_with_the_length_and_what_is_possible(make_image):
    findings = list(check_body(T2, stack(make_image, distance=0.009)))
    assert [(finding.severity, finding.flag, finding.file) for finding in findings] == [
        ("error", "slice-distance", FOLDER),
        ("error", "height", FOLDER),
    ]
    assert "the distance of slices is 0.009 mm, where 0.3 to 30 mm are possible" in findings[0].message
    assert "drop the patient" in findings[0].message


def test_rare_lengths_are_told_with_what_is_usual(make_image):
    (finding,) = check_body(T2, stack(make_image, distance=20.0))
    assert finding.message.endswith("the distance of slices is 20 mm, where 0.8 to 12 mm are usual")


@pytest.mark.parametrize(
    ("high", "expected"),
    [
        pytest.param(7, [("error", "grey-spread")], id="none"),
        pytest.param(8, [("warning", "grey-spread")], id="least possible"),
        pytest.param(63, [("warning", "grey-spread")], id="little"),
        pytest.param(66, [], id="usual"),
    ],
)
def test_grey_values_are_spread(make_image, high, expected):
    """Of even random numbers from 1000 to 1000 + high, 199 in 200 lie within it; a few bright pixels do not count."""

    def pixels(number):
        return np.where(np.arange(4800).reshape(SHAPE) < 10, 30000, greys(1000, 1000 + high, seed=number))

    assert judged(make_image, pixels=pixels) == expected


@pytest.mark.parametrize(
    ("blank", "expected"),
    [
        pytest.param(1, [], id="one of twenty"),
        pytest.param(2, [("warning", "blank-slices")], id="two of twenty"),
        pytest.param(5, [("warning", "blank-slices")], id="a quarter"),
        pytest.param(10, [("error", "blank-slices")], id="half"),
    ],
)
def test_blank_slices_are_counted(make_image, blank, expected):
    def pixels(number):
        return np.zeros(SHAPE) if number < blank else greys(seed=number)

    assert judged(make_image, slices=20, pixels=pixels) == expected


def test_a_blank_volume_has_its_finding_elsewhere(make_image):
    assert judged(make_image, pixels=lambda _: np.full(SHAPE, 7)) == []


def organ(level, pixels):
    flat = np.zeros(SHAPE[0] * SHAPE[1], np.uint8)
    flat[:pixels] = level
    return flat.reshape(SHAPE)


@pytest.mark.parametrize(
    ("level", "pixels", "expected"),
    # A voxel of 4 mm x 3 mm x 9 mm has 0.108 mL; each of ten slices has so many of them.
    [
        pytest.param(63, 46, [("error", "liver-volume")], id="liver of 49.7 mL"),
        pytest.param(63, 47, [("warning", "liver-volume")], id="liver of 50.8 mL"),
        pytest.param(63, 185, [("warning", "liver-volume")], id="liver of 199.8 mL"),
        pytest.param(63, 186, [], id="liver of 200.9 mL"),
        pytest.param(63, 3703, [], id="liver of 3999 mL"),
        pytest.param(63, 3704, [("warning", "liver-volume")], id="liver of 4000.3 mL"),
        pytest.param(126, 9, [("warning", "kidney-volume")], id="right kidney of 9.7 mL"),
        pytest.param(189, 10, [], id="left kidney of 10.8 mL"),
        pytest.param(189, 463, [("warning", "kidney-volume")], id="left kidney of 500.04 mL"),
        pytest.param(252, 27, [("warning", "spleen-volume")], id="spleen of 29.2 mL"),
        pytest.param(252, 879, [], id="spleen of 949.3 mL"),
        pytest.param(252, 880, [("warning", "spleen-volume")], id="spleen of 950.4 mL"),
    ],
)
def test_organs_have_plausible_volumes(make_image, level, pixels, expected):
    images = stack(make_image, masks=[organ(level, pixels)] * 10)
    findings = list(check_organs(T2, images))
    assert found(findings) == expected
    assert {finding.file for finding in findings} <= {GROUND}
    if pixels == 46:
        assert "the volume of the liver is 49.68 mL, where 50 to 26000 mL are possible" in findings[0].message


def test_kidneys_are_told_apart_and_slices_without_a_mask_add_nothing(make_image):
    """Each kidney has 9 x 9 voxels of 0.108 mL, 8.7 mL; the right one's are on another side of the liver's level."""
    masks = [organ(126, 9) + np.flip(organ(189, 9)) for _ in range(9)] + [None]
    findings = list(check_organs(T2, stack(make_image, masks=masks)))
    assert [finding.message.split(": ", 1)[1].split(" is ")[0] for finding in findings] == [
        "the volume of the right kidney",
        "the volume of the left kidney",
    ]


def test_organs_of_impossible_lengths_are_not_told_again(make_image):
    assert found(check_organs(T2, stack(make_image, distance=0.009, masks=[organ(63, 400)] * 10))) == []
    assert found(check_organs(T2, stack(make_image, slices=1, masks=[organ(63, 4)]))) == []


def test_without_masks_there_are_no_organs(make_image):
    assert found(check_organs(T2, stack(make_image))) == []
    assert found(check_organs(T1, stack(make_image, masks=[organ(63, 0)] * 10))) == []
