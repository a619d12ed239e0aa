"""A snapshot as a model of its own."""

import json

import pytest

from chaosliver.base.cards import write_card
from chaosliver.base.errors import InputError
from chaosliver.base.files import sha256_of, write_tsv
from chaosliver.network.job.snapshots import take_snapshot


@pytest.fixture
def training(tmp_path):
    weights = tmp_path / "snapshots/epoch2.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights after two epochs")
    snapshot = {"chosen_epoch": 1, "validation_dice": 0.5, "weights_sha256": sha256_of(weights)}
    facts = {"chosen_epoch": 3, "validation_dice": 0.7, "weights_sha256": "x", "snapshots": {"2": snapshot}, "seed": 1}
    write_card(tmp_path / "card.json", facts)
    write_tsv(
        tmp_path / "history.tsv",
        ("epoch", "validation_dice"),
        [{"epoch": n, "validation_dice": 0.1} for n in (1, 2, 3)],
    )
    return tmp_path


def take(folder):
    source = {"card": folder / "card.json", "history": folder / "history.tsv", "folder": folder / "snapshots"}
    made = {name: folder / "made" / name for name in ("to_card", "to_weights", "to_history")}
    take_snapshot(2, **source, **made)
    return made


def test_card_history_and_weights_are_those_of_its_epoch(training):
    made = take(training)
    card = json.loads(made["to_card"].read_text())
    assert (card["chosen_epoch"], card["validation_dice"], card["seed"]) == (1, 0.5, 1)
    assert card["weights_sha256"] == sha256_of(made["to_weights"])
    assert card["snapshot_of"] == {"card_sha256": sha256_of(training / "card.json"), "epoch": 2}
    assert card["snapshots"] == {}
    text = made["to_card"].read_text()
    assert text == json.dumps(card, indent=2, sort_keys=True) + "\n"
    assert made["to_weights"].read_bytes() == b"weights after two epochs"
    assert made["to_history"].read_text() == "epoch\tvalidation_dice\n1\t0.1\n2\t0.1\n"


def test_weights_that_the_card_does_not_describe_are_refused(training):
    (training / "snapshots/epoch2.safetensors").write_bytes(b"altered")
    with pytest.raises(InputError, match=r"epoch2\.safetensors: is not what .*card\.json describes"):
        take(training)
    assert not (training / "made").exists()


def test_weights_that_are_not_there_are_refused(training):
    (training / "snapshots/epoch2.safetensors").unlink()
    with pytest.raises(InputError, match=r"epoch2\.safetensors: is not what .*card\.json describes"):
        take(training)
