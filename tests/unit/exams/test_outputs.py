"""Masks in files lie where they do in the patient, by other readers' accounts, and a SEG is as the standard asks."""

import shutil
import subprocess

import numpy as np
import pydicom
import pytest
import SimpleITK
from unit.exams.conftest import ORIENTATIONS, PLANTED, at_patient, ramp, write_enhanced, write_series

from chaosliver.exams.outputs import write_nifti, write_seg
from chaosliver.exams.series import find_series
from chaosliver.exams.volumes import read_series

SHAPE, ORIGIN = (7, 6, 8), (-30.0, 20.0, 5.0)
# Near one corner, so that a mirrored or turned mask lies elsewhere.
MARKED = [(1, 0, 1), (1, 0, 2), (1, 1, 1), (2, 1, 1), (2, 1, 3), (5, 4, 2)]


def marked():
    mask = np.zeros(SHAPE, bool)
    for place in MARKED:
        mask[place] = True
    return mask


def volume_in(folder, name, **changes):
    greys = ramp(at_patient(SHAPE, ORIENTATIONS[name], ORIGIN))
    ((series,), _) = find_series(write_series(folder, greys, orientation=ORIENTATIONS[name], **changes))
    return read_series(series)


def places(name, marks=MARKED):
    """Where the marked voxels lie in the patient, in mm."""
    return np.array(sorted(tuple(np.round(at_patient(SHAPE, ORIENTATIONS[name], ORIGIN)[mark], 3)) for mark in marks))


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_nifti_lies_in_the_patient_where_simpleitk_says(tmp_path, name):
    write_nifti(tmp_path / "mask.nii.gz", marked().astype(np.uint8), volume_in(tmp_path / "exam", name))
    image = SimpleITK.ReadImage(str(tmp_path / "mask.nii.gz"))
    found = [
        tuple(np.round(image.TransformIndexToPhysicalPoint((int(c), int(r), int(k))), 3))
        for k, r, c in np.argwhere(SimpleITK.GetArrayFromImage(image))
    ]
    assert np.allclose(sorted(found), places(name), atol=0.002)
    assert np.prod(image.GetSpacing()) * len(found) == pytest.approx(6 * 20.25)


def marks_of(seg):
    """Where the voxels of a SEG lie, read from its own frames: position, orientation and spacing."""
    shared = seg.SharedFunctionalGroupsSequence[0]
    row_mm, column_mm = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    orientation = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    frames = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    found = []
    for frame, group in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        origin = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        found += [
            tuple(origin + c * column_mm * orientation[:3] + r * row_mm * orientation[3:])
            for r, c in np.argwhere(frame)
        ]
    return np.array(sorted(tuple(np.round(place, 3)) for place in found))


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_a_seg_lies_in_the_patient_and_refers_to_the_images_that_it_marks(tmp_path, name):
    write_seg(tmp_path / "a.dcm", marked(), volume_in(tmp_path / "exam", name), "liver", "net", "1", anonymise=False)
    seg = pydicom.dcmread(tmp_path / "a.dcm")
    assert np.allclose(marks_of(seg), places(name), atol=0.002)
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert (measures.SliceThickness, measures.SpacingBetweenSlices) == (6, 6)
    sources = [
        group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        for group in seg.PerFrameFunctionalGroupsSequence
    ]
    assert sorted(sources) == ["2.25.11.2", "2.25.11.3", "2.25.11.6"]
    (segment,) = seg.SegmentSequence
    kind = segment.SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodeValue, kind.CodingSchemeDesignator, kind.CodeMeaning) == ("10200004", "SCT", "Liver")
    assert segment.SegmentAlgorithmType == "AUTOMATIC" and seg.StudyInstanceUID == "2.25.10"
    assert seg.FrameOfReferenceUID == "2.25.12" and seg.SeriesInstanceUID != "2.25.11"


def test_a_seg_of_a_series_that_lacks_slices_marks_those_that_are_there(tmp_path):
    volume = volume_in(tmp_path / "exam", "axial", without=(2, 3))
    write_seg(tmp_path / "a.dcm", marked(), volume, "liver", "net", "1", anonymise=False)
    left = [mark for mark in MARKED if mark[0] not in (2, 3)]
    assert np.allclose(marks_of(pydicom.dcmread(tmp_path / "a.dcm")), places("axial", left), atol=0.002)


def test_a_seg_of_one_file_marks_the_frames_of_its_own_echo(tmp_path):
    greys = ramp(at_patient(SHAPE, ORIENTATIONS["coronal"], ORIGIN))
    file = write_enhanced(tmp_path / "all", greys, orientation=ORIENTATIONS["coronal"], echoes=(2.3, 4.6))
    found, _ = find_series([file])
    write_seg(tmp_path / "a.dcm", marked(), read_series(found[1]), "liver", "net", "1", anonymise=False)
    seg = pydicom.dcmread(tmp_path / "a.dcm")
    assert np.allclose(marks_of(seg), places("coronal"), atol=0.002)
    numbers = [
        group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber
        for group in seg.PerFrameFunctionalGroupsSequence
    ]
    # The second echo's frames follow the first's seven, counted from 1.
    assert sorted(numbers) == [9, 10, 13]


def test_kidneys_have_a_side(tmp_path):
    volume = volume_in(tmp_path / "exam", "axial")
    for organ, side in (("right_kidney", "24028007"), ("left_kidney", "7771000")):
        write_seg(tmp_path / "a.dcm", marked(), volume, organ, "net", "1", anonymise=False)
        kind = pydicom.dcmread(tmp_path / "a.dcm").SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0]
        assert kind.CodeValue == "64033007"
        assert kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeValue == side


@pytest.mark.parametrize("anonymise", [False, True])
def test_a_seg_names_the_patient_only_where_the_standard_asks_and_not_if_unwanted(tmp_path, anonymise):
    volume = volume_in(tmp_path / "exam", "axial", StudyDate="20200202", AccessionNumber=f"{PLANTED}7", PatientSex="F")
    write_seg(tmp_path / "a.dcm", marked(), volume, "liver", "net", "1", anonymise=anonymise)
    seg = pydicom.dcmread(tmp_path / "a.dcm")
    naming = {element.keyword for element in seg.iterall() if PLANTED in str(element.value)}
    assert naming == (set() if anonymise else {"PatientName", "PatientID", "AccessionNumber"})
    assert str(seg.get("PatientBirthDate") or "") == ("" if anonymise else "19700101")
    assert str(seg.get("StudyDate") or "") == ("" if anonymise else "20200202")
    assert (PLANTED.encode() in (tmp_path / "a.dcm").read_bytes()) != anonymise


@pytest.mark.parametrize("empty", [False, True])
def test_the_validator_of_dicom3tools_finds_no_error(tmp_path, empty):
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian: dicom3tools) is not installed")
    volume = volume_in(tmp_path / "exam", "oblique", StudyDate="20200202", PatientPosition="HFS")
    write_seg(tmp_path / "a.dcm", marked() & (not empty), volume, "liver", "net", "1", anonymise=False)
    said = subprocess.run(["dciodvfy", tmp_path / "a.dcm"], capture_output=True, text=True, check=False)
    assert said.returncode == 0 and "Segmentation" in said.stderr
    assert not [line for line in said.stderr.splitlines() if line.startswith("Error")]
