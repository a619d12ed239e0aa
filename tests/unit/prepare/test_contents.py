"""Slices and volumes that hold no image, a part of one, or another slice's."""

import numpy as np
import pytest

from chaosliver.base.volumes import VolumeId
from chaosliver.prepare.contents import check_blank_masks, check_contents, is_blank

T2 = VolumeId("t2_spir", "7")
FOLDER, GROUND = "T2SPIR/DICOM_anon", "T2SPIR/Ground"
SHAPE = (40, 60)


def body(number):
    """An ellipse of random greys, 32 rows high and 48 columns wide, in air of 0."""
    rows, columns = np.indices(SHAPE)
    inside = ((rows - 19.5) / 16) ** 2 + ((columns - 29.5) / 24) ** 2 < 1
    return (inside * np.random.default_rng(number).integers(400, 900, SHAPE)).astype(np.uint16)


def volume(make_image, changed, slices=6, masks=None):
    return [
        make_image(
            f"IMG-{number}", 9.0 * number, pixels=changed.get(number, body(number)), mask=masks and masks.get(number)
        )
        for number in range(slices)
    ]


def told(findings):
    return [(finding.severity, finding.flag, finding.file) for finding in findings]


def checked(make_image, changed):
    return list(check_contents(T2, volume(make_image, changed)))


def test_a_slice_of_one_value_is_blank():
    assert is_blank(np.zeros((2, 3))) and is_blank(np.full((2, 3), 7)) and not is_blank(np.array([[7, 7], [7, 8]]))


def test_a_sound_volume_has_no_finding(make_image):
    assert checked(make_image, {}) == []


@pytest.mark.parametrize("value", [pytest.param(0, id="zeros"), pytest.param(77, id="one value")])
def test_a_blank_volume_is_an_error(make_image, value):
    (finding,) = checked(make_image, dict.fromkeys(range(6), np.full(SHAPE, value)))
    assert told([finding]) == [("error", "blank-volume", FOLDER)]
    assert f"one grey value ({value} in IMG-0)" in finding.message and "drop the patient" in finding.message


def test_slices_of_a_value_each_are_a_blank_volume_too(make_image):
    assert told(checked(make_image, {n: np.full(SHAPE, n) for n in range(6)})) == [("error", "blank-volume", FOLDER)]


@pytest.mark.parametrize("value", [0, 500])
def test_blank_slices_among_others_are_an_error_that_names_them(make_image, value):
    blank = np.full(SHAPE, value)
    (finding,) = checked(make_image, {2: blank, 4: blank})
    assert told([finding]) == [("error", "blank-slice", f"{FOLDER}/IMG-2.dcm")]
    assert ": IMG-2, IMG-4. " in finding.message


def test_blank_slices_at_the_ends_are_told_by_their_number_elsewhere(make_image):
    blank = np.zeros(SHAPE)
    assert checked(make_image, {0: blank, 5: blank}) == []
    assert told(checked(make_image, {0: blank, 2: blank, 5: blank})) == [
        ("error", "blank-slice", f"{FOLDER}/IMG-2.dcm")
    ]


def test_identical_images_are_an_error_that_names_all(make_image):
    (finding,) = checked(make_image, {3: body(1), 4: body(0), 5: body(1)})
    assert told([finding]) == [("error", "repeated-slice", f"{FOLDER}/IMG-4.dcm")]
    assert finding.message.endswith(": IMG-0 = IMG-4, IMG-1 = IMG-3 = IMG-5")


def test_images_that_differ_in_one_pixel_are_not_identical(make_image):
    other = body(1)
    other[10, 10] += 1
    assert checked(make_image, {3: other}) == []


def half(axis, side, value=0):
    """A body of which half of the rows or columns hold one value."""
    pixels = body(2)
    middle = SHAPE[axis] // 2
    where = slice(None, middle) if side == "first" else slice(middle, None)
    pixels[(where,) if axis == 0 else (slice(None), where)] = value
    return pixels


@pytest.mark.parametrize(
    ("axis", "side"),
    [
        pytest.param(0, "first", id="upper half"),
        pytest.param(0, "last", id="lower half"),
        pytest.param(1, "first", id="left half"),
        pytest.param(1, "last", id="right half"),
    ],
)
@pytest.mark.parametrize("value", [0, 20])
def test_a_slice_of_which_half_is_blank_is_an_error(make_image, axis, side, value):
    (finding,) = checked(make_image, {2: half(axis, side, value)})
    assert told([finding]) == [("error", "cut-slice", f"{FOLDER}/IMG-2.dcm")]
    assert "1 slice with a blank part that ends within the body: IMG-2" in finding.message


def test_a_volume_of_halves_is_one_error(make_image):
    halves = {n: np.where(np.arange(40)[:, None] < 20, body(n), 0) for n in range(6)}
    (finding,) = checked(make_image, halves)
    assert "6 slices with a blank part" in finding.message


def steps(blank, widths):
    """Rows of body of these widths in pixels below `blank` rows of 0; then it narrows by two pixels a row."""
    pixels = np.zeros(SHAPE, np.uint16)
    for row, width in enumerate([*widths, *range(widths[-1] - 2, 0, -2)], start=blank):
        pixels[row, 30 - width // 2 : 30 - width // 2 + width] = 600 + row
    return pixels


@pytest.mark.parametrize(
    ("blank", "widths", "cut"),
    [
        # A tenth of 40 rows may not be blank, less may.
        pytest.param(3, [30] * 3, False, id="narrow edge"),
        pytest.param(4, [30] * 3, True, id="a tenth"),
        # A quarter of 60 columns.
        pytest.param(10, [14] * 3, False, id="little body"),
        pytest.param(10, [15] * 3, True, id="a quarter of the row"),
        # Eight tenths of the greatest width.
        pytest.param(10, [23, 26, 30, 26], False, id="body that widens"),
        pytest.param(10, [24, 26, 30, 26], True, id="nearly as wide at once"),
    ],
)
def test_a_part_is_cut_away_where_the_body_begins_wide_beside_a_blank_edge(make_image, blank, widths, cut):
    findings = checked(make_image, {2: steps(blank, widths)})
    assert bool(findings) == cut


def test_air_that_is_not_all_of_one_value_is_no_blank_part(make_image):
    pixels = half(0, "first")
    pixels[:20, ::7] = 3
    assert checked(make_image, {2: pixels}) == []


def test_organs_on_a_blank_slice_are_an_error(make_image):
    mask = np.zeros(SHAPE, np.uint8)
    mask[5, 5] = 63
    images = volume(make_image, {5: np.zeros(SHAPE)}, masks={n: mask for n in range(6)})
    (finding,) = check_blank_masks(T2, images)
    assert told([finding]) == [("error", "mask-on-blank", f"{GROUND}/IMG-5.png")]
    assert ": IMG-5. " in finding.message


def test_an_empty_mask_on_a_blank_slice_and_a_blank_volume_are_not_told(make_image):
    mask = np.zeros(SHAPE, np.uint8)
    blank = np.zeros(SHAPE)
    assert list(check_blank_masks(T2, volume(make_image, {5: blank}, masks={5: mask}))) == []
    marked = {n: mask + 63 for n in range(6)}
    assert list(check_blank_masks(T2, volume(make_image, dict.fromkeys(range(6), blank), masks=marked))) == []
