"""Networks by name. A network's module is imported only when it is built: editing one retrains no other."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from torch import nn


def build_network(settings: Mapping[str, Any]) -> nn.Module:
    """The network that `settings["name"]` names (its module in this package), built with the other settings.

    It maps images, float [batch, inputs, rows, columns], to logits [batch, outputs, rows, columns], and in training
    perhaps to a tuple of them, the others at coarser levels; `inputs` and `outputs` are 1 where the settings do not
    say otherwise. Its `channels_first_on_avx2` says which layout is faster in float32 on a CPU without AVX-512.
    """
    module = import_module(f".{settings['name']}", __package__)
    return module.build(**{key: value for key, value in settings.items() if key != "name"})
