"""DenseUNet-167: the two-dimensional network of H-DenseUNet, 167 convolutions around a DenseNet-161.

Li et al., IEEE TMI 2018, doi 10.1109/TMI.2018.2845918; blocks, growth and widths as in the authors' `denseunet.py`
(github.com/xmengli/H-DenseUNet; in PyTorch github.com/ananyajana/HDenseUNet_pytorch, which concatenates).
"""

from torch import nn

from .denseunet import DenseUNet


def build(dropout: float, inputs: int = 1, outputs: int = 1) -> nn.Module:
    """DenseUNet-167; its authors' dropout is 0.3."""
    return DenseUNet(48, (6, 12, 36, 24), (768, 384, 96, 96, 64), True, dropout, inputs, outputs)
