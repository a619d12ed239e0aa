"""The whole as one module against the workflow's own way, of OpenCV, NumPy and SciPy."""

import numpy as np
import pytest
import torch
from unit.network.examples import NETWORK, recipe

from chaosliver.exams.volumes import Axial, planes_of
from chaosliver.network.answers import answer_to
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.whole import WholeNetwork
from chaosliver.prepare.images import Encoding

CPU = torch.device("cpu")
BY_VOLUME = Encoding(8, "volume", (0.5, 99.5))
ENCODINGS = {
    "8 bit by volume": BY_VOLUME,
    "8 bit by slice": Encoding(8, "slice", (1.0, 99.0)),
    "16 bit": Encoding(16, None, (0.5, 99.5)),
    "drawn": Encoding(8, "drawn", brightest_to_zero=True),
}
FINE = {"rows": 16, "columns": 24, "spacing_mm": 1.7}
COARSE = {"rows": 16, "columns": 24, "spacing_mm": 4.5}


def volume(lowest=0, gap=0.0):
    """A body off the middle, another of half its size beside it, and noise; anisotropic, not square."""
    source = np.random.default_rng(7)
    slices, rows, columns = np.mgrid[:7, :44, :61]
    greys = source.integers(0, 60, slices.shape)
    body = ((slices - 3) / 5) ** 2 + ((rows - 20) / 15) ** 2 + ((columns - 26) / 17) ** 2 < 1
    greys[body] += source.integers(300, 900, body.sum())
    greys[:, 38:42, 52:58] += 500
    positions = [5.5 * n + (gap if n > 3 else 0) for n in range(7)]
    return Axial((greys + lowest).astype(np.int32), 2.1, 1.6, 5.5, positions, lambda stack: stack)


def networks(count, channels=1):
    built = []
    for seed in range(count):
        torch.manual_seed(seed)
        built.append(build_network({**NETWORK, "inputs": channels, "outputs": 1}).eval())
    return built


def both(view, rule, encoding=BY_VOLUME, count=1, largest=True):
    """Mask and probability by the module, and the workflow's answer at a threshold that splits the volume."""
    own = networks(count, 2 * rule.context + 1)
    settings = {"networks": own, "recipe": rule, "device": CPU, "largest_component": largest}
    planes = planes_of(view, encoding)
    seen = answer_to(planes, threshold=0.5, **settings).probability
    # Beyond a fine grid there is 0.
    threshold = float(np.median(seen[seen > 0]))
    answer = answer_to(planes, threshold=threshold, **settings)
    whole = WholeNetwork(own, rule, encoding, threshold=threshold, largest_component=largest)
    spacing, positions = torch.tensor([view.row_mm, view.column_mm]), torch.tensor(view.positions_mm)
    with torch.inference_mode():
        mask, probability = whole(torch.from_numpy(view.greys.astype(np.float32)), spacing, positions)
    return mask.numpy(), probability.numpy(), answer


def agree(mask, probability, answer):
    # OpenCV warps by steps of 1/32 of a pixel.
    assert np.abs(probability - answer.probability).max() < 0.02
    assert mask.dtype == np.uint8 and 0 < mask.sum() < mask.size
    assert 2 * (mask & answer.mask).sum() / (mask.sum() + answer.mask.sum()) > 0.98


@pytest.mark.parametrize(
    ("encoding", "grid"),
    # The configuration refuses to resample drawn slices.
    [(name, grid) for name in ENCODINGS for grid in (None, FINE, COARSE) if name != "drawn" or not grid],
    ids=str,
)
def test_every_encoding_on_every_grid(encoding, grid):
    changes = {"normalisation": "volume"} | ({"grid": grid} if grid else {})
    agree(*both(volume(), recipe(**changes), ENCODINGS[encoding]))


@pytest.mark.parametrize("normalisation", ["window", "volume", "none"])
@pytest.mark.parametrize("largest", [False, True])
def test_every_normalisation_and_the_largest_component(normalisation, largest):
    mask, probability, answer = both(volume(), recipe(normalisation=normalisation), largest=largest)
    # On a squeezed grid nothing is warped.
    assert np.abs(probability - answer.probability).max() < 1e-4
    assert np.array_equal(answer.mask, answer.organ) != largest
    assert (mask != answer.mask).mean() < 1e-3


@pytest.mark.parametrize("gap", [0.0, 9.0])
def test_neighbouring_slices_of_three_networks_beside_a_gap(gap):
    mask, probability, answer = both(volume(gap=gap), recipe(context=1, normalisation="volume"), count=3)
    assert np.abs(probability - answer.probability).max() < 1e-4
    assert (mask != answer.mask).mean() < 1e-3


def test_a_gap_makes_a_difference():
    _, one, _ = both(volume(), recipe(context=1))
    _, other, _ = both(volume(gap=9.0), recipe(context=1))
    # Slice 3 and slice 4 no longer see each other.
    assert [bool((one[n] != other[n]).any()) for n in range(7)] == [False, False, False, True, True, False, False]


def test_grey_values_below_0_are_raised_as_when_they_are_read():
    view = volume(lowest=-40)
    lowest = int(view.greys.min())
    assert lowest < 0
    whole = WholeNetwork(networks(1), recipe(), BY_VOLUME, threshold=0.5, largest_component=False)
    spacing, positions = torch.tensor([2.1, 1.6]), torch.tensor(view.positions_mm)
    with torch.inference_mode():
        _, told = whole(torch.from_numpy(view.greys.astype(np.float32)), spacing, positions)
        _, expected = whole(torch.from_numpy((view.greys - lowest).astype(np.float32)), spacing, positions)
    assert torch.equal(told, expected)


def test_a_volume_of_air_alone_gives_finite_numbers():
    view = Axial(np.zeros((3, 20, 30), np.int32), 2.0, 1.5, 6.0, [0.0, 6.0, 12.0], lambda stack: stack)
    rule = recipe(grid=FINE, normalisation="volume")
    whole = WholeNetwork(networks(1), rule, BY_VOLUME, threshold=0.5, largest_component=True)
    with torch.inference_mode():
        _, told = whole(torch.zeros((3, 20, 30)), torch.tensor([2.0, 1.5]), torch.tensor(view.positions_mm))
    answer = answer_to(
        planes_of(view, BY_VOLUME), networks=networks(1), recipe=rule, device=CPU, threshold=0.5, largest_component=True
    )
    assert np.abs(told.numpy() - answer.probability).max() < 0.02
