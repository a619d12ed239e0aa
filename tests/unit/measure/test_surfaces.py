"""Surface distances against values known by hand, and against the slow way of computing them."""

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from chaosliver.measure.surfaces import border, box_around, surface_distances

SHAPE = (4, 6, 5)
masks = arrays(bool, SHAPE)


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


def test_distance_counts_the_true_gap_between_slices() -> None:
    reference, prediction = voxel((1, 2, 2)), voxel((2, 2, 2))
    even = surface_distances(reference, prediction, [0, 5.5, 11, 16.5], (1.5, 1.5))
    gap = surface_distances(reference, prediction, [0, 5.5, 22, 27.5], (1.5, 1.5))
    assert even == pytest.approx((5.5, 5.5))
    assert gap == pytest.approx((16.5, 16.5))


def test_rows_and_columns_have_their_own_spacing() -> None:
    reference = voxel((1, 1, 1))
    assert surface_distances(reference, voxel((1, 3, 1)), [0, 9, 18, 27], (1.5, 2)) == pytest.approx((3, 3))
    assert surface_distances(reference, voxel((1, 1, 3)), [0, 9, 18, 27], (1.5, 2)) == pytest.approx((4, 4))


def test_distances_of_both_directions_are_pooled() -> None:
    distances = surface_distances(voxel((1, 1, 1)), voxel((1, 1, 1), (1, 1, 4)), [0, 1, 2, 3], (1, 1))
    assert distances == pytest.approx((1, 3))  # 0 one way, 0 and 3 the other: a mean of directions would give 0.75


def test_direction_of_the_positions_does_not_matter() -> None:
    reference, prediction = voxel((0, 1, 1), (1, 2, 2)), voxel((3, 1, 1))
    up = surface_distances(reference, prediction, [-20, -11, -2, 7], (1, 1))
    down = surface_distances(reference, prediction, [20, 11, 2, -7], (1, 1))
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
        assert surface_distances(reference, prediction, [0, 1, 2, 3], (1, 1)) is None


@settings(max_examples=60, deadline=None)
@given(masks, masks, st.lists(st.floats(0.5, 20), min_size=4, max_size=4))
def test_equals_all_pairs_of_points(reference: np.ndarray, prediction: np.ndarray, steps: list[float]) -> None:
    positions, spacing = list(np.cumsum(steps)), (1.36, 1.89)
    first, second = points(reference, positions, spacing), points(prediction, positions, spacing)
    if not len(first) or not len(second):
        return
    pairs = cdist(first, second)
    pooled = np.concatenate([pairs.min(axis=1), pairs.min(axis=0)])
    assert surface_distances(reference, prediction, positions, spacing) == pytest.approx((pooled.mean(), pooled.max()))


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
    found = surface_distances(reference, prediction, 5.5 * np.arange(12), (1.8, 1.4))
    assert found.assd_mm == pytest.approx(np.concatenate(both).mean(), abs=1e-4)
    assert found.mssd_mm == pytest.approx(np.concatenate(both).max(), abs=1e-4)


def test_positions_are_those_of_the_organs_own_slices_beside_a_gap() -> None:
    """The box around the organ leaves slices out: 16.5 mm lie between the two, and 5.5 between the first two slices."""
    reference, prediction = np.zeros((6, 5, 7), bool), np.zeros((6, 5, 7), bool)
    reference[3, 2, 4] = prediction[4, 2, 4] = True
    positions = [0, 5.5, 11, 16.5, 33, 38.5]
    assert surface_distances(reference, prediction, positions, (1.25, 1.75)) == pytest.approx((16.5, 16.5))
    prediction[4, 0, 4] = True
    # 16.5 from one side; 16.5 and one across two rows from the other.
    farthest = np.hypot(16.5, 2 * 1.25)
    expected = ((2 * 16.5 + farthest) / 3, farthest)
    assert surface_distances(reference, prediction, positions, (1.25, 1.75)) == pytest.approx(expected)


def test_an_organ_at_the_corner_of_an_oblong_volume() -> None:
    reference, prediction = np.zeros((3, 4, 9), bool), np.zeros((3, 4, 9), bool)
    reference[0, 0, :3] = True
    prediction[2, 3, 8] = True
    farthest = np.sqrt(20**2 + (3 * 1.5) ** 2 + (8 * 0.5) ** 2)
    nearest = np.sqrt(20**2 + (3 * 1.5) ** 2 + (6 * 0.5) ** 2)
    middle = np.sqrt(20**2 + (3 * 1.5) ** 2 + (7 * 0.5) ** 2)
    expected = ((farthest + middle + 2 * nearest) / 4, farthest)
    assert surface_distances(reference, prediction, [0, 5, 20], (1.5, 0.5)) == pytest.approx(expected)


def test_the_box_has_a_margin_of_one_voxel_as_far_as_the_volume_reaches() -> None:
    mask = np.zeros((9, 12, 15), bool)
    mask[4, 0, 6] = mask[6, 5, 14] = True
    shape = mask[box_around(mask)].shape
    assert [(part.start, part.stop) for part in box_around(mask)] == [(3, 8), (0, 7), (5, 16)]
    assert shape == (5, 7, 10)
