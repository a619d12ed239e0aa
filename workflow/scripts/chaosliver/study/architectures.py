"""What a configuration may ask of each network, without importing torch or the networks.

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


def input_multiple(network: Mapping[str, Any]) -> int:
    """What the rows and columns of a network's images must be multiples of, in pixels."""
    return 2 ** NETWORKS[network["name"]].halvings(network)
