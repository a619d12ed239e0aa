"""A volume on its own grid, from the files of a DICOM series or from NIfTI, and the same volume as axial slices."""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.orientations import (
    apply_orientation,
    axcodes2ornt,
    io_orientation,
    ornt_transform,
)
from pydicom.pixels import pixel_array

from ..base.errors import InputError
from ..base.nifti import BETWEEN_AXES
from ..base.planes import Plane
from ..base.wording import size_of
from ..prepare.dicom import has_swapped_bytes, normal_of
from ..prepare.images import Encoding, encode_volume
from ..prepare.limits import PIXEL_SPACING, SLICE_DISTANCE
from .series import Series, plane_across

# Far above any MR volume, which has some 10 million voxels.
VOXELS_AT_MOST = 1 << 27
# No more bytes come of one that was compressed as gzip does.
INFLATED_AT_MOST = 1032
# How far the two places that a NIfTI file tells may lie apart: as a share of the largest spacing, and of its origin.
FORMS_APART, FORMS_APART_MM = 0.01, 0.5
SLOPE_AT_LEAST = 1e-6
# The axes of the slices that networks learn from: columns to the left, rows to the back, slices to the head.
AXIAL = ("L", "P", "S")
# Whatever the workflow makes goes through tables of so many digits.
DIGITS = 6


@dataclass(frozen=True, eq=False)
class Volume:
    """Grey values [slices, rows, columns] on the grid of the exam.

    `to_patient` maps (column, row, slice, 1) to mm in the patient (DICOM axes). Where a slice is missing in the series,
    `present` is False and the greys are 0. `series` is what it was read from, None for NIfTI.
    """

    greys: np.ndarray
    to_patient: np.ndarray
    present: np.ndarray
    series: Series | None

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """The distances of columns, rows and slices."""
        columns, rows, slices = np.linalg.norm(self.to_patient[:3, :3], axis=0).tolist()
        return columns, rows, slices

    @property
    def voxel_ml(self) -> float:
        """The content of a voxel."""
        return float(abs(np.linalg.det(self.to_patient[:3, :3]))) / 1000

    @property
    def plane(self) -> str:
        """The plane of the body that the slices lie nearest to."""
        return plane_across(self._normal)

    @property
    def tilt_degrees(self) -> float:
        """The angle between the slices' normal and the axis of the body that lies nearest to it."""
        return float(np.degrees(np.arccos(min(1.0, np.abs(self._normal).max()))))

    @property
    def _normal(self) -> np.ndarray:
        columns, rows = self.to_patient[:3, 0], self.to_patient[:3, 1]
        normal = np.cross(columns, rows)
        return normal / np.linalg.norm(normal)


@dataclass(frozen=True, eq=False)
class Axial:
    """A volume as the axial slices that a network sees: greys [slices, rows, columns] from the feet to the head.

    No voxel is interpolated: axes are only exchanged and reversed, to those that lie nearest. `restore` takes an array
    of the same shape back to the volume's own grid. Distances are in mm; slices that are missing are left out.
    """

    greys: np.ndarray
    row_mm: float
    column_mm: float
    slice_mm: float
    positions_mm: list[float]
    restore: Callable[[np.ndarray], np.ndarray]


def read_series(series: Series) -> Volume:
    """The volume of a DICOM series, with slope and intercept applied.

    Raises InputError where pixels cannot be read.
    """
    first, size = series.frames[0], series.places[-1] + 1
    _refuse_huge(first.file, (size, *first.shape))
    greys: np.ndarray | None = None
    for frame, place in zip(series.frames, series.places, strict=True):
        pixels = _pixels(frame.file, frame.number, frame.shape)
        slope, intercept = frame.rescale
        if (slope, intercept) != (1.0, 0.0):
            pixels = pixels.astype(np.float32) * np.float32(slope) + np.float32(intercept)
        if greys is None:
            greys = np.zeros((size, *first.shape), pixels.dtype)
        if pixels.dtype != greys.dtype:
            greys = greys.astype(np.promote_types(pixels.dtype, greys.dtype))
        greys[place] = pixels
    assert greys is not None
    present = np.zeros(size, bool)
    present[list(series.places)] = True
    return Volume(_raised(greys, present), _to_patient(series), present, series)


def read_nifti(path: Path) -> Volume:
    """The volume of a NIfTI file.

    Raises InputError where it cannot be read, does not say how it lies in the patient, or holds no grey volume.
    """
    try:
        image: Any = nibabel.load(path)
        header = image.header
        shape = tuple(size for number, size in enumerate(image.shape) if number < 3 or size != 1)
        oriented = int(header["qform_code"]) > 0 or int(header["sform_code"]) > 0
    except Exception as error:  # Depending on where the damage lies, nibabel raises anything.
        raise InputError(f"{path}: is not a readable NIfTI file ({error}). Copy it anew") from None
    if len(shape) != 3 or min(shape) < 2:
        raise InputError(f"{path}: holds {size_of(image.shape)} values, not one volume. Save a single volume")
    _refuse_huge(path, shape)
    promised, held = int(np.prod(shape)) * header.get_data_dtype().itemsize, path.stat().st_size
    if promised > held * (INFLATED_AT_MOST if path.name.lower().endswith(".gz") else 1):
        raise InputError(f"{path}: its header promises {promised:,} bytes of voxels, more than is in it. Copy it anew")
    if not oriented:
        raise InputError(
            f"{path}: does not say how it lies in the patient (qform and sform are unknown), so left and right cannot "
            "be told. Convert it from DICOM anew"
        )
    if fault := _doubtful_place(path, header):
        raise InputError(f"{path}: {fault}. Convert it from DICOM anew")
    to_patient = BETWEEN_AXES @ image.affine
    if not np.isfinite(to_patient).all() or abs(np.linalg.det(to_patient[:3, :3])) < 1e-6:
        raise InputError(f"{path}: its affine matrix gives voxels no volume. Convert it from DICOM anew")
    lengths = np.linalg.norm(to_patient[:3, :3], axis=0)
    # Which axis is that of the slices is not told, so the wider limits of both hold for each.
    least = min(PIXEL_SPACING.least_possible, SLICE_DISTANCE.least_possible)
    if lengths.min() < least or lengths.max() > SLICE_DISTANCE.most_possible:
        told = " x ".join(f"{length:.3g}" for length in lengths)
        raise InputError(f"{path}: its voxels measure {told} mm, which no scanner gives. Convert it from DICOM anew")
    if fault := _doubtful_voxels(path, image, promised):
        raise InputError(f"{path}: {fault}. Copy it anew, or convert it from DICOM anew")
    try:
        values = np.asanyarray(image.dataobj).reshape(shape)
    except Exception as error:
        raise InputError(f"{path}: its voxels cannot be read ({error}). Copy it anew") from None
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise InputError(f"{path}: holds voxels that are no finite grey values. Convert it from DICOM anew")
    greys = np.ascontiguousarray(values.transpose(2, 1, 0))
    present = np.ones(len(greys), bool)
    return Volume(_raised(greys, present), to_patient, present, None)


def refuse_blank(path: Path, volume: Volume) -> None:
    """Raise InputError where a volume holds one grey value alone."""
    held = volume.greys[volume.present]
    if held.min() == held.max():
        raise InputError(f"{path}: every voxel has the same grey value. Export the series anew")


def _opened(path: Path) -> Any:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")


def _doubtful_place(path: Path, header: Any) -> str:
    """Why programs differ in where a volume lies in the patient; empty if they do not."""
    try:
        unit = header.get_xyzt_units()[0]
        qform, sform = header.get_qform(coded=True)[0], header.get_sform(coded=True)[0]
        with _opened(path) as stream:
            # Before nibabel mends it.
            raw = type(header).from_fileobj(stream, check=False)
        handed, *told = np.array(raw["pixdim"][:4], float).tolist()
        codes = {int(raw[name]) for name in ("qform_code", "sform_code")}
    except Exception:  # Depending on where the damage lies, nibabel raises anything.
        return "its header does not say for certain how it lies in the patient"
    if unit not in ("mm", "unknown"):
        return f"its lengths are in units of {unit}, and only mm are read"
    if min(told) <= 0 or handed not in (-1, 0, 1):
        return f"its voxels measure {told} mm, with {handed:g} as their handedness"
    if not codes <= set(range(6)):
        return f"its qform and sform have the codes {sorted(codes)}, of which not all exist"
    if sform is None:
        return ""
    if not np.allclose(np.linalg.norm(sform[:3, :3], axis=0), told, rtol=FORMS_APART):
        return "its sform has other spacings than its header"
    if qform is None:
        return ""
    # Rounding aside, a converter writes the same twice; nibabel takes one, ITK the other.
    spacing = np.linalg.norm(sform[:3, :3], axis=0)
    turned = np.abs(qform[:3, :3] - sform[:3, :3]).max() > FORMS_APART * spacing.max()
    if turned or np.abs(qform[:3, 3] - sform[:3, 3]).max() > FORMS_APART_MM:
        return "its qform and its sform place it differently"
    return ""


def _doubtful_voxels(path: Path, image: Any, promised: int) -> str:
    """Why voxels may not be what was saved, `promised` bytes of them; empty if nothing says so."""
    begin, slope = int(image.dataobj.offset), float(image.dataobj.slope)
    # Programs take so small a factor for none.
    if abs(slope) < SLOPE_AT_LEAST:
        return f"its grey values are multiplied by {slope:g}"
    held = 0
    try:
        with _opened(path) as stream:
            raw = type(image.header).from_fileobj(stream, check=False)
        factor, added = float(raw["scl_slope"]), float(raw["scl_inter"])
        # Without a factor, nibabel adds nothing either, as the format says; ITK does.
        if (factor == 0 or not isfinite(factor)) and isfinite(added) and added != 0:
            return f"{added:g} is added to its grey values, which are multiplied by {factor:g}"
        # To its end, where the checksum of a packed file stands, which nibabel does not read.
        with _opened(path) as stream:
            while (block := stream.read(1 << 20)) and held <= begin + promised:
                held += len(block)
    except (OSError, EOFError, zlib.error) as error:
        return f"is damaged ({error})"
    return "" if held == begin + promised else f"has not the {promised:,} bytes of voxels that its header promises"


def axial(volume: Volume) -> Axial:
    """The volume as axial slices."""
    to_nifti = BETWEEN_AXES @ volume.to_patient
    own = io_orientation(to_nifti)
    wanted = axcodes2ornt(AXIAL)
    there, back = ornt_transform(own, wanted), ornt_transform(wanted, own)
    turned = _turned(volume.greys, there)
    # Where slices stay slices, the missing ones are left out; else they remain as lines of zeros.
    flat = np.broadcast_to(volume.present[:, None, None], volume.greys.shape)
    kept = np.ones(len(turned), bool)
    if _keeps_slices(there):
        kept[:] = _turned(flat, there).any(axis=(1, 2))
    along = np.zeros(3)
    for axis, (target, _) in enumerate(there):
        along[int(target)] = volume.spacing_mm[axis]
    column_mm, row_mm, slice_mm = along.tolist()

    def restore(stack: np.ndarray) -> np.ndarray:
        whole = np.zeros((len(kept), *stack.shape[1:]), stack.dtype)
        whole[kept] = stack
        return _turned(whole, back)

    positions = [slice_mm * float(number) for number in np.flatnonzero(kept)]
    return Axial(np.ascontiguousarray(turned[kept]), row_mm, column_mm, slice_mm, positions, restore)


def planes_of(view: Axial, encoding: Encoding) -> list[Plane]:
    """The slices as a network's images are encoded in training."""
    slices = list(view.greys)
    rows, columns = view.greys.shape[1:]
    encoded, windows = encode_volume(slices, encoding)
    return [
        Plane(
            pixels,
            _tabled(low),
            _tabled(high),
            # A drawn slice has other pixels than the image.
            (_tabled(view.row_mm * rows / pixels.shape[0]), _tabled(view.column_mm * columns / pixels.shape[1])),
            position,
            (rows, columns),
        )
        for pixels, (low, high), position in zip(encoded, windows, view.positions_mm, strict=True)
    ]


def _tabled(value: float) -> float:
    """A value as the tables keep it, from which training images come."""
    return float(f"{value:.{DIGITS}g}")


def _keeps_slices(orientation: np.ndarray) -> bool:
    return int(orientation[2, 0]) == 2


def _turned(stack: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    """An array [slices, rows, columns] with axes exchanged and reversed as nibabel says for [columns, rows, slices]."""
    turned: np.ndarray = apply_orientation(stack.transpose(2, 1, 0), orientation).transpose(2, 1, 0)
    return np.ascontiguousarray(turned)


def _pixels(file: Path, number: int, shape: tuple[int, int]) -> np.ndarray:
    """The stored values of a frame [rows, columns], whole numbers."""
    try:
        pixels = pixel_array(file, index=number)
    except Exception as error:  # Each decoder has its own errors.
        raise InputError(f"{file}: its pixels cannot be read ({_first_line(error)}). Export the series anew") from None
    if pixels.shape != shape or pixels.dtype.kind not in "iu":
        raise InputError(f"{file}: its pixels are not {size_of(shape)} whole grey values. Export the series anew")
    if has_swapped_bytes(pixels):
        raise InputError(f"{file}: the two bytes of each pixel are in the wrong order. Export the series anew")
    return pixels.astype(np.int32) if pixels.dtype.itemsize <= 2 else pixels


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _refuse_huge(path: Path, shape: tuple[int, ...]) -> None:
    if np.prod(shape, dtype=float) > VOXELS_AT_MOST:
        raise InputError(f"{path}: a volume of {size_of(shape)} voxels is larger than any MR volume. Export it anew")


def _raised(greys: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Grey values of which the lowest is not below 0; missing slices stay 0."""
    lowest = greys[present].min()
    if lowest < 0:
        # In twice as many bits, since the highest may not fit in those of the file.
        wider = greys.dtype if greys.dtype.kind == "f" else np.dtype(f"i{min(2 * greys.itemsize, 8)}")
        greys = greys.astype(wider) - wider.type(lowest)
        greys[~present] = 0
    return greys


def _to_patient(series: Series) -> np.ndarray:
    first = series.frames[0]
    row_mm, column_mm = first.spacing
    matrix = np.eye(4)
    matrix[:3, 0] = np.array(first.orientation[:3]) * column_mm
    matrix[:3, 1] = np.array(first.orientation[3:]) * row_mm
    matrix[:3, 2] = normal_of(first.orientation) * series.distance_mm
    matrix[:3, 3] = first.position
    return matrix
