"""Steps as tensor operations against OpenCV, NumPy and SciPy, whose results they repeat."""

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage

from chaosliver.network.tensors import (
    apply_weights,
    blur_weights,
    drawn,
    largest_component,
    linear_weights,
    middle_of,
    opened,
    over_corners,
    over_faces,
    quantile,
    resize_weights,
)
from chaosliver.prepare.images import draw

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("share", [0.0, 0.005, 0.37, 0.5, 0.99, 1.0])
def test_quantiles_are_numpys_of_each_row(share):
    values = RNG.integers(0, 900, (3, 37)).astype(np.float32)
    told = quantile(torch.from_numpy(values), share).numpy()
    assert told == pytest.approx(np.quantile(values.astype(float), share, axis=1), abs=1e-9)


@pytest.mark.parametrize("brightest_to_zero", [False, True])
def test_drawn_slices_are_those_of_the_training_images(brightest_to_zero):
    slices = RNG.integers(3, 700, (4, 31, 47)).astype(np.uint16)
    slices[1] = 12
    slices[2, 0, 0], slices[2, 3, 4] = 2000, 2000
    told = drawn(torch.from_numpy(slices.astype(np.float32)), (40, 24), brightest_to_zero=brightest_to_zero)
    # `draw` has one size of its own.
    whole = drawn(torch.from_numpy(slices.astype(np.float32)), (256, 256), brightest_to_zero=brightest_to_zero)
    expected = np.stack([draw(each, brightest_to_zero) for each in slices])
    assert np.array_equal(whole.numpy(), expected)
    assert told.shape == (4, 40, 24) and not told[1].any()


@pytest.mark.parametrize(
    ("shape", "target"),
    [((37, 53), (16, 24)), ((16, 24), (37, 53)), ((37, 20), (16, 24)), ((12, 53), (16, 24)), ((32, 48), (16, 24))],
    ids=["fewer", "more", "fewer rows, more columns", "more rows, fewer columns", "half"],
)
def test_resizing_is_opencvs(shape, target):
    plane = RNG.uniform(0, 900, shape).astype(np.float32)
    rows, columns = resize_weights(target, shape)
    how = cv2.INTER_AREA if target[0] < shape[0] else cv2.INTER_LINEAR
    expected = cv2.resize(plane, target[::-1], interpolation=how)
    told = apply_weights(torch.from_numpy(plane), rows, columns).numpy()
    assert told == pytest.approx(expected, abs=1e-2)


def test_a_line_is_read_between_pixels_and_is_0_beyond_its_ends():
    line = torch.tensor([10.0, 20.0, 40.0])
    read = linear_weights(torch.tensor([-1.0, -0.5, 0.25, 1.5, 2.0, 2.5, 4.0]), 3) @ line
    assert read.tolist() == [0.0, 5.0, 12.5, 30.0, 40.0, 20.0, 0.0]


@pytest.mark.parametrize("deviation", [0.36, 0.7, 1.9])
def test_blurring_is_opencvs(deviation):
    plane = RNG.uniform(0, 1, (23, 31)).astype(np.float32)
    strength = torch.tensor(deviation, dtype=torch.float64)
    told = apply_weights(torch.from_numpy(plane), blur_weights(23, strength), blur_weights(31, strength)).numpy()
    assert told == pytest.approx(cv2.GaussianBlur(plane, (0, 0), sigmaX=deviation), abs=1e-5)


@pytest.mark.parametrize("share", [0.2, 0.3, 0.5])
def test_the_largest_component_over_faces_is_scipys(share):
    mask = RNG.random((6, 17, 13)) < share
    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())[1:]
    assert count > 1 and (sizes == sizes.max()).sum() == 1
    told = largest_component(torch.from_numpy(mask), over_faces).numpy()
    assert np.array_equal(told, labels == 1 + sizes.argmax())


def test_the_largest_component_over_corners_is_scipys():
    plane = RNG.random((40, 25)) < 0.3
    labels, _ = ndimage.label(plane, np.ones((3, 3)))
    told = largest_component(torch.from_numpy(plane), over_corners).numpy()
    assert np.array_equal(told, labels == 1 + np.bincount(labels.ravel())[1:].argmax())


def test_labels_travel_along_a_snake_and_nothing_is_found_in_an_empty_mask():
    # One pixel wide, over rows in turn: 5 + 4 of 9 x 11 pixels are turned at the ends.
    snake = np.zeros((9, 11), bool)
    snake[::2], snake[1::4, -1], snake[3::4, 0] = True, True, True
    volume = np.stack([snake, np.zeros_like(snake), np.ones_like(snake)])
    volume[2, :, :6] = False
    told = largest_component(torch.from_numpy(volume), over_faces).numpy()
    assert told.sum() == 5 * 11 + 4 and told[0].sum() == 59
    assert not largest_component(torch.zeros((3, 4, 5), dtype=torch.bool), over_faces).any()


def test_opening_is_opencvs_also_at_the_edges():
    plane = ndimage.binary_dilation(RNG.random((33, 29)) < 0.05, iterations=3)
    expected = cv2.morphologyEx(plane.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) > 0
    assert 0 < expected.sum() < plane.sum()
    assert np.array_equal(opened(torch.from_numpy(plane), 5).numpy(), expected)


def test_the_middle_lies_between_first_and_last():
    assert float(middle_of(torch.tensor([False, True, False, True, True, False, False]))) == 2.5
    assert float(middle_of(torch.tensor([True, False]))) == 0.0
