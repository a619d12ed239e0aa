"""How well masks fit images, by hand and pixel by pixel: slices whose pixels are not square."""

import math

import numpy as np
import pytest

from chaosliver.prepare.fit import HIGHER, LOWER, OWN, REVERSED, Fitting, moved, orders, outlines, spread

SPACING = (3.0, 2.0)


def scene():
    """Noisy images [3, 48, 64] of a bright rectangle beside a dark one, and the numbers of these organs."""
    rng = np.random.default_rng(0)
    organs = np.zeros((3, 48, 64), np.uint8)
    organs[:, 15:30, 20:35], organs[:, 15:36, 35:45] = 1, 4
    organs[1, 15:20] = 0
    volume = 100 + 80 * (organs == 1) - 40 * (organs == 4) + rng.normal(0, 5, organs.shape)
    volume[:, :6] = 3  # air, which is no part of the body
    return volume, organs


def straightforward_edges(volume):
    """Pixel by pixel within each slice; for the smoothing, an image is mirrored beyond its border."""

    def filtered(array, axis, taps):
        width = [(len(taps) // 2,) * 2 if axis == other else (0, 0) for other in range(3)]
        return np.apply_along_axis(np.convolve, axis, np.pad(array, width, mode="symmetric"), taps, mode="valid")

    bell = np.exp(-0.5 * np.arange(-4, 5) ** 2)
    smooth = filtered(filtered(volume, 1, bell / bell.sum()), 2, bell / bell.sum())
    gradient = np.zeros_like(smooth)
    _, rows, columns = smooth.shape
    for s, r, c in np.ndindex(smooth.shape):
        above, below, left, right = max(r - 1, 0), min(r + 1, rows - 1), max(c - 1, 0), min(c + 1, columns - 1)
        down = (smooth[s, below, c] - smooth[s, above, c]) / (below - above)
        along = (smooth[s, r, right] - smooth[s, r, left]) / (right - left)
        gradient[s, r, c] = math.sqrt(down**2 + along**2)
    return gradient / (gradient + np.median(gradient[volume > 0.1 * np.percentile(volume, 99)]))


def straightforward_fit(volume, organs, first=0):
    edges = straightforward_edges(volume)
    strengths, distances = [], []
    for number, mask in enumerate(organs):
        wide = np.pad(mask, 1, mode="edge")
        for row, column in np.argwhere(mask):
            if len(set(wide[row : row + 3, column : column + 3].ravel())) > 1:
                strengths.append(edges[first + number, row, column])
        for organ in {1, 2, 3, 4} & set(mask.ravel()):
            greys = volume[first + number][mask == organ]
            distances += list(abs(greys - np.median(greys)))
    return np.mean(strengths) / np.mean(distances)


@pytest.mark.parametrize("move", [(0, 0), (0, 3), (4, 0), (-9, -14)])
def test_fit_is_the_edges_under_the_outlines_by_the_spread_within_the_organs(move):
    volume, organs = scene()
    placed = np.roll(organs, move, axis=(1, 2))
    fit = Fitting(volume, SPACING).fit(placed)
    assert fit == pytest.approx(straightforward_fit(volume, placed), rel=1e-4)


@pytest.mark.parametrize("first", [0, 1])
def test_masks_are_held_against_the_images_from_the_first_on(first):
    volume, organs = scene()
    volume[2] += 50 * (np.arange(64) > 40)
    fit = Fitting(volume, SPACING).fit(organs[:2], first)
    assert fit == pytest.approx(straightforward_fit(volume, organs[:2], first), rel=1e-4)


def test_masks_fit_best_where_they_lie():
    volume, organs = scene()
    fitting = Fitting(volume, SPACING)
    # 15 mm are 5 rows or 7.5 columns, which round to 8.
    ways = [(i, j) for i in (-5, 0, 5) for j in (-8, 0, 8) if (i, j) != (0, 0)]
    beside = np.mean([straightforward_fit(volume, np.roll(organs, way, axis=(1, 2))) for way in ways])
    assert fitting.beside(organs) == pytest.approx(straightforward_fit(volume, organs) / beside, rel=1e-4)
    assert fitting.beside(organs) > 3
    assert fitting.beside(np.roll(organs, (9, 11), axis=(1, 2))) < 1.5


def test_empty_masks_fit_nothing_and_even_images_tell_nothing():
    volume, organs = scene()
    fitting = Fitting(volume, SPACING)
    assert fitting.fit(np.zeros_like(organs)) == 0
    assert fitting.beside(np.zeros_like(organs)) == math.inf
    assert Fitting(np.full_like(volume, 7), SPACING).beside(organs) == math.inf


def test_an_organ_is_no_more_even_than_half_a_grey_level():
    volume, organs = scene()
    volume[organs > 0] = 180 + 0.2 * (np.arange(np.count_nonzero(organs)) % 2)
    expected = straightforward_edges(volume)[outlines(organs)].mean() / 0.5
    assert Fitting(volume, SPACING).fit(organs) == pytest.approx(expected, rel=1e-4)


def test_spread_is_the_mean_distance_from_the_median_of_organ_and_slice():
    pixels = np.array([[[1, 2, 3], [10, 20, 60]], [[7, 7, 9], [0, 0, 0]]])
    organs = np.array([[[1, 1, 1], [4, 4, 4]], [[1, 1, 1], [0, 0, 0]]])
    assert spread(pixels, organs) == (1 + 0 + 1 + 10 + 0 + 40 + 0 + 0 + 2) / 9
    assert spread(pixels, np.zeros_like(organs)) == 0


def test_outlines_lie_between_organs_too_and_not_along_the_images_border():
    organs = np.array([[[1, 1, 1, 1, 2, 2], [1, 1, 1, 1, 2, 2], [1, 1, 1, 1, 2, 2]], np.zeros((3, 6))], np.uint8)
    assert outlines(organs)[0].tolist() == [[False, False, False, True, True, False]] * 3
    assert not outlines(organs)[1].any()


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        (0, 0, [[1, 2, 3], [4, 0, 0]]),
        (1, 0, [[0, 0, 0], [1, 2, 3]]),
        (-1, 1, [[0, 4, 0], [0, 0, 0]]),
        (0, -2, [[3, 0, 0], [0, 0, 0]]),
    ],
)
def test_masks_are_moved_down_and_to_the_right_and_emptied_behind(rows, columns, expected):
    assert moved(np.array([[[1, 2, 3], [4, 0, 0]]]), rows, columns).tolist() == [expected]


def test_orders_hold_the_inner_masks_against_their_own_the_next_lower_the_next_higher_and_turned_images():
    organs = np.arange(5).reshape(5, 1, 1)
    held = {name: (masks.ravel().tolist(), first) for name, (masks, first) in orders(organs).items()}
    assert held == {OWN: ([1, 2, 3], 1), LOWER: ([1, 2, 3], 0), HIGHER: ([1, 2, 3], 2), REVERSED: ([3, 2, 1], 1)}
