"""Training a network: what is computed, from slices in memory to the weights that are handed on.

Loading, saving, signals and reports are left to the caller's `Callbacks` (network/job), whose code alters no weight.
"""

import copy
import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from ..base.errors import InputError, StoppedError
from .architectures.registry import build_network
from .batches import Slices
from .losses import LOSSES, total_loss
from .numerics import Numerics, make_repeatable, numerics_for, set_tf32, to_device
from .recipe import Recipe, TrainingSettings
from .variants import vary

# A row of the history, by column.
Row = dict[str, Any]


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
    recipe: Recipe
    numerics: Numerics


@dataclass(frozen=True)
class State:
    """Where a training stands after `epoch` epochs.

    `history` has a row for each. `best` are the weights that would be handed on now, those after `chosen_epoch`, whose
    Dice on the validation patients was `best_dice`. `progress` is what the next epoch goes on from, None after the
    last. All of it can be saved by torch and loaded as weights only.
    """

    epoch: int = 0
    history: list[Row] = field(default_factory=list)
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    best_dice: float | None = -1.0
    chosen_epoch: int = 0
    progress: dict[str, Any] | None = None


@dataclass(frozen=True)
class Callbacks:
    """What a training asks and gives on its way, in the order of an epoch.

    `stop_signal` names the signal that asks to stop, or gives None; it is called before each batch. `save_snapshot`
    is given an epoch of `recipe.snapshots` and the state to keep for it, `save` the state after each epoch, and
    `report` the epoch's row of the history and its seconds.
    """

    stop_signal: Callable[[], str | None] = lambda: None
    save_snapshot: Callable[[int, State], None] = lambda epoch, state: None
    save: Callable[[State], None] = lambda state: None
    report: Callable[[Row, float], None] = lambda row, seconds: None


def is_finished(state: State, recipe: Recipe) -> bool:
    """Whether a training reached its last epoch, or stopped early for want of a better one."""
    waited = state.epoch - state.chosen_epoch
    return state.epoch == recipe.epochs or (recipe.patience is not None and waited >= recipe.patience)


def train_network(
    settings: TrainingSettings,
    training: Slices,
    validation: Slices | None,
    device: torch.device,
    callbacks: Callbacks,
    state: State | None = None,
    coarse: Slices | None = None,
) -> State:
    """Train as the settings say, from the start or from a saved `state`, and return the finished state.

    `coarse` are the slices of `training` on the coarse grid, for the first epochs of a recipe with `coarse_start`.
    By `recipe.choose` the weights are those of the last epoch, or of the best by the mean over the validation patients
    of the Dice of all their slices. Raises InputError where the loss is no finite number, and where there are no
    patients by whom to choose the best; StoppedError when a signal asks to stop.
    """
    recipe, state = settings.recipe, state or State()
    if recipe.choose == "best" and validation is None:
        raise InputError("recipe.choose is best, but there are no validation patients. Set it to last")
    make_repeatable(settings.seed, settings.threads)
    set_tf32(device, recipe.precision)
    trainee = make_trainee(settings.network, recipe, training.organs, device)
    if state.progress:
        _restore(trainee, state.progress)
    while not is_finished(state, recipe):
        epoch, started = state.epoch + 1, time.perf_counter()
        # Each epoch draws from a seed of its own: resuming then needs no saved state of the random generators.
        torch.manual_seed(_epoch_seed(settings.seed, epoch))
        slices = coarse if coarse and epoch <= recipe.coarse_epochs else training
        loss = train_epoch(trainee, slices, epoch, callbacks.stop_signal)
        measured = validate(trainee, validation) if validation else Validation(None, None)
        state = _next_state(state, trainee, loss, measured)
        for snapshot in _due_snapshots(state, recipe):
            callbacks.save_snapshot(snapshot, state)
        # Nothing goes on from the last epoch: what is kept then serves to write the outputs again.
        done = is_finished(state, recipe)
        callbacks.save(state if done else replace(state, progress=_progress(trainee)))
        callbacks.report(state.history[-1], time.perf_counter() - started)
    return state


def _next_state(state: State, trainee: Trainee, loss: float, measured: Validation) -> State:
    """The state after one more epoch, without what the next one goes on from."""
    epoch = state.epoch + 1
    row = {
        "epoch": epoch,
        "training_loss": loss,
        "validation_loss": measured.loss,
        "validation_dice": measured.dice,
        "learning_rate": trainee.optimiser.param_groups[0]["lr"],
    }
    state = replace(state, epoch=epoch, history=[*state.history, row], progress=None)
    if trainee.recipe.choose == "last" or _is_better(measured.dice, state.best_dice):
        state = replace(state, best=_weights(trainee.averaged), best_dice=measured.dice, chosen_epoch=epoch)
    return state


def _is_better(dice: float | None, best: float | None) -> bool:
    return dice is not None and best is not None and dice > best


def _due_snapshots(state: State, recipe: Recipe) -> list[int]:
    """The snapshots of this epoch; a training that stops early gives what it has to later ones too."""
    early = is_finished(state, recipe)
    return [epoch for epoch in recipe.snapshots if epoch == state.epoch or (early and epoch > state.epoch)]


def train_epoch(
    trainee: Trainee, slices: Slices, epoch: int, stop_signal: Callable[[], str | None] = lambda: None
) -> float:
    """One pass over the slices in random order, or `recipe.samples_per_epoch` of them; returns the mean loss.

    `epoch` counts from 1.

    Raises InputError that names the epoch, the batch and its patients where the loss is no finite number, and
    StoppedError where `stop_signal` names a signal.
    """
    recipe, total = trainee.recipe, 0.0
    # The original study never undid eval(), so that its dropout and batch statistics stopped after one epoch.
    trainee.network.train(epoch == 1 or not recipe.stays_in_evaluation_mode)
    passed = _passed(slices, recipe)
    batches = _in_batches(passed, recipe.batch_size)
    for number, (rows, planes) in enumerate(zip(batches, slices.read(batches), strict=True)):
        if signal := stop_signal():
            raise StoppedError(f"stopped by {signal} in epoch {epoch}. Epoch {epoch - 1} is saved: run again to go on")
        _set_learning_rate(trainee, epoch - 1 + number / len(batches))
        images, masks = _on_device(*planes, trainee.numerics.device)
        images, masks = vary(recipe, images, masks, slices.patients[rows])
        loss = _step(trainee, images, masks)
        if not math.isfinite(loss):
            patients = ", ".join(sorted(set(slices.patients[rows])))
            raise InputError(
                f"the loss became {loss} in epoch {epoch}, batch {number + 1} of {len(batches)} (patients {patients}): "
                "lower recipe.learning_rate, or look at these patients' images"
            )
        total += loss * len(rows)
    return total / len(passed)


def validate(trainee: Trainee, slices: Slices) -> Validation:
    """Loss and Dice of the averaged network for the first organ, on the network's grid."""
    trainee.averaged.eval()
    losses: list[float] = []
    shared: dict[str, int] = {}
    sizes: dict[str, int] = {}
    with torch.inference_mode(), trainee.numerics.autocast():
        batches = _in_batches(np.arange(len(slices.patients)), trainee.recipe.batch_size)
        for rows, planes in zip(batches, slices.read(batches), strict=True):
            images, masks = _on_device(*planes, trainee.numerics.device)
            images = images.contiguous(memory_format=trainee.numerics.layout_of(trainee.network))
            logits = trainee.averaged(images).float()
            losses += [total_loss(LOSSES[trainee.recipe.loss], logits, masks).item()] * len(rows)
            predicted, reference = logits[:, 0] > 0, masks[:, 0] >= 0.5
            overlap = (predicted & reference).sum((1, 2)).tolist()
            size = (predicted.sum((1, 2)) + reference.sum((1, 2))).tolist()
            for patient, common, both in zip(slices.patients[rows], overlap, size, strict=True):
                shared[patient] = shared.get(patient, 0) + common
                sizes[patient] = sizes.get(patient, 0) + both
    dice = [2 * shared[patient] / sizes[patient] if sizes[patient] else 1.0 for patient in sizes]
    return Validation(float(np.mean(losses)), float(np.mean(dice)))


def make_trainee(network_settings: Mapping[str, Any], recipe: Recipe, organs: int, device: torch.device) -> Trainee:
    """A fresh network for so many organs, on the device, with what its training needs."""
    shape = {"inputs": 2 * recipe.context + 1, "outputs": organs}
    numerics = numerics_for(device, recipe.precision)
    network = build_network({**network_settings, **shape})
    network.to(device, memory_format=numerics.layout_of(network))  # type: ignore[call-overload]
    averaged = copy.deepcopy(network) if recipe.average else network
    forward = torch.compile(network) if recipe.compile else network
    # Decaying BatchNorm's scales and biases towards 0 serves nothing.
    groups = [
        {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimiser = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimiser]
    # One pass over all weights in place of one for each of a dozen operations.
    fused = device.type in ("cpu", "cuda")
    return Trainee(
        network, forward, averaged, optimiser(groups, lr=recipe.learning_rate, fused=fused), recipe, numerics
    )


def _step(trainee: Trainee, images: torch.Tensor, masks: torch.Tensor) -> float:
    scaler = trainee.numerics.scaler
    images = images.contiguous(memory_format=trainee.numerics.layout_of(trainee.network))
    with trainee.numerics.autocast():
        logits = trainee.forward(images)
    loss = total_loss(LOSSES[trainee.recipe.loss], logits, masks)
    trainee.optimiser.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()
    if trainee.recipe.largest_gradient is not None:
        scaler.unscale_(trainee.optimiser)
        nn.utils.clip_grad_norm_(trainee.network.parameters(), trainee.recipe.largest_gradient)
    scaler.step(trainee.optimiser)
    scaler.update()
    if trainee.recipe.average:
        _update_average(trainee)
    return loss.item()


@torch.no_grad()
def _update_average(trainee: Trainee) -> None:
    """Exponential moving average of weights and statistics; it forgets its beginning faster than its rate says."""
    steps = trainee.optimiser.state[trainee.optimiser.param_groups[0]["params"][0]]["step"]
    decay = min(trainee.recipe.average, (1 + float(steps)) / (10 + float(steps)))
    for mean, new in zip(trainee.averaged.state_dict().values(), trainee.network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(new, 1 - decay)
        else:
            mean.copy_(new)


def _set_learning_rate(trainee: Trainee, epochs_done: float) -> None:
    """Warm up linearly, then stay, or fall along half a cosine to 0 at the last epoch."""
    recipe = trainee.recipe
    rate = recipe.learning_rate * min(1.0, (epochs_done + 0.01) / max(recipe.warmup_epochs, 0.01))
    if recipe.schedule == "cosine":
        rate *= 0.5 * (1 + math.cos(math.pi * epochs_done / recipe.epochs))
    for group in trainee.optimiser.param_groups:
        group["lr"] = rate


def _passed(slices: Slices, recipe: Recipe) -> np.ndarray:
    """The rows of an epoch in random order: each once, or `recipe.samples_per_epoch` of them.

    Balanced, they come from the sequences in turn, from each as often as from the others but for one.
    """
    wanted = recipe.samples_per_epoch or len(slices.patients)
    if not recipe.balanced:
        return _drawn(len(slices.patients), wanted).numpy()
    rows = [torch.from_numpy(np.flatnonzero(slices.sequences == name)) for name in np.unique(slices.sequences)]
    each = -(-wanted // len(rows))
    return torch.stack([own[_drawn(len(own), each)] for own in rows], dim=1).flatten()[:wanted].numpy()


def _drawn(slices: int, wanted: int) -> torch.Tensor:
    """`wanted` of so many slices in random order, each as often as the others but for one."""
    passed = torch.randperm(slices)
    while len(passed) < wanted:
        passed = torch.cat([passed, torch.randperm(slices)])
    return passed[:wanted]


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
        "averaged": trainee.averaged.state_dict() if trainee.recipe.average else None,
        "optimiser": trainee.optimiser.state_dict(),
        "scaler": trainee.numerics.scaler.state_dict(),
    }


def _restore(trainee: Trainee, progress: Mapping[str, Any]) -> None:
    trainee.network.load_state_dict(progress["network"])
    trainee.optimiser.load_state_dict(progress["optimiser"])
    trainee.numerics.scaler.load_state_dict(progress["scaler"])
    if trainee.recipe.average:
        trainee.averaged.load_state_dict(progress["averaged"])


def _epoch_seed(seed: int, epoch: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{epoch}".encode()).digest()[:8], "big") >> 1
