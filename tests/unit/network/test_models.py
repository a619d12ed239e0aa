"""Weights that are handed on, and the card that describes them."""

import json

import pytest
import torch
from unit.network.examples import NETWORK, RECIPE

from chaosliver.base.errors import InputError
from chaosliver.base.files import sha256_of
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.models import load_model, save_model, save_weights


def save(folder, context=0, outputs=1):
    torch.manual_seed(1)
    network = build_network({**NETWORK, "inputs": 2 * context + 1, "outputs": outputs})
    facts = {"network": NETWORK, "recipe": {**RECIPE, "context": context}, "outputs": outputs, "fold": "ü"}
    save_model(folder / "card.json", folder / "weights.safetensors", network.state_dict(), facts)
    return network, folder / "card.json", folder / "weights.safetensors"


def test_the_network_comes_back_with_its_inputs_outputs_and_weights_in_evaluation_mode(tmp_path):
    network, card, weights = save(tmp_path / "m", context=2, outputs=3)
    found, facts = load_model(card, weights)
    assert not found.training
    assert all(torch.equal(tensor, found.state_dict()[name]) for name, tensor in network.state_dict().items())
    assert found.down[0][0].in_channels == 5 and found.head.out_channels == 3
    assert facts["recipe"]["context"] == 2


def test_the_card_is_sorted_json_with_the_checksum_of_the_weights(tmp_path):
    _, card, weights = save(tmp_path / "m")
    text = card.read_text(encoding="utf-8")
    facts = json.loads(text)
    assert facts["weights_sha256"] == sha256_of(weights)
    assert text == json.dumps(facts, indent=2, sort_keys=True) + "\n"
    assert list(facts) == ["fold", "network", "outputs", "recipe", "signature", "weights_sha256"]


def test_weights_are_written_atomically(tmp_path):
    weights = tmp_path / "weights.safetensors"
    save_weights(weights, {"w": torch.arange(3)})
    before = weights.read_bytes()
    with pytest.raises(Exception, match=r"[Tt]ensor"):
        save_weights(weights, {"w": "no tensor"})
    assert weights.read_bytes() == before
    assert list(tmp_path.iterdir()) == [weights]


def test_weights_that_the_card_does_not_describe_are_refused(tmp_path):
    _, card, weights = save(tmp_path / "m")
    _, _, others = save(tmp_path / "n", context=1)
    with pytest.raises(InputError, match=r"n/weights\.safetensors: is not what .*m/card\.json describes"):
        load_model(card, others)
    weights.unlink()
    with pytest.raises(InputError, match="is not what"):
        load_model(card, weights)
