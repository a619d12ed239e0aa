"""A card is as it was written, and in its own place."""

import hashlib
import json
from pathlib import Path

import pytest

from chaosliver.base.cards import check_origin, read_card, write_card
from chaosliver.base.errors import InputError

FACTS = {"seed": 2, "train_on": ["t2_spir/1", "t2_spir/10"], "recipe": {"epochs": 3, "snapshots": ()}, "what": "ü"}


@pytest.fixture
def card(tmp_path):
    path = tmp_path / "models/ours/fold0_seed2/card.json"
    write_card(path, FACTS)
    return path


def test_what_was_written_is_read_and_signed_with_a_checksum_that_others_can_repeat(card):
    found = read_card(card)
    assert found == FACTS | {"recipe": {"epochs": 3, "snapshots": []}}
    written = json.loads(card.read_text(encoding="utf-8"))
    assert written["signature"] == hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
    assert card.read_text(encoding="utf-8") == json.dumps(written, indent=2, sort_keys=True) + "\n"


def test_a_card_written_again_is_signed_anew(card):
    write_card(card, json.loads(card.read_text()) | {"seed": 3})
    assert read_card(card)["seed"] == 3


EDITS = [('"t2_spir/10"', '"t2_spir/11"'), ('"seed": 2', '"seed": 1'), ('"epochs"', '"epoch"')]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_card_is_refused(card, edit):
    card.write_text(card.read_text().replace(*edit))
    with pytest.raises(InputError, match=r"fold0_seed2/card\.json: was altered since it was written\. Delete it"):
        read_card(card)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"seed": 2}', '{"signature": null'])
def test_what_is_no_card_is_refused(card, text):
    card.write_text(text)
    with pytest.raises(InputError, match=r"card\.json: is missing or no card"):
        read_card(card)
    card.unlink()
    with pytest.raises(InputError, match=r"card\.json: is missing or no card"):
        read_card(card)


NO_CARDS = {
    "not a number": '{"seed": NaN, "signature": "x"}',
    "infinity": '{"seed": -Infinity, "signature": "x"}',
    "deeply nested": "[" * 100_000,
    "a number of 5000 digits": '{"seed": ' + "9" * 5000 + ', "signature": "x"}',
    "another encoding": "\udcff",
    "half": None,
}


@pytest.mark.parametrize("damage", NO_CARDS)
def test_a_damaged_card_is_refused_whatever_it_holds(card, damage):
    text = NO_CARDS[damage] or card.read_text()[:-20]
    card.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=r"card\.json: is missing or no card of a training\. Delete it, and run again"):
        read_card(card)


def test_a_huge_card_and_one_without_an_end_are_refused_unread(card):
    card.write_text(card.read_text() + " " * 50_000_000)
    for path in (card, Path("/dev/zero")):
        with pytest.raises(InputError, match=r"is missing or no card of a training"):
            read_card(path)


def test_a_card_that_lacks_what_is_needed_is_refused_by_its_name(card):
    assert read_card(card, ("seed", "train_on"))["seed"] == 2
    with pytest.raises(
        InputError, match=r"card\.json: says nothing of weights_sha256, as another version's\. Delete it"
    ):
        read_card(card, ("seed", "weights_sha256", "network"))


def test_no_card_is_written_of_what_is_no_number(card):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_card(card, FACTS | {"validation_dice": float("nan")})
    assert read_card(card)["seed"] == 2


def test_anothers_card_is_refused_with_what_differs(card):
    facts = read_card(card)
    check_origin(card, facts, {"seed": 2, "recipe": {"snapshots": (), "epochs": 3}})
    check_origin(card, facts, {})
    with pytest.raises(InputError, match=r"it differs in seed, network\. Delete .*/fold0_seed2, and run again"):
        check_origin(card, facts, {"seed": 1, "network": "unet", "train_on": FACTS["train_on"]})
