"""The slices on disk that a network learns from: an image, its mask, and whose they are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from .errors import InputError
from .indexes import read_index


class Sample(NamedTuple):
    """A slice on disk, with its mask and the grey values (low, high) that a network maps to 0 and 1."""

    patient: str
    sequence: str
    stem: str
    image: Path
    mask: Path
    low: float
    high: float


def list_samples(images: Sequence[Path], masks: Sequence[Path]) -> list[Sample]:
    """All slices of the given indexes of images, each with the mask of the same stem, in the order of the indexes.

    The indexes lie at <encoding>/<sequence>/<patient>.tsv and <organ>/<sequence>/<patient>.tsv, in the same order.
    Raises InputError that names an image without mask or a file that is missing or altered.
    """
    samples = []
    for image_index, mask_index in zip(images, masks, strict=True):
        drawn = {row["file"] for row in read_index(mask_index, mask_index.with_suffix(""))}
        for row in read_index(image_index, image_index.with_suffix(""), ("low", "high")):
            if row["file"] not in drawn:
                raise InputError(f"{image_index}: {row['file']} has no mask in {mask_index}")
            samples.append(
                Sample(
                    patient=image_index.stem,
                    sequence=image_index.parent.name,
                    stem=Path(row["file"]).stem,
                    image=image_index.with_suffix("") / row["file"],
                    mask=mask_index.with_suffix("") / row["file"],
                    low=float(row["low"]),
                    high=float(row["high"]),
                )
            )
    return samples


def list_augmented(index: Path) -> list[Sample]:
    """All samples of an augmented set, whose index lists images/<name> and masks/<name>.

    Raises InputError that names an image without mask or a file that is missing or altered.
    """
    folder = index.with_suffix("")
    rows = read_index(index, folder, ("patient", "sequence", "stem", "low", "high"))
    listed = {row["file"] for row in rows}
    samples = []
    for row in rows:
        kind, name = row["file"].split("/")
        if kind == "images":
            samples.append(_augmented(row, folder, name))
            if f"masks/{name}" not in listed:
                raise InputError(f"{index}: {row['file']} has no mask")
    return samples


def _augmented(row: Mapping[str, str], folder: Path, name: str) -> Sample:
    return Sample(
        patient=row["patient"],
        sequence=row["sequence"],
        stem=row["stem"],
        image=folder / "images" / name,
        mask=folder / "masks" / name,
        low=float(row["low"]),
        high=float(row["high"]),
    )
