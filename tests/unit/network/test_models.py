"""Weights that are handed on, and the card that describes them."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from unit.network.examples import NETWORK, RECIPE

from chaosliver.base.cards import read_card, write_card
from chaosliver.base.errors import InputError
from chaosliver.base.files import sha256_of
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.models import load_model, save_model, save_weights

ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).resolve().parents[3] / "workflow/scripts")}
SAVING = """
import resource, signal, sys
from pathlib import Path
import torch
from chaosliver.network.models import save_weights
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    save_weights(Path(sys.argv[1]), {"w": torch.zeros(1000)})
except OSError as error:
    print(error.errno, error.filename)
"""


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


def signed_anew(card, weights, **changes):
    """The card of other weights, or of other facts, signed as one who edits both can sign it."""
    write_card(card, read_card(card) | {"weights_sha256": sha256_of(weights)} | changes)


def header_with(length, text):
    return length.to_bytes(8, "little") + text


FIRST = "head.weight"
TENSORS = {
    "another shape": lambda tensors: tensors | {FIRST: tensors[FIRST][:, 1:].clone()},
    "half precision": lambda tensors: tensors | {FIRST: tensors[FIRST].half()},
    "one missing": lambda tensors: {name: tensor for name, tensor in tensors.items() if name != FIRST},
    "one too many": lambda tensors: tensors | {"extra": torch.zeros(1)},
    "not a number": lambda tensors: tensors | {FIRST: torch.full_like(tensors[FIRST], torch.nan)},
    "infinity": lambda tensors: tensors | {FIRST: torch.where(tensors[FIRST] > 0, torch.inf, tensors[FIRST])},
}


@pytest.mark.parametrize("change", TENSORS)
def test_weights_that_are_not_those_of_the_network_are_refused_though_their_checksum_is_told(tmp_path, change):
    _, card, weights = save(tmp_path)
    save_weights(weights, TENSORS[change](safetensors.torch.load_file(weights)))
    signed_anew(card, weights)
    said = "holds what is no finite number" if change in ("not a number", "infinity") else "is not that of the network"
    name = "extra" if change == "one too many" else FIRST
    with pytest.raises(
        InputError, match=rf"weights\.safetensors: its {name} {said}.*\. Delete the card and the weights"
    ):
        load_model(card, weights)


FILES = {
    "an absurd length": header_with(2**63, b"{}"),
    "a length beyond the file": header_with(10_000, b"{}"),
    "a header that is no JSON": header_with(4, b"{{{{"),
    "a header of a list": header_with(2, b"[]"),
    "deeply nested": header_with(200_000, b"[" * 200_000),
    "offsets beyond the file": header_with(56, b'{"w":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}} '),
    "a shape of 2 ** 60": header_with(64, b'{"w":{"dtype":"F32","shape":[1152921504606846976],"data_offsets":[0,4]}}'),
    "empty": b"",
    "a pickle": b"\x80\x02]q\x00.",
}


@pytest.mark.parametrize("damage", [*FILES, "cut short"])
def test_a_damaged_file_of_weights_is_refused_though_its_checksum_is_told(tmp_path, damage):
    _, card, weights = save(tmp_path)
    weights.write_bytes(weights.read_bytes()[:-7] if damage == "cut short" else FILES[damage])
    signed_anew(card, weights)
    with pytest.raises(
        InputError, match=r"weights\.safetensors: is damaged, or not a file of weights\. Delete the card"
    ):
        load_model(card, weights)


CARDS = {
    "an unknown network": {"network": {"name": "resnet"}},
    "a module that is no network": {"network": {"name": "registry"}},
    "a path for a name": {"network": {"name": "../../base/jobs"}},
    "no name": {"network": {"channels": 2}},
    "an unknown setting": {"network": {**NETWORK, "width": 3}},
    "a billion channels": {"network": {**NETWORK, "channels": 10**9}},
    "a billion levels": {"network": {**NETWORK, "depth": 10**9}},
    "60 levels": {"network": {**NETWORK, "depth": 60}},
    "no channels": {"network": {**NETWORK, "channels": -1}},
    "channels in words": {"network": {**NETWORK, "channels": "two"}},
    "a list for a network": {"network": [1]},
    "a list for a recipe": {"recipe": [1]},
    "a billion outputs": {"outputs": 10**9},
}


@pytest.mark.parametrize("change", CARDS)
def test_a_card_of_no_network_is_refused_though_it_is_signed(tmp_path, change):
    _, card, weights = save(tmp_path)
    signed_anew(card, weights, **CARDS[change])
    with pytest.raises(
        InputError, match=r"card\.json: describes no network that this version can build\. Delete the card"
    ):
        load_model(card, weights)


def test_a_network_larger_than_its_weights_takes_no_memory(tmp_path):
    _, card, weights = save(tmp_path)
    # 80 GB of weights.
    signed_anew(card, weights, network={**NETWORK, "channels": 1024, "depth": 4})
    with pytest.raises(InputError, match=r"is not that of the network which .*card\.json describes"):
        load_model(card, weights)


def test_a_card_of_another_version_is_refused_by_what_it_lacks(tmp_path):
    _, card, weights = save(tmp_path)
    write_card(card, {key: value for key, value in read_card(card).items() if key != "outputs"})
    with pytest.raises(InputError, match=r"card\.json: says nothing of outputs, as another version's"):
        load_model(card, weights)


@pytest.mark.parametrize("limit", [0, 1000])
def test_weights_that_the_disk_does_not_take_are_told_with_the_file_and_leave_nothing(tmp_path, limit):
    """For real: a limit on the size of files, which safetensors meets where it writes."""
    weights = tmp_path / "weights.safetensors"
    done = subprocess.run(
        [sys.executable, "-c", SAVING, str(weights), str(limit)], capture_output=True, text=True, env=ENVIRONMENT
    )
    assert done.stdout == f"{errno.EFBIG} {weights}\n", done.stderr
    assert list(tmp_path.iterdir()) == []


def test_weights_that_the_card_does_not_describe_are_refused(tmp_path):
    _, card, weights = save(tmp_path / "m")
    _, _, others = save(tmp_path / "n", context=1)
    with pytest.raises(InputError, match=r"n/weights\.safetensors: is not what .*m/card\.json describes"):
        load_model(card, others)
    weights.unlink()
    with pytest.raises(InputError, match="is not what"):
        load_model(card, weights)
