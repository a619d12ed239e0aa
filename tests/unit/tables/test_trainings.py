"""The table of trainings: what validation promised, beside what the fold's held-out patients gave."""

from pathlib import Path
from typing import Any

import pytest

from chaosliver.base.cards import write_card
from chaosliver.base.columns import PATIENT_COLUMNS, TRAINING_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.tables.trainings import list_trainings

LABEL = {"experiment": "small", "fold": "0", "seed": "1"}
CARD = {
    "train_on": ["t1_in_phase/1", "t1_in_phase/2", "t1_in_phase/3"],
    "validate_on": ["t1_in_phase/4", "t1_in_phase/5"],
    "leaks": {"copies": 0, "validation_slices": 0, "seed": 1},
    "recipe": {"epochs": 20},
    "chosen_epoch": 7,
    "validation_dice": 0.9,
}


def scored(patient: str, dice: float | None, **changes: str) -> dict[str, Any]:
    base = dict.fromkeys(PATIENT_COLUMNS) | LABEL | {"cohort": "development", "sequence": "t1_in_phase"}
    return base | {"patient": patient, "dice_3d": dice} | changes


def listed(folder: Path, card: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, str]:
    write_card(folder / "card.json", card)
    write_tsv(folder / "patients.tsv", PATIENT_COLUMNS, rows)
    tables = {"patients_table": folder / "patients.tsv", "trainings_table": folder / "trainings.tsv"}
    list_trainings(cards=[folder / "card.json"], labels=[LABEL], **tables)
    return read_tsv(folder / "trainings.tsv", TRAINING_COLUMNS)[0]


def test_optimism_is_validation_minus_the_held_out_patients_of_the_same_training(tmp_path: Path) -> None:
    others = [scored("8", 0.1, fold="1"), scored("6", 0.1, seed="2"), scored("6", 0.1, experiment="other")]
    untrained = [scored("6", 0.1, sequence="t2_spir"), scored("9", None)]
    row = listed(tmp_path, CARD, [scored("6", 0.8), scored("7", 0.85), *others, *untrained])
    assert (row["training_patients"], row["validated_on"], row["test_patients"]) == ("3", "2 other patients", "2")
    assert (row["epochs"], row["chosen_epoch"]) == ("20", "7")
    assert float(row["test_dice_3d"]) == pytest.approx(0.825)
    assert float(row["optimism"]) == pytest.approx(0.075)


def test_validation_slices_and_several_sequences_are_told(tmp_path: Path) -> None:
    trained = ["t1_in_phase/1", "t2_spir/1", "t2_spir/2"]
    card = CARD | {"train_on": trained, "validate_on": [], "leaks": {"validation_slices": 0.2}}
    row = listed(tmp_path, card, [scored("6", 0.8), scored("6", 0.6, sequence="t2_spir")])
    assert row["validated_on"] == "20% of the slices of the training patients"
    assert (row["training_patients"], row["training_sequences"]) == ("2", "t1_in_phase+t2_spir")
    assert (row["test_patients"], float(row["test_dice_3d"])) == ("1", pytest.approx(0.7))


def test_a_curve_of_the_held_out_patients_is_called_so(tmp_path: Path) -> None:
    row = listed(tmp_path, CARD, [scored("4", 0.8), scored("5", 0.7)])
    assert row["validated_on"] == "the held-out patients themselves"


def test_a_snapshot_has_its_own_number_of_epochs(tmp_path: Path) -> None:
    card = CARD | {"snapshot_of": {"epoch": 5, "card_sha256": "0"}}
    assert listed(tmp_path, card, [scored("6", 0.8)])["epochs"] == "5"


def test_without_validation_or_ground_truth_there_is_no_optimism(tmp_path: Path) -> None:
    row = listed(tmp_path, CARD | {"validate_on": [], "validation_dice": None}, [scored("6", 0.8)])
    assert (row["validated_on"], row["validation_dice"], row["optimism"]) == ("nothing", "", "")
    row = listed(tmp_path, CARD, [scored("6", None)])
    assert (row["test_patients"], row["test_dice_3d"], row["optimism"]) == ("0", "", "")


def test_of_several_trainings_each_has_its_own_card_label_and_patients(tmp_path: Path) -> None:
    labels = [LABEL, LABEL | {"fold": "1"}, {"experiment": "other", "fold": "0", "seed": "7"}]
    cards = [tmp_path / f"{number}.json" for number in range(3)]
    for number, card in enumerate(cards):
        validated = ["t1_in_phase/4", "t2_spir/4"]
        write_card(card, CARD | {"chosen_epoch": 10 + number, "validate_on": validated, "validation_dice": 0.5})
    rows = [scored(str(6 + n), 0.1 + 0.2 * n, **label) for n, label in enumerate(labels)]
    write_tsv(tmp_path / "patients.tsv", PATIENT_COLUMNS, rows)
    tables = {"patients_table": tmp_path / "patients.tsv", "trainings_table": tmp_path / "trainings.tsv"}
    list_trainings(cards=cards, labels=labels, **tables)
    found = read_tsv(tmp_path / "trainings.tsv", TRAINING_COLUMNS)
    assert [(row["experiment"], row["fold"], row["seed"]) for row in found] == [
        ("small", "0", "1"),
        ("small", "1", "1"),
        ("other", "0", "7"),
    ]
    assert [row["chosen_epoch"] for row in found] == ["10", "11", "12"]
    assert [float(row["test_dice_3d"]) for row in found] == pytest.approx([0.1, 0.3, 0.5])
    assert [float(row["optimism"]) for row in found] == pytest.approx([0.4, 0.2, 0])
    assert {row["validated_on"] for row in found} == {"1 other patient"}
    assert {row["training_sequences"] for row in found} == {"t1_in_phase"}


def test_a_table_of_patients_that_lacks_a_column_is_refused(tmp_path: Path) -> None:
    write_tsv(tmp_path / "patients.tsv", PATIENT_COLUMNS[:-1], [])
    tables = {"patients_table": tmp_path / "patients.tsv", "trainings_table": tmp_path / "trainings.tsv"}
    with pytest.raises(InputError, match=r"patients\.tsv: lacks the column"):
        list_trainings(cards=[], labels=[], **tables)
