"""The network for use of the small study: trained on everybody, and handed on in one folder."""

import hashlib
import json

import numpy as np
import torch

from chaosliver.network.models import load_model


def test_the_network_for_use_learned_from_everybody_and_nothing_else_runs_again(finished):
    before = {path: path.stat().st_mtime_ns for path in finished.results.rglob("weights.safetensors")}
    planned = finished.planned("model")
    assert planned == {"augment": 1, "train": 1, "make_pack": 1, "model": 1}
    finished.succeed("--quiet", "--", "model")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    pack = finished.results / "model"
    described = json.loads((pack / "pack.json").read_text())
    card = json.loads((pack / "network0.json").read_text())
    assert described["patients"] == ["1", "2", "3", "4"]
    assert card["train_on"] == [f"t1_in_phase/{patient}" for patient in "1234"]
    assert card["validate_on"] == [] and card["recipe"]["epochs"] == card["chosen_epoch"] == 1
    scores = {path.name: path for path in (finished.results / "volumes/small").glob("fold*.tsv")}
    rows = [line.split("\t") for path in scores.values() for line in path.read_text().splitlines()]
    column = rows[0].index("dice_3d")
    dice = [float(row[column]) for row in rows if row[column] != "dice_3d"]
    assert np.isclose(described["expected"]["t1_in_phase"]["dice_3d"], np.mean(dice), atol=1e-6)
    assert finished.planned("model") == {}
    network, _ = load_model(pack / "network0.json", pack / "network0.safetensors")
    assert network(torch.zeros(1, 1, 32, 32)).shape == (1, 1, 32, 32)
    for line in (pack / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((pack / name).read_bytes()).hexdigest() == digest


def test_a_pack_may_hold_the_folds_instead(finished):
    finished.configure(model={"experiment": "small", "networks": "folds"})
    assert finished.planned("model") == {"make_pack": 1, "model": 1}
    finished.succeed("--quiet", "--", "model")
    cards = [json.loads(path.read_text()) for path in sorted((finished.results / "model").glob("network*.json"))]
    assert sorted(card["train_on"] for card in cards) == sorted(
        json.loads(path.read_text())["train_on"] for path in (finished.results / "models/small").glob("*/card.json")
    )


def test_an_experiment_that_the_study_does_not_train_is_refused_by_name(finished):
    finished.configure(model={"experiment": "absent", "networks": "folds"})
    said = finished.fail("model")
    assert "config key model.experiment: the study trains no experiment 'absent'. Known: small" in said
    assert not (finished.results / "model").exists()
