"""Reading one MR slice from a DICOM file: what is damaged is refused by name, and nothing is guessed.

pydicom reads a header cut short as a partial data set without an error, and unfolds deflated files before anyone can
ask how large they get. So the transfer syntax is checked first, and every attribute that is needed must be there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_file_meta_info, read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage

from ..base.errors import InputError

# Compressed and deflated files are refused: CHAOS has none, and they can unfold to any size.
SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
LARGEST_GREY = 65535
# What the elements of a slice come after, and the two between which there are none.
LAST_OF_META, PIXELS, SIGNATURES = Tag(0x0002, 0xFFFF), Tag("PixelData"), Tag("DigitalSignaturesSequence")
# No scanner has such lengths, and areas and volumes made of them could overflow.
SHORTEST_MM, LONGEST_MM = 1e-6, 1e5
# What tells whose a slice is, and of which series. CHAOS leaves PatientID empty.
IDENTIFIERS = ("PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
# Pixels this many times as rough as with their bytes exchanged have them in the wrong order. On the 14 real patients at
# most 0.91 times, and with exchanged bytes more than 1.5 times in 92 % of the slices (T2-SPIR: 98 %). Of fewer grey
# values the roughness says little; the real slices have 299 and more.
ROUGHER, GREYS_AT_LEAST = 1.5, 64
REMEDY = "Fetch the file anew from the archive, or drop the patient or sequence from the patient sheet."


@dataclass(frozen=True)
class Slice:
    """One slice: pixels uint16 [rows, columns], and where they lie in the patient (mm, DICOM axes).

    `spacing` is the distance of neighbouring rows and that of neighbouring columns. `orientation` holds the directions
    of a row and of a column. `identifiers` are those of IDENTIFIERS that the header fills.
    """

    pixels: np.ndarray
    instance_number: int
    position: tuple[float, float, float]
    orientation: tuple[float, ...]
    spacing: tuple[float, float]
    echo_time_ms: float | None
    identifiers: Mapping[str, str] = field(default_factory=dict)

    @property
    def position_mm(self) -> float:
        """Place along the slice's normal in mm."""
        return position_along_normal(self.position, self.orientation)


def read_slice(path: Path) -> Slice:
    """Read pixels and geometry of a single-frame, uncompressed 16-bit grey image; slope and intercept are applied.

    EchoTime is optional (None), since derived images lack it. Raises InputError that names the file, the cause and the
    remedy where the file is empty, unreadable, compressed, cut short, or lacks an attribute.
    """
    header = _read_data_set(path)
    try:
        x, y, z = _numbers(header, "ImagePositionPatient", 3)
        row_spacing, column_spacing = _numbers(header, "PixelSpacing", 2)
        found = Slice(
            pixels=_pixels(header, int(_value(header, "Rows")), int(_value(header, "Columns"))),
            instance_number=_whole(header, "InstanceNumber"),
            position=(x, y, z),
            orientation=_numbers(header, "ImageOrientationPatient", 6),
            spacing=(row_spacing, column_spacing),
            echo_time_ms=_echo_time(header),
            identifiers={name: text for name in IDENTIFIERS if (text := str(header.get(name) or "").strip())},
        )
        _check_geometry(found)
    except _DamageError as damage:
        raise InputError(f"{path}: {damage}. {REMEDY}") from None
    except Exception as error:  # Values are decoded when asked for, and damaged ones raise anything.
        raise InputError(f"{path}: an attribute of the DICOM header cannot be read ({error}). {REMEDY}") from error
    return found


def position_along_normal(position: tuple[float, ...], orientation: tuple[float, ...]) -> float:
    """Place of a slice along its normal in mm: ImagePositionPatient times the cross product of row and column."""
    return float(np.dot(position, normal_of(orientation)))


def normal_of(orientation: tuple[float, ...]) -> np.ndarray:
    """The direction in which slices are counted: the cross product of a row's and a column's."""
    return np.cross(orientation[:3], orientation[3:])


def are_perpendicular(orientation: tuple[float, ...]) -> bool:
    """Whether the directions of a row and of a column have length 1 and a right angle between them."""
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    return bool(np.allclose([row @ row, column @ column, row @ column], (1, 1, 0), atol=1e-3))


def has_swapped_bytes(pixels: np.ndarray) -> bool:
    """Whether 16-bit pixels [rows, columns] make a smooth image only once the two bytes of each are exchanged."""
    if len(np.unique(pixels)) < GREYS_AT_LEAST:
        return False
    return _roughness(pixels) > ROUGHER * _roughness(pixels.byteswap()) > 0


def _roughness(pixels: np.ndarray) -> float:
    """The mean step between neighbouring columns, as a share of the standard deviation."""
    values = pixels.astype(np.float32)
    return float(np.abs(np.diff(values, axis=1)).mean() / max(float(values.std()), 1e-6))


class _DamageError(Exception):
    """What is wrong with a file, without its name."""


def _read_data_set(path: Path) -> pydicom.Dataset:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file. {REMEDY}")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty. {REMEDY}")
    try:
        meta = read_file_meta_info(path)
        # Decoded one by one: other readers refuse a file where one of them cannot be.
        list(meta)
        syntax = meta.get("TransferSyntaxUID")
        if syntax not in SYNTAXES:
            name = getattr(syntax, "name", None) or "unknown"
            raise InputError(
                f"{path}: the transfer syntax is {name}; only uncompressed little endian is read. "
                f"Convert it with a DICOM tool (dcmdjpeg, dcmconv +te), or drop the patient from the patient sheet."
            )
        return _read_elements(path)
    except InputError:
        raise
    except Exception as error:  # Depending on where the damage lies, pydicom raises anything.
        raise InputError(f"{path}: is not a readable DICOM file ({error}). {REMEDY}") from error


def _read_elements(path: Path) -> pydicom.Dataset:
    """The data set of a file of which every element can be read, and of which nothing is left over."""
    tags = [LAST_OF_META]

    def note(tag: BaseTag, *_: Any) -> bool:
        tags.append(tag)
        return False

    with path.open("rb") as stream:
        header = read_partial(stream, stop_when=note)
    # Of an element that comes twice pydicom takes the last, other programs the first, and damage looks like that too.
    for before, after in pairwise(tags):
        if before >= after or PIXELS < after < SIGNATURES:
            raise ValueError(f"its element {after} is out of place")
    last = header.get_item(tags[-1])
    if isinstance(last, RawDataElement) and last.value_tell + last.length != path.stat().st_size:
        raise ValueError("it is cut short, or bytes follow its last element")
    for tag in tags[1:]:
        _check_element(header, tag)
    return header


def _check_element(header: pydicom.Dataset, tag: BaseTag) -> None:
    """Raise ValueError, or whatever pydicom raises, for a value that cannot be read for certain."""
    raw = header.get_item(tag)
    element = header[tag]
    if raw is not None and element.VR in ("DS", "IS") and b"_" in (raw.value or b""):
        # Python takes 1_000 for 1000.
        raise ValueError(f"its element {tag} holds {raw.value!r}, which is no number")
    if dictionary_has_tag(tag) and element.VR not in (*dictionary_VR(tag).split(" or "), "UN"):
        raise ValueError(f"its element {tag} is of the kind {element.VR} instead of {dictionary_VR(tag)}")


def _value(header: pydicom.Dataset, keyword: str) -> Any:
    value = header.get(keyword)
    if value is None or value == "":
        raise _DamageError(f"the DICOM header lacks {keyword} (cut short?)")
    return value


def _whole(header: pydicom.Dataset, keyword: str) -> int:
    value = _value(header, keyword)
    # pydicom takes 6e+06 for one, which the standard does not allow, and other readers do not read.
    if int(value) != value or "e" in str(getattr(value, "original_string", "")).lower():
        raise _DamageError(f"{keyword} is {value}, not a whole number")
    return int(value)


def _numbers(header: pydicom.Dataset, keyword: str, count: int) -> tuple[float, ...]:
    value = _value(header, keyword)
    numbers = tuple(float(number) for number in value) if isinstance(value, pydicom.multival.MultiValue) else ()
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise _DamageError(f"{keyword} is {value}, not {count} numbers")
    return numbers


def _echo_time(header: pydicom.Dataset) -> float | None:
    value = header.get("EchoTime")
    if value in (None, ""):
        return None
    if not np.isfinite(float(value)):
        raise _DamageError(f"EchoTime is {value}, not a number")
    return float(value)


def _pixels(header: pydicom.Dataset, rows: int, columns: int) -> np.ndarray:
    expected = {
        "SOPClassUID": MRImageStorage,
        "SamplesPerPixel": 1,
        "BitsAllocated": 16,
        "PhotometricInterpretation": "MONOCHROME2",
    }
    for keyword, wanted in expected.items():
        if (value := _value(header, keyword)) != wanted:
            raise _DamageError(f"{keyword} is {value}, but only {wanted} is read")
    if int(header.get("NumberOfFrames") or 1) != 1:
        raise _DamageError(f"NumberOfFrames is {header.NumberOfFrames}, but one slice per file is read")
    content = header.get("PixelData")
    held, wanted = len(content or b""), 2 * rows * columns
    if held != wanted or not wanted:
        raise _DamageError(f"the pixels are cut short or padded: {held} bytes instead of {wanted} ({rows} x {columns})")
    if (sign := _value(header, "PixelRepresentation")) not in (0, 1):
        raise _DamageError(f"PixelRepresentation is {sign}, but only 0 and 1 have a meaning")
    signed = sign == 1
    pixels = np.frombuffer(content, "<i2" if signed else "<u2").reshape(rows, columns)
    _check_bits(header, pixels, signed)
    if has_swapped_bytes(pixels):
        raise _DamageError("the two bytes of each pixel are in the wrong order: big endian is declared little endian")
    return _rescaled(header, pixels)


def _check_bits(header: pydicom.Dataset, pixels: np.ndarray, signed: bool) -> None:
    """Refuse pixels with more than grey values in them, such as overlays in the bits that are left."""
    bits = int(_value(header, "BitsStored"))
    if (high_bit := int(header.get("HighBit", bits - 1))) != bits - 1:
        raise _DamageError(f"HighBit is {high_bit}, but only {bits - 1} is read where BitsStored is {bits}")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
    if pixels.min() < low or pixels.max() >= high:
        raise _DamageError(f"BitsStored is {bits}, but its pixels run from {pixels.min()} to {pixels.max()}")


def _rescaled(header: pydicom.Dataset, pixels: np.ndarray) -> np.ndarray:
    """The grey values that slope and intercept make of the pixels, uint16: whole numbers, as the PNG hold them."""
    if header.get("ModalityLUTSequence"):
        raise _DamageError("its grey values are those of a table (ModalityLUTSequence), which is not read")
    # Of a file that lacks or leaves them empty, as CHAOS does, the pixels are the grey values.
    slope, intercept = (
        float(found) if (found := header.get(keyword)) not in (None, "") else usual
        for keyword, usual in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
    )
    if intercept and header.get("RescaleSlope") in (None, ""):
        raise _DamageError(
            f"RescaleIntercept is {intercept:g} without a RescaleSlope, and readers differ in what that means. Export "
            "it with both, or with neither"
        )
    if not np.isfinite([slope, intercept]).all() or abs(slope) < 1:
        raise _DamageError(
            f"RescaleSlope is {slope:g} and RescaleIntercept {intercept:g}: rounded to whole numbers, its grey values "
            "would be fewer. Export it without, or with a slope of at least 1"
        )
    greys = pixels if (slope, intercept) == (1, 0) else np.rint(pixels * slope + intercept)
    if greys.min() < 0:
        raise _DamageError(f"its grey values begin at {greys.min():.0f}: MR magnitudes are never negative")
    if greys.max() > LARGEST_GREY:
        raise _DamageError(f"its grey values reach {greys.max():.0f}, and {LARGEST_GREY} is the most that a PNG holds")
    return greys.astype(np.uint16, copy=False)


def _check_geometry(found: Slice) -> None:
    if not are_perpendicular(found.orientation):
        raise _DamageError(
            f"ImageOrientationPatient is {found.orientation}, not two perpendicular directions of length 1"
        )
    if not SHORTEST_MM <= min(found.spacing) <= max(found.spacing) <= LONGEST_MM:
        raise _DamageError(f"PixelSpacing is {found.spacing}, not two positive lengths in mm")
    if max(map(abs, found.position)) > LONGEST_MM:
        raise _DamageError(f"ImagePositionPatient is {found.position}, which no scanner can reach (mm)")
