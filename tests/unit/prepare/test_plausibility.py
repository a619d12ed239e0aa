"""Masks at odds with their neighbours or with the image, on either side of each limit."""

import numpy as np
import pytest

from chaosliver.base.volumes import VolumeId
from chaosliver.prepare.plausibility import check_plausible, overlap

T2, OUT = VolumeId("t2_spir", "7"), VolumeId("t1_out_of_phase", "7")
GROUND = "T2SPIR/Ground"


def flags(findings):
    return [(finding.severity, finding.flag, finding.file) for finding in findings]


def test_overlap_is_dice_over_organs_that_must_be_the_same():
    first = np.array([[1, 1, 0, 2], [4, 0, 0, 3]])
    second = np.array([[1, 2, 0, 2], [0, 4, 0, 3]])
    # Three of five and of five pixels agree.
    assert overlap(first, second) == 2 * 3 / 10
    assert overlap(first, first) == 1 and overlap(np.zeros((2, 3)), np.zeros((2, 3))) == 0
    assert overlap(first, np.zeros((2, 4))) == 0


def square(left, width=20, level=63, shape=(40, 60)):
    """A mask of `width` x 20 pixels that begins at a column."""
    mask = np.zeros(shape, np.uint8)
    mask[10:30, left : left + width] = level
    return mask


def plausible(make_image, *masks, volume=OUT, spacing=(2.5, 3.0), pixels=None):
    """The findings on a volume of these masks; out of phase, outlines are not compared with the images."""
    images = [
        make_image(
            f"IMG-{number}",
            9.0 * number,
            pixels=np.zeros((40, 60)) if pixels is None else pixels,
            mask=mask,
            spacing=spacing,
        )
        for number, mask in enumerate(masks)
    ]
    return list(check_plausible(volume, images))


def test_a_mask_away_from_its_neighbours_is_a_warning(make_image):
    findings = plausible(make_image, square(5), square(5), square(30), square(5), square(5))
    assert flags(findings) == [("warning", "mask-against-neighbours", f"{GROUND}/IMG-2.png")]
    assert findings[0][:2] == ("7", "t1_out_of_phase")
    assert "IMG-1 and IMG-3" in findings[0].message


def test_a_mask_of_another_organ_at_the_same_place_is_a_warning(make_image):
    findings = plausible(make_image, square(5), square(5, level=252), square(5))
    assert flags(findings) == [("warning", "mask-against-neighbours", f"{GROUND}/IMG-1.png")]


@pytest.mark.parametrize(("moved", "told"), [(2, False), (3, True)])
def test_a_mask_is_at_odds_below_nine_tenths_of_its_neighbours_overlap(make_image, moved, told):
    """20 columns moved by 2 overlap by 18 / 20 = 0.9, by 3 by 0.85."""
    assert bool(plausible(make_image, square(5), square(5 + moved), square(5))) == told


def test_the_nearer_of_both_neighbours_counts(make_image):
    # The middle overlaps the one before by 0.95 and the one after by 0.75; these overlap each other by 0.8.
    assert plausible(make_image, square(5), square(4), square(9)) == []
    assert plausible(make_image, square(9), square(4), square(5)) == []


@pytest.mark.parametrize(("spacing", "told"), [((2.5, 3.0), True), ((2.5, 2.99), False)])
@pytest.mark.parametrize("narrow", [0, 2])
def test_neighbours_below_3000_square_millimetres_say_nothing(make_image, spacing, told, narrow):
    """20 x 20 pixels of 2.5 mm x 3 mm have 3000 mm2."""
    masks = [square(5, 24), square(35, 20), square(5, 24)]
    masks[narrow] = square(5, 20)
    assert bool(plausible(make_image, *masks, spacing=spacing)) == told


def test_the_first_and_the_last_slice_have_one_neighbour_and_no_finding(make_image):
    assert plausible(make_image, square(30), square(5), square(5), square(30)) == []


def test_slices_without_mask_are_passed_over(make_image):
    found = flags(plausible(make_image, None, square(5), None, square(30), square(5), None))
    assert found == [("warning", "mask-against-neighbours", f"{GROUND}/IMG-3.png")]
    assert plausible(make_image, None, None) == []


def test_masks_on_several_grids_are_not_compared(make_image):
    images = [make_image(f"{n}", n, mask=square(5, shape=(40, columns))) for n, columns in enumerate((60, 61, 60))]
    assert list(check_plausible(T2, images)) == []


def test_masks_on_blank_images_say_nothing(make_image):
    assert plausible(make_image, square(5), volume=T2) == []


def scene(slices=9):
    """Images [slices, 48, 64] of a liver and a spleen in noise that wander to the right, and their masks."""
    rng = np.random.default_rng(0)
    masks = np.zeros((slices, 48, 64), np.uint8)
    for number, mask in enumerate(masks):
        mask[10:25, 10 + 3 * number : 25 + 3 * number] = 63
        mask[30:44, 8 + 3 * number : 28 + 3 * number] = 252
    tissue = 60 + 40 * np.sin(np.arange(64) / 3) * np.cos(np.arange(48) / 3)[:, None]
    return np.where(masks > 0, 180, tissue) + rng.normal(0, 5, masks.shape), masks


def found_in(make_image, masks, sequence="t2_spir", volume=None):
    """The findings on masks over the images of the scene, with pixels of 3 mm x 2 mm."""
    pixels = scene(len(masks))[0] if volume is None else volume
    images = [
        make_image(f"IMG-{number}", 9.0 * number, pixels=image, mask=mask, spacing=(3.0, 2.0))
        for number, (image, mask) in enumerate(zip(pixels, masks, strict=True))
    ]
    return list(check_plausible(VolumeId(sequence, "7"), images))


@pytest.mark.parametrize("sequence", ["t1_in_phase", "t2_spir", "t1_out_of_phase"])
def test_masks_in_their_own_order_on_their_organs_are_no_finding(make_image, sequence):
    assert found_in(make_image, scene()[1], sequence) == []


def test_masks_off_the_organs_are_an_error(make_image):
    off = np.roll(scene()[1], (9, 20), axis=(1, 2))
    (finding,) = found_in(make_image, off)
    assert finding[:5] == ("7", "t2_spir", GROUND, "error", "mask-off-organ")
    (finding,) = found_in(make_image, off, "t1_in_phase")
    assert finding.file == "T1DUAL/Ground"
    # No limit is known out of phase.
    assert found_in(make_image, off, "t1_out_of_phase") == []


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(("way", "pair"), [(1, "IMG-1 the image IMG-0"), (-1, "IMG-1 the image IMG-2")])
def test_masks_that_are_one_slice_along_are_an_error_that_says_which_way(make_image, way, pair, wrapped):
    masks = np.roll(scene()[1], way, axis=0)
    if not wrapped:
        masks[0 if way > 0 else -1] = 0
    (finding,) = found_in(make_image, masks)
    assert finding[:5] == ("7", "t2_spir", GROUND, "error", "mask-order")
    assert "shifted along z, by one slice or more" in finding.message
    assert finding.message.endswith(f"that of {pair}")
    assert found_in(make_image, masks, "t1_out_of_phase") == []


def test_masks_in_reversed_order_are_an_error(make_image):
    (finding,) = found_in(make_image, scene()[1][::-1])
    assert finding[:5] == ("7", "t2_spir", GROUND, "error", "mask-order")
    assert "reversed order" in finding.message


@pytest.mark.parametrize(("slices", "told"), [(5, ["mask-order"]), (4, [])])
def test_fewer_than_five_different_masks_have_no_order(make_image, slices, told):
    found = found_in(make_image, np.roll(scene(slices)[1], 1, axis=0))
    assert [finding.flag for finding in found if finding.flag == "mask-order"] == told


@pytest.mark.parametrize("way", [1, -1])
def test_the_liver_alone_one_slice_along_is_a_warning(make_image, way):
    masks = scene()[1]
    liver = masks == 63
    moved = np.where(np.roll(liver, way, axis=0), 63, np.where(liver, 0, masks))
    # Three spleens to one liver: all organs together lie where they should.
    volume, wide = scene()[0], np.concatenate([moved, scene()[1], scene()[1]], axis=1)
    wide[:, 48:][wide[:, 48:] == 63] = 0
    found = found_in(make_image, wide, volume=np.concatenate([volume] * 3, axis=1))
    assert [finding[:5] for finding in found] == [("7", "t2_spir", GROUND, "warning", "liver-order")]
    assert "the liver's masks alone are shifted" in found[0].message


@pytest.mark.parametrize("change", [np.zeros_like, lambda mask: mask[:, ::-1]])
def test_a_mask_against_neighbours_that_fit_its_image_better_is_an_error(make_image, change):
    volume, masks = (array[[1] * 5] for array in scene())
    masks[2] = change(masks[2])
    (finding,) = found_in(make_image, masks, volume=volume)
    assert flags([finding]) == [("error", "mask-against-neighbours", f"{GROUND}/IMG-2.png")]
    assert finding.message.endswith("IMG-1 and IMG-3, which agree with each other and fit this image better")


def test_a_mask_against_its_neighbours_that_fits_its_image_is_a_warning(make_image):
    """A slice of another place, with its own mask, between two that are alike."""
    volume, masks = (array[[1, 1, 8, 1, 1]] for array in scene())
    found = found_in(make_image, masks, volume=volume)
    assert flags(found) == [("warning", "mask-against-neighbours", f"{GROUND}/IMG-2.png")]


def test_one_mask_in_all_slices_has_no_order(make_image):
    """What is wrong with it is another finding's."""
    masks = np.repeat(scene()[1][4:5], 9, axis=0)
    assert [finding.flag for finding in found_in(make_image, masks) if finding.flag == "mask-order"] == []
