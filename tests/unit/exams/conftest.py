"""Exams as a scanner or a PACS gives them: any orientation, any transfer syntax, one file a slice or one for all."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage

from chaosliver.base.packfiles import FORMAT

# Directions of a row and of a column, in the patient's axes: to the left, to the back, to the head.
ORIENTATIONS: dict[str, tuple[float, ...]] = {
    "axial": (1, 0, 0, 0, 1, 0),
    "axial, feet first": (-1, 0, 0, 0, 1, 0),
    "axial, prone": (-1, 0, 0, 0, -1, 0),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "coronal": (1, 0, 0, 0, 0, -1),
    "oblique": (0.96, 0.28, 0, -0.28 * 0.8, 0.96 * 0.8, 0.6),
}
SPACING, DISTANCE = (1.5, 2.25), 6.0
PLANTED = "PLANTED"


def at_patient(shape: Sequence[int], orientation: Sequence[float], origin: Sequence[float]) -> np.ndarray:
    """Where each voxel [slices, rows, columns] lies: (x, y, z) in mm, worked out voxel by voxel."""
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    normal = np.array(
        [
            row[1] * column[2] - row[2] * column[1],
            row[2] * column[0] - row[0] * column[2],
            row[0] * column[1] - row[1] * column[0],
        ]
    )
    k, r, c = np.indices(shape)
    return (
        np.array(origin)
        + k[..., None] * DISTANCE * normal
        + r[..., None] * SPACING[0] * column
        + c[..., None] * SPACING[1] * row
    )


def ramp(places: np.ndarray) -> np.ndarray:
    """Whole grey values that rise by 4 a mm to the left, by 8 to the back and by 2 to the head."""
    return np.rint(1000 + places @ np.array([4, 8, 2])).astype(np.int32)


def header_of(pixels: np.ndarray, **changes: Any) -> Dataset:
    """A header with everything that a slice needs but its place."""
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID, header.Modality = MRImageStorage, "MR"
    header.StudyInstanceUID, header.SeriesInstanceUID, header.FrameOfReferenceUID = "2.25.10", "2.25.11", "2.25.12"
    header.SeriesNumber, header.EchoTime = 3, 4.6
    header.PatientName, header.PatientID, header.PatientBirthDate = f"{PLANTED}^NAME", f"{PLANTED}1", "19700101"
    header.SeriesDescription = header.StudyDescription = f"{PLANTED} T1"
    header.OtherPatientNames, header.ImageComments = f"{PLANTED}^OTHER", f"{PLANTED} comment"
    block = header.private_block(0x0029, f"{PLANTED} PRIVATE", create=True)
    block.add_new(1, "LO", f"{PLANTED}^PRIVATE")
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.Rows, header.Columns = pixels.shape[-2:]
    signed = bool(pixels.min() < 0)
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, int(signed)
    header.PixelData = pixels.astype("<i2" if signed else "<u2").tobytes()
    for name, value in changes.items():
        setattr(header, name, value)
    return header


def save(header: Dataset, path: Path, instance: str) -> Path:
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = instance
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    path.parent.mkdir(parents=True, exist_ok=True)
    header.save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder: Path,
    volume: np.ndarray,
    *,
    orientation: Sequence[float] = ORIENTATIONS["axial"],
    origin: Sequence[float] = (-30.0, 20.0, 5.0),
    without: Sequence[int] = (),
    series: str = "2.25.11",
    syntax: UID = ExplicitVRLittleEndian,
    **changes: Any,
) -> list[Path]:
    """A file for each slice of `volume` [slices, rows, columns], named so that their order says nothing."""
    places = at_patient(volume.shape, orientation, origin)
    files = []
    for number, pixels in enumerate(volume):
        if number not in without:
            header = header_of(pixels, SeriesInstanceUID=series, **changes)
            header.file_meta.TransferSyntaxUID = syntax
            if not syntax.is_little_endian:
                header.PixelData = pixels.astype(">u2").tobytes()
            header.ImageOrientationPatient = [float(f"{part:.10g}") for part in orientation]
            header.ImagePositionPatient = [float(f"{part:.10g}") for part in places[number, 0, 0]]
            header.PixelSpacing, header.InstanceNumber = list(SPACING), number + 1
            name = hashlib.sha256(f"{series} {number}".encode()).hexdigest()[:8]
            files.append(save(header, folder / name, f"{series}.{number + 1}"))
    return files


def write_enhanced(
    path: Path,
    volume: np.ndarray,
    *,
    orientation: Sequence[float] = ORIENTATIONS["axial"],
    echoes: Sequence[float] = (4.6,),
) -> Path:
    """One file with a frame for each slice and echo; the grey values of the second echo are the first's plus 1."""
    stack = np.concatenate([volume + number for number, _ in enumerate(echoes)])
    header = header_of(stack, SOPClassUID=EnhancedMRImageStorage, NumberOfFrames=len(stack))
    del header.EchoTime
    places = at_patient(volume.shape, orientation, (-30.0, 20.0, 5.0))
    shared, measures, plane = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = list(SPACING), 5.0
    plane.ImageOrientationPatient = list(orientation)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Items([measures]), Items([plane])
    header.SharedFunctionalGroupsSequence = Items([shared])
    frames = []
    for echo in echoes:
        for number in range(len(volume)):
            frame, place, timing = Dataset(), Dataset(), Dataset()
            place.ImagePositionPatient, timing.EffectiveEchoTime = list(places[number, 0, 0]), echo
            frame.PlanePositionSequence, frame.MREchoSequence = Items([place]), Items([timing])
            frames.append(frame)
    header.PerFrameFunctionalGroupsSequence = Items(frames)
    return save(header, path, "2.25.11.1")


def encode(file: Path, syntax: int) -> None:
    """Store a file's pixels in another transfer syntax, one of gdcm.TransferSyntax."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(file))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(file))
    assert writer.Write()
    assert pydicom.dcmread(file, stop_before_pixels=True).file_meta.TransferSyntaxUID.is_compressed


DESCRIBED: dict[str, Any] = {
    "format": FORMAT,
    "experiment": "ours",
    "networks": "all_patients",
    "organ": "liver",
    "encoding": {"bits": 16, "percentiles": [0, 100]},
    "threshold": 0.5,
    "largest_component": False,
    "members": [{"card": "network0.json", "weights": "network0.safetensors"}],
    "expected": {"t1_in_phase": {"patients": 9, "dice_3d": 0.9}},
    "seen": {
        "row_spacing_mm": [1.4, 1.9],
        "column_spacing_mm": [1.4, 2.3],
        "slice_distance_mm": [5.5, 9.0],
        "rows": [8, 12],
        "columns": [8, 14],
        "slices": [5, 9],
        "dark_quarter": [0.0, 1.0],
        "middle": [0.0, 1.0],
        "bright_quarter": [0.0, 1.0],
    },
}


def write_pack(folder: Path, slices: Sequence[str] = (), **changes: Any) -> Path:
    """A pack whose one network is no network: for tests that put another in its place."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pack.json").write_text(json.dumps(DESCRIBED | changes))
    (folder / "training_slices.txt").write_text("".join(f"{each}\n" for each in slices))
    (folder / "network0.json").write_text("{}")
    (folder / "network0.safetensors").write_bytes(b"weights")
    return sign(folder)


def sign(folder: Path) -> Path:
    sums = folder / "SHA256SUMS"
    sums.unlink(missing_ok=True)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    sums.write_text("".join(lines))
    return folder


@pytest.fixture
def pack_at() -> Callable[..., Path]:
    return write_pack
