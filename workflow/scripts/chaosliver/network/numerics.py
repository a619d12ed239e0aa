"""Precision, memory layout and repeatability of what a network computes."""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import nn


class Numerics(NamedTuple):
    """Precision and gradient scaling of a training or a prediction on `device`.

    `autocast_dtype` is the type that autocast gives to matrix products and convolutions, None for float32 throughout.
    `scaler` keeps the gradients of float16 from vanishing; elsewhere it is disabled and leaves everything as it is, so
    that the same lines of a training serve all devices. Its state is part of a checkpoint.
    """

    device: torch.device
    autocast_dtype: torch.dtype | None
    scaler: torch.amp.GradScaler

    def layout_of(self, network: nn.Module) -> torch.memory_format:
        """The memory layout of a network's weights and images that is fastest at this precision.

        Channels last, except in float32 on a CPU without AVX-512 for networks that say `channels_first_on_avx2`.
        It is fixed by rule, not by timing, whose outcome depends on what else the machine does: the layout alters the
        last digits of the weights. Measured: docs/measurements/layout.tsv.
        """
        in_float32 = self.device.type == "cpu" and self.autocast_dtype is None
        without_avx512 = in_float32 and torch.backends.cpu.get_cpu_capability() != "AVX512"
        return torch.contiguous_format if without_avx512 and network.channels_first_on_avx2 else torch.channels_last

    def autocast(self) -> AbstractContextManager:
        """The context for a forward pass."""
        return torch.autocast(self.device.type, self.autocast_dtype) if self.autocast_dtype else nullcontext()


def numerics_for(device: torch.device, precision: str) -> Numerics:
    """The numerics for a `precision`: "float32", or "auto" for the fastest that is safe on the device.

    Auto is bfloat16 where the device multiplies it natively, float16 with scaled gradients on other CUDA devices, and
    float32 elsewhere. `set_tf32` decides how CUDA multiplies float32.
    """
    dtype = _fastest_safe_dtype(device) if precision == "auto" else None
    return Numerics(device, dtype, torch.amp.GradScaler(device.type, enabled=dtype is torch.float16))


def set_tf32(device: torch.device, precision: str) -> None:
    """Set torch's global flags so that CUDA multiplies float32 through TF32 for "auto", and exactly for "float32"."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = precision == "auto"
        torch.backends.cudnn.allow_tf32 = precision == "auto"


def make_repeatable(seed: int, threads: int) -> None:
    """Fix threads, seed and algorithms, so that the same machine gives the same weights bit for bit."""
    # cuBLAS reads it when it starts; without it, deterministic matrix products are refused.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    # Otherwise every new tensor is first filled with NaN, which finds reads of unwritten memory and costs time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # It chooses algorithms by timing them, which may differ from run to run.
    torch.backends.cudnn.benchmark = False


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies matrices of bfloat16 natively."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor of the CPU on the device; to CUDA from pinned memory, so that it is copied while the GPU computes."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def _fastest_safe_dtype(device: torch.device) -> torch.dtype | None:
    if has_bfloat16(device):
        return torch.bfloat16
    return torch.float16 if device.type == "cuda" else None
