"""The U-Net of Ronneberger et al., MICCAI 2015, doi 10.1007/978-3-319-24574-4_28, with padding and BatchNorm.

As in the original study: transposed convolutions on the way up, 64 to 1024 channels at depth 4, one logit per pixel.
"""

import torch
from torch import nn


def build(channels: int, depth: int, dropout: float, inputs: int = 1, outputs: int = 1) -> nn.Module:
    """A U-Net of `depth` poolings whose first level has `channels` channels, doubled at each further level."""
    return UNet(channels, depth, dropout, inputs, outputs)


class UNet(nn.Module):
    """Maps images [batch, inputs, rows, columns] to logits [batch, outputs, rows, columns].

    Rows and columns are multiples of 2 ** depth.
    """

    def __init__(self, channels: int, depth: int, dropout: float, inputs: int, outputs: int) -> None:
        super().__init__()
        widths = [channels * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            double_convolution(given, made) for given, made in zip([inputs, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * made, made, 2, stride=2) for made in reversed(widths[:-1]))
        self.merge = nn.ModuleList(double_convolution(2 * made, made) for made in reversed(widths[:-1]))
        self.pool = nn.MaxPool2d(2)
        # At the end of the contracting path, as its authors placed it: the two deepest levels.
        self.dropout = nn.Dropout(dropout)
        self.dropped = {depth - 1, depth}
        self.head = nn.Conv2d(channels, outputs, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of the images."""
        features, skipped = images, []
        for level, block in enumerate(self.down):
            if level:
                skipped.append(features)
                features = self.pool(features)
            features = block(features)
            if level in self.dropped:
                features = self.dropout(features)
        for grow, block in zip(self.up, self.merge, strict=True):
            features = block(torch.cat([skipped.pop(), grow(features)], dim=1))
        return self.head(features)


def double_convolution(given: int, made: int) -> nn.Sequential:
    """Two 3x3 convolutions, each with BatchNorm (whose shift replaces the bias) and ReLU."""
    return nn.Sequential(
        nn.Conv2d(given, made, 3, padding=1, bias=False),
        nn.BatchNorm2d(made),
        nn.ReLU(inplace=True),
        nn.Conv2d(made, made, 3, padding=1, bias=False),
        nn.BatchNorm2d(made),
        nn.ReLU(inplace=True),
    )
