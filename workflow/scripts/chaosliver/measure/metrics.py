"""How well a predicted mask agrees with the ground truth, by the CHAOS challenge's measures, HD95 and surface Dice.

Source: Kavur et al., Medical Image Analysis 2021, doi 10.1016/j.media.2020.101950, and the challenge's own evaluation
code. HD95 and the normalised surface Dice (NSD) are not the challenge's; surfaces.py has their sources. A measure that
is not defined for a case is None, so that it cannot enter a mean as a number:

=========  ==========  ====  ====  ================  ====  =====
reference  prediction  Dice  RAVD  ASSD, HD95, MSSD  NSD   score
=========  ==========  ====  ====  ================  ====  =====
empty      empty       1     0     None              None  None
empty      some        0     None  None              0     0
some       empty       0     100   None              0     0
some       everything  > 0   > 0   None              0     0
empty      everything  0     None  None              None  0
=========  ==========  ====  ====  ================  ====  =====

If both are empty they agree, but there is no surface to measure and nothing that the challenge would score. If one of
them is empty there is no distance either, and 0 would be wrong: such a failure shows in the Dice, in the score, and in
the tables' count of volumes without a distance. It also shows in the NSD: nothing of the surface that there is has a
counterpart, so it is 0. A prediction that fills the whole volume (everything) has no surface, so its distances are None
and its score is 0; its NSD is 0, or None if the reference has no surface either.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .surfaces import directed_distances, surface_dice, surface_distances

Mask = np.ndarray


class VolumeScores(NamedTuple):
    """The measures of one volume: Dice and NSD 0 to 1, RAVD in percent, distances in mm, score 0 to 100."""

    dice: float
    ravd_percent: float | None
    assd_mm: float | None
    hd95_mm: float | None
    mssd_mm: float | None
    nsd: float | None
    challenge_score: float | None


def dice(reference: Mask, prediction: Mask) -> float:
    """Dice coefficient of two boolean masks of equal shape, a slice or a volume; 1 where both are empty."""
    sizes = np.count_nonzero(reference) + np.count_nonzero(prediction)
    return 2 * np.count_nonzero(reference & prediction) / sizes if sizes else 1.0


def soft_dice(reference: Mask, prediction: np.ndarray) -> float:
    """Dice of a boolean mask and grey values from 0 to 1, as in the original study's script; 1 if both are empty.

    For a prediction of only 0 and 1 it equals `dice`.
    """
    sizes = np.count_nonzero(reference) + float(prediction.sum(dtype=np.float64))
    return 2 * float(prediction[reference].sum(dtype=np.float64)) / sizes if sizes else 1.0


def ravd_percent(reference: Mask, prediction: Mask) -> float | None:
    """Relative absolute volume difference in percent of the reference, by voxel counts; None if only it is empty."""
    wanted, found = np.count_nonzero(reference), np.count_nonzero(prediction)
    if wanted == 0:
        return None if found else 0.0
    return 100 * abs(found - wanted) / wanted


def challenge_score(dice: float, ravd_percent: float, assd_mm: float, mssd_mm: float) -> float:
    """The challenge's score of one volume, 0 to 100: the mean of four scores, each 0 beyond its threshold."""
    return (
        (100 * dice if dice >= 0.8 else 0)
        + (100 - 20 * ravd_percent if ravd_percent <= 5 else 0)
        + (100 - 20 / 3 * assd_mm if assd_mm <= 15 else 0)
        + (100 - 5 / 3 * mssd_mm if mssd_mm <= 60 else 0)
    ) / 4


def score_volume(
    reference: Mask,
    prediction: Mask,
    positions_mm: Sequence[float],
    spacing_mm: tuple[float, float],
    tolerance_mm: float,
) -> VolumeScores:
    """Every measure of one volume.

    Both masks are boolean, shape (slices, rows, columns); `positions_mm` holds each slice's position along the normal,
    which need not be evenly spaced; `spacing_mm` the distance of neighbouring rows and of neighbouring columns;
    `tolerance_mm` how far apart two surfaces may lie for the NSD.
    """
    overlap, difference = dice(reference, prediction), ravd_percent(reference, prediction)
    directed = directed_distances(reference, prediction, positions_mm, spacing_mm)
    distances, nsd = surface_distances(directed), surface_dice(directed, tolerance_mm)
    if difference is None or distances is None:
        nothing_to_score = not reference.any() and not prediction.any()
        return VolumeScores(overlap, difference, None, None, None, nsd, None if nothing_to_score else 0.0)
    score = challenge_score(overlap, difference, distances.assd_mm, distances.mssd_mm)
    return VolumeScores(overlap, difference, *distances, nsd, score)
