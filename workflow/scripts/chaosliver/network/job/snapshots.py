"""A snapshot of a training as a model of its own: the model that a training of so many epochs would have given."""

import shutil
from pathlib import Path

from ...base.cards import check_weights, read_card, write_card
from ...base.errors import InputError
from ...base.files import read_tsv, sha256_of, write_atomically, write_tsv


def take_snapshot(
    epoch: int, *, card: Path, history: Path, folder: Path, to_card: Path, to_weights: Path, to_history: Path
) -> None:
    """Write history, weights and card of the snapshot after `epoch` of the training that `card` describes.

    `folder` holds epoch<epoch>.safetensors. Raises InputError where that is not what the card describes.
    """
    facts = read_card(card, ("snapshots",))
    snapshot, weights = facts["snapshots"].get(str(epoch)), folder / f"epoch{epoch}.safetensors"
    if snapshot is None:
        raise InputError(f"{card}: describes no snapshot of epoch {epoch}. Delete it, and run again to make it anew")
    check_weights(weights, snapshot["weights_sha256"], card)
    rows = [row for row in read_tsv(history) if int(row["epoch"]) <= epoch]
    write_tsv(to_history, list(rows[0]), rows)
    write_atomically(to_weights, lambda partial: shutil.copyfile(weights, partial))
    origin = {"snapshots": {}, "snapshot_of": {"card_sha256": sha256_of(card), "epoch": epoch}}
    write_card(to_card, {**facts, **snapshot, **origin})
