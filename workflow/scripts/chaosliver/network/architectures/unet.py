"""The original study's U-Net, after Ronneberger et al., MICCAI 2015, doi 10.1007/978-3-319-24574-4_28.

At 64 channels and depth 4 it is that network to the last weight (docs/original.md): padded convolutions with bias,
BatchNorm, transposed convolutions on the way up, dropout after each pooling and on each merged map.
"""

import torch
from torch import nn

# Channels of the first level from which channels first is the faster layout in float32 on a CPU without AVX-512.
WIDE = 32


def build(channels: int, depth: int, dropout: float, inputs: int = 1, outputs: int = 1) -> nn.Module:
    """A U-Net of `depth` poolings whose first level has `channels` channels, doubled at each further level."""
    return UNet(channels, depth, dropout, inputs, outputs)


class UNet(nn.Module):
    """Maps images [batch, inputs, rows, columns] to logits [batch, outputs, rows, columns].

    Rows and columns are multiples of 2 ** depth.
    """

    def __init__(self, channels: int, depth: int, dropout: float, inputs: int, outputs: int) -> None:
        super().__init__()
        self.channels_first_on_avx2 = channels >= WIDE
        widths = [channels * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            double_convolution(in_channels, out_channels)
            for in_channels, out_channels in zip([inputs, *widths], widths, strict=False)
        )
        self.up, self.merge = nn.ModuleList(), nn.ModuleList()
        # Level by level, as the original makes them, so that one seed gives both the same first weights.
        for out_channels in reversed(widths[:-1]):
            self.up.append(nn.ConvTranspose2d(2 * out_channels, out_channels, 2, stride=2))
            self.merge.append(double_convolution(2 * out_channels, out_channels))
        self.head = nn.Conv2d(channels, outputs, 1)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of the images."""
        features, skipped = self.down[0](images), []
        for block in self.down[1:]:
            skipped.append(features)
            features = block(self.dropout(self.pool(features)))
        for grow, block in zip(self.up, self.merge, strict=True):
            merged = torch.cat([grow(features), skipped.pop()], dim=1)
            features = block(self.dropout(merged))
        return self.head(features)


def double_convolution(in_channels: int, out_channels: int, bias: bool = True) -> nn.Sequential:
    """Two 3x3 convolutions, each with BatchNorm and ReLU; BatchNorm's shift makes a `bias` redundant."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=bias),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
