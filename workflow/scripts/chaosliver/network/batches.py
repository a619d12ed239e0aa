"""Batches for a network from slices on disk: all of them in memory where they fit, else read as they are needed."""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import NamedTuple, Protocol

import numpy as np

from ..base.png import read_png
from ..prepare.samples import Sample
from .grids import Grid, View, neighbours_of, normalise, normalise_volume, onto_grid, view_of
from .recipe import Recipe


class Slices(Protocol):
    """The slices of a training, in memory or not."""

    @property
    def patients(self) -> np.ndarray:
        """The name of each slice's patient."""
        ...

    @property
    def sequences(self) -> np.ndarray:
        """The sequence that each slice is of."""
        ...

    @property
    def organs(self) -> int:
        """Number of masks of each slice."""
        ...

    @property
    def bytes_in_memory(self) -> int:
        """Bytes of pixels that lie in memory."""
        ...

    def read(self, batches: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each batch, a list of row numbers: images [batch, channels, rows, columns] and masks as uint8."""
        ...


class SliceSet(NamedTuple):
    """Slices in memory.

    `images` float32 [slices, rows, columns]; `masks` [slices, organs, rows, columns], uint8 of 0 or 1 or, with grey
    targets, float32 from 0 to 1; `patients` the name of each slice's patient, `sequences` that of its sequence;
    `neighbours` int64 [slices, 2 * context + 1], the rows that a network sees together.
    """

    images: np.ndarray
    masks: np.ndarray
    patients: np.ndarray
    sequences: np.ndarray
    neighbours: np.ndarray

    @property
    def organs(self) -> int:
        """Number of masks of each slice."""
        return self.masks.shape[1]

    @property
    def bytes_in_memory(self) -> int:
        """Bytes of pixels that lie in memory."""
        return self.images.nbytes + self.masks.nbytes

    def read(self, batches: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Each batch's images and masks."""
        for rows in batches:
            yield self.images[self.neighbours[rows]], self.masks[rows]


class SliceStream:
    """The same slices left on disk: `workers` threads read the next batches while a network is busy with one.

    In memory lie a few batches, each slice's file names, and each volume's grid and grey statistics.
    """

    bytes_in_memory = 0

    def __init__(self, samples: Sequence[Sample], recipe: Recipe, workers: int) -> None:
        self.patients = np.array([sample.patient for sample in samples])
        self.sequences = np.array([sample.sequence for sample in samples])
        self.organs = len(samples[0].masks)
        self._samples, self._recipe, self._workers = samples, recipe, workers
        self._views: list[View] = []
        volume_of: list[int] = []
        neighbours = []
        for volume in _volumes(samples):
            neighbours.append(len(volume_of) + _neighbours(volume, recipe))
            volume_of += [len(self._views)] * len(volume)
            self._views.append(view_of([sample.plane() for sample in volume], recipe))
        self._volume_of, self._neighbours = np.array(volume_of), np.concatenate(neighbours)

    def read(self, batches: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Each batch's images and masks, in the order asked for."""
        pool = ThreadPoolExecutor(self._workers)
        try:
            ahead: deque = deque()
            for rows in batches:
                ahead.append(pool.submit(self._batch, rows))
                if len(ahead) > self._workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _batch(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images = [[self._image(row) for row in together] for together in self._neighbours[rows]]
        masks = [_masks(self._samples[row], self._views[self._volume_of[row]].grid, self._recipe) for row in rows]
        return np.array(images), np.array(masks)

    def _image(self, row: int) -> np.ndarray:
        return normalise(self._samples[row].plane(), self._views[self._volume_of[row]])


def load_slices(samples: Sequence[Sample], recipe: Recipe, free_bytes: int, workers: int) -> Slices:
    """All samples as the recipe's network sees them: in memory if that takes at most `free_bytes` bytes, else streamed.

    Both give the same numbers, so that a training does not depend on the machine's memory.
    """
    if (needed := _bytes_needed(samples, recipe)) <= free_bytes:
        return _in_memory(samples, recipe)
    logging.info(
        "%d slices need %.1f GB and %.1f GB are free: streaming them", len(samples), needed / 1e9, free_bytes / 1e9
    )
    return SliceStream(samples, recipe, workers)


def _in_memory(samples: Sequence[Sample], recipe: Recipe) -> SliceSet:
    size = (recipe.grid.rows, recipe.grid.columns)
    images = np.empty((len(samples), *size), np.float32)
    masks = np.empty((len(samples), len(samples[0].masks), *size), _target_type(recipe))
    neighbours = []
    first = 0
    for volume in _volumes(samples):
        rows = slice(first, first + len(volume))
        images[rows], grid = normalise_volume([sample.plane() for sample in volume], recipe)
        for row, sample in enumerate(volume, first):
            masks[row] = _masks(sample, grid, recipe)
        neighbours.append(first + _neighbours(volume, recipe))
        first = rows.stop
    patients = np.array([sample.patient for sample in samples])
    sequences = np.array([sample.sequence for sample in samples])
    return SliceSet(images, masks, patients, sequences, np.concatenate(neighbours))


def _bytes_needed(samples: Sequence[Sample], recipe: Recipe) -> int:
    pixels = recipe.grid.rows * recipe.grid.columns
    masks = len(samples[0].masks) * _target_type(recipe).itemsize
    return len(samples) * pixels * (np.dtype(np.float32).itemsize + masks)


def _target_type(recipe: Recipe) -> np.dtype:
    return np.dtype(np.float32 if recipe.targets == "grey" else np.uint8)


def _masks(sample: Sample, grid: Grid, recipe: Recipe) -> np.ndarray:
    """The organs of a slice on the grid [organs, rows, columns]: 0 or 1, or what is grey left grey."""
    if recipe.targets == "grey":
        return np.array([onto_grid(read_png(path).astype(np.float32) / 255, grid) for path in sample.masks])
    covered = [onto_grid((read_png(path) > 0).astype(np.float32), grid) for path in sample.masks]
    return (np.array(covered) >= 0.5).astype(np.uint8)


def _neighbours(volume: Sequence[Sample], recipe: Recipe) -> np.ndarray:
    return neighbours_of([sample.position_mm for sample in volume], recipe.context)


def _volumes(samples: Sequence[Sample]) -> Iterator[list[Sample]]:
    """Samples that follow one another and lie on one grid: a volume, or augmented samples of one original's matrix."""
    for _, volume in groupby(samples, key=lambda sample: (sample.patient, sample.sequence, sample.image.parent)):
        yield list(volume)
