"""Slices at a network's resolution."""

import numpy as np

from chaosliver.batches import load_slices, network_input, resize
from chaosliver.png import write_png
from chaosliver.samples import Sample


def test_the_window_is_mapped_to_0_and_1_and_16_bit_is_not_clipped():
    pixels = np.array([[100, 1100], [600, 2100]], np.uint16)
    assert network_input(pixels, 100, 1100, 2).tolist() == [[0, 1], [0.5, 2]]


def test_shrinking_averages_and_the_own_grid_is_left_alone():
    plane = np.array([[0, 1], [1, 0]], np.float32)
    assert resize(plane, (1, 1)).tolist() == [[0.5]]
    assert resize(plane, (2, 2)) is plane
    assert resize(plane, (5, 3)).shape == (5, 3)


def test_slices_of_several_matrices_become_one_array(tmp_path):
    samples = []
    for patient, size in (("1", 32), ("2", 48)):
        mask = np.zeros((size, size), np.uint8)
        mask[:, : size // 2] = 255
        write_png(tmp_path / f"{patient}.png", mask)
        samples.append(
            Sample(patient, "t2_spir", "s", tmp_path / f"{patient}.png", tmp_path / f"{patient}.png", 0, 255)
        )
    slices = load_slices(samples, 16)
    assert slices.images.shape == slices.masks.shape == (2, 16, 16)
    assert slices.images.dtype == np.float32
    assert slices.masks[:, :, :8].all() and not slices.masks[:, :, 8:].any()
    assert slices.patients.tolist() == ["1", "2"]
