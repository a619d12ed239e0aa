"""The slices of a patient's folder: images read from DICOM, ground truth from PNG, and the row that describes each."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..base import columns
from ..base.anatomy import ORGANS, SEQUENCES
from ..base.errors import InputError
from ..base.png import read_png
from ..base.volumes import VolumeId
from .dicom import SHORTEST_MM, Slice, read_slice
from .findings import REMEDY, Finding, error

# Two slices lie at the same place if they are no further apart than this share of the slice distance.
SAME_PLACE = 0.1
GREY_LEVELS = 256


@dataclass(frozen=True, eq=False)
class Image:
    """A slice and its file, a path below the patient's folder.

    `ground` is the file of its ground truth, empty without one, and `mask` what that holds, uint8 [rows, columns] on
    the image's matrix; None where there is none or where it does not fit.
    """

    file: str
    slice: Slice
    ground: str = ""
    mask: np.ndarray | None = None

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return Path(self.file).stem

    @property
    def position_mm(self) -> float:
        """Place along the slice's normal."""
        return self.slice.position_mm


class Ground(NamedTuple):
    """The ground truth of a sequence, by stem: its files, paths below the patient's folder, and the masks in them.

    A mask is uint8 [rows, columns] with the challenge's grey levels. Those that cannot be read are missing.
    """

    files: dict[str, str]
    masks: dict[str, np.ndarray]


def files_in(folder: Path, suffix: str) -> list[Path]:
    """The files of a folder with this suffix (in capitals too) by name; none where there is no such folder."""
    return sorted(path for path in folder.glob("*") if path.suffix.lower() == suffix)


def read_images(raw: Path, volume: VolumeId) -> tuple[list[Image], list[Finding]]:
    """The images of a sequence by place and then by name, and a finding for each that cannot be read.

    `raw` is the patient's folder.
    """
    folder = SEQUENCES[volume.sequence].images
    images, findings = [], []
    paths = files_in(raw / folder, ".dcm")
    if not paths:
        findings.append(error(volume, folder, "no-file", f"there is no DICOM file in it. {REMEDY}"))
    for path in paths:
        file = f"{folder}/{path.name}"
        try:
            images.append(Image(file, read_slice(path)))
        except InputError as damage:
            findings.append(error(volume, file, "unreadable", str(damage).removeprefix(f"{path}: ")))
    return sorted(images, key=lambda image: (image.position_mm, image.stem)), findings


def read_ground(raw: Path, volume: VolumeId) -> tuple[Ground, list[Finding]]:
    """The ground truth of a sequence, and a finding for each mask that cannot be read.

    `raw` is the patient's folder.
    """
    folder = SEQUENCES[volume.sequence].ground
    paths = files_in(raw / folder, ".png")
    masks, findings = {}, []
    for path in paths:
        try:
            masks[path.stem] = _read_mask(path)
        except InputError as damage:
            findings.append(error(volume, f"{folder}/{path.name}", "unreadable", f"{damage}. {REMEDY}"))
    return Ground({path.stem: f"{folder}/{path.name}" for path in paths}, masks), findings


def _read_mask(path: Path) -> np.ndarray:
    if not path.stat().st_size:
        raise InputError("the file is empty")
    try:
        mask = read_png(path)
    except InputError as damage:
        raise InputError(f"is not a readable 8-bit grey PNG: {str(damage).removeprefix(f'{path}: ')}") from None
    if mask.dtype != np.uint8:
        raise InputError("is not a readable 8-bit grey PNG: it has 16 bits a pixel")
    return mask


def usual_distance_mm(images: list[Image]) -> float | None:
    """The median distance of neighbouring slices, of images in order of place; None for a single one.

    Slices that share a place have no distance; where all do it is 0.
    """
    if len(images) == 1:
        return None
    steps = np.diff([image.position_mm for image in images])
    apart = steps[steps >= SHORTEST_MM]
    return float(np.median(apart)) if apart.size else 0.0


def same_place(images: list[Image], others: list[Image]) -> list[tuple[Image, Image]]:
    """Each of the `others` with the image at the same place along z, if there is one."""
    if not images:
        return []
    places = np.array([image.position_mm for image in images])
    steps = np.diff(np.unique(np.round(places, 3)))
    # A single place has no distance to the next: 1 mm stands in for it.
    limit = SAME_PLACE * (float(np.median(steps)) if len(steps) else 1.0)
    away = [np.abs(places - other.position_mm) for other in others]
    return [(images[int(mm.argmin())], other) for mm, other in zip(away, others, strict=True) if mm.min() <= limit]


def describe_slice(volume: VolumeId, image: Image, distance_mm: float | None) -> dict[str, Any]:
    """The row of a slice, by `columns.INVENTORY_COLUMNS`; the columns of the mask are empty where there is none."""
    held = image.slice
    row = {
        **dict.fromkeys(columns.INVENTORY_COLUMNS),
        "patient": volume.patient,
        "sequence": volume.sequence,
        "stem": image.stem,
        "image": image.file,
        "ground": image.ground,
        "instance_number": held.instance_number,
        "position_mm": held.position_mm,
        "row_spacing_mm": held.spacing[0],
        "column_spacing_mm": held.spacing[1],
        "slice_distance_mm": distance_mm,
        "rows": held.pixels.shape[0],
        "columns": held.pixels.shape[1],
        "echo_time_ms": held.echo_time_ms,
        "minimum": int(held.pixels.min()),
        "maximum": int(held.pixels.max()),
        "grey_levels": "",
        "ground_digest": "",
    }
    return row if image.mask is None else row | _describe_mask(image.mask, held.spacing)


def _describe_mask(mask: np.ndarray, spacing: tuple[float, float]) -> dict[str, Any]:
    pixels = np.bincount(organ_numbers(mask).ravel(), minlength=len(ORGANS) + 1)[1:]
    areas = [float(count) * float(np.prod(spacing)) for count in pixels]
    return {
        "grey_levels": " ".join(map(str, grey_levels(mask))),
        "ground_digest": digest_of_mask(mask) if mask.any() else "",
        **dict(zip(columns.AREAS, areas, strict=True)),
    }


def grey_levels(mask: np.ndarray) -> list[int]:
    """The grey levels that occur in a mask, rising."""
    return np.nonzero(np.bincount(mask.ravel(), minlength=GREY_LEVELS))[0].tolist()


def digest_of_mask(mask: np.ndarray) -> str:
    """SHA-256 of a mask's pixels, in hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(mask).data).hexdigest()


def organ_numbers(mask: np.ndarray) -> np.ndarray:
    """The number of each pixel's organ, uint8 in the mask's shape: 1 is the liver, 0 none of ORGANS."""
    return _ORGAN_BY_LEVEL[mask]


def _organ_by_level() -> np.ndarray:
    table = np.zeros(GREY_LEVELS, np.uint8)
    for number, (low, high) in enumerate(ORGANS.values(), start=1):
        table[low : high + 1] = number
    return table


_ORGAN_BY_LEVEL = _organ_by_level()
