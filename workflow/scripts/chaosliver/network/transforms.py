"""Augmentation on the fly, as tensor operations on the training device: one draw for a batch, then its application.

The ranges are those usual for abdominal MRI (Isensee et al., Nature Methods 2021, doi 10.1038/s41592-020-01008-z),
found good enough by cross-validation over the training patients; docs/recipe.md tells what was tried.
"""

import math
from typing import NamedTuple

import torch
from torch.nn import functional as F

ROTATION_DEGREES = 20
SCALE = 0.25
ASPECT = 0.1
SHEAR = 0.1
SHIFT = 0.12
ELASTIC_NODES = (5, 7)
ELASTIC = 0.035
ELASTIC_PROBABILITY = 0.5
GAMMA = 0.4
BIAS_NODES = (3, 4)
BIAS = 0.15
CONTRAST = 0.15
NOISE = 0.15
NOISE_PROBABILITY = 0.5
# By what the ranges, but not the probabilities, are multiplied.
STRENGTHS = {"mild": 0.5, "strong": 1.0}


class Draw(NamedTuple):
    """What was drawn for a batch: where each pixel comes from, and how grey values change."""

    grid: torch.Tensor
    gamma: torch.Tensor
    bias: torch.Tensor
    contrast: torch.Tensor
    noise: torch.Tensor


def draw(images: torch.Tensor, strength: float) -> Draw:
    """Draw for images [batch, channels, rows, columns] from torch's global generator, for their device and size.

    The ranges are multiplied by `strength`.
    """
    count, _, rows, columns = images.shape
    # On the CPU, so that every device draws the same.
    grid = F.affine_grid(_affine(count, rows / columns, strength), [count, 1, rows, columns], align_corners=False)
    bent = (
        (torch.rand(count, 1, 1, 1) < ELASTIC_PROBABILITY) * ELASTIC * strength * torch.randn(count, 2, *ELASTIC_NODES)
    )
    grid = grid + _smooth(bent, rows, columns).permute(0, 2, 3, 1)
    one = (count, 1, 1, 1)
    noisy = torch.rand(one) * NOISE * strength * (torch.rand(one) < NOISE_PROBABILITY)
    return Draw(
        grid=grid.to(images.device),
        gamma=torch.exp(_symmetric(one) * GAMMA * strength).to(images.device),
        bias=torch.exp(_smooth(torch.randn(count, 1, *BIAS_NODES) * BIAS * strength, rows, columns)).to(images.device),
        contrast=torch.exp(torch.randn(one) * CONTRAST * strength).to(images.device),
        noise=(torch.randn(images.shape) * noisy).to(images.device),
    )


def move(drawn: Draw, images: torch.Tensor, masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Move images and masks [batch, organs, rows, columns] together, the masks by nearest neighbour."""
    moved = F.grid_sample(images, drawn.grid, mode="bilinear", padding_mode="border", align_corners=False)
    return moved, F.grid_sample(masks, drawn.grid, mode="nearest", padding_mode="zeros", align_corners=False)


def change_greys(drawn: Draw, images: torch.Tensor) -> torch.Tensor:
    """Change the grey values by gamma, bias field and contrast, and add noise."""
    low = images.amin((1, 2, 3), keepdim=True)
    span = images.amax((1, 2, 3), keepdim=True) - low
    share = ((images - low) / span.clamp(min=1e-6)).clamp(min=1e-6)
    grey = share**drawn.gamma * span * drawn.bias + low
    return grey * drawn.contrast + drawn.noise


def _affine(count: int, aspect: float, strength: float) -> torch.Tensor:
    """Random affine maps [count, 2, 3] in the normalised coordinates of affine_grid; `aspect` is rows by columns."""
    angle = _symmetric(count) * math.radians(ROTATION_DEGREES) * strength
    scale, stretch = (torch.exp(_symmetric(count) * limit * strength) for limit in (SCALE, ASPECT))
    shear = _symmetric(count) * SHEAR * strength
    shift = SHIFT * strength
    cosine, sine = torch.cos(angle) / scale, torch.sin(angle) / scale
    first = torch.stack([cosine * stretch, (shear - sine) * aspect, _symmetric(count) * shift], dim=1)
    second = torch.stack([sine / aspect, cosine / stretch, _symmetric(count) * shift], dim=1)
    return torch.stack([first, second], dim=1)


def _symmetric(shape: int | tuple[int, ...]) -> torch.Tensor:
    return torch.rand(shape) * 2 - 1


def _smooth(nodes: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    return F.interpolate(nodes, (rows, columns), mode="bicubic", align_corners=True)
