"""A module's operations as ONNX, and whether onnxruntime answers as torch does."""

import logging
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

INPUTS, OUTPUTS = ("greys", "spacing_mm", "positions_mm"), ("mask", "probability")
# A volume to record the operations on, and another size to compare answers on.
RECORDED, COMPARED = (5, 40, 52), (7, 61, 48)
SIZE_AT_MOST = 4096
# Of a probability: float32 sums in another order.
TOLERANCE = 1e-3


def record(whole: nn.Module) -> torch.onnx.ONNXProgram:
    """The operations of a `WholeNetwork`, for volumes of any size."""
    slices, rows, columns = (
        torch.export.Dim(name, min=least, max=SIZE_AT_MOST)
        for name, least in (("slices", 2), ("rows", 8), ("columns", 8))
    )
    with warnings.catch_warnings(), torch.inference_mode():
        # The exporter warns of its own parts.
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            whole,
            tuple(map(torch.from_numpy, _drawn_volume(RECORDED))),
            input_names=INPUTS,
            output_names=OUTPUTS,
            dynamic_shapes=({0: slices, 1: rows, 2: columns}, None, {0: slices}),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return program


def answers_as(whole: nn.Module, file: Path) -> bool:
    """Whether onnxruntime, given the file, finds the probability that the module finds in a drawn volume."""
    volume = _drawn_volume(COMPARED)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    _, answered = session.run(None, dict(zip(INPUTS, volume, strict=True)))
    with torch.inference_mode():
        _, expected = whole(*map(torch.from_numpy, volume))
    return bool(np.allclose(answered, expected.numpy(), atol=TOLERANCE))


def _drawn_volume(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Greys, spacing and positions of a rough ellipsoid in noise."""
    source = np.random.default_rng(1)
    slices, rows, columns = (np.linspace(-1, 1, size) for size in shape)
    inside = slices[:, None, None] ** 2 + rows[:, None] ** 2 + columns**2 < 0.8
    greys = np.rint(source.uniform(0, 60, shape) + inside * source.uniform(300, 900, shape)).astype(np.float32)
    return greys, np.array([3.0, 2.5], np.float32), 6 * np.arange(shape[0], dtype=np.float32)
