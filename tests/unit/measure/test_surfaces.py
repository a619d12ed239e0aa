"""Surface distances against values known by hand, and against the slow way of computing them."""

import numpy as np
import pytest
import SimpleITK
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from chaosliver.measure.surfaces import (
    SurfaceDistances,
    border,
    box_around,
    directed_distances,
    surface_dice,
    surface_distances,
)

SHAPE = (4, 6, 5)
masks = arrays(bool, SHAPE)
steps_between_slices = st.lists(st.floats(0.5, 20), min_size=4, max_size=4)


def distances_of(
    reference: np.ndarray, prediction: np.ndarray, positions: list[float], spacing: tuple[float, float]
) -> SurfaceDistances | None:
    return surface_distances(directed_distances(reference, prediction, positions, spacing))


def voxel(*places: tuple[int, int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    for place in places:
        mask[place] = True
    return mask


def border_by_definition(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 1, constant_values=True)
    neighbours = [np.roll(padded, step, axis)[1:-1, 1:-1, 1:-1] for axis in range(3) for step in (-1, 1)]
    return mask & ~np.logical_and.reduce(neighbours)


def points(mask: np.ndarray, positions: list[float], spacing: tuple[float, float]) -> np.ndarray:
    z, y, x = np.nonzero(border_by_definition(mask))
    return np.column_stack([np.asarray(positions)[z], y * spacing[0], x * spacing[1]])


def percentile_95(values: np.ndarray) -> float:
    """By its definition: the value 95 % of the way from the first to the last in their order."""
    ordered = sorted(values)
    whole, part = divmod(95 * (len(ordered) - 1), 100)
    above = ordered[min(whole + 1, len(ordered) - 1)]
    return ordered[whole] + part / 100 * (above - ordered[whole])


def test_distance_counts_the_true_gap_between_slices() -> None:
    reference, prediction = voxel((1, 2, 2)), voxel((2, 2, 2))
    even = distances_of(reference, prediction, [0, 5.5, 11, 16.5], (1.5, 1.5))
    gap = distances_of(reference, prediction, [0, 5.5, 22, 27.5], (1.5, 1.5))
    assert even == pytest.approx((5.5, 5.5, 5.5))
    assert gap == pytest.approx((16.5, 16.5, 16.5))


def test_rows_and_columns_have_their_own_spacing() -> None:
    reference = voxel((1, 1, 1))
    assert distances_of(reference, voxel((1, 3, 1)), [0, 9, 18, 27], (1.5, 2)) == pytest.approx((3, 3, 3))
    assert distances_of(reference, voxel((1, 1, 3)), [0, 9, 18, 27], (1.5, 2)) == pytest.approx((4, 4, 4))


def test_distances_of_both_directions_are_pooled() -> None:
    distances = distances_of(voxel((1, 1, 1)), voxel((1, 1, 1), (1, 1, 4)), [0, 1, 2, 3], (1, 1))
    # 0 one way, 0 and 3 the other: a mean of directions would give 0.75.
    assert (distances.assd_mm, distances.mssd_mm) == pytest.approx((1, 3))


def test_hd95_is_the_larger_percentile_of_the_two_directions_and_not_that_of_all_distances() -> None:
    """A line of 21 voxels, 1.75 mm apart, against its first: 0 to 20 steps one way, 0 the other."""
    line, first = np.zeros((3, 5, 23), bool), np.zeros((3, 5, 23), bool)
    line[1, 2, 1:22] = first[1, 2, 1] = True
    for reference, prediction in ((line, first), (first, line)):
        directed = directed_distances(reference, prediction, [0, 5.5, 16.5], (1.25, 1.75))
        assert surface_distances(directed).hd95_mm == pytest.approx(19 * 1.75)
        # Of the 22 distances 0, 0, 1, ... 20 it would be that at 0.95 * 21 = 19.95.
        assert percentile_95(np.concatenate(directed)) == pytest.approx(18.95 * 1.75)


def test_a_percentile_between_two_distances_is_interpolated() -> None:
    directed = directed_distances(voxel((1, 1, 1)), voxel((1, 1, 1), (1, 1, 4)), [0, 1, 2, 3], (1, 2))
    assert surface_distances(directed).hd95_mm == pytest.approx(0.95 * 6)


# Two of three voxels of the first mask are 3 and 2 mm from the two of the second, and the third is 12 mm below them.
THREE, TWO = voxel((1, 1, 1), (1, 1, 3), (2, 3, 1)), voxel((1, 3, 1), (1, 1, 4))


@pytest.mark.parametrize(("tolerance_mm", "within"), [(1.9, 0), (2, 2), (2.9, 2), (3, 4), (11.9, 4), (12, 5), (100, 5)])
def test_surface_dice_by_hand_counts_both_masks_and_what_lies_at_the_tolerance(tolerance_mm, within) -> None:
    for reference, prediction in ((THREE, TWO), (TWO, THREE)):
        directed = directed_distances(reference, prediction, [0, 5, 17, 30], (1.5, 2))
        assert surface_dice(directed, tolerance_mm) == pytest.approx(within / 5)


def test_a_distance_at_the_tolerance_counts_whatever_its_last_bits() -> None:
    """Three rows of 1.1 mm are 3.3000000000000003 mm."""
    directed = directed_distances(voxel((1, 0, 1)), voxel((1, 3, 1)), [0, 5, 17, 30], (1.1, 2))
    assert directed.of_reference[0] > 3.3
    assert (surface_dice(directed, 3.3), surface_dice(directed, 3.2999)) == (1, 0)


def test_surface_dice_without_a_surface() -> None:
    """Nothing agrees if one mask alone has a surface; if neither has one, there is nothing to compare."""
    some, none = voxel((1, 1, 1), (1, 1, 2)), voxel()
    found = {}
    for name, pair in {
        **{"only reference": (some, none), "only prediction": (none, some), "filled": (some, ~none)},
        **{"filled reference": (~none, some), "both empty": (none, none), "empty and filled": (none, ~none)},
        **{"both filled": (~none, ~none)},
    }.items():
        found[name] = surface_dice(directed_distances(*pair, [0, 1, 2, 3], (1, 1)), 1e9)
    assert [name for name, value in found.items() if value is None] == ["both empty", "empty and filled", "both filled"]
    assert {value for value in found.values() if value is not None} == {0}


def test_direction_of_the_positions_does_not_matter() -> None:
    reference, prediction = voxel((0, 1, 1), (1, 2, 2)), voxel((3, 1, 1))
    up = distances_of(reference, prediction, [-20, -11, -2, 7], (1, 1))
    down = distances_of(reference, prediction, [20, 11, 2, -7], (1, 1))
    assert up == down


def test_the_volumes_edge_is_not_a_surface() -> None:
    assert not border(np.ones(SHAPE, dtype=bool)).any()
    cut_off = np.zeros((5, 5, 5), dtype=bool)
    cut_off[2:, 1:4, 1:4] = True
    assert not border(cut_off)[4, 2, 2]
    assert border(cut_off)[2, 2, 2]


def test_no_distance_without_a_surface() -> None:
    some, none = voxel((1, 1, 1)), voxel()
    for reference, prediction in [(none, some), (some, none), (none, none), (some, ~none)]:
        assert distances_of(reference, prediction, [0, 1, 2, 3], (1, 1)) is None


@settings(max_examples=60, deadline=None)
@given(masks, masks, steps_between_slices, st.floats(0.5, 30))
# Rounding the distance to nine decimals lifts it above the tolerance, which it equals.
@example(voxel((0, 4, 1)), voxel((1, 4, 1)), [1.0, 1.4029656047976804, 1.0, 1.0], 1.4029656047976804)
def test_equals_all_pairs_of_points(
    reference: np.ndarray, prediction: np.ndarray, steps: list[float], tolerance_mm: float
) -> None:
    positions, spacing = list(np.cumsum(steps)), (1.36, 1.89)
    first, second = points(reference, positions, spacing), points(prediction, positions, spacing)
    if not len(first) or not len(second):
        return
    pairs = cdist(first, second)
    one_way, other_way = pairs.min(axis=1), pairs.min(axis=0)
    pooled = np.concatenate([one_way, other_way])
    directed = directed_distances(reference, prediction, positions, spacing)
    hd95 = max(percentile_95(one_way), percentile_95(other_way))
    assert surface_distances(directed) == pytest.approx((pooled.mean(), hd95, pooled.max()))
    near = pairs <= tolerance_mm + 1e-6
    agreeing = near.any(axis=1).sum() + near.any(axis=0).sum()
    assert surface_dice(directed, tolerance_mm) == pytest.approx(agreeing / sum(near.shape))


@settings(max_examples=60, deadline=None)
@given(masks)
def test_border_by_its_definition(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(border(mask), border_by_definition(mask))


def distances_by_simpleitk(border_of: np.ndarray, to: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Distance in mm of each border voxel of one mask from the border of the other, by SimpleITK's distance map."""

    def contour(mask: np.ndarray) -> SimpleITK.Image:
        image = SimpleITK.GetImageFromArray(mask.astype(np.uint8))
        image.SetSpacing(spacing)
        return SimpleITK.LabelContour(image, fullyConnected=False)

    distance = SimpleITK.SignedMaurerDistanceMap(contour(to), squaredDistance=False, useImageSpacing=True)
    return np.abs(SimpleITK.GetArrayFromImage(distance))[SimpleITK.GetArrayFromImage(contour(border_of)) > 0]


def test_agrees_with_simpleitk_on_evenly_spaced_slices() -> None:
    z, y, x = np.mgrid[:12, :40, :40]
    reference = ((z - 6) / 5) ** 2 + ((y - 20) / 14) ** 2 + ((x - 18) / 11) ** 2 < 1
    prediction = ((z - 5) / 4) ** 2 + ((y - 22) / 12) ** 2 + ((x - 19) / 13) ** 2 < 1
    both = (
        distances_by_simpleitk(reference, prediction, (1.4, 1.8, 5.5)),
        distances_by_simpleitk(prediction, reference, (1.4, 1.8, 5.5)),
    )
    directed = directed_distances(reference, prediction, 5.5 * np.arange(12), (1.8, 1.4))
    found = surface_distances(directed)
    assert found.assd_mm == pytest.approx(np.concatenate(both).mean(), abs=1e-4)
    assert found.mssd_mm == pytest.approx(np.concatenate(both).max(), abs=1e-4)
    assert found.hd95_mm == pytest.approx(max(map(percentile_95, both)), abs=1e-4)
    for tolerance_mm in (1, 1.5, 4, 5.55):
        within = sum(np.count_nonzero(distances <= tolerance_mm) for distances in both)
        assert surface_dice(directed, tolerance_mm) == pytest.approx(within / sum(map(len, both)))


def test_positions_are_those_of_the_organs_own_slices_beside_a_gap() -> None:
    """The box around the organ leaves slices out: 16.5 mm lie between the two, and 5.5 between the first two slices."""
    reference, prediction = np.zeros((6, 5, 7), bool), np.zeros((6, 5, 7), bool)
    reference[3, 2, 4] = prediction[4, 2, 4] = True
    positions = [0, 5.5, 11, 16.5, 33, 38.5]
    assert distances_of(reference, prediction, positions, (1.25, 1.75)) == pytest.approx((16.5, 16.5, 16.5))
    prediction[4, 0, 4] = True
    # 16.5 from one side; 16.5 and one across two rows from the other.
    farthest = np.hypot(16.5, 2 * 1.25)
    expected = ((2 * 16.5 + farthest) / 3, 0.05 * 16.5 + 0.95 * farthest, farthest)
    assert distances_of(reference, prediction, positions, (1.25, 1.75)) == pytest.approx(expected)


def test_an_organ_at_the_corner_of_an_oblong_volume() -> None:
    reference, prediction = np.zeros((3, 4, 9), bool), np.zeros((3, 4, 9), bool)
    reference[0, 0, :3] = True
    prediction[2, 3, 8] = True
    farthest = np.sqrt(20**2 + (3 * 1.5) ** 2 + (8 * 0.5) ** 2)
    nearest = np.sqrt(20**2 + (3 * 1.5) ** 2 + (6 * 0.5) ** 2)
    middle = np.sqrt(20**2 + (3 * 1.5) ** 2 + (7 * 0.5) ** 2)
    expected = ((farthest + middle + 2 * nearest) / 4, 0.1 * middle + 0.9 * farthest, farthest)
    assert distances_of(reference, prediction, [0, 5, 20], (1.5, 0.5)) == pytest.approx(expected)


def test_the_box_has_a_margin_of_one_voxel_as_far_as_the_volume_reaches() -> None:
    mask = np.zeros((9, 12, 15), bool)
    mask[4, 0, 6] = mask[6, 5, 14] = True
    shape = mask[box_around(mask)].shape
    assert [(part.start, part.stop) for part in box_around(mask)] == [(3, 8), (0, 7), (5, 16)]
    assert shape == (5, 7, 10)
