"""A small U-Net that works at half resolution: space-to-depth before it and depth-to-space behind it.

Three quarters of a U-Net's computation is at full resolution, where it matters least. Folding 2 x 2 pixels into
channels (Shi et al., CVPR 2016, doi 10.1109/CVPR.2016.207, use the inverse) keeps every pixel and leaves a quarter of
the computation.
"""

import torch
from torch import nn
from torch.nn import functional as F

from .unet import double_convolution

FOLD = 2
WIDEST = 320


def build(channels: int, depth: int, inputs: int = 1, outputs: int = 1) -> nn.Module:
    """A folded U-Net of `depth` poolings; its first level has `channels` channels, doubled down to WIDEST at most."""
    return FastUNet(channels, depth, inputs, outputs)


class FastUNet(nn.Module):
    """Maps images [batch, inputs, rows, columns] to logits [batch, outputs, rows, columns].

    Rows and columns are multiples of 2 ** (depth + 1). In training it gives a tuple of logits: those, and for deep
    supervision (Lee et al., AISTATS 2015) those of the levels between the first and the deepest, finer ones first.
    """

    channels_first_on_avx2 = False

    def __init__(self, channels: int, depth: int, inputs: int, outputs: int) -> None:
        super().__init__()
        widths = [min(channels * 2**level, WIDEST) for level in range(depth + 1)]
        pairs = zip([inputs * FOLD**2, *widths], widths, strict=False)
        self.down = nn.ModuleList(double_convolution(before, after, bias=False) for before, after in pairs)
        upwards = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose2d(deep, wide, 2, stride=2) for deep, wide in upwards)
        self.merge = nn.ModuleList(double_convolution(2 * wide, wide, bias=False) for _, wide in upwards)
        self.head = nn.Conv2d(channels, outputs * FOLD**2, 1)
        self.deep_heads = nn.ModuleList(nn.Conv2d(width, outputs, 1) for width in widths[-2:0:-1])

    def forward(self, images: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Logits of the images; in training a tuple, with those of the deeper levels."""
        features, skipped = F.pixel_unshuffle(images, FOLD), []
        for level, block in enumerate(self.down):
            if level:
                skipped.append(features)
                features = F.max_pool2d(features, 2)
            features = block(features)
        levels = []
        for grow, block in zip(self.up, self.merge, strict=True):
            features = block(torch.cat([skipped.pop(), grow(features)], dim=1))
            levels.append(features)
        logits = F.pixel_shuffle(self.head(features), FOLD)
        if not self.training:
            return logits
        deep = [head(level) for head, level in zip(self.deep_heads, levels[:-1], strict=True)]
        return logits, *reversed(deep)
