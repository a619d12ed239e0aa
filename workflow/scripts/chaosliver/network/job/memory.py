"""How much memory a job may fill with data, and what to lower where memory does not suffice."""

from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch

from ...base.errors import InputError
from ..recipe import Recipe

# The rest is for the network, its activations and the interpreter.
SHARE_FOR_DATA = 0.5
# What the original study measured with its U-Net: 4 GB at batch 4 and 9.1 GB at batch 16, of 256 x 256 pixels.
BASE_GB, GB_PER_SLICE = 2.3, 0.425

OUT_OF_MEMORY_WORDS = (
    "out of memory",
    "DefaultCPUAllocator: can't allocate memory",
    "not enough memory",
    "_STATUS_ALLOC_FAILED",
)


def bytes_for_data(requested_mb: int) -> int:
    """Bytes that data may take: half of what is free now, or of what the job asked for if that is less."""
    free = min(psutil.virtual_memory().available, requested_mb * 10**6)
    return int(free * SHARE_FOR_DATA)


@contextmanager
def memory_advice(recipe: Recipe) -> Iterator[None]:
    """Turn an allocation that fails inside into an InputError that says what to lower, and by how much."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(f"out of memory ({_first_line(error)}): {_advice(recipe)}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is an allocation that failed, on a GPU or on the CPU, where torch has no type for it."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY_WORDS)


def _advice(recipe: Recipe) -> str:
    size, pixels = recipe.batch_size, f"{recipe.grid.rows} x {recipe.grid.columns} pixels"
    if size == 1:
        return f"recipe.batch_size is 1 already; halve network.channels, or the {pixels} of recipe's grid"
    now, halved = _gigabytes(size, recipe), _gigabytes(size // 2, recipe)
    return (
        f"lower recipe.batch_size from {size} to {size // 2}. As a rule of thumb, the original U-Net takes "
        f"{now:.1f} GB at {size} and {halved:.1f} GB at {size // 2} slices of {pixels}"
    )


def _gigabytes(slices: int, recipe: Recipe) -> float:
    return BASE_GB + GB_PER_SLICE * slices * recipe.grid.rows * recipe.grid.columns / 256**2


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
