"""The networks of a pack, loaded once for many volumes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch

from ...base.packfiles import Pack
from ...base.planes import Plane
from ..answers import Answer, answer_to
from ..models import load_model
from ..numerics import set_tf32
from ..prediction import for_inference
from .gpus import claimed_device
from .memory import memory_advice
from .predictions import common_recipe


@contextmanager
def networks_of(pack: Pack, threads: int) -> Iterator[Callable[[Sequence[Plane]], Answer]]:
    """A function that segments a volume with the pack's networks, on a GPU or on so many threads of the CPU."""
    torch.set_num_threads(threads)
    models = [load_model(card, weights) for card, weights in zip(pack.cards, pack.weights, strict=True)]
    recipe = common_recipe(pack.cards, [facts["recipe"] for _, facts in models])
    settings = {key: pack.described[key] for key in ("threshold", "largest_component")}
    with claimed_device(threads) as device, memory_advice(recipe):
        set_tf32(device, recipe.precision)
        networks = [for_inference(network, device, recipe.precision) for network, _ in models]
        yield partial(answer_to, networks=networks, recipe=recipe, device=device, **settings)
