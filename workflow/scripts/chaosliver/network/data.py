"""What a training learns from, as indexes of slices, and which of them it trains and validates on."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..base.files import naming
from ..prepare.samples import Leaks, Sample, copies_of, leaked, list_augmented, list_samples
from .recipe import TrainingSettings


class Data(NamedTuple):
    """The indexes that a training reads: images and masks of its patients, and perhaps an augmented set.

    `held_out` are those of the patients that are scored: none, but for a split that leaks copies of their slices.
    """

    train_images: Sequence[Path]
    train_masks: Sequence[Path]
    validation_images: Sequence[Path]
    validation_masks: Sequence[Path]
    held_out_images: Sequence[Path]
    held_out_masks: Sequence[Path]
    augmented: Sequence[Path]

    def digest(self) -> str:
        """SHA-256 over the content of all indexes, and so over every pixel that they list."""
        digest = hashlib.sha256()
        for kind, indexes in self._asdict().items():
            for index in indexes:
                digest.update(f"{kind} {index.parent.name}/{index.name}\n".encode())
                with naming(index):
                    digest.update(index.read_bytes())
        return digest.hexdigest()


def training_and_validation(data: Data, settings: TrainingSettings) -> tuple[list[Sample], list[Sample]]:
    """The slices to train on and to validate on.

    Augmented samples stand in place of the originals, as in the original study, or beside them.
    """
    held_out = list_samples(data.held_out_images, data.held_out_masks)
    originals, leaked_validation = leaked(list_samples(data.train_images, data.train_masks), held_out, settings.leaks)
    augmented = [sample for index in data.augmented for sample in list_augmented(index)]
    training = augmented if augmented and not settings.keep_originals else originals + augmented
    return training, list_samples(data.validation_images, data.validation_masks) + leaked_validation


def named_copies(data: Data, leaks: Leaks) -> list[str]:
    """The held-out slices that are trained on, as <sequence>/<patient>/<stem>."""
    copies = copies_of(list_samples(data.held_out_images, data.held_out_masks), leaks)
    return [f"{sample.sequence}/{sample.patient}/{sample.stem}" for sample in copies]
