"""Shapes, sizes, costs and dropout of the networks."""

import re
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from chaosliver.network.architectures.registry import build_network
from chaosliver.study.architectures import NETWORKS, input_multiple

TABLE = Path(__file__).resolve().parents[3] / "docs/networks.md"
ROW = re.compile(r"\| `(\{name: .*?\})` \|.*\| ([\d,]+) \| ([\d.]+) \| (\d+) \|")
SMALL = {
    "unet": {"name": "unet", "channels": 4, "depth": 3, "dropout": 0.5},
    "fast": {"name": "fast", "channels": 4, "depth": 3},
    "denseunet65": {"name": "denseunet65", "dropout": 0.5},
    "denseunet167": {"name": "denseunet167", "dropout": 0.5},
}
each_network = pytest.mark.parametrize("settings", SMALL.values(), ids=SMALL)


def on_no_device(settings):
    """The network without weights: enough to count by."""
    with torch.device("meta"):
        dropout = {"dropout": 0.0} if "dropout" in NETWORKS[settings["name"]].settings else {}
        return build_network({**dropout, **settings}).eval()


def parameters_of(network):
    return sum(tensor.numel() for tensor in network.parameters())


def giga_flop_of(network, size=256):
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 1, size, size, device="meta"))
    return counter.get_total_flops() / 1e9


def convolutions_of(network):
    return sum(isinstance(module, nn.Conv2d) for module in network.modules())


def test_every_network_of_the_catalogue_is_tried_here():
    assert set(SMALL) == set(NETWORKS)


def test_the_original_has_64_to_1024_channels_and_31_million_parameters():
    network = on_no_device({"name": "unet", "channels": 64, "depth": 4})
    assert [block[0].out_channels for block in network.down] == [64, 128, 256, 512, 1024]
    # As the original study's own script counts it: tests/original.
    assert parameters_of(network) == 31_042_369


@pytest.mark.parametrize(("layers", "parameters"), [(65, 6_287_649), (167, 49_514_689)])
def test_a_dense_u_net_has_the_convolutions_that_its_name_counts(layers, parameters):
    network = on_no_device({"name": f"denseunet{layers}"})
    assert convolutions_of(network) == layers
    assert parameters_of(network) == parameters


def test_the_encoder_of_167_is_densenet_161():
    network = on_no_device({"name": "denseunet167"})
    # DenseNet-161 for RGB has 28,681,000 parameters, 2,209 x 1,000 of them in its classifier.
    encoder = sum(parameters_of(part) for part in (network.stem, network.blocks, network.transitions))
    assert encoder == 28_681_000 - 2_209_000 - 2 * 96 * 7 * 7
    assert network.lateral.weight.shape[:2] == (2208, 2112)


def test_the_table_of_networks_is_what_the_code_does():
    rows = ROW.findall(TABLE.read_text(encoding="utf-8"))
    assert [yaml.safe_load(settings)["name"] for settings, *_ in rows] == list(NETWORKS)
    for settings, parameters, giga_flop, multiple in rows:
        network = on_no_device(yaml.safe_load(settings))
        assert f"{parameters_of(network):,}" == parameters
        assert f"{giga_flop_of(network):.2f}" == giga_flop
        assert input_multiple(yaml.safe_load(settings)) == int(multiple)


@each_network
def test_logits_have_the_images_rows_and_columns_at_every_multiple(settings):
    multiple = input_multiple(settings)
    for inputs, outputs, batch, rows, columns in ((1, 1, 1, 1, 1), (3, 4, 3, 2, 3)):
        with torch.device("meta"):
            network = build_network({**settings, "inputs": inputs, "outputs": outputs}).eval()
            logits = network(torch.empty(batch, inputs, rows * multiple, columns * multiple))
        assert logits.shape == (batch, outputs, rows * multiple, columns * multiple)


@each_network
def test_gradients_reach_every_parameter(settings):
    torch.manual_seed(0)
    network = build_network({**settings, "inputs": 3, "outputs": 2})
    answers = network(torch.randn(3, 3, 32, 64))
    answers = (answers,) if isinstance(answers, torch.Tensor) else answers
    assert answers[0].shape == (3, 2, 32, 64)
    sum(logits.square().mean() for logits in answers).backward()
    without = [name for name, tensor in network.named_parameters() if tensor.grad is None or not tensor.grad.any()]
    assert not without
    assert all(tensor.grad.isfinite().all() for tensor in network.parameters())


def test_the_fast_network_answers_at_each_level_in_training_and_once_in_evaluation():
    network = build_network({**SMALL["fast"], "outputs": 2})
    image = torch.randn(2, 1, 64, 32)
    assert [tuple(logits.shape[2:]) for logits in network(image)] == [(64, 32), (16, 8), (8, 4)]
    assert network.eval()(image).shape == (2, 2, 64, 32)


@pytest.mark.parametrize("name", ["unet", "denseunet65"])
def test_dropout_acts_in_training_and_not_in_evaluation(name):
    torch.manual_seed(0)
    network, image = build_network(SMALL[name]), torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        assert not torch.equal(network(image), network(image))
        network.eval()
        assert torch.equal(network(image), network(image))


@pytest.mark.parametrize("name", ["unet", "denseunet65"])
def test_bfloat16_and_channels_last_give_the_same_logits_but_for_rounding(name):
    torch.manual_seed(0)
    network, image = build_network(SMALL[name]).eval(), torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        exact = network(image)
        network, image = (each.to(memory_format=torch.channels_last) for each in (network, image))
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(image)
    assert rounded.dtype == torch.bfloat16
    assert (rounded.float() - exact).abs().max() < 0.1 * exact.abs().max()


def test_an_unknown_network_is_an_error():
    with pytest.raises(ModuleNotFoundError):
        build_network({"name": "no_such_network"})
