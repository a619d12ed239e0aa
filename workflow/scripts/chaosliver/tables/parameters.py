"""How many parameters a network has, as its weights' file says, without loading them."""

import json
import math
from pathlib import Path

from ..base.errors import InputError

# What BatchNorm measures and nobody trains.
MEASURED = ("running_mean", "running_var", "num_batches_tracked")
# A longer header is none: safetensors itself refuses it.
LONGEST_HEADER = 100_000_000


def count_parameters(weights: Path) -> int:
    """The number of trained parameters in a safetensors file, by the shapes in its header.

    The header is JSON behind its length in bytes, which takes 8 bytes, little-endian:
    github.com/huggingface/safetensors. Raises InputError where the file is missing or has none.
    """
    try:
        with weights.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = stream.read(min(length, LONGEST_HEADER))
        if len(header) != length:
            raise ValueError
        tensors = json.loads(header)
        return sum(
            math.prod(tensor["shape"])
            for name, tensor in tensors.items()
            if name != "__metadata__" and name.rsplit(".", 1)[-1] not in MEASURED
        )
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise InputError(
            f"{weights}: is missing or not a file of weights. Delete it, and run again to make it anew"
        ) from None
