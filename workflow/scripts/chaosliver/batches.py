"""From slices on disk to arrays at a network's resolution, and back to an image's own grid."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from .png import read_png
from .samples import Sample


class SliceSet(NamedTuple):
    """Slices in memory: images float32 and masks uint8 of 0 or 1, [slices, size, size], and each slice's patient."""

    images: np.ndarray
    masks: np.ndarray
    patients: np.ndarray


def network_input(pixels: np.ndarray, low: float, high: float, size: int) -> np.ndarray:
    """An image [rows, columns] as float32 [size, size], grey values `low` and `high` mapped to 0 and 1, unclipped."""
    scaled = (pixels.astype(np.float32) - low) / (high - low)
    return resize(scaled, (size, size))


def resize(plane: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A float32 plane resampled to [rows, columns]: by area where it shrinks (no aliasing), else linearly."""
    if plane.shape == shape:
        return plane
    shrinks = shape[0] < plane.shape[0]
    return cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def load_slices(samples: Sequence[Sample], size: int) -> SliceSet:
    """All samples in memory at the network's resolution."""
    images = np.empty((len(samples), size, size), np.float32)
    masks = np.empty((len(samples), size, size), np.uint8)
    for row, sample in enumerate(samples):
        images[row] = network_input(read_png(sample.image), sample.low, sample.high, size)
        covered = resize((read_png(sample.mask) > 0).astype(np.float32), (size, size))
        masks[row] = covered >= 0.5
    return SliceSet(images, masks, np.array([sample.patient for sample in samples]))
