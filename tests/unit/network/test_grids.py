"""How a network sees a volume, and the way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosliver.base.planes import Plane
from chaosliver.network.grids import grid_of, neighbours_of, off_grid, onto_grid, resize, see_volume
from chaosliver.prepare.images import Encoding, encode_volume

WHOLE = {"rows": 8, "columns": 8, "spacing_mm": None}
BODY = {"rows": 64, "columns": 96, "spacing_mm": 2.0}


def body(shape=(128, 128), centre=(60, 70), radii=(30, 40), spacing=(1.5, 1.5), grey=1000):
    """A volume of three slices with a bright ellipse in air."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2 < 1
    return [Plane((inside * grey).astype(np.uint16), 0, grey, spacing, 9.0 * number, shape) for number in range(3)]


def test_shrinking_averages_and_the_own_grid_is_left_alone():
    plane = np.array([[0, 1], [1, 0]], np.float32)
    assert resize(plane, (1, 1)).tolist() == [[0.5]]
    assert resize(plane, (2, 2)) is plane
    assert resize(plane, (5, 3)).shape == (5, 3)


def test_the_window_becomes_0_to_1_and_what_lies_beyond_is_clipped_or_all_is_left_raw():
    pixels = np.repeat(np.array([[0, 100, 350, 1100, 2100, 65535, 600, 850]], np.uint16), 8, axis=0)
    plane = Plane(pixels, 100, 1100, (1, 1), 0, (8, 8))
    seen, _ = see_volume([plane], {"grid": WHOLE, "normalisation": "window"})
    assert seen.shape == (1, 8, 8)
    assert seen[0, 3] == pytest.approx([0, 0, 0.25, 1, 1, 1, 0.5, 0.75])
    raw, _ = see_volume([plane], {"grid": WHOLE, "normalisation": "none"})
    assert raw.dtype == np.float32 and raw[0, 5].tolist() == pixels[5].tolist()


def test_8_and_16_bit_of_one_window_differ_by_no_more_than_the_rounding():
    draw = np.random.default_rng(1)
    volume = [draw.gamma(2, 200, (40, 30)).astype(np.uint16) for _ in range(3)]
    recipe, seen = {"grid": WHOLE, "normalisation": "window"}, []
    for encoding in (Encoding(8, "volume", (0.5, 99.5)), Encoding(16, percentiles=(0.5, 99.5))):
        encoded, windows = encode_volume(volume, encoding)
        planes = [
            Plane(pixels, *window, (1.5, 2), 9.0 * number, (40, 30))
            for number, (pixels, window) in enumerate(zip(encoded, windows, strict=True))
        ]
        seen.append(see_volume(planes, recipe)[0])
    assert 0 < np.abs(seen[0] - seen[1]).max() <= 0.5 / 255 + 1e-6
    assert seen[1].std() > 0.03


@pytest.mark.parametrize("spacing", [(1.3, 1.3), (2.0, 2.0), (2.6, 2.6)])
def test_the_body_stands_in_the_middle_at_the_common_spacing(spacing):
    volume = body(spacing=spacing, radii=(30 / spacing[0], 40 / spacing[1]))
    plane = onto_grid(volume[0].pixels.astype(np.float32), grid_of(volume, BODY)) > 500
    rows, columns = np.nonzero(plane)
    assert (rows.mean(), columns.mean()) == pytest.approx((31.5, 47.5), abs=1)
    # Radii of 30 and 40 mm at 2 mm a pixel.
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == pytest.approx((30, 40), abs=2)


@given(st.integers(40, 90), st.integers(40, 90), st.floats(1.3, 2.2))
def test_a_mask_comes_back_to_where_it_was(row, column, spacing):
    volume = body(centre=(row, column), spacing=(spacing, spacing), radii=(20, 26))
    mask = volume[0].pixels > 0
    grid = grid_of(volume, {"rows": 96, "columns": 128, "spacing_mm": 1.8})
    back = off_grid(onto_grid(mask.astype(np.float32), grid), grid, mask.shape) >= 0.5
    assert 2 * (back & mask).sum() / (back.sum() + mask.sum()) > 0.97


def test_an_image_without_a_body_is_seen_around_its_middle():
    empty = [Plane(np.zeros((40, 60), np.uint16), 0, 1, (1.0, 1.0), 0.0, (40, 60))]
    grid = grid_of(empty, BODY)
    assert grid.to_image @ (47.5, 31.5, 1) == pytest.approx((29.5, 19.5))


def test_normalisation_by_volume_does_not_depend_on_the_scanners_scale():
    recipe = {"grid": BODY, "normalisation": "volume"}
    first, _ = see_volume(body(grey=450), recipe)
    second, _ = see_volume(body(grey=2600), recipe)
    assert first == pytest.approx(second, abs=1e-3)


def test_neighbours_stop_at_the_ends_and_at_gaps():
    # A slice is missing between the third and the fourth.
    assert neighbours_of([0, 9, 18, 36, 45], 1).tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 2], [3, 3, 4], [3, 4, 4]]
    assert neighbours_of([5.0], 2).tolist() == [[0, 0, 0, 0, 0]]
    assert neighbours_of([18, 9, 0], 0).tolist() == [[0], [1], [2]]
