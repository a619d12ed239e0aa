"""The networks of a pack, loaded once for many volumes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch

from ...base.packfiles import Pack
from ...base.planes import Plane
from ..models import load_model
from ..numerics import set_tf32
from ..prediction import for_inference, keep_largest, probability_of_volume
from .gpus import claimed_device
from .memory import memory_advice
from .predictions import common_recipe


class Answer(NamedTuple):
    """What a pack's networks say of a volume, [slices, rows, columns] on its own grid.

    `probability` is float32, the mean over the networks; `organ` is where it reaches the pack's threshold, and `mask`
    the same or, where the pack says so, its largest component. `agreement` is the lowest 3D Dice between two of the
    networks, on their own grid; None for a single network.
    """

    probability: np.ndarray
    organ: np.ndarray
    mask: np.ndarray
    agreement: float | None


@contextmanager
def networks_of(pack: Pack, threads: int) -> Iterator[Callable[[Sequence[Plane]], Answer]]:
    """A function that segments a volume with the pack's networks, on a GPU or on so many threads of the CPU."""
    torch.set_num_threads(threads)
    models = [load_model(card, weights) for card, weights in zip(pack.cards, pack.weights, strict=True)]
    recipe = common_recipe(pack.cards, [facts["recipe"] for _, facts in models])
    threshold, largest = pack.described["threshold"], pack.described["largest_component"]
    with claimed_device(threads) as device, memory_advice(recipe):
        set_tf32(device, recipe.precision)
        networks = [for_inference(network, device, recipe.precision) for network, _ in models]

        def segment(volume: Sequence[Plane]) -> Answer:
            probability, each = probability_of_volume(networks, volume, recipe, device)
            organ = probability >= threshold
            mask = keep_largest(organ) if largest else organ
            return Answer(probability, organ, mask, lowest_agreement(each >= threshold))

        yield segment


def lowest_agreement(masks: np.ndarray) -> float | None:
    """The lowest 3D Dice between two of several masks [masks, slices, rows, columns]; None for a single one.

    Two empty masks agree.
    """
    sizes = masks.sum(axis=(1, 2, 3))
    pairs = [
        2 * float((masks[one] & masks[other]).sum()) / float(sizes[one] + sizes[other])
        for one, other in combinations(range(len(masks)), 2)
        if sizes[one] + sizes[other]
    ]
    return min(pairs, default=1.0) if len(masks) > 1 else None
