"""What networks together say of a volume: a probability, a mask, and how far they agree."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch

from ..base.planes import Plane
from .prediction import Networks, keep_largest, probability_of_volume
from .recipe import Recipe


class Answer(NamedTuple):
    """What networks say of a volume, [slices, rows, columns] on its own grid.

    `probability` is float32, the mean over the networks; `organ` is where it reaches the threshold, and `mask` the same
    or its largest component. `agreement` is the lowest 3D Dice between two of the networks, on their own grid; None for
    a single network.
    """

    probability: np.ndarray
    organ: np.ndarray
    mask: np.ndarray
    agreement: float | None


def answer_to(
    volume: Sequence[Plane],
    *,
    networks: Networks,
    recipe: Recipe,
    device: torch.device,
    threshold: float,
    largest_component: bool,
) -> Answer:
    """The networks' answer to a volume."""
    probability, each = probability_of_volume(networks, volume, recipe, device)
    organ = probability >= threshold
    mask = keep_largest(organ) if largest_component else organ
    return Answer(probability, organ, mask, lowest_agreement(each >= threshold))


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
