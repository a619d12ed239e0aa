"""Where a network runs, and with which numbers."""

import logging
import os
from contextlib import AbstractContextManager, nullcontext

import torch


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


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """The context for a forward pass: bfloat16 if `precision` is auto and the device computes with it, else float32."""
    if precision == "auto" and has_bfloat16(device):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies matrices of bfloat16 natively."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
