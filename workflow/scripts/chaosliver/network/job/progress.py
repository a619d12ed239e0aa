"""What a training says of itself as it goes on."""

import logging
from collections.abc import Mapping
from typing import Any


def report_epoch(row: Mapping[str, Any], epochs: int, seconds: float, slices: int) -> None:
    """Log an epoch's row of the history, its speed and the time left, given its duration and number of slices."""
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
