"""Checkpoints of a training: one file for each set of settings, so that going back to old settings finds the old file.

Snakemake does not know of them: it deletes the outputs that it knows of when a job fails.
"""

import hashlib
import json
import logging
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from ...base.errors import InputError
from ...base.files import write_atomically
from ..training import State

STATE = tuple(field.name for field in fields(State))


def fingerprint_of(settings: Mapping[str, Any]) -> str:
    """SHA-256 of all that determines the weights: settings, seed, threads, data and code, as plain types."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def checkpoint_path(folder: Path, settings: Mapping[str, Any], epoch: int | None = None) -> Path:
    """Where the checkpoint of a training with these settings lies, or its snapshot of an epoch."""
    snapshot = "" if epoch is None else f".epoch{epoch}"
    return folder / f"{fingerprint_of(settings)[:16]}{snapshot}.pt"


def save_checkpoint(path: Path, settings: Mapping[str, Any], state: State) -> None:
    """Write a training's state with its settings, atomically."""
    plain = json.loads(json.dumps(settings))
    saved = {"fingerprint": fingerprint_of(settings), "settings": plain, **vars(state)}

    def write(partial: Path) -> None:
        # Given a path, torch writes by itself, and of a full disk says only that a position is unexpected.
        with partial.open("wb") as stream:
            torch.save(saved, stream)

    write_atomically(path, write)


def load_checkpoint(path: Path, settings: Mapping[str, Any]) -> State | None:
    """The state saved by a training with these very settings, or None where there is none.

    Raises InputError where the file is unreadable or of other settings, which are named.
    """
    if not path.is_file():
        return None
    saved = _read(path)
    if saved["fingerprint"] != fingerprint_of(settings):
        names = ", ".join(_changed(saved, settings))
        raise InputError(f"{path}: is the checkpoint of other settings ({names}). Delete it to train from the start")
    return State(**{name: saved[name] for name in STATE})


def log_other_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Log in which settings the latest other checkpoint of this training differs: why the training starts anew."""
    others = sorted(folder.glob("*.pt"), key=lambda path: path.stat().st_mtime)
    others = [path for path in others if ".epoch" not in path.name and path != checkpoint_path(folder, settings)]
    if others:
        # Mapped, so that a look at the settings does not read all weights.
        try:
            names = ", ".join(_changed(_read(others[-1], mmap=True), settings))
        except InputError as error:
            logging.warning("%s. Training starts anew", error)
            return
        logging.info("%s is of other settings (%s) and stays as it is: training starts anew", others[-1], names)


def remove_partials(folder: Path) -> None:
    """Delete what a killed training left of a checkpoint that it was writing."""
    for path in folder.glob(".*.partial.*"):
        path.unlink()


def _read(path: Path, mmap: bool = False) -> dict[str, Any]:
    try:
        if not mmap:
            _check_sums(path)
        saved = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except Exception:
        # Not in torch's words, which advise to let a file run what code it likes.
        raise InputError(
            f"{path}: is no readable checkpoint: it is damaged, or another program's. Delete it to train from the start"
        ) from None
    if not _is_checkpoint(saved):
        raise InputError(f"{path}: is no checkpoint of this workflow. Delete it to train from the start")
    return saved


def _check_sums(path: Path) -> None:
    """Raise BadZipFile where a part of a checkpoint, a zip, has not its CRC-32, which torch itself does not compare."""
    with zipfile.ZipFile(path) as opened:
        # torch takes such a part for a folder, and memory that holds anything for its weights.
        odd = next((part.filename for part in opened.infolist() if part.external_attr), None)
        if damaged := odd or opened.testzip():
            raise zipfile.BadZipFile(damaged)


def _is_checkpoint(saved: Any) -> bool:
    """Whether it holds what a training saves, in the types that it has there."""
    if not isinstance(saved, dict) or not {"fingerprint", "settings", *STATE} <= set(saved):
        return False
    types = {"settings": dict, "epoch": int, "history": list, "best": dict, "chosen_epoch": int}
    return all(isinstance(saved[name], kind) for name, kind in types.items()) and isinstance(
        saved["progress"], dict | None
    )


def _changed(saved: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """The settings, by dotted name, in which a checkpoint differs."""
    old, new = _flat(saved["settings"]), _flat(json.loads(json.dumps(settings)))
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat
