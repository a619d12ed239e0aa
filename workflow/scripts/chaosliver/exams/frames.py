"""The images of DICOM files, one by one, whether a file holds one or a whole volume: where each lies, and of what kind.

Only headers are read here. What a header lacks makes an image unfit, and the reason is kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import (
    JPEG2000,
    UID,
    EnhancedMRImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
    RLELossless,
)

from ..prepare.dicom import IDENTIFIERS, LONGEST_MM, are_perpendicular
from ..prepare.limits import PIXEL_SPACING

SYNTAXES = (
    *(ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless),
    *(JPEGLossless, JPEGLosslessSV1, JPEGExtended12Bit, JPEGLSLossless, JPEGLSNearLossless, JPEG2000Lossless, JPEG2000),
)
MULTI_FRAME = (EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)
MR = (MRImageStorage, *MULTI_FRAME)
DAMAGED = "damaged DICOM header"
# What tells images at one place from each other, such as the phases of a dynamic series.
REPEATS = ("TemporalPositionIdentifier", "AcquisitionNumber", "DiffusionBValue", "TriggerTime")
READ = (
    *("SOPClassUID", "SOPInstanceUID", "SeriesNumber", "ImageType", "EchoTime", *REPEATS),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns", "NumberOfFrames"),
    *("RescaleSlope", "RescaleIntercept", "SamplesPerPixel", "PhotometricInterpretation", "ModalityLUTSequence"),
    *IDENTIFIERS,
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
)


@dataclass(frozen=True)
class Frame:
    """One image of a file, `number` from 0.

    Lengths are in mm, `position` and `orientation` those of the patient (DICOM axes), `spacing` that of rows and that
    of columns. `kind` and `repeat` tell images of one series apart, `identifiers` those of other patients and studies
    that bear the same series' UID. `rescale` is slope and intercept.
    """

    file: Path
    number: int
    instance: str
    series: str
    series_number: int | None
    kind: tuple[str, ...]
    repeat: tuple[str, ...]
    echo_time_ms: float | None
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    shape: tuple[int, int]
    rescale: tuple[float, float]
    identifiers: tuple[str, ...]


@dataclass(frozen=True)
class Unfit:
    """A DICOM file that is no image of a volume, and why."""

    file: Path
    reason: str


def frames_of(file: Path) -> list[Frame] | Unfit | None:
    """The images of a file; why there is none to segment; or None for a file that is not DICOM."""
    try:
        meta = read_file_meta_info(file)
        header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(READ))
    except (InvalidDicomError, OSError):
        return None
    except Exception:  # Depending on where the damage lies, pydicom raises anything.
        return Unfit(file, DAMAGED)
    try:
        if reason := _unfit(header, meta):
            return Unfit(file, reason)
        return list(_frames(file, header))
    except _LackError as lack:
        return Unfit(file, str(lack))
    except Exception:  # Values are decoded when asked for, and damaged ones raise anything.
        return Unfit(file, DAMAGED)


class _LackError(Exception):
    """What an image lacks."""


def _unfit(header: pydicom.Dataset, meta: pydicom.Dataset) -> str:
    """Why the images of a file are no MR images that can be read; empty if they are."""
    kind, syntax = header.get("SOPClassUID"), meta.get("TransferSyntaxUID")
    if not kind:  # A directory of files has it in front alone.
        stated = meta.get("MediaStorageSOPClassUID")
        return UID(stated).name if stated and stated not in MR else DAMAGED
    if kind not in MR:
        return UID(kind).name
    if "Rows" not in header:  # What follows where the slice lies was cut off.
        return DAMAGED
    if syntax not in SYNTAXES:
        return f"transfer syntax {UID(syntax).name if syntax else 'unknown'}"
    if header.get("SamplesPerPixel", 1) != 1 or header.get("PhotometricInterpretation") not in (None, "MONOCHROME2"):
        return f"pixels of {header.get('PhotometricInterpretation')}"
    if header.get("ModalityLUTSequence"):
        return "grey values by a table (ModalityLUTSequence)"
    if "LOCALIZER" in [part.upper() for part in header.get("ImageType") or ()]:
        return "localiser"
    return ""


def _frames(file: Path, header: pydicom.Dataset) -> Iterator[Frame]:
    count = int(header.get("NumberOfFrames") or 1)
    groups: Sequence[Sequence[pydicom.Dataset]] = [(header,)]
    if header.SOPClassUID in MULTI_FRAME:
        shared = header.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()]
        own = header.get("PerFrameFunctionalGroupsSequence") or []
        if len(own) != count:
            raise _LackError(f"functional groups of {len(own)} of {count} frames")
        groups = [(frame, shared[0], header) for frame in own]
    elif count != 1:
        raise _LackError("several frames without functional groups")
    for number, places in enumerate(groups):
        yield _frame(file, number, header, places)


def _frame(file: Path, number: int, header: pydicom.Dataset, places: Sequence[pydicom.Dataset]) -> Frame:
    echo = _found(places, "EchoTime", "MREchoSequence", "EffectiveEchoTime")
    series_number = header.get("SeriesNumber")
    return Frame(
        file=file,
        number=number,
        instance=str(_needed(header, "SOPInstanceUID")),
        series=str(_needed(header, "SeriesInstanceUID")),
        series_number=None if series_number is None else int(series_number),
        kind=tuple(_found(places, "ImageType", "MRImageFrameTypeSequence", "FrameType") or ()),
        repeat=tuple(str(_found(places, name, "FrameContentSequence", name)) for name in REPEATS),
        echo_time_ms=None if echo is None else float(echo),
        position=_numbers(places, "ImagePositionPatient", "PlanePositionSequence", 3),
        orientation=_directions(places),
        spacing=_lengths(places),
        shape=(int(_needed(header, "Rows")), int(_needed(header, "Columns"))),
        rescale=_rescale(places),
        identifiers=tuple(str(header.get(name) or "").strip() for name in IDENTIFIERS),
    )


def _needed(header: pydicom.Dataset, keyword: str) -> Any:
    value = header.get(keyword)
    if value in (None, ""):
        raise _LackError(f"without {keyword}")
    return value


def _found(places: Sequence[pydicom.Dataset], keyword: str, group: str, within: str) -> Any:
    """A value of a plain header, or of a frame's own or the shared functional group; None where there is none."""
    for place in places:
        inner = place.get(group) or [pydicom.Dataset()]
        for value in (inner[0].get(within), place.get(keyword)):
            if value not in (None, ""):
                return value
    return None


def _numbers(places: Sequence[pydicom.Dataset], keyword: str, group: str, count: int) -> tuple[float, ...]:
    found = _found(places, keyword, group, keyword)
    numbers = tuple(float(number) for number in found) if isinstance(found, pydicom.multival.MultiValue) else ()
    if len(numbers) != count or not np.isfinite(numbers).all() or max(map(abs, numbers)) > LONGEST_MM:
        raise _LackError(f"without {keyword}" if found is None else f"{keyword} {found}")
    return numbers


def _directions(places: Sequence[pydicom.Dataset]) -> tuple[float, ...]:
    found = _numbers(places, "ImageOrientationPatient", "PlaneOrientationSequence", 6)
    if not are_perpendicular(found):
        raise _LackError(f"ImageOrientationPatient {list(found)}, not two perpendicular directions of length 1")
    return found


def _lengths(places: Sequence[pydicom.Dataset]) -> tuple[float, ...]:
    found = _numbers(places, "PixelSpacing", "PixelMeasuresSequence", 2)
    if not all(PIXEL_SPACING.possible(length) for length in found):
        raise _LackError(f"PixelSpacing {list(found)}")
    return found


def _rescale(places: Sequence[pydicom.Dataset]) -> tuple[float, float]:
    slope, intercept = (
        _found(places, name, "PixelValueTransformationSequence", name) for name in ("RescaleSlope", "RescaleIntercept")
    )
    found = (1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept))
    if not np.isfinite(found).all() or found[0] == 0:
        raise _LackError(f"RescaleSlope {slope} and RescaleIntercept {intercept}")
    return found
