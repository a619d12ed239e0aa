"""Shapes, parameters and dropout of the networks."""

import pytest
import torch

from chaosliver.networks.registry import build_network

SMALL = {"name": "unet", "channels": 4, "depth": 3, "dropout": 0.5}


def test_the_original_has_64_to_1024_channels_and_31_million_parameters():
    network = build_network({"name": "unet", "channels": 64, "depth": 4, "dropout": 0.0})
    assert [block[0].out_channels for block in network.down] == [64, 128, 256, 512, 1024]
    # Ronneberger's 31,030,723 with two output channels and biases: one channel, and BatchNorm for biases, differ.
    assert sum(tensor.numel() for tensor in network.parameters()) == 31_036_481


@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (2, 1, 16, 24)])
def test_logits_have_the_images_shape(shape):
    assert build_network(SMALL).eval()(torch.zeros(shape)).shape == shape


def test_dropout_acts_in_training_and_not_in_evaluation():
    torch.manual_seed(0)
    network, image = build_network(SMALL), torch.randn(2, 1, 16, 16)
    assert not torch.equal(network(image), network(image))
    network.eval()
    assert torch.equal(network(image), network(image))


def test_an_unknown_network_is_an_error():
    with pytest.raises(ModuleNotFoundError):
        build_network({"name": "no_such_network"})
