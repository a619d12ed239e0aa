"""One checkpoint for each settings, whole or not there."""

import os

import pytest
import torch

from chaosliver.base.errors import InputError
from chaosliver.network.job.checkpoints import (
    checkpoint_path,
    fingerprint_of,
    load_checkpoint,
    remove_partials,
    save_checkpoint,
    tell_of_others,
)

SETTINGS = {"seed": 1, "recipe": {"epochs": 3, "snapshots": [1]}, "code": "c"}
OTHERS = {"seed": 1, "recipe": {"epochs": 5, "snapshots": [1]}, "code": "d"}


def state_of(settings):
    return {"fingerprint": fingerprint_of(settings), "settings": settings, "best": {"w": torch.arange(3)}}


def save(folder, settings, epoch=None):
    path = checkpoint_path(folder, settings, epoch)
    save_checkpoint(path, state_of(settings))
    return path


def test_settings_taken_back_find_their_own_checkpoint_again(tmp_path):
    paths = [save(tmp_path, settings) for settings in (SETTINGS, OTHERS)]
    assert paths[0] != paths[1]
    assert load_checkpoint(paths[0], SETTINGS)["settings"] == SETTINGS
    assert load_checkpoint(checkpoint_path(tmp_path, {**SETTINGS, "seed": 2}), SETTINGS) is None


def test_the_fingerprint_sees_every_setting_and_no_order():
    assert fingerprint_of(SETTINGS) == fingerprint_of(dict(reversed(SETTINGS.items())))
    assert fingerprint_of(SETTINGS) != fingerprint_of({**SETTINGS, "seed": 2})


def test_a_checkpoint_of_other_settings_is_refused_with_their_names(tmp_path):
    path = save(tmp_path, OTHERS).rename(checkpoint_path(tmp_path, SETTINGS))
    with pytest.raises(InputError, match=r"is the checkpoint of other settings \(code, recipe\.epochs\)\. Delete it"):
        load_checkpoint(path, SETTINGS)


def test_what_is_no_checkpoint_is_refused_by_name(tmp_path):
    path = checkpoint_path(tmp_path, SETTINGS)
    torch.save({"epoch": 1}, path)
    with pytest.raises(InputError, match=f"{path.name}: is no checkpoint of this workflow"):
        load_checkpoint(path, SETTINGS)
    path.write_bytes(b"half")
    with pytest.raises(InputError, match=f"{path.name}: is no readable checkpoint"):
        load_checkpoint(path, SETTINGS)


def test_why_a_training_starts_anew_is_logged(tmp_path, caplog):
    caplog.set_level("INFO")
    tell_of_others(tmp_path, SETTINGS)
    assert not caplog.text
    save(tmp_path, OTHERS, epoch=1)
    old, path = save(tmp_path, {**OTHERS, "seed": 7}), save(tmp_path, OTHERS)
    os.utime(old, (1, 1))
    tell_of_others(tmp_path, SETTINGS)
    assert f"{path} is of other settings (code, recipe.epochs) and stays as it is: training starts anew" in caplog.text


def test_what_a_killed_write_left_is_removed_and_nothing_else(tmp_path):
    path = save(tmp_path, SETTINGS)
    (tmp_path / f".123.partial.{path.name}").write_bytes(b"half")
    remove_partials(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
    remove_partials(tmp_path / "nowhere")
