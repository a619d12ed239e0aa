"""What goes with a network when it is handed on."""

import json

import pytest

from chaosliver.base.columns import MEASURES
from chaosliver.base.files import write_tsv
from chaosliver.tables.modelcards import describe_model


def test_scores_split_licence_and_use_stand_beside_how_it_was_trained(tmp_path):
    training = {"train_on": ["t2_spir/1"], "validate_on": [], "validation_dice": None, "recipe": {"epochs": 3}}
    (tmp_path / "card.json").write_text(json.dumps(training))
    rows = [
        {"patient": patient, "sequence": "t2_spir", **dict.fromkeys(MEASURES, value)}
        for patient, value in (("7", 0.5), ("9", 0.7))
    ]
    rows[0]["assd_mm"] = None
    write_tsv(tmp_path / "patients.tsv", ("patient", "sequence", *MEASURES), rows)
    paths = {"card": tmp_path / "card.json", "patients": tmp_path / "patients.tsv", "model_card": tmp_path / "m.json"}
    describe_model(**paths, source="chaos")
    card = json.loads((tmp_path / "m.json").read_text())
    assert card["split"] == {"train": ["t2_spir/1"], "validation": [], "test": ["t2_spir/7", "t2_spir/9"]}
    dice = card["scores"]["test"]["t2_spir"]["dice_3d"]
    assert (dice["mean"], dice["patients"]) == (pytest.approx(0.6), 2)
    assert dice["sd"] == pytest.approx(0.02**0.5)
    assert card["scores"]["test"]["t2_spir"]["assd_mm"] == {"mean": 0.7, "sd": None, "patients": 1}
    assert card["training"] == training
    assert card["licence"].startswith("CC BY-NC-SA 4.0")
    assert "no medical device" in card["intended_use"]
