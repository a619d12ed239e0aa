"""Slices as DICOM files, of few pixels that are neither square nor alike."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from chaosliver.base.anatomy import SEQUENCES
from chaosliver.prepare.dicom import Slice
from chaosliver.prepare.slices import Image


def write(
    path: Path,
    pixels: list[list[int]] | np.ndarray,
    *,
    position: tuple[float, ...] = (-10.0, -20.0, 30.0),
    orientation: tuple[float, ...] = (1, 0, 0, 0, 1, 0),
    spacing: tuple[float, float] = (1.5, 2.25),
    echo_time: float | None = 4.6,
    number: int = 7,
) -> Path:
    """A DICOM file of `pixels` [rows, columns], with a `spacing` (row, column) in mm."""
    header = pydicom.Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = MRImageStorage
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = "2.25.1"
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.InstanceNumber = number
    if echo_time is not None:
        header.EchoTime = echo_time
    header.ImagePositionPatient, header.ImageOrientationPatient = list(position), list(orientation)
    header.PixelSpacing = list(spacing)
    held = np.asarray(pixels, "<u2")
    header.Rows, header.Columns = held.shape
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 0
    header.PixelData = held.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    header.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture(scope="session")
def write_slice() -> Callable[..., Path]:
    return write


def make(
    stem: str = "IMG-1",
    place: float = 0.0,
    *,
    sequence: str = "t2_spir",
    pixels: list[list[int]] | np.ndarray | None = None,
    mask: list[list[int]] | np.ndarray | None = None,
    spacing: tuple[float, float] = (1.5, 2.25),
    orientation: tuple[float, ...] = (1, 0, 0, 0, 1, 0),
    echo_time: float | None = 4.6,
    identifiers: dict[str, str] | None = None,
) -> Image:
    """An axial slice of 2 x 3 pixels at a place along z in mm, perhaps with the mask of its stem."""
    held = np.zeros((2, 3)) if pixels is None else np.asarray(pixels)
    found = Slice(held.astype(np.uint16), 7, (-10.0, -20.0, place), orientation, spacing, echo_time, identifiers or {})
    file = f"{SEQUENCES[sequence].images}/{stem}.dcm"
    if mask is None:
        return Image(file, found)
    return Image(file, found, f"{SEQUENCES[sequence].ground}/{stem}.png", np.asarray(mask, np.uint8))


@pytest.fixture(scope="session")
def make_image() -> Callable[..., Image]:
    return make
