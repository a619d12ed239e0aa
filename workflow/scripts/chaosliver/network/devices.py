"""Where a network runs, with which numbers, and what to do where its memory does not suffice."""

import logging
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock, Timeout
from torch import nn

from ..base.errors import InputError

# What the original study measured with its U-Net: 4 GB at batch 4 and 9.1 GB at batch 16, of 256 x 256 pixels.
BASE_GB, GB_PER_SLICE = 2.3, 0.425

OUT_OF_MEMORY_WORDS = (
    "out of memory",
    "DefaultCPUAllocator: can't allocate memory",
    "not enough memory",
    "_STATUS_ALLOC_FAILED",
)


class Numerics(NamedTuple):
    """The numbers of a training or prediction on `device`.

    `lowered` is the type that autocast gives to matrix products and convolutions, None for float32 throughout. `scaler`
    keeps the gradients of float16 from vanishing; elsewhere it is disabled and leaves everything as it is, so that the
    same lines of a training serve all devices. Its state belongs into a checkpoint.
    """

    device: torch.device
    lowered: torch.dtype | None
    scaler: torch.amp.GradScaler

    def layout_of(self, network: nn.Module) -> torch.memory_format:
        """The order in memory of a network's weights and images that is fastest with these numbers.

        Channels last, except in float32 on a processor without AVX-512 for networks that say `channels_first_on_avx2`.
        By rule and not by trial, which other work on the machine could decide otherwise: the layout alters the last
        digits of the weights. Measured: docs/measurements/layout.tsv.
        """
        in_float32 = self.device.type == "cpu" and self.lowered is None
        without_avx512 = in_float32 and torch.backends.cpu.get_cpu_capability() != "AVX512"
        return torch.contiguous_format if without_avx512 and network.channels_first_on_avx2 else torch.channels_last

    def autocast(self) -> AbstractContextManager:
        """The context for a forward pass."""
        return torch.autocast(self.device.type, self.lowered) if self.lowered else nullcontext()


@contextmanager
def claimed_device() -> Iterator[torch.device]:
    """The device of this job: a GPU that no other job of this user holds, else MPS, else the processor.

    A single GPU is taken as it is: whoever set CUDA_VISIBLE_DEVICES, a scheduler for one, has decided. Among several, a
    lock file for each settles who has which, and a job waits while all are taken.
    """
    if not torch.cuda.is_available():
        yield choose_device()
        return
    names = [str(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())]
    with claim(names, _lock_folder()) as number:
        torch.cuda.set_device(number)
        yield torch.device("cuda", number)


@contextmanager
def claim(names: Sequence[str], folder: Path, poll_seconds: float = 2.0) -> Iterator[int]:
    """Hold the first of the devices `names` that is free, and give its position; a single one is not locked.

    The names are the same for all jobs, whatever part of the machine each of them sees. The operating system drops a
    claim with the process, however that ends.
    """
    if len(names) == 1:
        yield 0
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    locks = [FileLock(folder / f"{name}.lock") for name in names]
    waiting = False
    while (free := next((number for number, lock in enumerate(locks) if _taken(lock)), None)) is None:
        if not waiting:
            logging.info("all %d GPUs are taken by other jobs: waiting for one", len(names))
        waiting = True
        time.sleep(poll_seconds)
    try:
        yield free
    finally:
        locks[free].release()


def choose_device() -> torch.device:
    """CUDA where there is a GPU, else MPS, else the processor, which is said aloud since it is slow."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    logging.warning("no GPU found: running on the processor with %d threads", torch.get_num_threads())
    return torch.device("cpu")


def make_repeatable(seed: int, threads: int) -> None:
    """Fix threads, seed and algorithms, so that the same machine gives the same weights bit for bit."""
    # cuBLAS reads it when it starts; without it, deterministic matrix products are refused.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    # Else every new tensor is first filled with NaN, which serves to find reads of unwritten memory and costs time.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # Its choice by trial may differ from run to run.
    torch.backends.cudnn.benchmark = False


def numerics_for(device: torch.device, precision: str) -> Numerics:
    """The numbers for `precision`: "float32", or "auto" for what the device computes fastest and safely with.

    Auto is bfloat16 where the device multiplies it natively, float16 with scaled gradients on other CUDA devices, and
    float32 elsewhere; what CUDA still multiplies in float32 goes through TF32.
    """
    lowered = _lowered_type(device) if precision == "auto" else None
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = precision == "auto"
        torch.backends.cudnn.allow_tf32 = precision == "auto"
    return Numerics(device, lowered, torch.amp.GradScaler(device.type, enabled=lowered is torch.float16))


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies matrices of bfloat16 natively."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor of the processor on the device; to CUDA from pinned memory, so that copying goes on beside computing."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


@contextmanager
def memory_advice(batch_size: int, rows: int, columns: int) -> Iterator[None]:
    """Turn an allocation that fails inside into an InputError that says what to lower, and by how much."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(f"out of memory ({_first_line(error)}): {_advice(batch_size, rows, columns)}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is an allocation that failed, on a GPU or on the processor, where torch has no type for it."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY_WORDS)


def _taken(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True


def _lock_folder() -> Path:
    # One user's: a lock file of one user cannot be opened by another. On Windows the temporary folder is the user's.
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"chaos-liver-gpus-{user}"


def _lowered_type(device: torch.device) -> torch.dtype | None:
    if has_bfloat16(device):
        return torch.bfloat16
    return torch.float16 if device.type == "cuda" else None


def _advice(batch_size: int, rows: int, columns: int) -> str:
    if batch_size == 1:
        return (
            f"recipe.batch_size is 1 already; halve network.channels, or the {rows} x {columns} pixels of recipe's grid"
        )
    return (
        f"lower recipe.batch_size from {batch_size} to {batch_size // 2}. As a rule of thumb, the original U-Net takes "
        f"{_gigabytes(batch_size, rows, columns):.1f} GB at {batch_size} and "
        f"{_gigabytes(batch_size // 2, rows, columns):.1f} GB at {batch_size // 2} slices of {rows} x {columns} pixels"
    )


def _gigabytes(slices: int, rows: int, columns: int) -> float:
    return BASE_GB + GB_PER_SLICE * slices * rows * columns / 256**2


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
