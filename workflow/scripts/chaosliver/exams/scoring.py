"""How well the mask of an exam agrees with a ground truth of one's own, where the networks never saw the exam."""

from pathlib import Path
from typing import Any

import numpy as np

from ..base.columns import EXAM_SCORES
from ..base.errors import InputError
from ..base.wording import size_of
from ..measure.metrics import score_volume
from .opening import is_nifti
from .volumes import Axial, Volume, axial, read_nifti

# Of the places of voxels, in mm: NIfTI keeps its affine matrix in single precision.
APART_AT_MOST = 0.01
NOT_SCORED: dict[str, None] = dict.fromkeys(EXAM_SCORES)


def refuse_seen(path: Path, known: int, slices: int) -> None:
    """Raise InputError where the networks learned from slices of an exam, whose score would say nothing of others."""
    if known:
        raise InputError(
            f"{path}: is not scored, since the networks learned from {known} of its {slices} slices. Leave out truth "
            "to segment it, or score it by networks that never saw it"
        )


def read_truth(path: Path, volume: Volume) -> np.ndarray:
    """The ground truth of a volume, boolean [slices, rows, columns] as its axial slices lie.

    Raises InputError where it is no NIfTI mask on the volume's own grid.
    """
    if not path.is_file() or not is_nifti(path):
        raise InputError(f"{path}: is no NIfTI mask. Save the ground truth as .nii or .nii.gz")
    truth = read_nifti(path)
    if truth.greys.shape != volume.greys.shape or _apart_mm(truth, volume) > APART_AT_MOST:
        raise InputError(
            f"{path}: its {size_of(truth.greys.shape)} voxels lie elsewhere than the study's "
            f"{size_of(volume.greys.shape)}. Save the ground truth on the study's own grid, as mask.nii.gz lies"
        )
    if len(values := np.unique(truth.greys)) > 2 or values[0] != 0:
        raise InputError(f"{path}: has {len(values)} values, where a mask has 0 and one more. Keep one organ")
    mask = Volume((truth.greys > 0).astype(np.uint8), volume.to_patient, volume.present, volume.series)
    return axial(mask).greys > 0


def scores_of(truth: np.ndarray, mask: np.ndarray, view: Axial, voxel_ml: float, tolerance_mm: float) -> dict[str, Any]:
    """The measures EXAM_SCORES of a mask, both boolean [slices, rows, columns] on the slices of `view`."""
    found = score_volume(truth, mask, view.positions_mm, (view.row_mm, view.column_mm), tolerance_mm)
    measured = {"reference_ml": float(truth.sum()) * voxel_ml, "dice_3d": found.dice, **found._asdict()}
    return {name: measured[name] for name in EXAM_SCORES}


def _apart_mm(one: Volume, other: Volume) -> float:
    """How far apart the outermost voxels of two volumes of one shape lie at most."""
    ends = np.array(one.greys.shape[::-1]) - 1
    corners = np.stack(np.meshgrid(*[(0, end) for end in ends], indexing="ij"), axis=-1).reshape(-1, 3)
    places = np.column_stack([corners, np.ones(len(corners))]) @ (one.to_patient - other.to_patient).T
    return float(np.abs(places).max())
