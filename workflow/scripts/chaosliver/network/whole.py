"""Networks with everything around them: from a volume's grey values and spacing to its mask, as one torch module."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..base.volumes import GAP_LIMIT
from ..prepare.images import DRAWN_SHAPE, Encoding
from .grids import BODY, BODY_SHARE_OF_BRIGHTEST, BRIGHTEST
from .recipe import Recipe
from .tensors import (
    BLACK_TO_WHITE,
    apply_weights,
    blur_weights,
    drawn,
    largest_component,
    linear_weights,
    middle_of,
    opened,
    over_corners,
    over_faces,
    quantile,
    resize_weights,
)


class Weights(NamedTuple):
    """What resamples planes: weights of rows and of columns, there and back."""

    rows: Tensor
    columns: Tensor
    rows_back: Tensor
    columns_back: Tensor


class WholeNetwork(nn.Module):
    """From a volume to its mask, by the pack's encoding, recipe, networks, threshold and component.

    Its numbers are those of `planes_of` and `answer_to` up to rounding: float32 throughout, no bfloat16.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        recipe: Recipe,
        encoding: Encoding,
        *,
        threshold: float,
        largest_component: bool,
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.recipe, self.encoding = recipe, encoding
        self.threshold, self.keeps_largest = threshold, largest_component

    def forward(self, greys: Tensor, spacing_mm: Tensor, positions_mm: Tensor) -> tuple[Tensor, Tensor]:
        """The mask, uint8 0 or 1, and the probability, float32, both [slices, rows, columns].

        `greys` float32 [slices, rows, columns] are axial slices from the feet to the head, rows to the back and columns
        to the left; `spacing_mm` [2] is the distance of rows and that of columns, `positions_mm` [slices] where each
        slice lies along the body.
        """
        pixels, low, high = self._encoded(greys - greys.min().clamp(max=0))
        own = (greys.shape[1], greys.shape[2])
        resampled = self._weights(pixels, spacing_mm.double(), own)
        seen = self._normalised(pixels, low, high, resampled)
        probability = self._mean_probability(seen[self._neighbours(positions_mm)])
        probability = apply_weights(probability, resampled.rows_back, resampled.columns_back)
        mask = probability >= self.threshold
        if self.keeps_largest:
            mask = largest_component(mask, over_faces)
        return mask.to(torch.uint8), probability

    def _encoded(self, greys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pixels as training images hold them, and the window, [slices, 1, 1] or one number."""
        encoding = self.encoding
        black, white = torch.zeros(()), torch.full((), float(BLACK_TO_WHITE))
        if encoding.scaling == "drawn":
            return drawn(greys, DRAWN_SHAPE, brightest_to_zero=encoding.brightest_to_zero), black, white
        values = greys.flatten(1) if encoding.scaling == "slice" else greys.flatten()
        low, high = (quantile(values, percent / 100) for percent in encoding.percentiles)
        high = torch.maximum(high, low + 1)
        if encoding.scaling == "slice":
            low, high = low[:, None, None], high[:, None, None]
        if encoding.bits == 16:
            return greys, low.float(), high.float()
        scaled = (greys - low.float()) * (BLACK_TO_WHITE / (high - low)).float()
        return scaled.clamp(0.0, float(BLACK_TO_WHITE)).round(), black, white

    def _weights(self, pixels: Tensor, spacing_mm: Tensor, own: tuple[int, int]) -> Weights:
        grid = self.recipe.grid
        size = (grid.rows, grid.columns)
        if grid.spacing_mm is None:
            return Weights(*resize_weights(size, (pixels.shape[1], pixels.shape[2])), *resize_weights(own, size))
        # A drawn slice, which has other pixels than its image, is never resampled to a spacing.
        steps = [grid.spacing_mm / spacing for spacing in spacing_mm.unbind()]
        shrink = steps[1]
        there, back = [], []
        for middle, step, new, old in zip(_middle_of_body(pixels), steps, size, own, strict=True):
            first = middle - step * (new - 1) / 2
            weights = linear_weights(first + step * torch.arange(new), old).float()
            blurred = weights @ blur_weights(old, (0.35 * shrink).clamp(min=0.1))
            there.append(torch.where(shrink > 1, blurred, weights))
            back.append(linear_weights((torch.arange(old) - first) / step, new))
        return Weights(there[0], there[1], back[0], back[1])

    def _normalised(self, pixels: Tensor, low: Tensor, high: Tensor, resampled: Weights) -> Tensor:
        """What the networks see, [slices, rows, columns] of the grid."""
        normalisation = self.recipe.normalisation
        if normalisation == "none":
            return apply_weights(pixels, resampled.rows, resampled.columns)
        share = (pixels - low) / (high - low)
        if normalisation == "window":
            return apply_weights(share.clamp(0.0, 1.0), resampled.rows, resampled.columns)
        cut = apply_weights(share, resampled.rows, resampled.columns).clamp(0.0, BRIGHTEST)
        body = (cut > BODY).double()
        count = body.sum().clamp(min=1)
        mean = (cut * body).sum() / count
        deviation = (((cut - mean) ** 2 * body).sum() / count).sqrt() + 1e-6
        # A volume of air alone stays as it is.
        none = body.sum() == 0
        return (cut - torch.where(none, 0.0, mean).float()) / torch.where(none, 1.0, deviation).float()

    def _neighbours(self, positions_mm: Tensor) -> Tensor:
        """For each slice the numbers of its neighbours, as `neighbours_of` gives them."""
        context = self.recipe.context
        own = torch.arange(positions_mm.shape[0])
        apart = positions_mm.double().diff().abs()
        far = (apart > GAP_LIMIT * quantile(apart, 0.5)).long()
        stretch = torch.cat([torch.zeros(1, dtype=torch.long), far.cumsum(0)])
        columns = []
        for step in range(-context, context + 1):
            beside = (own + step).clamp(min=0).minimum(own[-1])
            columns.append(torch.where(stretch[beside] == stretch, beside, own))
        return torch.stack(columns, dim=1)

    def _mean_probability(self, inputs: Tensor) -> Tensor:
        """The networks' mean probability [slices, rows, columns], one slice after another."""

        def step(counted: Tensor, planes: Tensor) -> tuple[Tensor, Tensor]:
            each = torch.stack([torch.sigmoid(network(planes[None])[0, 0]) for network in self.networks])
            return counted + 1, each.sum(dim=0) / len(self.networks)

        _, answers = torch._higher_order_ops.scan(step, torch.zeros(()), inputs)
        return answers


def _middle_of_body(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Middle (row, column) of the box around the body, seen along z; of the plane where there is no body."""
    brightest = pixels.amax(dim=0)
    body = opened(brightest > (BODY_SHARE_OF_BRIGHTEST * quantile(brightest.flatten(), 0.99)).float(), 5)
    body = largest_component(body, over_corners)
    body = body | ~body.any()
    return middle_of(body.any(dim=1)), middle_of(body.any(dim=0))
