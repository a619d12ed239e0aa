"""What an exam's mask is written as, so that other programs open it: NIfTI and DICOM SEG."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import pydicom
from highdicom.content import PixelMeasuresSequence
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from ..base.files import write_atomically
from ..base.nifti import as_nifti
from .volumes import Volume

# Each organ in SNOMED CT, and the side of the body where there are two.
ORGAN_CODES: dict[str, tuple[Code, Code | None]] = {
    "liver": (codes.SCT.Liver, None),
    "right_kidney": (codes.SCT.Kidney, codes.SCT.Right),
    "left_kidney": (codes.SCT.Kidney, codes.SCT.Left),
    "spleen": (codes.SCT.Spleen, None),
}
SERIES_NUMBER = 9000
# What a SEG repeats of the images that it is of, by the standard: who the patient is, and when the study was.
REPEATED = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate"),
    *("StudyTime", "ReferringPhysicianName"),
)
# What else is read of them: which images they are, and where they lie.
PLACES = (
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality"),
    *("Rows", "Columns", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "NumberOfFrames"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
)


def write_nifti(path: Path, values: np.ndarray, volume: Volume, stored: type[np.generic] | None = None) -> None:
    """Write values [slices, rows, columns] of a volume's own grid as NIfTI in the patient's space.

    `stored` is the type of the numbers in the file, if another than that of the values; those that it cannot hold are
    scaled, which the header says.
    """
    image = as_nifti(values, volume.to_patient)
    if stored is not None:
        image.set_data_dtype(stored)
    write_atomically(path, lambda partial: nibabel.save(image, partial))


def write_seg(
    path: Path, mask: np.ndarray, volume: Volume, organ: str, network: str, version: str, *, anonymise: bool
) -> None:
    """Write a mask [slices, rows, columns] of a DICOM series as DICOM SEG that refers to its images.

    The standard demands that a SEG repeats who the patient is, and when the study was; `anonymise` leaves that empty.
    """
    assert volume.series is not None
    series, own = volume.series, mask[volume.present]
    files = list(dict.fromkeys(frame.file for frame in series.frames))
    sources = [_source(file, series.distance_mm, anonymise) for file in files]
    numbers = [frame.number for frame in series.frames]
    if len(files) == 1:
        own = own[np.argsort(numbers)]
        _keep_frames(sources[0], sorted(numbers))
    measures = PixelMeasuresSequence(
        # The distance of slices for their thickness too, so that whoever multiplies by either finds the volume.
        pixel_spacing=list(series.frames[0].spacing),
        slice_thickness=series.distance_mm,
        spacing_between_slices=series.distance_mm,
    )
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=network, family=codes.DCM.ArtificialIntelligence, version=version
    )
    kind, side = ORGAN_CODES[organ]
    segment = SegmentDescription(
        segment_number=1,
        segment_label=organ.replace("_", " ").capitalize(),
        segmented_property_category=codes.SCT.Organ,
        segmented_property_type=kind,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm,
    )
    if side is not None:
        segment.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [CodedConcept(*side)]
    with warnings.catch_warnings():
        # An empty mask is written as it is.
        warnings.simplefilter("ignore")
        seg = Segmentation(
            source_images=sources,
            pixel_array=own.astype(np.uint8),
            pixel_measures=measures,
            segmentation_type=SegmentationTypeValues.BINARY,
            segment_descriptions=[segment],
            series_instance_uid=highdicom.UID(),
            series_number=SERIES_NUMBER,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="chaos-liver",
            manufacturer_model_name=network,
            software_versions=version,
            device_serial_number=version,
            series_description=f"{organ.replace('_', ' ').capitalize()} by chaos-liver",
        )
    if len(files) == 1:
        _number_as_in_file(seg, sorted(numbers))
    write_atomically(path, lambda partial: seg.save_as(partial))


def _keep_frames(header: pydicom.Dataset, numbers: Sequence[int]) -> None:
    """Leave out the frames of other series in the same file, such as another echo's, which lie at the same places."""
    header.PerFrameFunctionalGroupsSequence = [header.PerFrameFunctionalGroupsSequence[number] for number in numbers]
    header.NumberOfFrames = len(numbers)


def _number_as_in_file(seg: pydicom.Dataset, numbers: Sequence[int]) -> None:
    """Let a SEG refer to frames by their numbers in the file, counted from 1, instead of those among `numbers`."""
    for group in seg.PerFrameFunctionalGroupsSequence:
        for derivation in group.get("DerivationImageSequence", ()):
            for source in derivation.SourceImageSequence:
                source.ReferencedFrameNumber = numbers[int(source.ReferencedFrameNumber) - 1] + 1


def _source(file: Path, distance_mm: float, anonymise: bool) -> pydicom.Dataset:
    """What a SEG needs of an image's header, and nothing else of it: a header says much about a patient."""
    header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=[*REPEATED, *PLACES])
    header.SliceThickness = distance_mm
    for keyword in REPEATED:
        if anonymise or keyword not in header:
            setattr(header, keyword, None)
    # Of images that belong to no study or frame of reference, one that the whole series shares.
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID"):
        if not header.get(keyword):
            setattr(header, keyword, generate_uid(entropy_srcs=[keyword, str(header.SeriesInstanceUID)]))
    return header
