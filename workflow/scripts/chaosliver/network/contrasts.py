"""Random contrasts in training, so that an organ is known by its shape and place rather than by its grey value.

Four kinds, each with a probability of its own in the recipe. As in `transforms`, a batch is first drawn for, and the
draw then applied to it on the training device. A curve through random grey values is the way of Zhou et al. (Medical
Image Analysis 2021, doi 10.1016/j.media.2020.101840), a random mean for each organ that of SynthSeg (Billot et al.,
Medical Image Analysis 2023, doi 10.1016/j.media.2023.102789). docs/contrasts.md tells what a curve brings and costs.
"""

from typing import NamedTuple

import torch
from torch.nn import functional

from .recipe import Contrasts

# As a share of an image's range of grey values: what is darker is air, dark in every sequence, and stays as it is.
AIR = 0.08
KNOTS = 9
# By how much a cluster's grey values differ at most, and how an organ's texture is multiplied at most.
CLUSTER_SPREAD = 0.25
ORGAN_SLOPE = 1.5
# Of a slice's pixels, one in so many decides where the knots lie.
STRIDE = 5


class Pieces(NamedTuple):
    """Maps of the body's grey values that are linear between knots, for the images that are `chosen` [batch, 1, 1, 1].

    `quantiles` [batch, KNOTS] are the knots' places among the body's pixels from the darkest, 0, to the brightest, 1,
    in rising order; `starts` and `ends` [batch, KNOTS + 1] are what the grey values at both ends of each piece become.
    """

    chosen: torch.Tensor
    quantiles: torch.Tensor
    starts: torch.Tensor
    ends: torch.Tensor


class OrganGreys(NamedTuple):
    """What each organ's mean becomes, and by what its texture is multiplied: [batch, organs, 1, 1], for `chosen`."""

    chosen: torch.Tensor
    means: torch.Tensor
    slopes: torch.Tensor


class Draw(NamedTuple):
    """What was drawn for a batch, in the order in which it is applied; None for what the recipe does not ask for."""

    organs: OrganGreys | None
    curve: Pieces | None
    clusters: Pieces | None
    inverted: torch.Tensor | None


def draw(contrasts: Contrasts, masks: torch.Tensor) -> Draw:
    """Draw from torch's global generator for a batch with these masks [batch, organs, rows, columns], on its device."""
    # On the CPU, so that every device draws the same.
    count, organs = masks.shape[:2]
    return Draw(
        organs=_draw_organs(contrasts.organs, count, organs, masks.device) if contrasts.organs else None,
        curve=_draw_pieces(contrasts.curve, count, True, masks.device) if contrasts.curve else None,
        clusters=_draw_pieces(contrasts.clusters, count, False, masks.device) if contrasts.clusters else None,
        inverted=_chosen(contrasts.inversion, count).to(masks.device) if contrasts.inversion else None,
    )


def apply(drawn: Draw, images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Change the grey values of images [batch, channels, rows, columns] by a draw.

    Those of the body keep each image's mean and standard deviation.
    """
    if all(part is None for part in drawn):
        return images
    low = images.amin((1, 2, 3), keepdim=True)
    span = (images.amax((1, 2, 3), keepdim=True) - low).clamp(min=1e-6)
    before = (images - low) / span
    body = before > AIR
    share = before
    if drawn.organs:
        share = torch.where(drawn.organs.chosen, _with_organs(drawn.organs, share, masks), share)
    for pieces in (drawn.curve, drawn.clusters):
        if pieces:
            share = torch.where(pieces.chosen & body, _by_pieces(pieces, share, body), share)
    if drawn.inverted is not None:
        share = torch.where(drawn.inverted & body, 1 + AIR - share, share)
    changed = (share != before).flatten(1).any(1).reshape(-1, 1, 1, 1)
    return torch.where(changed, _matched(share, before, body) * span + low, images)


def _draw_organs(probability: float, count: int, organs: int, device: torch.device) -> OrganGreys:
    size = (count, organs, 1, 1)
    return OrganGreys(
        chosen=_chosen(probability, count).to(device),
        means=torch.rand(size).to(device),
        slopes=((torch.rand(size) * 2 - 1) * ORGAN_SLOPE).to(device),
    )


def _draw_pieces(probability: float, count: int, continuous: bool, device: torch.device) -> Pieces:
    quantiles = torch.rand(count, KNOTS).sort(dim=1).values
    greys = torch.rand(count, KNOTS + 2)
    if continuous:
        # Joined to air, so that what lies between it and the body stays between them.
        greys[:, 0] = AIR
        starts, ends = greys[:, :-1], greys[:, 1:]
    else:
        starts = greys[:, 1:]
        ends = (starts + (torch.rand(count, KNOTS + 1) * 2 - 1) * CLUSTER_SPREAD).clamp(0, 1)
    chosen = _chosen(probability, count)
    return Pieces(*(part.to(device) for part in (chosen, quantiles, starts, ends)))


def _chosen(probability: float, count: int) -> torch.Tensor:
    return torch.rand(count, 1, 1, 1) < probability


def _with_organs(drawn: OrganGreys, share: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Each organ's own mean replaced; the mask is the middle slice's, and its edge is softened by a pixel."""
    middle = share[:, share.shape[1] // 2, None]
    means = (middle * masks).sum((2, 3), keepdim=True) / masks.sum((2, 3), keepdim=True).clamp(min=1)
    for organ, soft in enumerate(functional.avg_pool2d(masks, 3, 1, 1).split(1, dim=1)):
        one = slice(organ, organ + 1)
        new = drawn.means[:, one] + (share - means[:, one]) * drawn.slopes[:, one]
        share = share + soft * (new.clamp(AIR, 1) - share)
    return share


def _by_pieces(drawn: Pieces, share: torch.Tensor, body: torch.Tensor) -> torch.Tensor:
    knots = _knots(drawn.quantiles, share, body)
    lowest, highest = torch.full_like(knots[:, :1], AIR), share.flatten(1).amax(1, keepdim=True)
    edges = torch.cat([lowest, knots, highest.clamp(min=1)], dim=1)
    slopes = (drawn.ends - drawn.starts) / edges.diff(dim=1).clamp(min=1e-4)
    values = share.flatten(1)
    piece = torch.searchsorted(knots, values, right=True)
    rise = (values - edges.gather(1, piece)) * slopes.gather(1, piece)
    return (drawn.starts.gather(1, piece) + rise).reshape(share.shape)


def _knots(quantiles: torch.Tensor, share: torch.Tensor, body: torch.Tensor) -> torch.Tensor:
    """The grey values [batch, KNOTS] at these quantiles of the body in the middle slice."""
    middle = share.shape[1] // 2
    inside = body[:, middle].flatten(1)[:, ::STRIDE]
    # What is no body comes first.
    ranked = share[:, middle].flatten(1)[:, ::STRIDE].where(inside, -1.0).sort(dim=1).values
    outside = (~inside).sum(1, keepdim=True)
    last = ranked.shape[1] - 1
    places = outside + quantiles * (last - outside)
    return ranked.gather(1, places.long().clamp(max=last)).clamp(min=AIR)


def _matched(share: torch.Tensor, before: torch.Tensor, body: torch.Tensor) -> torch.Tensor:
    mean, deviation = _moments(share, body)
    own_mean, own_deviation = _moments(before, body)
    return (share - mean) / deviation.clamp(min=0.02) * own_deviation + own_mean


def _moments(share: torch.Tensor, body: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation [batch, 1, 1, 1] over the body's pixels."""
    count = body.sum((1, 2, 3), keepdim=True).clamp(min=1)
    mean = (share * body).sum((1, 2, 3), keepdim=True) / count
    return mean, (((share - mean) ** 2 * body).sum((1, 2, 3), keepdim=True) / count).sqrt()
