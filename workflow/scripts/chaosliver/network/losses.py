"""The losses that training minimises."""

from collections.abc import Callable, Sequence

import torch
from torch.nn import functional as F

# The other organs help the network to learn; only the first one is scored.
SHARE_OF_OTHER_ORGANS = 0.25
# Of the first deeper level; each further one weighs half of the one before.
SHARE_OF_DEEPER_LEVEL = 0.4

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def bce(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of logits and masks [batch, organs, rows, columns], per organ [organs]."""
    return F.binary_cross_entropy_with_logits(logits, masks, reduction="none").mean((0, 2, 3))


def bce_dice(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy plus soft Dice over the batch (Milletari et al., 3DV 2016, doi 10.1109/3DV.2016.79)."""
    probability = torch.sigmoid(logits)
    shared, sizes = (probability * masks).sum((0, 2, 3)), (probability + masks).sum((0, 2, 3))
    return bce(logits, masks) + 1 - (2 * shared + 1) / (sizes + 1)


LOSSES: dict[str, Loss] = {"bce": bce, "bce_dice": bce_dice}


def total_loss(loss: Loss, logits: torch.Tensor | Sequence[torch.Tensor], masks: torch.Tensor) -> torch.Tensor:
    """The loss over all organs; deeper levels are compared with masks reduced to their size."""
    finest, *deeper = (logits,) if isinstance(logits, torch.Tensor) else logits
    total = weighted(loss(finest.float(), masks))
    for level, coarse in enumerate(deeper):
        covered = F.avg_pool2d(masks, masks.shape[-1] // coarse.shape[-1])
        share = SHARE_OF_DEEPER_LEVEL * 0.5**level
        total = total + share * weighted(loss(coarse.float(), (covered > 0.5).float()))
    return total


def weighted(per_organ: torch.Tensor) -> torch.Tensor:
    """Mean over the organs; the first is the one that is scored, and weighs most."""
    weights = torch.full_like(per_organ, SHARE_OF_OTHER_ORGANS)
    weights[0] = 1
    return (per_organ * weights).sum() / weights.sum()
