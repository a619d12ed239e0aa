"""Masks at odds with their neighbours or with the image, on either side of each limit."""

import numpy as np
import pytest

from chaosliver.base.volumes import VolumeId
from chaosliver.prepare.plausibility import check_plausible, outline_sharpness, overlap

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


def test_an_outline_on_a_blank_image_says_nothing(make_image):
    assert plausible(make_image, square(5), volume=T2) == []


def scene():
    """An image [2, 96, 128] of a bright rectangle in noise, and the rectangle's mask: pixels of 3 mm x 2 mm."""
    rng = np.random.default_rng(0)
    mask = np.zeros((2, 96, 128), bool)
    mask[:, 30:60, 40:90] = True
    return 100 + 80 * mask + rng.normal(0, 5, mask.shape), mask


def test_masks_off_the_images_edges_are_a_warning(make_image):
    volume, mask = scene()

    def found(mask, sequence):
        images = [
            make_image(f"{n}", 9.0 * n, pixels=volume[n], mask=63 * mask[n].astype(np.uint8), spacing=(3.0, 2.0))
            for n in range(2)
        ]
        return list(check_plausible(VolumeId(sequence, "7"), images))

    assert found(mask, "t2_spir") == found(mask, "t1_in_phase") == []
    (finding,) = found(np.roll(mask, (7, 9), axis=(1, 2)), "t2_spir")
    assert finding[:5] == ("7", "t2_spir", GROUND, "warning", "mask-off-organ")
    (finding,) = found(np.roll(mask, (7, 9), axis=(1, 2)), "t1_in_phase")
    assert finding.file == "T1DUAL/Ground"
    # No limit is known out of phase.
    assert found(np.roll(mask, (7, 9), axis=(1, 2)), "t1_out_of_phase") == []


def straightforward_sharpness(volume, mask, spacing):
    """The same figure pixel by pixel, with NumPy alone; beyond the border an image is mirrored and a mask is empty."""

    def filtered(array, axis, taps):
        width = [(len(taps) // 2,) * 2 if axis == other else (0, 0) for other in range(3)]
        return np.apply_along_axis(np.convolve, axis, np.pad(array, width, mode="symmetric"), taps, mode="valid")

    bell = np.exp(-0.5 * np.arange(-4, 5) ** 2)
    smooth = filtered(filtered(volume, 1, bell / bell.sum()), 2, bell / bell.sum())
    steps = []
    for along in (1, 2):
        step = smooth
        for axis in range(3):
            step = filtered(step, axis, [1, 0, -1] if axis == along else [1, 2, 1])
        steps.append(step)
    gradient = np.sqrt(steps[0] ** 2 + steps[1] ** 2)
    edges = gradient / (gradient + np.median(gradient[volume > 0.1 * np.percentile(volume, 99)]))
    wide = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    outline = [(s, r, c) for s, r, c in np.argwhere(mask) if not wide[s, r : r + 3, c : c + 3].all()]
    down, right = (round(15 / length) for length in spacing)
    (_, rows, columns) = mask.shape
    means = {
        (i, j): np.mean(
            [
                edges[s, min(max(r + i * down, 0), rows - 1), min(max(c + j * right, 0), columns - 1)]
                for s, r, c in outline
            ]
        )
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
    }
    return means.pop((0, 0)) / np.mean(list(means.values()))


@pytest.mark.parametrize("shift", [(0, 0), (0, 3), (4, 0), (-30, -40), (35, 38)])
def test_sharpness_is_that_of_the_edges_under_the_outline_by_those_15_mm_beside(shift):
    volume, mask = scene()
    volume[:, :20] = 3  # air, which is no part of the body
    volume[1, 40:45] += 60
    moved = np.roll(mask, shift, axis=(1, 2))
    moved[1, 50:] = False
    expected = straightforward_sharpness(volume, moved, (3.0, 2.0))
    assert outline_sharpness(volume, moved, (3.0, 2.0)) == pytest.approx(expected, rel=1e-4)


def test_outlines_are_sharp_where_the_mask_fits():
    volume, mask = scene()
    assert outline_sharpness(volume, mask, (3.0, 2.0)) > 1.5
    assert outline_sharpness(volume, np.roll(mask, (7, 9), axis=(1, 2)), (3.0, 2.0)) < 1.08


def test_without_an_outline_or_without_edges_there_is_no_sharpness():
    volume, mask = scene()
    assert outline_sharpness(volume, np.zeros_like(mask), (3.0, 2.0)) is None
    assert outline_sharpness(np.zeros_like(volume), mask, (3.0, 2.0)) is None
