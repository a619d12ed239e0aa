"""The networks by name, and what a configuration may set of each, without importing torch or the networks.

No training reads this: a network that is added here retrains none.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Network(NamedTuple):
    """The settings beside its name, and how often its images are halved, given those settings."""

    settings: tuple[str, ...]
    halvings: Callable[[Mapping[str, Any]], int]


# By the name of the network's module.
NETWORKS = {
    "unet": Network(("channels", "depth", "dropout"), lambda network: network["depth"]),
    "fast": Network(("channels", "depth"), lambda network: network["depth"] + 1),
    "denseunet65": Network(("dropout",), lambda network: 5),
    "denseunet167": Network(("dropout",), lambda network: 5),
}

# What each setting may be, as JSON Schema.
SETTINGS: dict[str, dict[str, Any]] = {
    "channels": {"type": "integer", "minimum": 1, "maximum": 1024},
    "depth": {"type": "integer", "minimum": 1, "maximum": 8},
    "dropout": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
}


def input_multiple(network: Mapping[str, Any]) -> int:
    """What the rows and columns of a network's images must be multiples of, in pixels."""
    return 1 << NETWORKS[network["name"]].halvings(network)
