"""The history as TensorBoard reads it."""

import sys

import pytest

from chaosliver.base.errors import InputError
from chaosliver.network.job.events import EventLog

ROWS = [{"epoch": epoch, "training_loss": 1.0 / epoch, "validation_dice": None} for epoch in (1, 2, 3)]


def test_a_training_that_goes_on_leaves_one_curve(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    killed = EventLog(tmp_path / "events")
    killed.add(ROWS[0])
    killed.add(ROWS[1])
    log = EventLog(tmp_path / "events", ROWS[:1])
    log.add(ROWS[1])
    log.add(ROWS[2])
    log.close()
    read = accumulator.EventAccumulator(str(tmp_path / "events"))
    read.Reload()
    assert read.Tags()["scalars"] == ["training_loss"]
    scalars = read.Scalars("training_loss")
    assert [(event.step, pytest.approx(event.value)) for event in scalars] == [(1, 1.0), (2, 0.5), (3, 1 / 3)]


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = EventLog(None, ROWS)
    log.add(ROWS[0])
    log.close()
    assert not list(tmp_path.iterdir())


def test_without_the_package_the_key_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"training\.tensorboard: the package tensorboard is not installed"):
        EventLog(tmp_path)
