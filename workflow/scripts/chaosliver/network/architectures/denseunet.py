"""DenseUNet: a DenseNet as encoder, and a decoder to whose levels the encoder's features are added.

After Li et al., H-DenseUNet, IEEE TMI 2018, doi 10.1109/TMI.2018.2845918, and its authors' code
(github.com/xmengli/H-DenseUNet). The encoder is a DenseNet of Huang et al., CVPR 2017,
doi 10.1109/CVPR.2017.243, with bottlenecks and halving transitions. As there: nearest-neighbour upsampling, sums
instead of a U-Net's concatenations, a 1x1 convolution from the third dense block's channels to the fourth's, and
dropout before the last BatchNorm. Different from there: no weights from ImageNet, BatchNorm's own scale and shift in
place of a layer that repeats them, and no bias where a BatchNorm follows.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

STEM = 96
BOTTLENECK = 4


class DenseUNet(nn.Module):
    """Maps images [batch, inputs, rows, columns] to logits [batch, outputs, rows, columns].

    Rows and columns are multiples of 32. Each layer of the dense `blocks` adds `growth` channels; `widths` are the
    channels after each of the five upsamplings. `sums_first` adds the encoder's features before an upsampled level's
    convolution, where they have the channels that come from below; else after it, where they have those that it makes.
    """

    channels_first_on_avx2 = True

    def __init__(
        self,
        growth: int,
        blocks: Sequence[int],
        widths: Sequence[int],
        sums_first: bool,
        dropout: float,
        inputs: int,
        outputs: int,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(inputs, STEM, 7, stride=2, padding=3, bias=False), *normalised_activation(STEM)
        )
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.blocks, self.transitions = nn.ModuleList(), nn.ModuleList()
        channels = STEM
        for number, layers in enumerate(blocks, start=1):
            self.blocks.append(DenseBlock(channels, layers, growth))
            channels += layers * growth
            if number < len(blocks):
                self.transitions.append(transition(channels))
                beside, channels = channels, channels // 2
        self.transitions.append(nn.Sequential(*normalised_activation(channels)))
        self.lateral = nn.Conv2d(beside, channels, 1, bias=False)
        self.up = nn.ModuleList(
            level(in_channels, out_channels) for in_channels, out_channels in pairwise([channels, *widths[:-1]])
        )
        self.last = level(widths[-2], widths[-1], dropout)
        self.head = nn.Conv2d(widths[-1], outputs, 1)
        self.sums_first = sums_first

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of the images."""
        features = self.stem(images)
        skipped = [features]
        features = self.pool(features)
        for block, shrink in zip(self.blocks, self.transitions, strict=True):
            features = block(features)
            skipped.append(features)
            features = shrink(features)
        skipped[-2:] = [self.lateral(skipped[-2])]
        for block, skip in zip(self.up, reversed(skipped), strict=True):
            features = F.interpolate(features, scale_factor=2)
            features = block(features + skip) if self.sums_first else block(features) + skip
        return self.head(self.last(F.interpolate(features, scale_factor=2)))


class DenseBlock(nn.Module):
    """Keeps the `in_channels` channels that it is given, and adds `growth` more for each of its layers."""

    def __init__(self, in_channels: int, layers: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(dense_layer(in_channels + number * growth, growth) for number in range(layers))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The features, and what each layer makes of all before it."""
        for layer in self.layers:
            features = torch.cat([features, layer(features)], dim=1)
        return features


def normalised_activation(channels: int) -> tuple[nn.Module, nn.Module]:
    """BatchNorm and ReLU."""
    return nn.BatchNorm2d(channels), nn.ReLU(inplace=True)


def dense_layer(in_channels: int, growth: int) -> nn.Sequential:
    """A 1x1 convolution to a bottleneck and a 3x3 convolution, each behind BatchNorm and ReLU."""
    return nn.Sequential(
        *normalised_activation(in_channels),
        nn.Conv2d(in_channels, BOTTLENECK * growth, 1, bias=False),
        *normalised_activation(BOTTLENECK * growth),
        nn.Conv2d(BOTTLENECK * growth, growth, 3, padding=1, bias=False),
    )


def transition(in_channels: int) -> nn.Sequential:
    """Half the channels at half the resolution."""
    return nn.Sequential(
        *normalised_activation(in_channels), nn.Conv2d(in_channels, in_channels // 2, 1, bias=False), nn.AvgPool2d(2)
    )


def level(in_channels: int, out_channels: int, dropout: float = 0.0) -> nn.Sequential:
    """A 3x3 convolution with dropout, BatchNorm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.Dropout(dropout),
        *normalised_activation(out_channels),
    )
