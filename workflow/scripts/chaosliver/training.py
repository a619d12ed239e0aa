"""Training a network on slices in memory, with checkpoints from which a killed job goes on exactly."""

import copy
import hashlib
import json
import logging
import math
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .batches import SliceSet
from .devices import autocast, choose_device, make_repeatable
from .errors import InputError
from .files import write_atomically
from .networks.registry import build_network

HISTORY_COLUMNS = ("epoch", "training_loss", "validation_loss", "validation_dice", "learning_rate")

progress = logging.getLogger("progress")


def fingerprint_of(settings: Mapping[str, Any]) -> str:
    """SHA-256 of all that determines the weights: settings, seed, threads, data and code, as plain types."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def load_checkpoint(path: Path, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """The checkpoint of a training with these very settings, or None; one of other settings is named and left out."""
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"{path}: is no readable checkpoint ({error}). Delete it to train from the start") from None
    if "fingerprint" not in state:
        raise InputError(f"{path}: is no checkpoint of this workflow. Delete it to train from the start")
    if state["fingerprint"] == fingerprint_of(settings):
        return state
    changed = [key for key in settings if json.dumps(state["settings"].get(key)) != json.dumps(settings[key])]
    logging.info("%s is of other settings (%s): training starts anew", path, ", ".join(changed))
    return None


def is_finished(state: Mapping[str, Any]) -> bool:
    """Whether a checkpoint is that of a training that reached its last epoch."""
    return state["epoch"] == state["settings"]["recipe"]["epochs"]


def train_network(
    settings: Mapping[str, Any],
    training: SliceSet,
    validation: SliceSet,
    checkpoint: Path,
    state: dict[str, Any] | None,
) -> dict[str, Any]:
    """Train as `settings` say and return the finished checkpoint: `best` weights, `chosen_epoch`, `history`.

    `state` is an unfinished checkpoint of these settings to go on from, or None.

    `settings` holds `network`, `recipe`, `seed`, `threads` and whatever else makes this training itself (data, code).
    The state is saved to `checkpoint` after each epoch. The epoch is chosen by the mean over the validation patients
    of their Dice over all slices. Raises InputError where the loss is no finite number.
    """
    recipe = settings["recipe"]
    make_repeatable(settings["seed"], settings["threads"])
    device = choose_device()
    network = build_network(settings["network"]).to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe["learning_rate"])
    state = state or _first_state(settings)
    if state["epoch"]:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        logging.info("going on after epoch %d of %s", state["epoch"], checkpoint)
    for epoch in range(state["epoch"] + 1, recipe["epochs"] + 1):
        started = time.perf_counter()
        # Each epoch draws from a seed of its own: resuming then needs no saved state of the random generators.
        torch.manual_seed(_epoch_seed(settings["seed"], epoch))
        training_loss = _train_epoch(network, optimiser, training, recipe, device)
        validation_loss, dice = validate(network, validation, recipe, device)
        _require_finite(training_loss, validation_loss, epoch)
        row = (epoch, training_loss, validation_loss, dice, recipe["learning_rate"])
        state["history"].append(dict(zip(HISTORY_COLUMNS, row, strict=True)))
        if dice > state["best_dice"]:
            state |= {"best": _weights(network), "best_dice": dice, "chosen_epoch": epoch}
        state |= {"epoch": epoch, "network": network.state_dict(), "optimiser": optimiser.state_dict()}
        if is_finished(state):
            # Nothing goes on from here: what is left serves to write the outputs again.
            state = {key: value for key, value in state.items() if key not in ("network", "optimiser")}
        write_atomically(checkpoint, partial(torch.save, state))
        _report(state["history"][-1], recipe["epochs"], time.perf_counter() - started, len(training.images))
    return state


def validate(
    network: nn.Module, slices: SliceSet, recipe: Mapping[str, Any], device: torch.device
) -> tuple[float, float]:
    """Mean loss over slices, and mean over patients of the Dice of all their slices, at the network's resolution."""
    network.eval()
    losses, shared, sizes = [], {}, {}
    with torch.inference_mode(), autocast(device, recipe["precision"]):
        for rows in np.array_split(np.arange(len(slices.images)), math.ceil(len(slices.images) / recipe["batch_size"])):
            images, masks = _batch(slices, rows, device)
            logits = network(images).float()
            losses += [_loss(logits, masks).item()] * len(rows)
            predicted = logits > 0
            overlap = (predicted & (masks > 0)).sum((1, 2, 3)).tolist()
            size = (predicted.sum((1, 2, 3)) + masks.sum((1, 2, 3))).tolist()
            for patient, common, both in zip(slices.patients[rows], overlap, size, strict=True):
                shared[patient] = shared.get(patient, 0) + common
                sizes[patient] = sizes.get(patient, 0) + both
    dice = [2 * shared[patient] / sizes[patient] if sizes[patient] else 1.0 for patient in sizes]
    return float(np.mean(losses)), float(np.mean(dice))


def _train_epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    slices: SliceSet,
    recipe: Mapping[str, Any],
    device: torch.device,
) -> float:
    """One pass over the slices in random order. Returns the mean loss."""
    # The original study never undid eval(), so that its dropout and batch statistics stopped after one epoch.
    network.train()
    total = 0.0
    for rows in _shuffled(len(slices.images), recipe["batch_size"]):
        images, masks = _batch(slices, rows, device)
        with autocast(device, recipe["precision"]):
            logits = network(images)
        loss = _loss(logits.float(), masks)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        total += loss.item() * len(rows)
    return total / len(slices.images)


def _shuffled(count: int, batch_size: int) -> Iterator[np.ndarray]:
    order = torch.randperm(count).numpy()
    # Evenly filled batches, so that BatchNorm's statistics are never those of one left-over slice beside full batches.
    yield from np.array_split(order, math.ceil(count / batch_size))


def _batch(slices: SliceSet, rows: np.ndarray, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.from_numpy(slices.images[rows]).unsqueeze(1).to(device, memory_format=torch.channels_last)
    masks = torch.from_numpy(slices.masks[rows]).unsqueeze(1).to(device, torch.float32)
    return images, masks


def _loss(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    return nn.functional.binary_cross_entropy_with_logits(logits, masks)


def _weights(network: nn.Module) -> dict[str, torch.Tensor]:
    # Contiguous, since safetensors refuses the strides of channels_last.
    return {name: copy.deepcopy(tensor).cpu().contiguous() for name, tensor in network.state_dict().items()}


def _first_state(settings: Mapping[str, Any]) -> dict[str, Any]:
    plain = json.loads(json.dumps(settings))
    return {"fingerprint": fingerprint_of(settings), "settings": plain, "epoch": 0, "history": [], "best_dice": -1.0}


def _epoch_seed(seed: int, epoch: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{epoch}".encode()).digest()[:8], "big") >> 1


def _require_finite(training_loss: float, validation_loss: float, epoch: int) -> None:
    if not math.isfinite(training_loss + validation_loss):
        raise InputError(f"the loss became {training_loss} in epoch {epoch}: lower recipe.learning_rate")


def _report(row: Mapping[str, float], epochs: int, seconds: float, slices: int) -> None:
    epoch = int(row["epoch"])
    # Ten lines for a terminal, every epoch for the log.
    log = progress.info if epoch % max(1, epochs // 10) == 0 or epoch == epochs else logging.info
    log(
        "epoch %d/%d: loss %.4f, validation loss %.4f, Dice %.4f; %.1f slices/s, about %.0f s left",
        *(epoch, epochs, row["training_loss"], row["validation_loss"], row["validation_dice"]),
        *(slices / seconds, seconds * (epochs - epoch)),
    )
