"""One training as a whole: from indexes to weights, card and history, or their re-emission from a checkpoint."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from ...base.columns import HISTORY_COLUMNS
from ...base.files import sha256_of, write_tsv
from ...base.settings import from_mapping
from ...prepare.samples import Leaks, Sample, copies_of, leaked, list_augmented, list_samples
from ..batches import load_slices
from ..models import save_model, save_weights
from ..training import is_finished, train_network
from .checkpoints import checkpoint_path, fingerprint_of, load_checkpoint, remove_partials, tell_of_others
from .events import EventLog
from .memory import bytes_for_data

PACKAGES = ("torch", "numpy", "opencv-python-headless", "Augmentor", "pydicom")


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
                digest.update(index.read_bytes())
        return digest.hexdigest()


class Outputs(NamedTuple):
    """What a training hands on: history, weights, card, and the folder of its snapshots' weights."""

    history: Path
    weights: Path
    card: Path
    snapshots: Path


def run_training(
    settings: Mapping[str, Any],
    data: Data,
    checkpoints: Path,
    outputs: Outputs,
    *,
    memory_mb: int,
    events: Path | None = None,
) -> None:
    """Train, or take the finished checkpoint of the same settings, data and code; write `outputs`.

    `settings` holds network, recipe, seed, threads, keep_originals, leaks and code. `checkpoints` is a folder of this
    training alone. `memory_mb` is what the job asked for, and `events` a folder for TensorBoard.
    """
    settings = {**settings, "data": data.digest()}
    remove_partials(checkpoints)
    state = _saved_state(checkpoints, settings)
    log = EventLog(events, state["history"] if state else ())
    if not (state and is_finished(state)):
        state = _train(settings, data, checkpoints, memory_mb, log)
    log.close()
    snapshots = {
        epoch: load_checkpoint(checkpoint_path(checkpoints, settings, epoch), settings)
        for epoch in settings["recipe"]["snapshots"]
    }
    write_tsv(outputs.history, HISTORY_COLUMNS, state["history"])
    facts = {
        **settings,
        "fingerprint": fingerprint_of(settings),
        "chosen_epoch": state["chosen_epoch"],
        "validation_dice": state["best_dice"],
        "snapshots": _save_snapshots(snapshots, outputs.snapshots),
        "outputs": len({index.parents[1].name for index in data.train_masks}),
        "train_on": sorted({f"{index.parent.name}/{index.stem}" for index in data.train_images}),
        "validate_on": sorted({f"{index.parent.name}/{index.stem}" for index in data.validation_images}),
        "copies_of_held_out": _named_copies(data, from_mapping(Leaks, settings["leaks"])),
        "versions": {package: version(package) for package in PACKAGES},
    }
    save_model(outputs.card, outputs.weights, state["best"], facts)


def _saved_state(checkpoints: Path, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state to go on from, or None; one whose snapshots were deleted is of no use, and is deleted too."""
    path = checkpoint_path(checkpoints, settings)
    state = load_checkpoint(path, settings)
    if state is None:
        tell_of_others(checkpoints, settings)
        return None
    due = [epoch for epoch in settings["recipe"]["snapshots"] if epoch <= state["epoch"] or is_finished(state)]
    missing = [lost for epoch in due if not (lost := checkpoint_path(checkpoints, settings, epoch)).is_file()]
    if missing:
        logging.warning("%s is missing: training starts anew", missing[0])
        path.unlink()
        return None
    return state


def _train(settings: Mapping[str, Any], data: Data, checkpoints: Path, memory_mb: int, log: EventLog) -> dict[str, Any]:
    recipe, workers = settings["recipe"], settings["threads"]
    room = bytes_for_data(memory_mb)
    samples, validating = _slices_of(data, settings)
    training = load_slices(samples, recipe, room, workers)
    room -= training.held_bytes
    validation = load_slices(validating, recipe, room, workers) if validating else None
    return train_network(settings, training, validation, checkpoints, log.add)


def _save_snapshots(states: Mapping[int, Mapping[str, Any]], folder: Path) -> dict[str, dict[str, Any]]:
    """Write each snapshot's weights; what the card says of them, by epoch."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {}
    for epoch, state in states.items():
        weights = folder / f"epoch{epoch}.safetensors"
        save_weights(weights, state["best"])
        chosen = {"chosen_epoch": state["chosen_epoch"], "validation_dice": state["best_dice"]}
        said[str(epoch)] = {**chosen, "weights_sha256": sha256_of(weights)}
    return said


def _slices_of(data: Data, settings: Mapping[str, Any]) -> tuple[list[Sample], list[Sample]]:
    """What is trained on and what is validated on.

    Augmented samples stand in place of the originals, as in the original study, or beside them.
    """
    held_out = list_samples(data.held_out_images, data.held_out_masks)
    leaks = from_mapping(Leaks, settings["leaks"])
    originals, leaked_validation = leaked(list_samples(data.train_images, data.train_masks), held_out, leaks)
    augmented = [sample for index in data.augmented for sample in list_augmented(index)]
    training = augmented if augmented and not settings["keep_originals"] else originals + augmented
    return training, list_samples(data.validation_images, data.validation_masks) + leaked_validation


def _named_copies(data: Data, leaks: Leaks) -> list[str]:
    """The held-out slices that were trained on, as <sequence>/<patient>/<stem>."""
    copies = copies_of(list_samples(data.held_out_images, data.held_out_masks), leaks)
    return [f"{sample.sequence}/{sample.patient}/{sample.stem}" for sample in copies]
