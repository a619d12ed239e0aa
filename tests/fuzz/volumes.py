"""NIfTI volumes with changed headers, read by `read_nifti` and, where it accepts them, by ITK."""

import gzip
import random
import struct
from functools import cache
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK

from chaosliver.base.nifti import as_nifti
from chaosliver.exams.volumes import Volume, read_nifti

from .changing import change_bytes
from .outcomes import WrongError

# Offset and kind of the header's fields: sizes, type, spacings, offset, slope, intercept, units, forms, rows.
FIELDS = (
    *(
        (0, "i"),
        (40, "h"),
        (42, "h"),
        (44, "h"),
        (46, "h"),
        (48, "h"),
        (50, "h"),
        (70, "h"),
        (72, "h"),
        (76, "f"),
        (80, "f"),
    ),
    *(
        (84, "f"),
        (88, "f"),
        (108, "f"),
        (112, "f"),
        (116, "f"),
        (123, "B"),
        (252, "h"),
        (254, "h"),
        (256, "f"),
        (268, "f"),
    ),
    *((280, "f"), (296, "f"), (312, "f"), (344, "i")),
)
VALUES = (
    0,
    1,
    2,
    -1,
    3,
    4,
    8,
    16,
    64,
    256,
    512,
    1000,
    32767,
    0.5,
    1e30,
    float("nan"),
    float("inf"),
    -2.0,
    1e-30,
    348,
    352,
)


@cache
def _seeds() -> tuple[bytes, ...]:
    made = []
    for number, kind in enumerate((np.uint16, np.int16, np.float32)):
        values = np.random.default_rng(number).integers(0, 900, (4 + number, 5, 6)).astype(kind)
        to_patient = np.diag([0.75, 1.25, 5.0, 1.0])
        to_patient[:3, 3] = (-60.5, 20.25, 7 * number)
        made.append(nibabel.Nifti1Image.to_bytes(as_nifti(values, to_patient)))
    return tuple(made)


def draw(rng: random.Random) -> bytes:
    data = rng.choice(_seeds())
    how = rng.random()
    if how < 0.3:
        data = change_bytes(rng, data)
    elif how < 0.98:
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 3))):
            offset, kind = rng.choice(FIELDS)
            value = rng.choice(VALUES)
            if kind != "f":
                limit = 1 << 8 * struct.calcsize(kind)
                number = int(value) % limit if abs(value) < 1e9 else limit - 1
                changed[offset : offset + struct.calcsize(kind)] = number.to_bytes(struct.calcsize(kind), "little")
            else:
                struct.pack_into("<f", changed, offset, value)
        data = bytes(changed)
    packed = gzip.compress(data, mtime=0)
    return change_bytes(rng, packed) if rng.random() < 0.1 else packed


def read(path: Path, results: Path) -> Volume:
    return read_nifti(path)


def compare(path: Path, found: Volume) -> None:
    """Raise WrongError where ITK reads other grey values, or another place of the first voxel and its neighbours."""
    try:
        image = SimpleITK.ReadImage(str(path), imageIO="NiftiImageIO")
    except RuntimeError:
        # ITK knows fewer kinds of headers.
        return
    values = SimpleITK.GetArrayFromImage(image).astype(np.float64)
    values = values.reshape(values.shape[-3:])
    if values.shape != found.greys.shape:
        raise WrongError(f"{found.greys.shape} voxels, but {values.shape} by ITK")
    # The lowest value is raised to 0.
    if not np.allclose(found.greys, values - min(values.min(), 0), rtol=1e-5, atol=1e-3):
        raise WrongError("other grey values")
    directions = np.array(image.GetDirection()).reshape(image.GetDimension(), -1)[:3, :3]
    matrix = directions * np.array(image.GetSpacing()[:3])
    if not np.allclose(found.to_patient[:3, :3], matrix, rtol=0, atol=0.02 * np.abs(matrix).max()):
        raise WrongError(f"axes {found.to_patient[:3, :3].tolist()}, but {matrix.tolist()} by ITK")
    if not np.allclose(found.to_patient[:3, 3], image.GetOrigin()[:3], rtol=1e-4, atol=1.0):
        raise WrongError(f"origin {found.to_patient[:3, 3].tolist()}, but {image.GetOrigin()} by ITK")
