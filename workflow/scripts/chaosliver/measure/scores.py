"""From the masks of one volume to a row of scores per slice and one for the patient."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base.columns import MEASURES
from .metrics import dice, score_volume, soft_dice

# The original study's script rounds the Dice of each slice to so many decimals.
LOGIT_DECIMALS = 3

Row = dict[str, Any]


class Volume(NamedTuple):
    """A patient's sequence: boolean masks (slices, rows, columns) in order of position, and where they lie in mm.

    `reference` is None where there is no ground truth. `spacing_mm` is the distance of neighbouring rows and of
    neighbouring columns.
    """

    stems: list[str]
    reference: np.ndarray | None
    prediction: np.ndarray
    positions_mm: list[float]
    spacing_mm: tuple[float, float]
    slice_distance_mm: float
    # Grey values from 0 to 1, scored by Dice in place of `prediction`.
    grey: np.ndarray | None = None


def slice_scores(volume: Volume) -> list[Row]:
    """Stem, position, areas in mm2 and Dice of each slice; reference and Dice are None without ground truth.

    `dice` is of the grey logits where there are any, rounded as the original study did, and else of the mask.
    """
    return [_slice_row(volume, number) for number in range(len(volume.stems))]


def patient_scores(volume: Volume, scored: Sequence[Row], tolerance_mm: float) -> Row:
    """The patient's measures, from the volume and its `slice_scores`.

    A slice's volume in mL is its area times the distance of neighbouring slices. `tolerance_mm` is that of the surface
    Dice.
    """
    ml_per_mm2 = volume.slice_distance_mm / 1000
    row: Row = {"slices": len(scored), "predicted_ml": ml_per_mm2 * sum(row["predicted_mm2"] for row in scored)}
    if volume.reference is None:
        return {**row, **dict.fromkeys((*MEASURES, "slices_with_organ", "reference_ml"))}
    with_organ = [row["dice"] for row in scored if row["reference_mm2"] > 0]
    measured = score_volume(volume.reference, volume.prediction, volume.positions_mm, volume.spacing_mm, tolerance_mm)
    return {
        **row,
        "slices_with_organ": len(with_organ),
        "mean_dice_all_slices": _mean([row["dice"] for row in scored]),
        "mean_dice_organ_slices": _mean(with_organ),
        "dice_3d": measured.dice if volume.grey is None else soft_dice(volume.reference, volume.grey),
        "ravd_percent": measured.ravd_percent,
        "assd_mm": measured.assd_mm,
        "hd95_mm": measured.hd95_mm,
        "mssd_mm": measured.mssd_mm,
        "nsd": measured.nsd,
        "challenge_score": measured.challenge_score,
        "reference_ml": ml_per_mm2 * sum(row["reference_mm2"] for row in scored),
    }


def _slice_row(volume: Volume, number: int) -> Row:
    pixel_mm2 = volume.spacing_mm[0] * volume.spacing_mm[1]
    prediction = volume.prediction[number]
    row: Row = {
        "stem": volume.stems[number],
        "position_mm": volume.positions_mm[number],
        "predicted_mm2": np.count_nonzero(prediction) * pixel_mm2,
        "scores": "mask" if volume.grey is None else "logits",
    }
    if volume.reference is None:
        return {**row, "reference_mm2": None, "dice": None, "dice_of_mask": None}
    reference = volume.reference[number]
    of_mask = dice(reference, prediction)
    return {
        **row,
        "reference_mm2": np.count_nonzero(reference) * pixel_mm2,
        "dice": of_mask if volume.grey is None else round(soft_dice(reference, volume.grey[number]), LOGIT_DECIMALS),
        "dice_of_mask": of_mask,
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
