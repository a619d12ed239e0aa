"""One training as a whole: from indexes to weights, card and history, or their re-emission from a checkpoint."""

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from .batches import load_slices
from .files import write_tsv
from .models import save_model
from .samples import Sample, list_augmented, list_samples
from .training import HISTORY_COLUMNS, fingerprint_of, is_finished, load_checkpoint, train_network

PACKAGES = ("torch", "numpy", "opencv-python-headless", "Augmentor", "pydicom")


class Data(NamedTuple):
    """The indexes that a training reads: images and masks of its patients, and perhaps an augmented set."""

    train_images: Sequence[Path]
    train_masks: Sequence[Path]
    validation_images: Sequence[Path]
    validation_masks: Sequence[Path]
    augmented: Sequence[Path]

    def digest(self) -> str:
        """SHA-256 over the content of all indexes, and so over every pixel that they list."""
        digest = hashlib.sha256()
        for kind, indexes in self._asdict().items():
            for index in indexes:
                digest.update(f"{kind} {index.parent.name}/{index.name}\n".encode())
                digest.update(index.read_bytes())
        return digest.hexdigest()


def run_training(settings: Mapping[str, Any], data: Data, checkpoint: Path, outputs: Mapping[str, Path]) -> None:
    """Train, or take the finished checkpoint of the same settings, data and code; write `outputs`.

    `settings` holds network, recipe, seed, threads, keep_originals and code; `outputs` names history, weights, card.
    """
    settings = {**settings, "data": data.digest()}
    state = load_checkpoint(checkpoint, settings)
    if state is None or not is_finished(state):
        recipe = settings["recipe"]
        training = load_slices(_training_samples(data, settings["keep_originals"]), recipe)
        validating = list_samples(data.validation_images, data.validation_masks)
        validation = load_slices(validating, recipe) if validating else None
        state = train_network(settings, training, validation, checkpoint, state)
    write_tsv(outputs["history"], HISTORY_COLUMNS, state["history"])
    facts = {
        **settings,
        "fingerprint": fingerprint_of(settings),
        "chosen_epoch": state["chosen_epoch"],
        "validation_dice": state["best_dice"],
        "outputs": len({index.parents[1].name for index in data.train_masks}),
        "train_on": sorted({f"{index.parent.name}/{index.stem}" for index in data.train_images}),
        "validate_on": sorted({f"{index.parent.name}/{index.stem}" for index in data.validation_images}),
        "versions": {package: version(package) for package in PACKAGES},
    }
    save_model(outputs["card"], outputs["weights"], state["best"], facts)


def _training_samples(data: Data, keep_originals: bool) -> list[Sample]:
    """The augmented samples in place of the originals, as in the original study, or beside them."""
    augmented = [sample for index in data.augmented for sample in list_augmented(index)]
    if augmented and not keep_originals:
        return augmented
    return list_samples(data.train_images, data.train_masks) + augmented
