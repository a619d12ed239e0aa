"""One checkpoint for each settings, whole or not there."""

import errno
import hashlib
import os
import pickle
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from chaosliver.base.errors import InputError
from chaosliver.network.job.checkpoints import (
    checkpoint_path,
    fingerprint_of,
    load_checkpoint,
    log_other_settings,
    remove_partials,
    save_checkpoint,
)
from chaosliver.network.models import save_weights
from chaosliver.network.training import State

SETTINGS = {"seed": 1, "recipe": {"epochs": 3, "snapshots": [1]}, "code": "c"}
OTHERS = {"seed": 1, "recipe": {"epochs": 5, "snapshots": [1]}, "code": "d"}
STATE = State(
    epoch=2,
    history=[{"epoch": 1, "validation_dice": None}, {"epoch": 2, "validation_dice": 0.5}],
    best={"w": torch.arange(6).reshape(2, 3)},
    best_dice=0.5,
    chosen_epoch=2,
    progress={"network": {"w": torch.ones(2)}, "averaged": None},
)


def save(folder, settings, epoch=None):
    path = checkpoint_path(folder, settings, epoch)
    save_checkpoint(path, settings, STATE)
    return path


def test_a_state_comes_back_as_it_was(tmp_path):
    path = save(tmp_path, SETTINGS)
    found = load_checkpoint(path, SETTINGS)
    assert replace(found, best={}, progress=None) == replace(STATE, best={}, progress=None)
    assert torch.equal(found.best["w"], STATE.best["w"])
    assert torch.equal(found.progress["network"]["w"], torch.ones(2)) and found.progress["averaged"] is None
    save_checkpoint(path, SETTINGS, State(epoch=3, best_dice=None))
    assert load_checkpoint(path, SETTINGS) == State(epoch=3, best_dice=None)


def test_settings_taken_back_find_their_own_checkpoint_again(tmp_path):
    paths = [save(tmp_path, settings) for settings in (SETTINGS, OTHERS)]
    assert paths[0] != paths[1]
    assert torch.load(paths[0], weights_only=True)["settings"] == SETTINGS
    assert load_checkpoint(paths[0], SETTINGS).epoch == 2
    assert load_checkpoint(checkpoint_path(tmp_path, {**SETTINGS, "seed": 2}), SETTINGS) is None


def test_a_file_is_named_by_its_settings_and_epoch():
    # As `printf '{"code": "c", "seed": 1}' | sha256sum` says.
    digest = hashlib.sha256(b'{"code": "c", "seed": 1}').hexdigest()
    settings = {"seed": 1, "code": "c"}
    assert fingerprint_of(settings) == digest
    assert checkpoint_path(Path("c"), settings).name == f"{digest[:16]}.pt"
    assert checkpoint_path(Path("c"), settings, 20).as_posix() == f"c/{digest[:16]}.epoch20.pt"


def test_the_fingerprint_sees_every_setting_and_no_order():
    assert fingerprint_of(SETTINGS) == fingerprint_of(dict(reversed(SETTINGS.items())))
    for key, value in (("seed", 2), ("code", "d"), ("recipe", {"epochs": 3, "snapshots": []})):
        assert fingerprint_of(SETTINGS) != fingerprint_of({**SETTINGS, key: value})


def test_a_checkpoint_of_other_settings_is_refused_with_their_names(tmp_path):
    path = save(tmp_path, OTHERS).rename(checkpoint_path(tmp_path, SETTINGS))
    with pytest.raises(InputError, match=r"is the checkpoint of other settings \(code, recipe\.epochs\)\. Delete it"):
        load_checkpoint(path, SETTINGS)
    path = save(tmp_path, {**SETTINGS, "leaks": {"copies": 1}}).rename(checkpoint_path(tmp_path, SETTINGS))
    with pytest.raises(InputError, match=r"other settings \(code, leaks\.copies\)\."):
        load_checkpoint(path, {key: SETTINGS[key] for key in ("seed", "recipe")})


def test_what_is_no_checkpoint_is_refused_by_name(tmp_path):
    path = checkpoint_path(tmp_path, SETTINGS)
    for lacking in ({"epoch": 1}, [1], {"fingerprint": fingerprint_of(SETTINGS), "settings": SETTINGS}):
        torch.save(lacking, path)
        with pytest.raises(InputError, match=f"{path.name}: is no checkpoint of this workflow"):
            load_checkpoint(path, SETTINGS)
    path.write_bytes(b"half")
    with pytest.raises(InputError, match=f"{path.name}: is no readable checkpoint"):
        load_checkpoint(path, SETTINGS)


def state_of(path, **changes):
    torch.save(torch.load(path, weights_only=True) | changes, path)


DAMAGES = {
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "empty": lambda path: path.write_bytes(b""),
    "a bit of its weights": lambda path: flip(path, STATE.best["w"].numpy().tobytes()),
    "a bit of its settings": lambda path: flip(path, b"epochs"),
    "weights alone": lambda path: safetensors.torch.save_file({"w": torch.zeros(3)}, path),
    "another zip": lambda path: zipfile.ZipFile(path, "w").close(),
    "a pickle": lambda path: path.write_bytes(pickle.dumps({"fingerprint": 1})),
}


def flip(path, part):
    """Another bit in the middle of a part of a file, which a disk or a network may give."""
    content = bytearray(path.read_bytes())
    content[content.index(part) + len(part) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused_in_our_words(tmp_path, damage):
    path = save(tmp_path, SETTINGS)
    DAMAGES[damage](path)
    with pytest.raises(InputError) as refused:
        load_checkpoint(path, SETTINGS)
    assert str(refused.value) == (
        f"{path}: is no readable checkpoint: it is damaged, or another program's. Delete it to train from the start"
    )


@pytest.mark.parametrize(
    "changes",
    [{"epoch": "2"}, {"history": {}}, {"best": None}, {"progress": [1]}, {"settings": []}],
    ids=["epoch", "history", "weights", "progress", "settings"],
)
def test_a_checkpoint_with_values_of_other_types_is_refused(tmp_path, changes):
    path = save(tmp_path, SETTINGS)
    state_of(path, **changes)
    with pytest.raises(InputError, match=f"{path.name}: is no checkpoint of this workflow"):
        load_checkpoint(path, SETTINGS)


def test_a_damaged_checkpoint_of_other_settings_stops_no_training(tmp_path, caplog):
    path = save(tmp_path, OTHERS)
    path.write_bytes(b"half")
    log_other_settings(tmp_path, SETTINGS)
    assert "is no readable checkpoint" in caplog.text and path.exists()


def test_a_checkpoint_has_the_same_bytes_whatever_process_writes_it(tmp_path, monkeypatch):
    first = save(tmp_path / "a", SETTINGS).read_bytes()
    monkeypatch.setattr(os, "getpid", lambda: 4711)
    assert save(tmp_path / "b", SETTINGS).read_bytes() == first


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_disk_that_takes_no_checkpoint_is_told_and_the_one_before_stays(small_disk, fault):
    path = save(small_disk, SETTINGS)
    if fault == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OSError, match=str(path)) as stopped:
        save_checkpoint(path, SETTINGS, replace(STATE, best={"w": torch.zeros(1000, 1000)}))
    assert stopped.value.errno == {"full": errno.ENOSPC, "read-only": errno.EROFS}[fault]
    assert load_checkpoint(path, SETTINGS).epoch == 2
    assert list(small_disk.iterdir()) == [path]


def test_weights_on_a_full_disk_are_told_and_the_ones_before_stay(small_disk):
    weights = small_disk / "weights.safetensors"
    save_weights(weights, {"w": torch.ones(3)})
    with pytest.raises(OSError, match=str(weights)) as stopped:
        save_weights(weights, {"w": torch.zeros(1000, 1000)})
    assert stopped.value.errno == errno.ENOSPC
    assert torch.equal(safetensors.torch.load_file(weights)["w"], torch.ones(3))
    assert list(small_disk.iterdir()) == [weights]


class Harmful:
    """An object that runs code as it is read."""

    def __reduce__(self):
        return print, ("harm done",)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path, capsys):
    path = checkpoint_path(tmp_path, SETTINGS)
    torch.save({"fingerprint": fingerprint_of(SETTINGS), "settings": Harmful()}, path)
    with pytest.raises(InputError, match="is no readable checkpoint"):
        load_checkpoint(path, SETTINGS)
    assert "harm" not in capsys.readouterr().out


def test_a_checkpoint_of_a_gpu_is_read_on_the_cpu_and_its_settings_without_its_weights(tmp_path, monkeypatch):
    path, asked = save(tmp_path, OTHERS), []
    load = torch.load
    monkeypatch.setattr(
        torch, "load", lambda path, **how: asked.append((how["map_location"], how["mmap"])) or load(path, **how)
    )
    load_checkpoint(path, OTHERS)
    log_other_settings(tmp_path, SETTINGS)
    assert asked == [("cpu", False), ("cpu", True)]


def test_why_a_training_starts_anew_is_logged(tmp_path, caplog):
    caplog.set_level("INFO")
    log_other_settings(tmp_path, SETTINGS)
    assert not caplog.text
    save(tmp_path, OTHERS, epoch=1)
    # Its own, which it would have taken, and its own snapshots are no others.
    save(tmp_path, SETTINGS)
    log_other_settings(tmp_path, SETTINGS)
    assert not caplog.text
    paths = [save(tmp_path, {**OTHERS, "seed": seed}) for seed in (7, 8, 9)]
    for path, age in zip(paths, (2, 3, 1), strict=True):
        os.utime(path, (age, age))
    log_other_settings(tmp_path, SETTINGS)
    (line,) = caplog.messages
    assert line == (
        f"{paths[1]} is of other settings (code, recipe.epochs, seed) and stays as it is: training starts anew"
    )


def test_what_a_killed_write_left_is_removed_and_nothing_else(tmp_path):
    path = save(tmp_path, SETTINGS)
    (tmp_path / f".123.partial.{path.name}").write_bytes(b"half")
    remove_partials(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
    remove_partials(tmp_path / "nowhere")


def test_a_part_that_torch_takes_for_a_folder_is_refused(tmp_path):
    """Found by fuzzing: its weights are whatever the memory holds."""
    path = tmp_path / "a.pt"
    save_checkpoint(path, SETTINGS, State(epoch=1, best={"weight": torch.ones(4)}))
    assert load_checkpoint(path, SETTINGS).epoch == 1
    content = bytearray(path.read_bytes())
    # The attributes in the directory's entry of the tensor's bytes.
    entry = max(
        at for at in range(len(content)) if content[at : at + 4] == b"PK\1\2" and b"data/0" in content[at : at + 90]
    )
    content[entry + 38] = 0x10
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        load_checkpoint(path, SETTINGS)
