"""One training as a whole: from indexes to weights, card and history, or their re-emission from a checkpoint."""

import logging
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ...base.cards import read_card
from ...base.columns import HISTORY_COLUMNS
from ...base.errors import InputError
from ...base.files import sha256_of, write_tsv
from ...base.settings import from_mapping
from ...base.sharing import Cache, make_or_take, versions_of
from ...base.volumes import VolumeId
from ...prepare.samples import Sample
from ..batches import Slices, load_slices
from ..data import Data, named_copies, training_and_validation
from ..models import save_model, save_weights
from ..recipe import Recipe, TrainingSettings
from ..training import Callbacks, State, is_finished, train_network
from .checkpoints import (
    checkpoint_path,
    fingerprint_of,
    load_checkpoint,
    log_other_settings,
    remove_partials,
    save_checkpoint,
)
from .events import EventLog
from .gpus import claimed_device
from .memory import bytes_for_data, memory_advice
from .progress import report_epoch
from .stopping import stop_requests

PACKAGES = ("torch", "numpy", "opencv-python-headless", "Augmentor", "pydicom")


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
    cache: Cache | None = None,
) -> None:
    """Train, or take the finished checkpoint of the same settings, data and code; write `outputs`.

    `settings` are those of `TrainingSettings` as a plain mapping. `checkpoints` is a folder of this training alone.
    `memory_mb` is what the job asked for, `events` a folder for TensorBoard, and `cache` where others' finished
    checkpoints are, and this one will be. Raises InputError where the loss is no finite number, and where memory does
    not suffice, with what to lower; StoppedError when a signal asks to stop.
    """
    typed = from_mapping(TrainingSettings, settings)
    identity = {**settings, "data": data.digest()}
    remove_partials(checkpoints)
    state = _finished_state(typed, identity, data, checkpoints, memory_mb, events, cache)
    write_tsv(outputs.history, HISTORY_COLUMNS, state.history)
    facts = {
        **identity,
        "fingerprint": fingerprint_of(identity),
        "chosen_epoch": state.chosen_epoch,
        "validation_dice": state.best_dice,
        "snapshots": _write_snapshots(checkpoints, identity, typed.recipe, outputs.snapshots),
        "outputs": len({index.parents[1].name for index in data.train_masks}),
        "train_on": sorted({str(VolumeId.of_index(index)) for index in data.train_images}),
        "validate_on": sorted({str(VolumeId.of_index(index)) for index in data.validation_images}),
        "copies_of_held_out": named_copies(data, typed.leaks),
        "versions": versions_of(PACKAGES),
    }
    save_model(outputs.card, outputs.weights, state.best, facts)


def _finished_state(
    settings: TrainingSettings,
    identity: Mapping[str, Any],
    data: Data,
    checkpoints: Path,
    memory_mb: int,
    events: Path | None,
    cache: Cache | None,
) -> State:
    """The end of the training: from its checkpoint, from the cache, or by training, and then in both."""
    recipe = settings.recipe
    files = [checkpoint_path(checkpoints, identity, epoch).name for epoch in (*recipe.snapshots, None)]
    # What others trained with other versions may differ in its last digits.
    entry = f"training/{fingerprint_of({**identity, 'versions': versions_of(PACKAGES)})}"
    saved = _saved_state(checkpoints, identity, recipe)
    if saved and is_finished(saved, recipe):
        if cache:
            cache.give(entry, checkpoints, files)
        trained = False
    else:
        train = partial(_train, settings, identity, data, checkpoints, memory_mb, events, saved)
        trained = make_or_take(cache, entry, checkpoints, files, train)
        saved = load_checkpoint(checkpoint_path(checkpoints, identity), identity)
        assert saved is not None
    if not trained:
        EventLog(events, saved.history).close()
    return saved


def supported_epochs(cards: Sequence[Path]) -> int:
    """The number of epochs after which networks were best on patients that they did not learn from: the median."""
    chosen = [read_card(card, ("chosen_epoch",))["chosen_epoch"] for card in cards]
    return max(1, round(statistics.median(chosen)))


def _saved_state(checkpoints: Path, identity: Mapping[str, Any], recipe: Recipe) -> State | None:
    """The state to go on from, or None; one whose snapshots were deleted is of no use, and is deleted too."""
    path = checkpoint_path(checkpoints, identity)
    state = load_checkpoint(path, identity)
    if state is None:
        return None
    due = [epoch for epoch in recipe.snapshots if epoch <= state.epoch or is_finished(state, recipe)]
    missing = [lost for epoch in due if not (lost := checkpoint_path(checkpoints, identity, epoch)).is_file()]
    if missing:
        logging.warning("%s is missing: training starts anew", missing[0])
        path.unlink()
        return None
    return state


def _train(
    settings: TrainingSettings,
    identity: Mapping[str, Any],
    data: Data,
    checkpoints: Path,
    memory_mb: int,
    events: Path | None,
    state: State | None,
) -> None:
    recipe, path = settings.recipe, checkpoint_path(checkpoints, identity)
    log = EventLog(events, state.history if state else ())
    free_bytes = bytes_for_data(memory_mb)
    samples, validating = training_and_validation(data, settings)
    training = load_slices(samples, recipe, free_bytes, settings.threads)
    free_bytes -= training.bytes_in_memory
    coarse = _coarse(samples, recipe, free_bytes, settings.threads)
    free_bytes -= coarse.bytes_in_memory if coarse else 0
    validation = load_slices(validating, recipe, free_bytes, settings.threads) if validating else None

    def save_snapshot(epoch: int, state: State) -> None:
        save_checkpoint(checkpoint_path(checkpoints, identity, epoch), identity, state)

    def report(row: Mapping[str, Any], seconds: float) -> None:
        log.add(row)
        report_epoch(row, recipe.epochs, seconds, recipe.samples_per_epoch or len(samples))

    if state is None:
        log_other_settings(checkpoints, identity)
    else:
        logging.info("going on after epoch %d of %s", state.epoch, path)
    with claimed_device(settings.threads) as device, memory_advice(recipe), stop_requests() as stop_signal:
        callbacks = Callbacks(stop_signal, save_snapshot, lambda state: save_checkpoint(path, identity, state), report)
        train_network(settings, training, validation, device, callbacks, state, coarse)
    log.close()


def _coarse(samples: Sequence[Sample], recipe: Recipe, free_bytes: int, workers: int) -> Slices | None:
    """The slices as the first epochs see them, if they see them coarser."""
    if recipe.coarse_start is None:
        return None
    return load_slices(samples, replace(recipe, grid=recipe.coarse_start.grid), free_bytes, workers)


def _write_snapshots(
    checkpoints: Path, identity: Mapping[str, Any], recipe: Recipe, folder: Path
) -> dict[str, dict[str, Any]]:
    """Write each snapshot's weights; what the card says of them, by epoch."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {}
    for epoch in recipe.snapshots:
        path = checkpoint_path(checkpoints, identity, epoch)
        state = load_checkpoint(path, identity)
        if state is None:
            raise InputError(f"{path}: is missing. Run again to train anew")
        weights = folder / f"epoch{epoch}.safetensors"
        save_weights(weights, state.best)
        chosen = {"chosen_epoch": state.chosen_epoch, "validation_dice": state.best_dice}
        facts[str(epoch)] = {**chosen, "weights_sha256": sha256_of(weights)}
    return facts
