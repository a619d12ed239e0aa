"""A drawn stand-in for the CHAOS MR archive: the same folders, names, headers and grey levels, but no real patient.

Each patient has a body with a rim of fat, a liver at the image's left, kidneys, spleen, spine, stomach, bowel and
lungs. Spleen, muscle, stomach and heart have nearly the liver's intensity, and a bias field hides what is left of the
difference: the liver is found by its shape, place and texture, not by a threshold.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage
from scipy import ndimage

from ..base.anatomy import SEQUENCES
from ..base.files import write_atomically
from .archive import check_archive

Array = np.ndarray

# The grey levels of the archive's ground truth.
LEVELS = {"liver": 63, "right_kidney": 126, "left_kidney": 189, "spleen": 252}
MATRICES = (96, 112)
SPACINGS_MM = {96: 4.0, 112: 3.4}
# True distance of neighbouring slices, and the thickness that the header gives: they differ, as in the archive.
DISTANCES_MM = (5.5, 9.0)
THICKNESS_MM = {5.5: 5.0, 9.0: 8.0}
SLICE_COUNTS = {5.5: (13, 14), 9.0: (10, 12)}
# The real volumes' maxima run from 451 to 2662, depending on the patient.
MAXIMA = (451, 2662)
ECHO_TIMES_MS = {"t1_in_phase": 4.6, "t1_out_of_phase": 2.3, "t2_spir": 70.0}
EXAM_PATIENT = "own"
NOISE = 0.02
BIAS = 0.18
TIMESTAMP = (2019, 4, 11, 0, 0, 0)

# Relative signal of each tissue. A threshold fails because so many lie near the liver's.
SIGNALS: dict[str, dict[str, float]] = {
    "t1_in_phase": {
        "air": 0.0,
        "fat": 0.90,
        "rim": 0.88,
        "muscle": 0.50,
        "bowel": 0.48,
        "heart": 0.52,
        "lung": 0.06,
        "stomach": 0.50,
        "spleen": 0.47,
        "kidney": 0.46,
        "spine": 0.53,
        "liver": 0.51,
    },
    "t1_out_of_phase": {
        "air": 0.0,
        "fat": 0.75,
        "rim": 0.20,
        "muscle": 0.51,
        "bowel": 0.46,
        "heart": 0.53,
        "lung": 0.06,
        "stomach": 0.48,
        "spleen": 0.49,
        "kidney": 0.47,
        "spine": 0.40,
        "liver": 0.49,
    },
    "t2_spir": {
        "air": 0.0,
        "fat": 0.12,
        "rim": 0.16,
        "muscle": 0.33,
        "bowel": 0.40,
        "heart": 0.35,
        "lung": 0.05,
        "stomach": 0.38,
        "spleen": 0.70,
        "kidney": 0.80,
        "spine": 0.34,
        "liver": 0.35,
    },
}
TISSUES = tuple(SIGNALS["t1_in_phase"])


class Geometry(NamedTuple):
    """The grid of one sequence: square matrix, spacing and slice distance in mm, number of slices."""

    matrix: int
    spacing_mm: float
    distance_mm: float
    slices: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        return self.slices, self.matrix, self.matrix


class Body(NamedTuple):
    """What makes a patient: a size, a place and size of the liver (mm, and relative to the scan's height), a seed."""

    size: float
    liver_size: float
    liver_shift_mm: tuple[float, float]
    liver_height: float
    organ_shift_mm: float
    seed: int


def draw_phantom(
    *, archive: Path, cohort: str, patients: Sequence[str], seed: int, ground_truth: bool, receipt: Path
) -> None:
    """Draw the zip `archive` of `patients`, and write its receipt."""
    draw_archive(archive, patients, seed, ground_truth=ground_truth)
    check_archive(archive=archive, cohort=cohort, sha256=None, receipt=receipt)


def draw_archive(target: Path, patients: Sequence[str], seed: int, *, ground_truth: bool = True) -> None:
    """Draw a zip of `patients` laid out as the CHAOS archive.

    Matrix (96 or 112) and slice distance (5.5 or 9 mm) alternate along `patients`; anatomy and intensity scale follow
    from `seed` and the patient's name. The same arguments give the same bytes. Without `ground_truth` there are images
    only, below `Test_Sets/` as in the challenge's own test archive.
    """

    def write(partial: Path) -> None:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for index, patient in enumerate(patients):
                for name, content in _draw_patient(index, patient, seed, ground_truth):
                    member = zipfile.ZipInfo(f"{root}/MR/{patient}/{name}", TIMESTAMP)
                    member.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(member, content)

    root = "Train_Sets" if ground_truth else "Test_Sets"
    write_atomically(target, write)


def draw_exam(target: Path, seed: int, sequence: str = "t1_in_phase") -> None:
    """Draw a zip with one series of a patient of no archive, as a scanner would export it: no ground truth.

    The same arguments give the same bytes.
    """
    folder = SEQUENCES[sequence].images

    def write(partial: Path) -> None:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, content in _draw_patient(1, EXAM_PATIENT, seed, ground_truth=False):
                if name.startswith(f"{folder}/"):
                    member = zipfile.ZipInfo(f"DICOM/{Path(name).stem}", TIMESTAMP)
                    member.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(member, content)

    write_atomically(target, write)


def _draw_patient(index: int, patient: str, seed: int, ground_truth: bool) -> Iterator[tuple[str, bytes]]:
    """Name below the patient's folder and content of each file."""
    rng = np.random.default_rng(_number(seed, patient, bits=64))
    body = _draw_body(rng)
    t1, t2 = _geometries(index, rng)
    grids = {"t1_in_phase": t1, "t1_out_of_phase": t1, "t2_spir": t2}
    scales = {sequence: np.exp(rng.uniform(*np.log(MAXIMA))) for sequence in grids}
    scales["t1_out_of_phase"] = 0.9 * scales["t1_in_phase"]
    tissues = {geometry: _draw_tissues(body, geometry) for geometry in {t1: None, t2: None}}
    for sequence, geometry in grids.items():
        labels, ground = tissues[geometry]
        volume = _draw_signal(labels, geometry, SIGNALS[sequence], scales[sequence], rng)
        stems = _stems(sequence, geometry.slices)
        folders = SEQUENCES[sequence]
        for number, (stem, image) in enumerate(zip(stems, volume, strict=True)):
            yield f"{folders.images}/{stem}.dcm", _encode_dicom(image, stem, number, sequence, geometry, patient, seed)
        # The ground truth of T1 has the names of the images in phase, and is written once.
        if ground_truth and sequence != "t1_out_of_phase":
            for stem, mask in zip(stems, ground, strict=True):
                yield f"{folders.ground}/{stem}.png", cv2.imencode(".png", mask)[1].tobytes()


def _draw_body(rng: np.random.Generator) -> Body:
    return Body(
        size=rng.uniform(0.92, 1.05),
        liver_size=rng.uniform(0.85, 1.12),
        liver_shift_mm=(rng.uniform(-10, 6), rng.uniform(-10, 10)),
        liver_height=rng.uniform(-0.06, 0.06),
        organ_shift_mm=rng.uniform(-8, 8),
        seed=int(rng.integers(2**32)),
    )


def _geometries(index: int, rng: np.random.Generator) -> tuple[Geometry, Geometry]:
    """Grids of T1 and T2; four patients in a row meet all pairs of matrix and distance."""
    matrix = MATRICES[index % 2]
    distance = DISTANCES_MM[(index + index // 2) % 2]
    slices = int(rng.integers(*SLICE_COUNTS[distance], endpoint=True))
    t1 = Geometry(matrix, SPACINGS_MM[matrix], distance, slices)
    # As in the archive, some patients have another matrix and one slice less in T2 than in T1.
    other = MATRICES[(index + index // 4) % 2]
    return t1, Geometry(other, SPACINGS_MM[other], distance, slices - index % 2)


def _stems(sequence: str, slices: int) -> list[str]:
    """Both phases of T1 are numbered alternately: odd out of phase, even in phase."""
    if sequence == "t2_spir":
        return [f"IMG-0002-{number:05d}" for number in range(1, slices + 1)]
    first = 2 if sequence == "t1_in_phase" else 1
    return [f"IMG-0004-{number:05d}" for number in range(first, first + 2 * slices, 2)]


def _draw_tissues(body: Body, geometry: Geometry) -> tuple[Array, Array]:
    """Tissue numbers (index into TISSUES) and ground truth, both uint8 [slices, rows, columns]."""
    rng = np.random.default_rng(body.seed)
    centre = (geometry.matrix - 1) / 2
    line = ((np.arange(geometry.matrix) - centre) * geometry.spacing_mm / body.size).astype(np.float32)
    x, y = line[None, None, :], line[None, :, None]
    # Height along the scan, from 0 (feet) to 1 (head).
    t = np.linspace(0, 1, geometry.slices, dtype=np.float32)[:, None, None]
    shift = body.organ_shift_mm

    def ellipsoid(cx: float, cy: float, ax: float, ay: float, ct: float = 0.5, at: float = 99.0) -> Array:
        """1 at the centre, 0 on the surface, negative outside."""
        return 1 - ((x - cx) / ax) ** 2 - ((y - cy) / ay) ** 2 - ((t - ct) / at) ** 2

    def waves(amplitude: float, length_mm: float) -> Array:
        return amplitude * _smooth_field(geometry, length_mm, rng)

    roughness = waves(0.12, 24)
    labels = np.zeros(geometry.shape, np.uint8)
    ground = np.zeros(geometry.shape, np.uint8)
    inside = ellipsoid(0, 0, 152, 104) > 0

    def paint(tissue: str, where: Array, organ: str | None = None) -> None:
        where = where & inside & (labels != TISSUES.index("spine"))
        if organ:
            # Fat around an organ: bright in phase, dark out of phase (where it meets water) and with fat suppressed.
            labels[ndimage.binary_dilation(where, np.ones((1, 3, 3))) & inside & (ground == 0)] = TISSUES.index("rim")
        labels[where] = TISSUES.index(tissue)
        ground[where] = LEVELS[organ] if organ else 0

    size, height = body.liver_size, body.liver_height
    dx, dy = body.liver_shift_mm
    right_lobe = ellipsoid(-66 + dx, 0 + dy, 64 * size, 72 * size, 0.46 + height, 0.36)
    left_lobe = ellipsoid(-8 + dx, -36 + dy, 66 * size, 32 * size, 0.60 + height, 0.24)
    labels[ellipsoid(0, 0, 165, 116) > 0] = TISSUES.index("fat")
    paint("muscle", inside)
    paint("bowel", ellipsoid(0, -5, 136, 88) > 0)
    paint("fat", (ellipsoid(0, -5, 130, 84) > 0) & (waves(1, 18) > 1.2))
    paint("muscle", np.maximum(ellipsoid(-34, 78, 26, 18), ellipsoid(34, 78, 26, 18)) > 0)
    paint("spine", ellipsoid(0, 62, 24, 24) > 0)
    lungs = np.maximum(ellipsoid(-66, 0, 64, 76, 1.1, 0.34), ellipsoid(68, 0, 62, 76, 1.15, 0.34))
    paint("lung", lungs > 0)
    paint("heart", ellipsoid(18, -35, 52, 40, 1.1, 0.28) + roughness > 0)
    paint("stomach", ellipsoid(58 + shift, -38, 44, 38, 0.66, 0.34) + roughness > 0)
    paint("spleen", ellipsoid(102, 28 + shift, 28, 44, 0.64, 0.30) + roughness > 0, "spleen")
    paint("kidney", ellipsoid(-62, 52 + shift, 27, 24, 0.14, 0.32) + roughness > 0, "right_kidney")
    paint("kidney", ellipsoid(66, 48 - shift, 26, 25, 0.24, 0.32) + roughness > 0, "left_kidney")
    paint("liver", np.maximum(right_lobe, left_lobe) + 1.3 * roughness > 0, "liver")
    return labels, ground


def _draw_signal(
    labels: Array, geometry: Geometry, signals: dict[str, float], maximum: float, rng: np.random.Generator
) -> Array:
    """Image intensities, uint16 [slices, rows, columns], whose largest value is `maximum`."""
    signal = np.array([signals[tissue] for tissue in TISSUES], np.float32)[labels]
    # Bowel is mottled; the liver is even, with thin dark vessels.
    texture = _smooth_field(geometry, 7, rng)
    signal += np.where(labels == TISSUES.index("bowel"), 0.07 * texture, 0)
    signal -= np.where((labels == TISSUES.index("liver")) & (np.abs(texture) < 0.12), 0.07, 0).astype(np.float32)
    signal = ndimage.gaussian_filter(signal, (0, 0.5, 0.5))
    signal *= np.exp(BIAS * _smooth_field(geometry, 70, rng))
    noise = rng.normal(0, NOISE, (2, *geometry.shape)).astype(np.float32)
    magnitude = np.hypot(signal + noise[0], noise[1])  # Magnitude images have Rician noise.
    return np.rint(magnitude * (maximum / magnitude.max())).astype(np.uint16)


def _smooth_field(geometry: Geometry, length_mm: float, rng: np.random.Generator) -> Array:
    """A random field of mean 0 and deviation 1 that varies over `length_mm`, float32 [slices, rows, columns].

    Drawn coarse and enlarged, so that its cost does not grow with the length.
    """
    extents = np.array(geometry.shape) * (geometry.distance_mm, geometry.spacing_mm, geometry.spacing_mm)
    coarse = rng.standard_normal(np.ceil(extents / length_mm).astype(int) + 3).astype(np.float32)
    steps = np.array((geometry.distance_mm, geometry.spacing_mm, geometry.spacing_mm)) / length_mm
    # The margin of one sample keeps the border's extrapolation out.
    field = ndimage.affine_transform(coarse, steps, offset=1, output_shape=geometry.shape, order=3, mode="nearest")
    return (field - field.mean()) / field.std()


def _encode_dicom(
    image: Array, stem: str, number: int, sequence: str, geometry: Geometry, patient: str, seed: int
) -> bytes:
    """One slice as a DICOM file with the attributes that the archive's slices have, and the empty ones too."""
    instance = f"{seed}/{patient}/{sequence}/{stem}"
    header = pydicom.Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = MRImageStorage
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = _uid(instance)
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID = MRImageStorage
    header.StudyInstanceUID = _uid(f"{seed}/{patient}")
    header.SeriesInstanceUID = _uid(f"{seed}/{patient}/{sequence}")
    header.FrameOfReferenceUID = _uid(f"{seed}/{patient}/frame")
    header.Modality = "MR"
    header.Manufacturer = header.SeriesDescription = header.PatientID = ""
    header.PatientName = "PHANTOM"
    header.PatientPosition = "HFS"
    header.EchoTime = ECHO_TIMES_MS[sequence]
    header.InstanceNumber = int(stem.rsplit("-", 1)[1])
    header.SliceThickness = THICKNESS_MM[geometry.distance_mm]
    corner = -(geometry.matrix - 1) / 2 * geometry.spacing_mm
    header.ImagePositionPatient = [corner, corner, round(-60 + number * geometry.distance_mm, 3)]
    header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    header.PixelSpacing = [geometry.spacing_mm, geometry.spacing_mm]
    header.Rows, header.Columns = image.shape
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 0
    header.PixelData = image.astype("<u2").tobytes()
    stream = io.BytesIO()
    header.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _uid(text: str) -> UID:
    """A UID below 2.25, the root for 128-bit numbers, that depends on `text` alone."""
    return UID(f"2.25.{_number(text, bits=128)}")


def _number(*parts: object, bits: int) -> int:
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[: bits // 8], "big")
