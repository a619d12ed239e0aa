"""How a network sees a volume, and the way back."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.network.examples import recipe

from chaosliver.base.planes import Plane
from chaosliver.base.volumes import VolumeId
from chaosliver.network.grids import (
    Grid,
    grid_of,
    neighbours_of,
    normalise,
    normalise_volume,
    off_grid,
    onto_grid,
    resize,
    view_of,
)
from chaosliver.network.recipe import GridSettings
from chaosliver.prepare.checks import check_places
from chaosliver.prepare.images import Encoding, encode_volume
from chaosliver.prepare.slices import Image

WHOLE = GridSettings(8, 8, None)
BODY = GridSettings(64, 96, 2.0)


def seen_with(volume, grid=WHOLE, normalisation="window"):
    chosen = recipe(grid=vars(grid), normalisation=normalisation)
    return normalise_volume(volume, chosen)


def body(shape=(128, 128), centre=(60, 70), radii=(30, 40), spacing=(1.5, 1.5), grey=1000):
    """A volume of three slices with a bright ellipse in air."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2 < 1
    return [Plane((inside * grey).astype(np.uint16), 0, grey, spacing, 9.0 * number, shape) for number in range(3)]


def test_shrinking_averages_growing_interpolates_and_the_own_grid_is_left_alone():
    plane = np.array([[0, 1], [1, 0]], np.float32)
    assert resize(plane, (1, 1)).tolist() == [[0.5]]
    assert resize(plane, (2, 2)) is plane
    # Linear, with the pixels' middles at a quarter and three quarters.
    assert resize(np.array([[0, 4]], np.float32), (1, 4)).tolist() == [[0, 1, 3, 4]]
    assert resize(plane, (5, 3)).shape == (5, 3)
    assert resize(np.arange(12, dtype=np.float32).reshape(4, 3), (2, 3)).tolist() == [[1.5, 2.5, 3.5], [7.5, 8.5, 9.5]]


def test_the_window_becomes_0_to_1_and_what_lies_beyond_is_clipped_or_all_is_left_raw():
    pixels = np.repeat(np.array([[0, 100, 350, 1100, 2100, 65535, 600, 850]], np.uint16), 8, axis=0)
    plane = Plane(pixels, 100, 1100, (1, 1), 0, (8, 8))
    assert view_of([plane], recipe())[1:] == ("window", 0, 1)
    seen, grid = seen_with([plane])
    assert seen.shape == (1, 8, 8) and seen.dtype == np.float32
    assert grid == Grid(8, 8, None)
    assert seen[0, 3] == pytest.approx([0, 0, 0.25, 1, 1, 1, 0.5, 0.75])
    raw, _ = seen_with([plane], normalisation="none")
    assert raw.dtype == np.float32 and raw[0, 5].tolist() == pixels[5].tolist()


def test_8_and_16_bit_of_one_window_differ_by_no_more_than_the_rounding():
    draw = np.random.default_rng(1)
    volume = [draw.gamma(2, 200, (40, 30)).astype(np.uint16) for _ in range(3)]
    seen = []
    for encoding in (Encoding(8, "volume", (0.5, 99.5)), Encoding(16, percentiles=(0.5, 99.5))):
        encoded, windows = encode_volume(volume, encoding)
        planes = [
            Plane(pixels, *window, (1.5, 2), 9.0 * number, (40, 30))
            for number, (pixels, window) in enumerate(zip(encoded, windows, strict=True))
        ]
        seen.append(seen_with(planes)[0])
    assert 0 < np.abs(seen[0] - seen[1]).max() <= 0.5 / 255 + 1e-6
    assert seen[1].std() > 0.03


@pytest.mark.parametrize("spacing", [(1.3, 1.3), (2.0, 2.0), (2.6, 2.6), (1.2, 1.7), (2.4, 1.6)])
def test_the_body_stands_in_the_middle_at_the_common_spacing(spacing):
    volume = body(spacing=spacing, radii=(30 / spacing[0], 40 / spacing[1]))
    plane = onto_grid(volume[0].pixels.astype(np.float32), grid_of(volume, BODY)) > 500
    rows, columns = np.nonzero(plane)
    assert (rows.mean(), columns.mean()) == pytest.approx((31.5, 47.5), abs=1)
    # Radii of 30 and 40 mm at 2 mm a pixel.
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == pytest.approx((30, 40), abs=2)


def rectangle(shape, rows, columns, spacing=(1.0, 1.0)):
    pixels = np.zeros(shape, np.uint16)
    pixels[rows, columns] = 1000
    return Plane(pixels, 0, 1000, spacing, 0.0, shape)


def test_the_grids_middle_is_the_middle_of_the_body():
    """Rows 10 to 29 and columns 20 to 59: their middle is row 19.5, column 39.5."""
    grid = grid_of([rectangle((80, 100), slice(10, 30), slice(20, 60), (1.5, 0.8))], GridSettings(33, 51, 2.0))
    assert grid.to_image @ (25, 16, 1) == pytest.approx((39.5, 19.5))
    # One pixel of the grid is 2 mm: 2.5 columns of 0.8 mm, and 4/3 rows of 1.5 mm.
    assert grid.to_image @ (26, 17, 1) == pytest.approx((42, 19.5 + 4 / 3))
    assert (grid.rows, grid.columns, grid.to_image.dtype) == (33, 51, np.float64)


def test_the_body_is_the_largest_bright_region_of_all_slices_together():
    """A coil's small bright spot, and lines thinner than 5 pixels, are not of it."""
    first = rectangle((80, 100), slice(20, 40), slice(30, 50))
    second = rectangle((80, 100), slice(40, 60), slice(30, 50))
    first.pixels[0:6, 0:6] = 3000
    second.pixels[70:79, 90:99] = 3000
    second.pixels[50:53, 50:100] = 1000
    middle = grid_of([first, second], GridSettings(3, 5, 1.0)).to_image @ (2, 1, 1)
    assert middle == pytest.approx((39.5, 39.5))
    # Bright is above 15 % of the 99th percentile.
    plane = rectangle((80, 100), slice(20, 40), slice(30, 50))
    plane.pixels[20:40, 50:60] = 150
    plane.pixels[0, 0:5] = 60000
    plane.pixels[40:50, 30:50] = 151
    middle = grid_of([plane], GridSettings(3, 5, 1.0)).to_image @ (2, 1, 1)
    assert middle == pytest.approx((39.5, 34.5))


def test_an_image_is_smoothed_by_the_factor_by_which_it_shrinks():
    """Stripes of one pixel are grey where they shrink by 4, and stay where they do not shrink."""
    stripes = np.tile(np.array([0, 1], np.float32), (64, 32))
    coarse = onto_grid(stripes, Grid(8, 10, np.array([[4.0, 0, 8], [0, 4, 8]])))
    assert np.abs(coarse - 0.5).max() < 0.01
    assert set(np.unique(onto_grid(stripes, Grid(8, 10, np.array([[1.0, 0, 8], [0, 1, 8]]))))) == {0, 1}
    # The weight of the nearest pixels of a Gaussian of 0.7 pixels, by hand: the point spreads to 1 / (2 pi 0.49).
    point = np.zeros((21, 21), np.float32)
    point[10, 10] = 1
    weights = np.exp(-(np.arange(-3, 4) ** 2) / (2 * 0.7**2))
    spread = (weights / weights.sum())[3] ** 2
    assert onto_grid(point, Grid(5, 5, np.array([[2.0, 0, 6], [0, 2, 6]])))[2, 2] == pytest.approx(spread, rel=0.02)


@given(st.integers(40, 90), st.integers(40, 90), st.floats(1.3, 2.2))
def test_a_mask_comes_back_to_where_it_was(row, column, spacing):
    volume = body(centre=(row, column), spacing=(spacing, spacing), radii=(20, 26))
    mask = volume[0].pixels > 0
    grid = grid_of(volume, GridSettings(96, 128, 1.8))
    back = off_grid(onto_grid(mask.astype(np.float32), grid), grid, mask.shape) >= 0.5
    assert 2 * (back & mask).sum() / (back.sum() + mask.sum()) > 0.97


def test_the_way_back_leaves_nothing_outside_the_grid_and_the_whole_image_is_stretched():
    ones = np.ones((4, 6), np.float32)
    back = off_grid(ones, Grid(4, 6, np.array([[1.0, 0, 3], [0, 1, 2]])), (10, 14))
    assert back.shape == (10, 14)
    assert np.array_equal(np.argwhere(back == 1), np.argwhere(np.pad(ones, ((2, 4), (3, 5))) == 1))
    assert off_grid(ones, Grid(4, 6, None), (10, 14)).shape == (10, 14)


def test_an_image_without_a_body_is_seen_around_its_middle():
    empty = [Plane(np.zeros((40, 60), np.uint16), 0, 1, (1.0, 1.0), 0.0, (40, 60))]
    grid = grid_of(empty, BODY)
    assert grid.to_image @ (47.5, 31.5, 1) == pytest.approx((29.5, 19.5))


def test_normalisation_by_volume_does_not_depend_on_the_scanners_scale():
    first, _ = seen_with(body(grey=450), BODY, "volume")
    second, _ = seen_with(body(grey=2600), BODY, "volume")
    assert first == pytest.approx(second, abs=1e-3)


def test_normalisation_by_volume_makes_the_bodys_mean_0_and_its_deviation_1():
    """By hand: shares of the window, cut at 0 and 1.3; what is at most 0.05 is air, and counts for nothing."""
    rows = [[100, 300, 500, 700], [900, 1100, 1300, 2100], [0, 145, 150, 160]]
    planes = [
        Plane(np.array([row] * 4, np.uint16), 100, 1100, (1.0, 1.0), 9.0 * number, (4, 4))
        for number, row in enumerate(rows)
    ]
    cut = np.array([[0, 0.2, 0.4, 0.6], [0.8, 1, 1.2, 1.3], [0, 0.045, 0.05, 0.06]])
    inside = np.array([0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.3, 0.06])
    expected = (cut - inside.mean()) / inside.std()
    grid = GridSettings(4, 4, None)
    seen, _ = seen_with(planes, grid, "volume")
    assert seen.dtype == np.float32
    for number in range(3):
        assert seen[number] == pytest.approx(np.tile(expected[number], (4, 1)), abs=1e-4)


@pytest.mark.parametrize("normalisation", ["window", "volume", "none"])
def test_a_plane_by_itself_is_seen_as_within_its_volume(normalisation):
    draw = np.random.default_rng(2)
    volume = [
        plane._replace(pixels=(plane.pixels * draw.uniform(0.2, 1.5, plane.pixels.shape)).astype(np.uint16))
        for plane in body(shape=(96, 128))
    ]
    chosen = recipe(grid=vars(BODY), normalisation=normalisation)
    seen, grid = normalise_volume(volume, chosen)
    view = view_of(volume, chosen)
    assert seen.std() > 0.1
    assert np.array_equal(view.grid.to_image, grid.to_image)
    for plane, expected in zip(volume, seen, strict=True):
        assert np.array_equal(normalise(plane, view), expected)


def test_a_volume_of_air_stays_as_it_is():
    planes = [Plane(np.full((8, 8), 4, np.uint16), 0, 100, (1.0, 1.0), 0.0, (8, 8))]
    assert seen_with(planes, normalisation="volume")[0] == pytest.approx(np.full((1, 8, 8), 0.04))


def test_a_body_of_one_grey_value_becomes_0():
    planes = [Plane(np.full((8, 8), 50, np.uint16), 0, 100, (1.0, 1.0), 0.0, (8, 8))]
    assert seen_with(planes, normalisation="volume")[0] == pytest.approx(np.zeros((1, 8, 8)), abs=1e-6)


def test_neighbours_stop_at_the_ends_and_at_gaps():
    # A slice is missing between the third and the fourth.
    assert neighbours_of([0, 9, 18, 36, 45], 1).tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 2], [3, 3, 4], [3, 4, 4]]
    assert neighbours_of([5.0], 2).tolist() == [[0, 0, 0, 0, 0]]
    assert neighbours_of([18, 9, 0], 0).tolist() == [[0], [1], [2]]


def test_no_neighbour_lies_beyond_a_gap_however_far_it_is_looked():
    found = neighbours_of([45, 36, 27, 9, 0], 2).tolist()
    assert found == [[0, 0, 0, 1, 2], [0, 0, 1, 2, 1], [0, 1, 2, 2, 2], [3, 3, 3, 4, 4], [4, 3, 4, 4, 4]]


def test_a_gap_begins_beyond_one_and_a_half_times_the_usual_distance():
    # The usual distance is 10: 15 is none yet.
    assert neighbours_of([0, 10, 20, 35, 45], 1).tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 4]]
    assert neighbours_of([0, 10, 20, 35.1, 45], 1).tolist()[2:4] == [[1, 2, 2], [3, 3, 4]]
    # Of two slices, their own distance is the usual one.
    assert neighbours_of([0, 500], 1).tolist() == [[0, 0, 1], [0, 1, 1]]


@given(st.lists(st.sampled_from([9.0, 9.5, 13.5, 13.6, 14.0, 14.4, 18.0, 40.0]), min_size=2, max_size=9))
def test_a_gap_that_the_inventory_reports_is_respected_and_no_other(steps):
    positions = np.concatenate([[0], np.cumsum(steps)])
    images = [
        Image(f"{number:02d}.dcm", SimpleNamespace(position_mm=position)) for number, position in enumerate(positions)
    ]
    reported = {finding.file for finding in check_places(VolumeId("t2_spir", "1"), images) if finding.flag == "gap"}
    before, after = neighbours_of(positions, 1)[:, 0], neighbours_of(positions, 1)[:, 2]
    for number in range(1, len(positions)):
        beyond = images[number].file in reported
        assert before[number] == (number if beyond else number - 1)
        assert after[number - 1] == (number - 1 if beyond else number)
