"""Training a network, with checkpoints from which a killed job goes on exactly."""

import copy
import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from ..base.columns import HISTORY_COLUMNS
from ..base.errors import InputError, StoppedError
from .architectures.registry import build_network
from .batches import Slices
from .devices import Numerics, claimed_device, make_repeatable, memory_advice, numerics_for, to_device
from .job.checkpoints import checkpoint_path, fingerprint_of, load_checkpoint, save_checkpoint
from .job.stopping import stop_requests
from .losses import LOSSES, total_loss
from .transforms import augment


class Validation(NamedTuple):
    """Mean loss over slices, and mean over patients of the Dice of all their slices; None without patients."""

    loss: float | None
    dice: float | None


class Trainee(NamedTuple):
    """A network in training.

    `network` holds the weights; `forward` applies them, compiled if asked for; `averaged` is their moving average, or
    the network itself.
    """

    network: nn.Module
    forward: Callable[[torch.Tensor], torch.Tensor]
    averaged: nn.Module
    optimiser: torch.optim.Optimizer
    recipe: Mapping[str, Any]
    numerics: Numerics


class Watch(NamedTuple):
    """Who is asked and told on the way: `stop` names a signal that asks to stop; `told` is given each epoch's row."""

    stop: Callable[[], str | None]
    told: Callable[[Mapping[str, Any]], None]


UNWATCHED = Watch(lambda: None, lambda row: None)


def is_finished(state: Mapping[str, Any]) -> bool:
    """Whether a training reached its last epoch, or stopped early for want of a better one."""
    recipe = state["settings"]["recipe"]
    waited = state["epoch"] - state.get("chosen_epoch", state["epoch"])
    return state["epoch"] == recipe["epochs"] or (recipe["patience"] is not None and waited >= recipe["patience"])


def train_network(
    settings: Mapping[str, Any],
    training: Slices,
    validation: Slices | None,
    checkpoints: Path,
    told: Callable[[Mapping[str, Any]], None] = UNWATCHED.told,
) -> dict[str, Any]:
    """Train as `settings` say and return the finished state: `best` weights, `chosen_epoch`, `history`.

    `settings` holds `network`, `recipe`, `seed`, `threads` and whatever else makes this training itself (data, code).
    The state is saved in the folder `checkpoints` after each epoch, and gone on from if it is there; snapshots lie
    beside it. `told` is given the history's row of each epoch. By `recipe.choose` the weights are those of the last
    epoch, or of the best by the mean over the validation patients of the Dice of all their slices. Raises InputError
    where the loss is no finite number, and where memory does not suffice, with what to lower; StoppedError when a
    signal asks.
    """
    recipe = settings["recipe"]
    make_repeatable(settings["seed"], settings["threads"])
    size = (recipe["batch_size"], recipe["grid"]["rows"], recipe["grid"]["columns"])
    with claimed_device() as device, memory_advice(*size), stop_requests() as stop:
        trainee = prepare(settings, training.organs, device)
        return _train_on(trainee, settings, training, validation, checkpoints, Watch(stop, told))


def _train_on(
    trainee: Trainee,
    settings: Mapping[str, Any],
    training: Slices,
    validation: Slices | None,
    checkpoints: Path,
    watch: Watch,
) -> dict[str, Any]:
    recipe, path = trainee.recipe, checkpoint_path(checkpoints, settings)
    state = load_checkpoint(path, settings) or _first_state(settings)
    if state["epoch"] and not is_finished(state):
        _restore(trainee, state)
        logging.info("going on after epoch %d of %s", state["epoch"], path)
    while not is_finished(state):
        epoch, started = state["epoch"] + 1, time.perf_counter()
        # Each epoch draws from a seed of its own: resuming then needs no saved state of the random generators.
        torch.manual_seed(_epoch_seed(settings["seed"], epoch))
        loss = train_epoch(trainee, training, epoch, watch.stop)
        measured = validate(trainee, validation) if validation else Validation(None, None)
        row = (epoch, loss, measured.loss, measured.dice, trainee.optimiser.param_groups[0]["lr"])
        state = _without_progress(state) | {"epoch": epoch}
        state["history"] = [*state["history"], dict(zip(HISTORY_COLUMNS, row, strict=True))]
        if recipe["choose"] == "last" or measured.dice > state["best_dice"]:
            state |= {"best": _weights(trainee.averaged), "best_dice": measured.dice, "chosen_epoch": epoch}
        _save_snapshots(checkpoints, settings, state)
        # Nothing goes on from the last epoch: what is kept then serves to write the outputs again.
        save_checkpoint(path, state if is_finished(state) else state | _progress(trainee))
        watch.told(state["history"][-1])
        _report(state["history"][-1], recipe["epochs"], time.perf_counter() - started, len(training.patients))
    return state


def _save_snapshots(checkpoints: Path, settings: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Keep what is handed on after so many epochs; a training that stops early gives what it has to later ones."""
    for epoch in settings["recipe"]["snapshots"]:
        if epoch == state["epoch"] or (is_finished(state) and epoch > state["epoch"]):
            save_checkpoint(checkpoint_path(checkpoints, settings, epoch), state)


def train_epoch(trainee: Trainee, slices: Slices, epoch: int, stop: Callable[[], str | None] = UNWATCHED.stop) -> float:
    """One pass over the slices in random order; `epoch` counts from 1. Returns the mean loss.

    Raises InputError that names the epoch, the batch and its patients where the loss is no finite number, and
    StoppedError where `stop` names a signal.
    """
    recipe, total = trainee.recipe, 0.0
    # The original study never undid eval(), so that its dropout and batch statistics stopped after one epoch.
    trainee.network.train(epoch == 1 or not recipe["stays_in_evaluation_mode"])
    batches = _in_batches(torch.randperm(len(slices.patients)).numpy(), recipe["batch_size"])
    for number, (rows, (images, masks)) in enumerate(zip(batches, slices.read(batches), strict=True)):
        if signal := stop():
            raise StoppedError(f"stopped by {signal} in epoch {epoch}. Epoch {epoch - 1} is saved: run again to go on")
        _set_learning_rate(trainee, epoch - 1 + number / len(batches))
        images, masks = _on_device(images, masks, trainee.numerics.device)
        if recipe["transforms"] == "strong":
            images, masks = augment(images, masks)
        loss = _step(trainee, images, masks)
        if not math.isfinite(loss):
            patients = ", ".join(sorted(set(slices.patients[rows])))
            raise InputError(
                f"the loss became {loss} in epoch {epoch}, batch {number + 1} of {len(batches)} (patients {patients}): "
                "lower recipe.learning_rate, or look at these patients' images"
            )
        total += loss * len(rows)
    return total / len(slices.patients)


def validate(trainee: Trainee, slices: Slices) -> Validation:
    """Loss and Dice of the averaged network for the first organ, on the network's grid."""
    trainee.averaged.eval()
    losses, shared, sizes = [], {}, {}
    with torch.inference_mode(), trainee.numerics.autocast():
        batches = _in_batches(np.arange(len(slices.patients)), trainee.recipe["batch_size"])
        for rows, planes in zip(batches, slices.read(batches), strict=True):
            images, masks = _on_device(*planes, trainee.numerics.device)
            images = images.contiguous(memory_format=trainee.numerics.layout_of(trainee.network))
            logits = trainee.averaged(images).float()
            losses += [total_loss(LOSSES[trainee.recipe["loss"]], logits, masks).item()] * len(rows)
            predicted, reference = logits[:, 0] > 0, masks[:, 0] >= 0.5
            overlap = (predicted & reference).sum((1, 2)).tolist()
            size = (predicted.sum((1, 2)) + reference.sum((1, 2))).tolist()
            for patient, common, both in zip(slices.patients[rows], overlap, size, strict=True):
                shared[patient] = shared.get(patient, 0) + common
                sizes[patient] = sizes.get(patient, 0) + both
    dice = [2 * shared[patient] / sizes[patient] if sizes[patient] else 1.0 for patient in sizes]
    return Validation(float(np.mean(losses)), float(np.mean(dice)))


def prepare(settings: Mapping[str, Any], organs: int, device: torch.device) -> Trainee:
    """A fresh network for so many organs, on the device, with what its training needs."""
    recipe = settings["recipe"]
    shape = {"inputs": 2 * recipe["context"] + 1, "outputs": organs}
    numerics = numerics_for(device, recipe["precision"])
    network = build_network({**settings["network"], **shape})
    network.to(device, memory_format=numerics.layout_of(network))
    averaged = copy.deepcopy(network) if recipe["average"] else network
    forward = torch.compile(network) if recipe["compile"] else network
    # Decaying BatchNorm's scales and biases towards 0 serves nothing.
    groups = [
        {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": recipe["weight_decay"]},
        {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimiser = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe["optimiser"]]
    # One pass over all weights in place of one for each of a dozen operations.
    fused = device.type in ("cpu", "cuda")
    return Trainee(
        network, forward, averaged, optimiser(groups, lr=recipe["learning_rate"], fused=fused), recipe, numerics
    )


def _step(trainee: Trainee, images: torch.Tensor, masks: torch.Tensor) -> float:
    scaler = trainee.numerics.scaler
    images = images.contiguous(memory_format=trainee.numerics.layout_of(trainee.network))
    with trainee.numerics.autocast():
        logits = trainee.forward(images)
    loss = total_loss(LOSSES[trainee.recipe["loss"]], logits, masks)
    trainee.optimiser.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()
    if trainee.recipe["largest_gradient"] is not None:
        scaler.unscale_(trainee.optimiser)
        nn.utils.clip_grad_norm_(trainee.network.parameters(), trainee.recipe["largest_gradient"])
    scaler.step(trainee.optimiser)
    scaler.update()
    if trainee.recipe["average"]:
        _update_average(trainee)
    return loss.item()


@torch.no_grad()
def _update_average(trainee: Trainee) -> None:
    """Exponential moving average of weights and statistics; it forgets its beginning faster than its rate says."""
    steps = trainee.optimiser.state[trainee.optimiser.param_groups[0]["params"][0]]["step"]
    decay = min(trainee.recipe["average"], (1 + float(steps)) / (10 + float(steps)))
    for mean, new in zip(trainee.averaged.state_dict().values(), trainee.network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(new, 1 - decay)
        else:
            mean.copy_(new)


def _set_learning_rate(trainee: Trainee, epochs_done: float) -> None:
    """Warm up linearly, then stay, or fall along half a cosine to 0 at the last epoch."""
    recipe = trainee.recipe
    rate = recipe["learning_rate"] * min(1.0, (epochs_done + 0.01) / max(recipe["warmup_epochs"], 0.01))
    if recipe["schedule"] == "cosine":
        rate *= 0.5 * (1 + math.cos(math.pi * epochs_done / recipe["epochs"]))
    for group in trainee.optimiser.param_groups:
        group["lr"] = rate


def _in_batches(rows: np.ndarray, batch_size: int) -> list[np.ndarray]:
    # Evenly filled, so that BatchNorm's statistics are never those of one left-over slice beside full batches.
    return np.array_split(rows, math.ceil(len(rows) / batch_size))


def _on_device(images: np.ndarray, masks: np.ndarray, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    return to_device(torch.from_numpy(images), device), to_device(torch.from_numpy(masks), device).float()


def _weights(network: nn.Module) -> dict[str, torch.Tensor]:
    # Contiguous, since safetensors refuses the strides of channels_last.
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in network.state_dict().items()}


def _progress(trainee: Trainee) -> dict[str, Any]:
    """What the next epoch goes on from."""
    return {
        "network": trainee.network.state_dict(),
        "averaged": trainee.averaged.state_dict() if trainee.recipe["average"] else None,
        "optimiser": trainee.optimiser.state_dict(),
        "scaler": trainee.numerics.scaler.state_dict(),
    }


def _without_progress(state: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key not in ("network", "averaged", "optimiser", "scaler")}


def _restore(trainee: Trainee, state: Mapping[str, Any]) -> None:
    trainee.network.load_state_dict(state["network"])
    trainee.optimiser.load_state_dict(state["optimiser"])
    trainee.numerics.scaler.load_state_dict(state["scaler"])
    if trainee.recipe["average"]:
        trainee.averaged.load_state_dict(state["averaged"])


def _first_state(settings: Mapping[str, Any]) -> dict[str, Any]:
    plain = json.loads(json.dumps(settings))
    return {"fingerprint": fingerprint_of(settings), "settings": plain, "epoch": 0, "history": [], "best_dice": -1.0}


def _epoch_seed(seed: int, epoch: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{epoch}".encode()).digest()[:8], "big") >> 1


def _report(row: Mapping[str, Any], epochs: int, seconds: float, slices: int) -> None:
    epoch = row["epoch"]
    measured = (
        "" if row["validation_dice"] is None else ", validation loss {validation_loss:.4f}, Dice {validation_dice:.4f}"
    )
    # The time left is read from the log for the terminal's bar (base/progress.py).
    logging.info(
        "epoch %d/%d: loss %.4f%s; %.1f slices/s, about %.0f s left",
        *(epoch, epochs, row["training_loss"], measured.format(**row)),
        *(slices / seconds, seconds * (epochs - epoch)),
    )
