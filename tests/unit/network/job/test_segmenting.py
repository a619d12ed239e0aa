"""A pack's networks answer as the workflow's own predictions do."""

import json

import numpy as np
import pytest
import torch
from unit.exams.conftest import DESCRIBED, sign
from unit.network.examples import NETWORK, RECIPE, recipe

from chaosliver.base.packfiles import open_pack
from chaosliver.base.planes import Plane
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.job.segmenting import networks_of
from chaosliver.network.models import load_model, save_model
from chaosliver.network.prediction import for_inference, keep_largest, probability_of_volume, segment_volume

CPU = torch.device("cpu")
RNG = np.random.default_rng(4)
VOLUME = [Plane(RNG.integers(0, 900, (20, 30)), 0, 900, (1.5, 2.0), 6.0 * n, (20, 30)) for n in range(5)]


def pack_of(folder, seeds, **changes):
    folder.mkdir()
    members = []
    for number, seed in enumerate(seeds):
        torch.manual_seed(seed)
        tensors = build_network({**NETWORK, "inputs": 1, "outputs": 1}).state_dict()
        member = {"card": f"network{number}.json", "weights": f"network{number}.safetensors"}
        facts = {"network": NETWORK, "recipe": RECIPE, "outputs": 1}
        save_model(folder / member["card"], folder / member["weights"], tensors, facts)
        members.append(member)
    (folder / "pack.json").write_text(json.dumps(DESCRIBED | {"members": members} | changes))
    (folder / "training_slices.txt").write_text("")
    return open_pack(sign(folder))


def alone(network, threshold, largest=False):
    """The mask of one network, by the workflow's own function."""
    ready = [for_inference(each, CPU, "float32") for each in network]
    mask = segment_volume(ready, VOLUME, recipe(), CPU, threshold=threshold, largest_component=largest)
    return mask == 255


@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3)])
@pytest.mark.parametrize("largest", [False, True])
def test_masks_are_those_of_the_workflows_own_predictions(tmp_path, seeds, largest):
    pack = pack_of(tmp_path / "pack", seeds)
    networks = [load_model(card, weights)[0] for card, weights in zip(pack.cards, pack.weights, strict=True)]
    ready = [for_inference(network, CPU, "float32") for network in networks]
    threshold = float(np.median(probability_of_volume(ready, VOLUME, recipe(), CPU)[0]))
    pack = pack_of(tmp_path / "again", seeds, threshold=threshold, largest_component=largest)
    with networks_of(pack, 1) as segment:
        answer = segment(VOLUME)
    assert np.array_equal(answer.mask, alone(networks, threshold, largest)) and 0 < answer.mask.sum() < answer.mask.size
    assert np.array_equal(answer.organ, answer.probability >= threshold)
    assert np.array_equal(answer.mask, keep_largest(answer.organ) if largest else answer.organ)
    if len(seeds) == 1:
        assert answer.agreement is None
        return
    first, second, third = (alone([network], threshold) for network in networks)
    pairs = ((first, second), (first, third), (second, third))
    # On the image's own grid here, on the network's there.
    lowest = min(2 * (one & other).sum() / (one.sum() + other.sum()) for one, other in pairs)
    assert answer.agreement == pytest.approx(lowest, abs=0.1)
