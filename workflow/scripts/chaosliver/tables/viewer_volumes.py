"""Volumes as the viewer loads them: scripts that hold a NIfTI file, since a page on disk reads nothing else."""

import base64
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..base.columns import LATTICE
from ..base.files import read_tsv, write_text
from ..base.indexes import read_index
from ..base.nifti import as_nifti
from ..base.png import to_8bit
from ..base.slicefiles import read_binary
from ..base.volumes import VolumeId
from ..prepare.dicom import Slice, normal_of, read_slice
from ..prepare.images import window_of

# Of the grey values that become 0 to 255: a few far brighter voxels would cost all others their contrast.
PERCENTILES = (0.0, 99.9)


class Lattice(NamedTuple):
    """Where the slices of a volume lie: their stems from the feet to the head, and the place of each, counted from 0.

    `shape` is (places, rows, columns); places without a slice stay empty, so that nothing beyond a gap is shifted.
    `to_patient` maps (column, row, place, 1) to mm in the patient (DICOM axes).
    """

    stems: list[str]
    places: list[int]
    shape: tuple[int, int, int]
    to_patient: np.ndarray

    @property
    def missing(self) -> list[int]:
        """The places without a slice."""
        return sorted(set(range(self.shape[0])) - set(self.places))

    def filled(self, slices: Sequence[np.ndarray]) -> np.ndarray:
        """A volume, uint8 of `shape`, of the slices [rows, columns] in the order of `stems`."""
        volume = np.zeros(self.shape, np.uint8)
        for place, pixels in zip(self.places, slices, strict=True):
            volume[place] = pixels
        return volume


def read_image(volume: VolumeId, pairs: Path, raw_index: Path) -> tuple[Lattice, np.ndarray]:
    """A patient's admitted slices of a sequence from DICOM, as 8 bit [places, rows, columns], and where they lie.

    Raises InputError where a file is missing or altered.
    """
    raw = raw_index.with_suffix("")
    rows = [
        row for row in read_tsv(pairs, ("sequence", "stem", "image", *LATTICE)) if row["sequence"] == volume.sequence
    ]
    rows.sort(key=lambda row: float(row["position_mm"]))
    read_index(raw_index, raw, only={row["image"] for row in rows})
    slices = [read_slice(raw / row["image"]) for row in rows]
    lattice = lattice_of([row["stem"] for row in rows], slices)
    greys = [each.pixels for each in slices]
    window = window_of(np.stack(greys), PERCENTILES)
    return lattice, lattice.filled([to_8bit(grey, window) for grey in greys])


def lattice_of(stems: list[str], slices: Sequence[Slice]) -> Lattice:
    """The even lattice of slices in order of their place along z."""
    first, positions = slices[0], np.array([each.position_mm for each in slices])
    steps = np.diff(positions)
    # Each step by itself: over many slices the usual distance's own error would add up.
    numbers = np.maximum(np.rint(steps / np.median(steps)), 1).astype(int) if len(steps) else np.zeros(0, int)
    places = [0, *np.cumsum(numbers).tolist()]
    matrix = np.eye(4)
    matrix[:3, 0] = np.array(first.orientation[:3]) * first.spacing[1]
    matrix[:3, 1] = np.array(first.orientation[3:]) * first.spacing[0]
    distance = (positions[-1] - positions[0]) / places[-1] if len(steps) else 1.0
    matrix[:3, 2] = normal_of(first.orientation) * distance
    matrix[:3, 3] = first.position
    rows, columns = first.pixels.shape
    return Lattice(stems, places, (places[-1] + 1, rows, columns), matrix)


def read_mask(folder: Path, lattice: Lattice) -> np.ndarray:
    """The binary masks of a volume's slices, uint8 of the lattice's shape with 0 and 1.

    Raises InputError where a mask is missing or of another shape than the image.
    """
    return lattice.filled([read_binary(folder / f"{stem}.png", lattice.shape[1:]) for stem in lattice.stems])


def write_volume(folder: Path, name: str, values: np.ndarray, to_patient: np.ndarray) -> None:
    """Write a volume [slices, rows, columns] as the script `folder`/<name>.js."""
    write_script(folder, name, gzip.compress(as_nifti(values, to_patient).to_bytes(), mtime=0))


def write_script(folder: Path, name: str, nifti: bytes) -> None:
    """Write a gzipped NIfTI file as the script `folder`/<name>.js, which hands it to the page under that name."""
    text = base64.b64encode(nifti).decode("ascii")
    write_text(folder / f"{name}.js", f'volumeArrived("{name}", "{text}");\n')
