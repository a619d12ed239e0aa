"""A trained network as it is handed on: weights in safetensors and a card beside them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from ..base.cards import check_weights, read_card, write_card
from ..base.files import sha256_of, write_atomically
from .architectures.registry import build_network


def save_weights(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write a network's tensors as safetensors, atomically."""
    write_atomically(path, lambda partial: safetensors.torch.save_file(dict(tensors), partial))


def save_model(card: Path, weights: Path, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
    """Write the weights, then a card with `facts` (network, recipe, outputs and more) and the weights' SHA-256."""
    save_weights(weights, tensors)
    write_card(card, {**facts, "weights_sha256": sha256_of(weights)})


def load_model(card: Path, weights: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network in evaluation mode, on the CPU, and its card.

    Raises InputError where the card was altered, and where the weights are not those that it describes.
    """
    facts = read_card(card)
    check_weights(weights, facts["weights_sha256"], card)
    shape = {"inputs": 2 * facts["recipe"]["context"] + 1, "outputs": facts["outputs"]}
    network = build_network({**facts["network"], **shape})
    network.load_state_dict(safetensors.torch.load_file(weights))
    return network.eval(), facts
