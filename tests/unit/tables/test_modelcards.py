"""What goes with a network when it is handed on."""

import json
import re

import pytest

from chaosliver.base.columns import MEASURES
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_tsv
from chaosliver.tables.modelcards import describe_model

TRAINING = {"train_on": ["t2_spir/1"], "validate_on": ["t2_spir/2"], "validation_dice": 0.75, "recipe": {"epochs": 3}}


def described(folder, rows, source="chaos", columns=("patient", "sequence", *MEASURES)):
    (folder / "card.json").write_text(json.dumps(TRAINING))
    write_tsv(folder / "patients.tsv", columns, rows)
    paths = {"card": folder / "card.json", "patients": folder / "patients.tsv", "model_card": folder / "m.json"}
    describe_model(**paths, source=source)
    return json.loads((folder / "m.json").read_text(encoding="utf-8"))


def scored(patient, sequence, first):
    """Every measure has a value of its own: `first`, and a tenth more for each further one."""
    return {"patient": patient, "sequence": sequence} | {name: first + n / 10 for n, name in enumerate(MEASURES)}


def test_scores_split_licence_and_use_stand_beside_how_it_was_trained(tmp_path):
    rows = [scored("7", "t2_spir", 0.5), scored("9", "t2_spir", 0.7), scored("7", "t1_in_phase", 0.1)]
    rows[0]["assd_mm"] = None
    card = described(tmp_path, rows)
    assert list(card) == ["intended_use", "licence", "scores", "split", "training"]
    assert card["split"] == {
        "train": ["t2_spir/1"],
        "validation": ["t2_spir/2"],
        "test": ["t1_in_phase/7", "t2_spir/7", "t2_spir/9"],
    }
    assert card["training"] == TRAINING
    scores = card["scores"]
    assert scores["validation"] == {"dice_3d": 0.75}
    assert list(scores["test"]) == ["t1_in_phase", "t2_spir"]
    for number, measure in enumerate(MEASURES):
        found = scores["test"]["t2_spir"][measure]
        if measure == "assd_mm":
            assert found == {"mean": pytest.approx(0.7 + number / 10), "sd": None, "patients": 1}
        else:
            mean = pytest.approx(0.6 + number / 10)
            assert found == {"mean": mean, "sd": pytest.approx(0.02**0.5), "patients": 2}
        alone = {"mean": pytest.approx(0.1 + number / 10), "sd": None, "patients": 1}
        assert scores["test"]["t1_in_phase"][measure] == alone


def test_a_measure_that_no_patient_has_is_null(tmp_path):
    card = described(tmp_path, [scored("7", "t2_spir", 0.5) | {"mssd_mm": None}])
    assert card["scores"]["test"]["t2_spir"]["mssd_mm"] == {"mean": None, "sd": None, "patients": 0}


@pytest.mark.parametrize(
    ("source", "licence"),
    [("chaos", r"CC BY-NC-SA 4\.0, the licence of the CHAOS data .* trained on"), ("phantom", r"MIT, .* trained on")],
)
def test_the_licence_is_that_of_what_was_trained_on(tmp_path, source, licence):
    card = described(tmp_path, [], source)
    assert re.fullmatch(licence, card["licence"])
    assert re.fullmatch(r"Research .* no medical device: .* not tested\.", card["intended_use"])
    assert set(re.findall(r"[A-Z]{2,}", card["intended_use"])) == {"MRI"}


def test_the_file_is_for_people_too(tmp_path):
    card = described(tmp_path, [])
    assert (tmp_path / "m.json").read_text(encoding="utf-8") == json.dumps(card, indent=2, sort_keys=True) + "\n"


def test_a_table_without_the_measures_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"patients\.tsv: lacks the column.* assd_mm"):
        described(tmp_path, [], columns=("patient", "sequence", "dice_3d"))
