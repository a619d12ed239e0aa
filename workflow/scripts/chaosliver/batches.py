"""From slices on disk to arrays in memory, as a network sees them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from .grids import neighbours_of, onto_grid, see_volume
from .png import read_png
from .samples import Sample


class SliceSet(NamedTuple):
    """Slices in memory.

    `images` float32 [slices, rows, columns]; `masks` uint8 of 0 or 1 [slices, organs, rows, columns]; `patients` the
    name of each slice's patient; `neighbours` int64 [slices, 2 * context + 1], the rows that a network sees together.
    """

    images: np.ndarray
    masks: np.ndarray
    patients: np.ndarray
    neighbours: np.ndarray


def load_slices(samples: Sequence[Sample], recipe: Mapping[str, Any]) -> SliceSet:
    """All samples in memory, volume by volume, on the recipe's grid and with its normalisation and context."""
    grid = recipe["grid"]
    organs = len(samples[0].masks)
    images = np.empty((len(samples), grid["rows"], grid["columns"]), np.float32)
    masks = np.empty((len(samples), organs, grid["rows"], grid["columns"]), np.uint8)
    neighbours = []
    first = 0
    for volume in _volumes(samples):
        rows = slice(first, first + len(volume))
        images[rows], seen_on = see_volume([sample.plane() for sample in volume], recipe)
        for row, sample in enumerate(volume, first):
            for organ, path in enumerate(sample.masks):
                covered = onto_grid((read_png(path) > 0).astype(np.float32), seen_on)
                masks[row, organ] = covered >= 0.5
        neighbours.append(first + neighbours_of([sample.position_mm for sample in volume], recipe["context"]))
        first = rows.stop
    patients = np.array([sample.patient for sample in samples])
    return SliceSet(images, masks, patients, np.concatenate(neighbours))


def _volumes(samples: Sequence[Sample]) -> Iterator[list[Sample]]:
    """Samples that follow one another and lie on one grid: a volume, or augmented samples of one original's matrix."""
    for _, volume in groupby(samples, key=lambda sample: (sample.patient, sample.sequence, sample.image.parent)):
        yield list(volume)
