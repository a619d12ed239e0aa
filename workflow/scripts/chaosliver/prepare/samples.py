"""The slices on disk that a network learns from: an image, its masks, and whose they are."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..base.columns import OWN_SHAPE, OWNER, PLACE
from ..base.errors import InputError
from ..base.indexes import read_index
from ..base.planes import Plane
from ..base.png import read_png
from ..base.volumes import VolumeId


@dataclass(frozen=True)
class Leaks:
    """Which errors of published studies a split repeats; 0 of both repeats none.

    `validation_slices` is the share of the training patients' slices that validates in place of whole patients: slices
    of one patient are alike, and what validates was almost trained on. `copies` is the share of the held-out patients'
    slices that is trained on, as in the original study's repository. `seed` decides which slices.
    """

    copies: float
    validation_slices: float
    seed: int


class Sample(NamedTuple):
    """A slice on disk, with its masks, its window (low, high), its spacing and its place along z in mm.

    `rows` and `columns` are those of the DICOM image, and of the masks.
    """

    patient: str
    sequence: str
    stem: str
    image: Path
    masks: tuple[Path, ...]
    low: float
    high: float
    row_spacing_mm: float
    column_spacing_mm: float
    position_mm: float
    rows: int
    columns: int

    @property
    def volume(self) -> VolumeId:
        """The sequence and the patient that the slice is of."""
        return VolumeId(self.sequence, self.patient)

    def plane(self) -> Plane:
        """The image with its geometry, read from disk."""
        spacing = (self.row_spacing_mm, self.column_spacing_mm)
        own_shape = (self.rows, self.columns)
        return Plane(read_png(self.image), self.low, self.high, spacing, self.position_mm, own_shape)


def list_images(index: Path) -> list[Sample]:
    """All slices of an index of images <encoding>/<sequence>/<patient>.tsv, in its order, without masks.

    Raises InputError that names a file that is missing or altered.
    """
    folder = index.with_suffix("")
    volume = VolumeId.of_index(index)._asdict()
    rows = read_index(index, folder, PLACE)
    return [_sample({**row, **volume, "stem": Path(row["file"]).stem}, folder, ()) for row in rows]


def list_samples(images: Sequence[Path], masks: Sequence[Path]) -> list[Sample]:
    """All slices of the given indexes of images, each with the masks of the same stem, in the order of the indexes.

    The indexes lie at <encoding>/<sequence>/<patient>.tsv and <organ>/<sequence>/<patient>.tsv; `masks` may hold
    several organs, whose order is kept. Raises InputError that names an image without mask or a file that is missing
    or altered.
    """
    listed = {index: {row["file"] for row in read_index(index, index.with_suffix(""))} for index in masks}
    by_volume: dict[VolumeId, list[Path]] = defaultdict(list)
    for index in masks:
        by_volume[VolumeId.of_index(index)].append(index)
    samples = []
    for image_index in images:
        own = by_volume[VolumeId.of_index(image_index)]
        for sample in list_images(image_index):
            name = sample.image.name
            if missing := [index for index in own if name not in listed[index]]:
                raise InputError(f"{image_index}: {name} has no mask in {missing[0]}")
            samples.append(sample._replace(masks=tuple(index.with_suffix("") / name for index in own)))
    return samples


def list_augmented(index: Path) -> list[Sample]:
    """All samples of an augmented set, whose index lists images/<name> and masks/<name>.

    Raises InputError that names an image without mask or a file that is missing or altered.
    """
    folder = index.with_suffix("")
    rows = read_index(index, folder, (*OWNER, *PLACE))
    listed = {row["file"] for row in rows}
    samples = []
    for row in rows:
        kind, name = row["file"].split("/")
        if kind == "images":
            if f"masks/{name}" not in listed:
                raise InputError(f"{index}: {row['file']} has no mask")
            samples.append(_sample(row, folder, (folder / "masks" / name,)))
    return samples


def leaked(training: Sequence[Sample], held_out: Sequence[Sample], leaks: Leaks) -> tuple[list[Sample], list[Sample]]:
    """Slices to train on, and slices of the training patients to validate on, under a split's `leaks`."""
    kept, validation = _draw(training, leaks.validation_slices, f"{leaks.seed}/validation")
    return [*kept, *copies_of(held_out, leaks)], validation


def copies_of(held_out: Sequence[Sample], leaks: Leaks) -> list[Sample]:
    """The slices of held-out patients that are trained on under a split's `leaks`."""
    return _draw(held_out, leaks.copies, f"{leaks.seed}/copies")[1]


def _draw(samples: Sequence[Sample], share: float, seed: str) -> tuple[list[Sample], list[Sample]]:
    """The samples that are left, and a `share` of all drawn at random, both in their order."""
    chosen = set(random.Random(seed).sample(range(len(samples)), round(share * len(samples))))
    return (
        [sample for number, sample in enumerate(samples) if number not in chosen],
        [sample for number, sample in enumerate(samples) if number in chosen],
    )


def _sample(row: Mapping[str, str], folder: Path, masks: tuple[Path, ...]) -> Sample:
    owner: dict[str, Any] = {column: row[column] for column in OWNER}
    place: dict[str, Any] = {column: (int if column in OWN_SHAPE else float)(row[column]) for column in PLACE}
    return Sample(**owner, image=folder / row["file"], masks=masks, **place)
