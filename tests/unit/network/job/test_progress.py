"""What a training says as it goes on."""

import logging

import pytest

from chaosliver.network.job.progress import report_epoch


def row(epoch, dice=0.75):
    loss = None if dice is None else 0.25
    return {"epoch": epoch, "training_loss": 0.5, "validation_loss": loss, "validation_dice": dice}


@pytest.fixture
def said(caplog):
    caplog.set_level("INFO")

    def say(*given):
        caplog.clear()
        report_epoch(*given)
        (record,) = caplog.records
        assert record.levelno == logging.INFO
        return record.getMessage()

    return say


def test_an_epoch_is_told_with_its_figures_its_speed_and_the_time_left(said):
    line = said(row(3), 8, 2.0, 30)
    assert line == "epoch 3/8: loss 0.5000, validation loss 0.2500, Dice 0.7500; 15.0 slices/s, about 10 s left"
    line = said(row(8, dice=None), 8, 2.0, 30)
    assert line == "epoch 8/8: loss 0.5000; 15.0 slices/s, about 0 s left"
