"""The study's trainings, a row each: what they were trained on, the epoch used, and validation beside test Dice."""

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from statistics import fmean
from typing import Any

from ..base.cards import read_card
from ..base.columns import PATIENT_COLUMNS, TRAINING_COLUMNS
from ..base.files import read_tsv, write_tsv


def list_trainings(
    *, cards: list[Path], labels: list[dict[str, str]], patients_table: Path, trainings_table: Path
) -> None:
    """Write a row per training, whose `labels` give experiment, fold and seed, and whose `cards` describe it.

    Both Dice are means over patients of the Dice of all their slices, of the sequences that the network was trained
    on; validation at the network's resolution, the test patients of the fold at their own. `optimism` is validation
    minus test: how much too high the result would be if validation were reported.
    """
    patients = read_tsv(patients_table, PATIENT_COLUMNS)
    rows = [
        {**label, **_described(read_card(card), _held_out(patients, label))}
        for card, label in zip(cards, labels, strict=True)
    ]
    write_tsv(trainings_table, TRAINING_COLUMNS, rows)


def _held_out(patients: Sequence[Mapping[str, str]], label: Mapping[str, str]) -> list[Mapping[str, str]]:
    """The rows with ground truth of the patients of the training's own fold."""
    return [row for row in patients if row["dice_3d"] and all(row[key] == label[key] for key in label)]


def _described(card: Mapping[str, Any], held_out: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    trained = [volume.split("/") for volume in card["train_on"]]
    sequences = sorted({sequence for sequence, _ in trained})
    scored = [row for row in held_out if row["sequence"] in sequences]
    test = fmean(float(row["dice_3d"]) for row in scored) if scored else None
    validation = card["validation_dice"]
    return {
        "training_patients": len({patient for _, patient in trained}),
        "training_sequences": "+".join(sequences),
        "validated_on": validated_on(card, {row["patient"] for row in held_out}),
        "epochs": epochs_of(card),
        "chosen_epoch": card["chosen_epoch"],
        "validation_dice": validation,
        "test_patients": len({row["patient"] for row in scored}),
        "test_dice_3d": test,
        "optimism": None if test is None or validation is None else validation - test,
    }


def epochs_of(card: Mapping[str, Any]) -> int:
    """How many epochs a network was trained, or was to be: those of its recipe, or of the snapshot that it is."""
    epochs: int = card["snapshot_of"]["epoch"] if "snapshot_of" in card else card["recipe"]["epochs"]
    return epochs


def validated_on(card: Mapping[str, Any], held_out: Set[str]) -> str:
    """On what a training was validated, in words; `held_out` are the patients of its test fold."""
    if share := card["leaks"]["validation_slices"]:
        return f"{share:.0%} of the slices of the training patients"
    patients = {volume.split("/")[1] for volume in card["validate_on"]}
    if patients & held_out:
        return "the held-out patients themselves"
    return f"{len(patients)} other patient{'s' if len(patients) > 1 else ''}" if patients else "nothing"
