"""What networks segment of a volume."""

import numpy as np
import pytest
import torch
from torch import nn
from unit.network.examples import recipe

from chaosliver.base.planes import Plane
from chaosliver.network import numerics
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.prediction import (
    answers_of,
    for_inference,
    keep_largest,
    logits_of_volume,
    segment_volume,
)

CPU = torch.device("cpu")
WHOLE = {"rows": 12, "columns": 20, "spacing_mm": None}


class Answer(nn.Module):
    """Logits of two organs: a weighted sum of the slices that it sees together, and one that is wrong."""

    channels_first_on_avx2 = False

    def __init__(self, weights, factor=1.0):
        super().__init__()
        self.weights, self.factor, self.sizes = weights, factor, []

    def forward(self, images):
        self.sizes.append(len(images))
        weights = torch.tensor(self.weights, device=images.device).reshape(1, -1, 1, 1)
        first = self.factor * (images * weights).sum(1, keepdim=True)
        return torch.cat([first, -1000 * torch.ones_like(first)], dim=1)


def volume_of(slices, positions=None, own_shape=(12, 20)):
    positions = positions or [9.0 * number for number in range(len(slices))]
    return [
        Plane(pixels, 0, 1, (1.5, 1.25), position, own_shape)
        for pixels, position in zip(slices, positions, strict=True)
    ]


@pytest.fixture
def slices():
    return np.random.default_rng(3).normal(0, 2, (5, 12, 20)).astype(np.float32)


def test_each_slice_is_seen_beside_its_neighbours_and_not_beyond_a_gap(slices):
    chosen = recipe(grid=WHOLE, normalisation="none", context=1)
    # A slice is missing between the third and the fourth.
    volume = volume_of(slices, [0, 9, 18, 36, 45])
    network = Answer([1.0, 10.0, 100.0], 0.01)
    before, after = [0, 0, 1, 3, 3], [1, 2, 2, 4, 4]
    expected = 0.01 * (slices[before] + 10 * slices + 100 * slices[after])
    found = logits_of_volume([network], volume, chosen, CPU)
    assert found.dtype == np.uint8 and found.shape == (5, 12, 20)
    # Rounding may fall to either side of a half.
    assert np.abs(found - np.clip(255 * expected, 0, 255)).max() <= 0.5 + 1e-3
    mask = segment_volume([network], volume, chosen, CPU, threshold=0.7, largest_component=False)
    assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 255}
    assert np.array_equal(mask == 255, 1 / (1 + np.exp(-expected)) >= 0.7)


def test_the_threshold_itself_is_of_the_organ(slices):
    volume = volume_of(np.zeros((2, 12, 20), np.float32))
    for threshold, share in ((0.5, 1), (0.500001, 0)):
        mask = segment_volume(
            [Answer([1.0])],
            volume,
            recipe(grid=WHOLE, normalisation="none"),
            CPU,
            threshold=threshold,
            largest_component=False,
        )
        assert (mask == 255).mean() == share


def test_probabilities_and_logits_are_averaged_over_the_networks(slices):
    chosen = recipe(grid=WHOLE, normalisation="none")
    networks = [Answer([1.0], factor) for factor in (1.0, -3.0, 0.5)]
    logits = np.stack([factor * slices for factor in (1.0, -3.0, 0.5)])
    inputs = slices[:, None]
    assert answers_of(networks, inputs, chosen, CPU) == pytest.approx((1 / (1 + np.exp(-logits))).mean(0), abs=1e-6)
    raw = answers_of(networks, inputs, chosen, CPU, nn.Identity())
    assert raw == pytest.approx(logits.mean(0), abs=1e-5)
    assert raw.dtype == np.float32


def test_the_cpu_takes_slice_by_slice_and_others_the_recipes_batches(slices):
    network, chosen = Answer([1.0]), recipe(batch_size=2)
    answers_of([network], slices[:, None], chosen, CPU)
    assert network.sizes == [1] * 5
    network.sizes.clear()
    # The meta device computes shapes alone: its answers cannot be read.
    with pytest.raises(NotImplementedError):
        answers_of([network], slices[:, None], chosen, torch.device("meta"))
    assert network.sizes == [2]


def test_the_organ_is_put_back_onto_the_images_own_grid():
    """A body in the left upper part; the network answers where it is bright."""
    pixels = np.zeros((60, 80), np.float32)
    pixels[10:30, 12:52] = 1
    volume = volume_of([pixels] * 2, own_shape=(60, 80))
    chosen = recipe(grid={"rows": 40, "columns": 48, "spacing_mm": 1.5}, normalisation="none")
    mask = segment_volume([Answer([1.0], 4.0)], volume, chosen, CPU, threshold=0.88, largest_component=False) > 0
    # Probabilities above 0.88 are logits above 2: half of the brightness.
    assert mask.shape == (2, 60, 80)
    agreement = 2 * (mask[0] & (pixels > 0)).sum() / (mask[0].sum() + (pixels > 0).sum())
    assert agreement > 0.97


def test_only_the_largest_component_is_kept_if_asked_for():
    bright = np.full((3, 12, 20), -9, np.float32)
    bright[:, 1:4, 1:4] = 9
    bright[0, 8:10, 10:18] = 9
    volume, chosen = volume_of(bright), recipe(grid=WHOLE, normalisation="none")
    every, largest = (
        segment_volume([Answer([1.0])], volume, chosen, CPU, threshold=0.5, largest_component=only) > 0
        for only in (False, True)
    )
    assert np.array_equal(every, bright > 0)
    assert largest.sum() == 27 and not largest[0, 8:].any()


def test_components_are_connected_over_faces_across_slices_and_the_largest_is_kept():
    mask = np.zeros((3, 8, 9), bool)
    # The first in order is the smallest; the second touches the third over an edge only.
    mask[0, 0, 0] = True
    mask[:, 1:4, 2:4] = True
    mask[1, 4, 4:8] = True
    kept = keep_largest(mask)
    assert kept.sum() == 18 and kept[:, 1:4, 2:4].all() and not kept[1, 4].any()
    assert keep_largest(kept) is kept
    assert not keep_largest(np.zeros((3, 8, 8), bool)).any()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("unet", {"channels": 4, "depth": 2, "dropout": 0.2}),
        ("fast", {"channels": 4, "depth": 2}),
        ("denseunet65", {"dropout": 0.0}),
    ],
)
@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_what_is_made_ready_for_inference_gives_the_networks_own_probabilities(name, settings, precision):
    torch.manual_seed(1)
    network = build_network({"name": name, **settings, "inputs": 1, "outputs": 2})
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.2)
            layer.running_var.uniform_(0.5, 2)
    inputs = torch.randn(3, 1, 64, 96)
    with torch.no_grad():
        expected = torch.sigmoid(network.eval()(inputs)[:, 0]).numpy()
    network.train()
    ready = for_inference(network, CPU, precision)
    found = answers_of([ready], inputs.numpy(), recipe(precision=precision), CPU)
    assert np.abs(found - expected).max() < (1e-5 if precision == "float32" else 0.03)
    # The network itself stays as it was.
    assert network.training and next(network.parameters()).dtype == torch.float32
    assert not ready.training


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_weights_and_images_lie_in_memory_as_is_fastest(monkeypatch, layout):
    network, seen = build_network({"name": "unet", "channels": 4, "depth": 1, "dropout": 0.0, "inputs": 3}), []
    monkeypatch.setattr(numerics.Numerics, "layout_of", lambda self, given: {3: layout}[given.down[0][0].in_channels])
    ready = for_inference(network, CPU, "float32")
    assert ready.down[0][0].weight.is_contiguous(memory_format=layout)
    ready.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    answers_of([ready], np.zeros((2, 3, 12, 20), np.float32), recipe(), CPU)
    assert len(seen) == 2 and all(images.is_contiguous(memory_format=layout) for images in seen)


def test_normalisation_is_folded_into_the_convolution_before_it():
    network = build_network({"name": "unet", "channels": 4, "depth": 1, "dropout": 0.0})
    ready = for_inference(network, CPU, "float32")
    assert not [layer for layer in ready.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len([layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]) == 6


def test_convolutions_hold_the_type_that_they_compute_in(monkeypatch):
    network = build_network({"name": "unet", "channels": 4, "depth": 1, "dropout": 0.0})
    for native, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(numerics, "has_bfloat16", lambda device, native=native: native)
        ready = for_inference(network, CPU, "auto")
        layers = [layer for layer in ready.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
        assert len(layers) == 8
        assert {layer.weight.dtype for layer in layers} == {dtype}
