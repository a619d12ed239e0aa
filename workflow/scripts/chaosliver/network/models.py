"""A trained network as it is handed on: weights in safetensors and a card beside them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from ..base.cards import check_weights, read_card, write_card
from ..base.errors import InputError
from ..base.files import sha256_of, write_atomically
from .architectures.registry import build_network

# More than any network's channels or levels.
LARGEST_SETTING = 4096
REMEDY = "Delete the card and the weights and run again to make them anew, or copy the pack anew if they are a pack's"


def save_weights(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write a network's tensors as safetensors, atomically."""
    write_atomically(path, lambda partial: safetensors.torch.save_file(dict(tensors), partial))


def save_model(card: Path, weights: Path, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
    """Write the weights, then a card with `facts` (network, recipe, outputs and more) and the weights' SHA-256."""
    save_weights(weights, tensors)
    write_card(card, {**facts, "weights_sha256": sha256_of(weights)})


def load_model(card: Path, weights: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network in evaluation mode, on the CPU, and its card.

    Raises InputError where the card was altered or describes no network, and where the weights are not those that it
    describes, not those of such a network, or no finite numbers.
    """
    facts = read_card(card, ("weights_sha256", "network", "recipe", "outputs"))
    check_weights(weights, facts["weights_sha256"], card)
    tensors = _read(weights)
    # Without memory first: what a card asks for may be of any size, and the weights are of the size of their file.
    with torch.device("meta"):
        described = _build(card, facts).state_dict()
    _check(tensors, described, weights, card)
    network = _build(card, facts)
    network.load_state_dict(tensors)
    return network.eval(), facts


def _read(weights: Path) -> dict[str, torch.Tensor]:
    try:
        return safetensors.torch.load_file(weights)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError):
        raise InputError(f"{weights}: is damaged, or not a file of weights. {REMEDY}") from None


def _build(card: Path, facts: Mapping[str, Any]) -> nn.Module:
    try:
        settings = {**facts["network"], "inputs": 2 * facts["recipe"]["context"] + 1, "outputs": facts["outputs"]}
        if any(isinstance(value, int) and value > LARGEST_SETTING for value in settings.values()):
            raise ValueError
        return build_network(settings)
    except (ImportError, ArithmeticError, AttributeError, KeyError, RuntimeError, TypeError, ValueError):
        raise InputError(f"{card}: describes no network that this version can build. {REMEDY}") from None


def _check(
    tensors: Mapping[str, torch.Tensor], described: Mapping[str, torch.Tensor], weights: Path, card: Path
) -> None:
    found, wanted = ({name: (each.shape, each.dtype) for name, each in of.items()} for of in (tensors, described))
    if wrong := sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name)):
        raise InputError(f"{weights}: its {wrong[0]} is not that of the network which {card} describes. {REMEDY}")
    if wrong := sorted(name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()):
        raise InputError(f"{weights}: its {wrong[0]} holds what is no finite number. {REMEDY}")
