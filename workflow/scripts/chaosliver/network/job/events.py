"""The history of a training as TensorBoard events, for those who want to watch it."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...base.errors import InputError


class EventLog:
    """Writes each epoch's figures below a folder; without a folder it writes nothing.

    What lies in the folder is replaced, beginning with `history`: a training that goes on after a kill leaves one
    curve and not two.
    """

    def __init__(self, folder: Path | None, history: Sequence[Mapping[str, Any]] = ()) -> None:
        self._writer = _writer(folder) if folder else None
        for row in history:
            self.add(row)

    def add(self, row: Mapping[str, Any]) -> None:
        """Write one epoch's row of the history."""
        if self._writer is None:
            return
        for name, value in row.items():
            if name != "epoch" and value is not None:
                self._writer.add_scalar(name, value, row["epoch"])
        self._writer.flush()

    def close(self) -> None:
        """End the file of events."""
        if self._writer is not None:
            self._writer.close()


def _writer(folder: Path) -> Any:
    try:
        # It takes a second to import, and only those who switch it on have it.
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError(
            "config key training.tensorboard: the package tensorboard is not installed. Install it, or set it to false"
        ) from None
    if folder.is_dir():
        shutil.rmtree(folder)
    return SummaryWriter(str(folder))
