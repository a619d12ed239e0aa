"""Parts of one patient's slice put into another's: CutMix (Yun et al., ICCV 2019, doi 10.1109/ICCV.2019.00612)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch


class Draw(NamedTuple):
    """For each image of a batch the `partner` [batch] that its `part` [batch, 1, rows, columns] comes from."""

    partner: torch.Tensor
    part: torch.Tensor


def draw(probability: float, patients: Sequence[str], images: torch.Tensor) -> Draw:
    """Draw from torch's global generator for images [batch, channels, rows, columns] of these patients.

    With `probability` an image gets a rectangle of another patient's: its share of the area is uniform between 0 and
    1, its middle anywhere, and what lies beyond the image is cut off. Without another patient in the batch, none.
    """
    count, _, rows, columns = images.shape
    partner = torch.tensor([_partner(number, patients) for number in range(count)])
    side = torch.rand(count).sqrt()
    chosen = torch.rand(count) < probability
    inside = [_inside(torch.rand(count), side, size) for size in (rows, columns)]
    part = inside[0][:, None, :, None] & inside[1][:, None, None, :] & chosen.reshape(-1, 1, 1, 1)
    return Draw(partner.to(images.device), part.to(images.device))


def apply(drawn: Draw, images: torch.Tensor, masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Put the drawn parts of their partners, image and masks alike, into the images [batch, ...]."""
    return (
        torch.where(drawn.part, images[drawn.partner], images),
        torch.where(drawn.part, masks[drawn.partner], masks),
    )


def _partner(number: int, patients: Sequence[str]) -> int:
    others = [other for other, patient in enumerate(patients) if patient != patients[number]]
    return others[int(torch.randint(len(others), ()))] if others else number


def _inside(middle: torch.Tensor, side: torch.Tensor, size: int) -> torch.Tensor:
    """Which of `size` pixels [batch, size] lie within half of `side` of the middle, both as shares of the size."""
    places = (torch.arange(size) + 0.5) / size
    return (places - middle[:, None]).abs() < side[:, None] / 2
