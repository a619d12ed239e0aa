"""DenseUNet-65: the slighter network of H-DenseUNet, 65 convolutions, in two dimensions.

It is three-dimensional in Li et al., IEEE TMI 2018, doi 10.1109/TMI.2018.2845918; blocks, growth and widths as in the
authors' `denseunet3d.py` (github.com/xmengli/H-DenseUNet; in PyTorch github.com/thangylvp/HDenseUet). There the sums
with the encoder's features are commented out; with these widths they fit behind the convolutions alone.
"""

from torch import nn

from .denseunet import DenseUNet


def build(dropout: float, inputs: int = 1, outputs: int = 1) -> nn.Module:
    """DenseUNet-65, with dropout where DenseUNet-167 has it."""
    return DenseUNet(32, (3, 4, 12, 8), (504, 224, 192, 96, 64), False, dropout, inputs, outputs)
