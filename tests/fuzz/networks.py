"""Weights and checkpoints with changed bytes, as the library loads them into a network."""

import json
import random
import struct
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chaosliver.base.cards import write_card
from chaosliver.base.files import sha256_of
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.job.checkpoints import load_checkpoint, save_checkpoint
from chaosliver.network.models import load_model, save_weights
from chaosliver.network.training import State

from .changing import WORDS, change_bytes
from .outcomes import WrongError

NETWORK = {"name": "unet", "channels": 2, "depth": 1, "dropout": 0.1}
FACTS = {"network": NETWORK, "recipe": {"context": 0}, "outputs": 1}
SETTINGS = {"network": NETWORK, "seed": 1, "epochs": 3}


@cache
def _tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {name: tensor.clone() for name, tensor in build_network({**NETWORK, "outputs": 1}).state_dict().items()}


@cache
def _weights() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        save_weights(Path(folder, "weights.safetensors"), _tensors())
        return Path(folder, "weights.safetensors").read_bytes()


def draw_weights(rng: random.Random) -> bytes:
    """Weights of which the header, which is JSON, or any byte was changed."""
    data = _weights()
    if rng.random() < 0.02:
        return data
    if rng.random() < 0.4:
        return change_bytes(rng, data)
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    for _ in range(rng.choice((1, 1, 2))):
        _change_header(rng, header)
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    text += b" " * (-len(text) % 8)
    said = rng.choice((len(text),) * 12 + (0, len(text) - 1, len(text) + 8, 1 << 40, (1 << 64) - 1))
    return struct.pack("<Q", said) + text + data[8 + length :]


def _change_header(rng: random.Random, header: dict[str, Any]) -> None:
    name = rng.choice([key for key in header if key != "__metadata__"] or ["x"])
    entry = header.get(name, {})
    how = rng.randrange(7)
    if how == 0:
        header.pop(name, None)
    elif how == 1:
        header[rng.choice(WORDS)] = header.pop(name, entry)
    elif how == 2:
        entry["dtype"] = rng.choice(("F16", "F64", "I32", "U8", "BOOL", "BF16", "F32", "X", 3, None))
    elif how == 3:
        entry["shape"] = rng.choice(
            ([], [0], [-1], [1 << 40], [1 << 31, 1 << 31], [1.5], "x", entry.get("shape", [])[::-1])
        )
    elif how == 4:
        begin, end = rng.randrange(2000), rng.randrange(2000)
        entry["data_offsets"] = rng.choice(([begin, end], [end], [0, 1 << 60], [-1, 4], "x"))
    elif how == 5:
        other = header.get(rng.choice(list(header) or ["x"]))
        header[name] = other if isinstance(other, dict) else {}
    else:
        header["__metadata__"] = rng.choice(({"a": "b"}, {"a": 1}, [], "x", None))


def read_weights(path: Path, results: Path) -> dict[str, np.ndarray]:
    """The weights of the network that a card names which was signed for these very weights."""
    card = results / "card.json"
    write_card(card, {**FACTS, "weights_sha256": sha256_of(path)})
    network, _ = load_model(card, path)
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def compare_weights(path: Path, found: dict[str, np.ndarray]) -> None:
    """Raise WrongError where the file's header and bytes say otherwise, read by hand."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    for name, values in found.items():
        begin, end = header[name]["data_offsets"]
        if body[begin:end] != values.tobytes() or header[name]["shape"] != list(values.shape):
            raise WrongError(f"{name} has other values")
        if not np.isfinite(values).all():
            raise WrongError(f"{name} is not finite")


@cache
def _checkpoint() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.pt")
        save_checkpoint(path, SETTINGS, State(epoch=1, best=_tensors(), best_dice=0.5, chosen_epoch=1))
        return path.read_bytes()


def draw_checkpoint(rng: random.Random) -> bytes:
    return _checkpoint() if rng.random() < 0.02 else change_bytes(rng, _checkpoint())


def read_checkpoint(path: Path, results: Path) -> State | None:
    return load_checkpoint(path, SETTINGS)


def compare_checkpoint(path: Path, found: State | None) -> None:
    """Raise WrongError for another state than the one that was saved."""
    wanted = {"epoch": 1, "history": [], "best_dice": 0.5, "chosen_epoch": 1, "progress": None}
    if found is None or {**vars(found), "best": None} != {**wanted, "best": None}:
        raise WrongError(f"another state: {str(found)[:200]}")
    tensors = _tensors()
    if list(found.best) != list(tensors) or not all(torch.equal(found.best[name], tensors[name]) for name in tensors):
        raise WrongError("other weights")
