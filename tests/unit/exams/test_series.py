"""Which files make a volume: told apart by headers, ordered by their places, with a reason for what is left out."""

from collections import Counter

import numpy as np
import pydicom
import pytest
from unit.exams.conftest import ORIENTATIONS, header_of, save, write_enhanced, write_series

from chaosliver.base.errors import InputError
from chaosliver.exams.series import choose_series, find_series

VOLUME = np.arange(6 * 3 * 4).reshape(6, 3, 4)


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_slices_are_ordered_along_their_normal_and_the_plane_is_named(tmp_path, name):
    files = write_series(tmp_path, VOLUME, orientation=ORIENTATIONS[name])
    ((found,), unfit) = find_series(sorted(files))
    assert [frame.instance for frame in found.frames] == [f"2.25.11.{number}" for number in range(1, 7)]
    assert found.places == (0, 1, 2, 3, 4, 5) and found.distance_mm == pytest.approx(6.0)
    # The oblique slices' normal is 0.8 along the body and 0.6 across.
    assert found.plane == ("axial" if "oblique" in name else name.split(",")[0]) and not unfit


def test_series_echo_times_orientations_and_kinds_are_told_apart(tmp_path):
    files = [
        *write_series(tmp_path / "a", VOLUME, series="2.25.1", EchoTime=4.6, SeriesNumber=7),
        *write_series(tmp_path / "b", VOLUME, series="2.25.1.2", EchoTime=2.3, SeriesNumber=7),
        *write_series(tmp_path / "c", VOLUME, series="2.25.2", SeriesNumber=2, orientation=ORIENTATIONS["coronal"]),
        *write_series(
            tmp_path / "d", VOLUME, series="2.25.2.2", SeriesNumber=2, ImageType=["DERIVED", "SECONDARY", "P"]
        ),
    ]
    for file in (tmp_path / "b").iterdir():
        change(file, SeriesInstanceUID="2.25.1")
    for file in (tmp_path / "d").iterdir():
        change(file, SeriesInstanceUID="2.25.2")
    found, unfit = find_series(files)
    assert [
        (each.frames[0].series_number, each.plane, each.frames[0].echo_time_ms, len(each.frames)) for each in found
    ] == [
        (2, "coronal", 4.6, 6),
        (2, "axial", 4.6, 6),
        (7, "axial", 2.3, 6),
        (7, "axial", 4.6, 6),
    ]
    assert not unfit and found[1].frames[0].kind == ("DERIVED", "SECONDARY", "P")


def change(file, **values):
    header = pydicom.dcmread(file)
    for name, value in values.items():
        setattr(header, name, value)
    header.save_as(file)


def test_the_phases_of_a_dynamic_series_are_told_apart_and_copies_are_left_out(tmp_path):
    files = write_series(tmp_path / "a", VOLUME, series="2.25.1", AcquisitionNumber=1)
    files += write_series(tmp_path / "b", VOLUME, series="2.25.1.9", AcquisitionNumber=2)
    for file in (tmp_path / "b").iterdir():
        change(file, SeriesInstanceUID="2.25.1")
    copies = write_series(tmp_path / "copies", VOLUME, series="2.25.1", AcquisitionNumber=1)
    found, unfit = find_series([*files, *copies])
    assert [[frame.repeat[1] for frame in each.frames] for each in found] == [["1"] * 6, ["2"] * 6] and not unfit


def test_images_at_one_place_that_nothing_tells_apart_are_no_volume(tmp_path):
    files = write_series(tmp_path / "a", VOLUME, series="2.25.1") + write_series(
        tmp_path / "b", VOLUME, series="2.25.1.9"
    )
    for file in (tmp_path / "b").iterdir():
        change(file, SeriesInstanceUID="2.25.1")
    assert find_series(files) == ([], Counter({"several images at one place": 12}))


def test_missing_slices_leave_their_places_empty(tmp_path):
    ((found,), _) = find_series(write_series(tmp_path, np.arange(120).reshape(10, 3, 4), without=(2, 5, 6)))
    assert found.places == (0, 1, 3, 4, 7, 8, 9) and found.distance_mm == pytest.approx(6.0)


@pytest.mark.parametrize(
    ("without", "move", "reason"),
    [
        ((1, 2, 4, 5, 7, 8, 10), None, "series of fewer than 5 slices"),
        ((1, 2, 3, 4, 5, 6), None, "series of which more than 50% of the slices are missing"),
        ((), (0, 0, 0.7), "slices at uneven distances"),
        ((), (1.2, 0, 0), "slices shifted against each other"),
    ],
)
def test_what_is_no_even_stack_of_slices_is_left_out_with_its_reason(tmp_path, without, move, reason):
    files = write_series(tmp_path, np.arange(132).reshape(11, 3, 4), without=without)
    if move:
        place = pydicom.dcmread(files[4]).ImagePositionPatient
        change(files[4], ImagePositionPatient=[float(a) + b for a, b in zip(place, move, strict=True)])
    assert find_series(files) == ([], Counter({reason: len(files)}))


def test_slices_may_lie_a_little_unevenly(tmp_path):
    """0.55 mm of 6 are within a tenth; many small errors of the same sign do not add up."""
    files = write_series(tmp_path, np.arange(120).reshape(10, 3, 4))
    change(files[4], ImagePositionPatient=[-30.0, 20.0, 5.0 + 4 * 6 + 0.55])
    ((found,), unfit) = find_series(files)
    assert len(found.frames) == 10 and not unfit


def test_what_is_no_mr_image_is_counted_by_its_kind(tmp_path):
    plain = header_of(VOLUME[0])
    save(header_of(VOLUME[0], SOPClassUID="1.2.840.10008.5.1.4.1.1.2"), tmp_path / "ct", "2.25.1.1")
    save(header_of(VOLUME[0], SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11"), tmp_path / "sr", "2.25.1.2")
    save(header_of(VOLUME[0], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), tmp_path / "scout", "2.25.1.3")
    save(header_of(VOLUME[0], PhotometricInterpretation="RGB", SamplesPerPixel=3), tmp_path / "rgb", "2.25.1.4")
    save(plain, tmp_path / "nowhere", "2.25.1.5")
    (tmp_path / "notes.txt").write_text("no DICOM")
    found, unfit = find_series(sorted(tmp_path.iterdir()))
    assert found == [] and unfit == {
        "CT Image Storage": 1,
        "Basic Text SR Storage": 1,
        "localiser": 1,
        "pixels of RGB": 1,
        "without ImagePositionPatient": 1,
    }
    with pytest.raises(InputError, match=r"exam: holds no series of MR slices to segment: .*CT Image Storage \(1\)"):
        choose_series(tmp_path / "exam", found, unfit, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"ImageOrientationPatient": [1, 0, 0, 0, 0.5, 0]},
        {"PixelSpacing": [0, 1]},
        {"RescaleSlope": 0, "RescaleIntercept": 0},
    ],
)
def test_an_impossible_geometry_is_left_out_by_its_attribute(tmp_path, changes):
    files = write_series(tmp_path, VOLUME)
    for file in files:
        change(file, **changes)
    found, unfit = find_series(files)
    ((reason, count),) = unfit.items()
    assert found == [] and next(iter(changes)) in reason and count == 6


def test_of_several_series_one_is_chosen_by_number_or_uid(tmp_path):
    files = write_series(tmp_path / "a", VOLUME, series="2.25.1", SeriesNumber=4)
    files += write_series(tmp_path / "b", VOLUME[:5], series="2.25.2", SeriesNumber=3)
    found, unfit = find_series(files)
    with pytest.raises(InputError, match=r"holds 2 series\. Choose one with --config series=NUMBER") as refused:
        choose_series(tmp_path, found, unfit, None)
    said = str(refused.value).splitlines()
    assert said[1].startswith(
        "  1: 5 slices, axial, 3 x 4 pixels of 1.5 x 2.25 mm, 6 mm apart, echo time 4.6 ms, series"
    )
    assert said[2].startswith("  2: 6 slices, axial") and "PLANTED" not in str(refused.value)
    for wanted, slices in ((1, 5), ("2", 6), ("2.25.1", 6)):
        assert len(choose_series(tmp_path, found, unfit, wanted).frames) == slices
    with pytest.raises(InputError, match="series=3 names 0 of its series"):
        choose_series(tmp_path, found, unfit, 3)


def test_a_file_of_many_frames_holds_the_series_of_its_echoes(tmp_path):
    file = write_enhanced(tmp_path / "all.dcm", VOLUME, orientation=ORIENTATIONS["sagittal"], echoes=(2.3, 4.6))
    found, unfit = find_series([file])
    assert [(each.frames[0].echo_time_ms, [frame.number for frame in each.frames]) for each in found] == [
        (2.3, [0, 1, 2, 3, 4, 5]),
        (4.6, [6, 7, 8, 9, 10, 11]),
    ]
    assert not unfit and found[0].plane == "sagittal"


def test_frames_without_their_places_are_left_out(tmp_path):
    file = write_enhanced(tmp_path / "all.dcm", VOLUME)
    header = pydicom.dcmread(file)
    header.PerFrameFunctionalGroupsSequence = header.PerFrameFunctionalGroupsSequence[:4]
    header.save_as(file)
    assert find_series([file]) == ([], Counter({"functional groups of 4 of 6 frames": 1}))


def test_a_series_in_several_files_of_frames_is_refused_before_it_is_read(tmp_path):
    """Two files whose frames have one series and other places."""
    lower = write_enhanced(tmp_path / "lower.dcm", VOLUME)
    upper = pydicom.dcmread(lower)
    for group in upper.PerFrameFunctionalGroupsSequence:
        place = group.PlanePositionSequence[0]
        place.ImagePositionPatient[2] += 6.0 * len(VOLUME)
    save(upper, tmp_path / "upper.dcm", "2.25.11.2")
    found = find_series([lower, tmp_path / "upper.dcm"])
    assert [len(each.frames) for each in found[0]] == [2 * len(VOLUME)]
    with pytest.raises(InputError, match=r"lower\.dcm: the series lies in several files of several frames\. Export it"):
        choose_series(tmp_path, *found, None)


@pytest.mark.parametrize("kept", [140, 300, 400])
def test_a_slice_of_which_the_header_is_cut_or_damaged_is_refused_by_name(tmp_path, kept):
    files = sorted(write_series(tmp_path, VOLUME))
    content = files[-1].read_bytes()
    files[-1].write_bytes(content[:132] + bytes(300) if kept == 140 else content[:kept])
    with pytest.raises(InputError, match=rf"{files[-1]}: has a damaged DICOM header, and may be a slice"):
        find_series(files)


def test_the_directory_of_a_disc_is_no_slice(tmp_path):
    files = write_series(tmp_path, VOLUME)
    directory = pydicom.Dataset()
    directory.file_meta = pydicom.dataset.FileMetaDataset()
    directory.file_meta.MediaStorageSOPClassUID = pydicom.uid.MediaStorageDirectoryStorage
    directory.file_meta.MediaStorageSOPInstanceUID = "2.25.5"
    directory.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    directory.FileSetID = "DISC"
    directory.save_as(tmp_path / "DICOMDIR", enforce_file_format=True)
    found, unfit = find_series([*files, tmp_path / "DICOMDIR"])
    assert len(found) == 1 and unfit == Counter({"Media Storage Directory Storage": 1})


@pytest.mark.parametrize(
    "keyword", ["PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID", "SeriesInstanceUID"]
)
def test_slices_of_another_patient_or_study_are_no_part_of_a_series(tmp_path, keyword):
    files = write_series(tmp_path, np.arange(9 * 3 * 4).reshape(9, 3, 4))
    change(files[4], **{keyword: "2.25.99"})
    (found,), unfit = find_series(files)
    assert len(found.frames) == 8 and found.places == (0, 1, 2, 3, 5, 6, 7, 8)
    assert unfit == Counter({"series of fewer than 5 slices": 1})


def test_two_patients_under_one_series_are_two_series(tmp_path):
    files = write_series(tmp_path, np.arange(12 * 3 * 4).reshape(12, 3, 4))
    for file in files[6:]:
        change(file, PatientID="OTHER")
    found, unfit = find_series(files)
    assert [len(each.frames) for each in found] == [6, 6] and not unfit
    with pytest.raises(InputError, match="holds 2 series"):
        choose_series(tmp_path, found, unfit, None)


@pytest.mark.parametrize(
    ("factor", "reason"),
    [
        # Slices within a hundredth of a millimetre share a place.
        pytest.param(0.001, "several images at one place", id="metres"),
        pytest.param(0.04, "slices 0.24 mm apart", id="too near"),
        pytest.param(6, "slices 36 mm apart", id="too far"),
    ],
)
def test_slices_at_a_distance_that_no_scanner_gives_are_no_series(tmp_path, factor, reason):
    files = write_series(tmp_path, VOLUME)
    for file in files:
        z = float(pydicom.dcmread(file).ImagePositionPatient[2])
        change(file, ImagePositionPatient=[0, 0, round(factor * z, 6)])
    found, unfit = find_series(files)
    assert found == [] and unfit == Counter({reason: 6})


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        pytest.param({"PixelSpacing": [0.001, 0.001]}, "PixelSpacing [0.001, 0.001]", id="spacing of 0.001"),
        pytest.param({"PixelSpacing": ["1e300", "1e300"]}, "PixelSpacing", id="spacing of 1e300"),
        pytest.param({"ImagePositionPatient": [0, 0, "1e300"]}, "ImagePositionPatient", id="position of 1e300"),
        pytest.param({"ModalityLUTSequence": [pydicom.Dataset()]}, "ModalityLUTSequence", id="grey values by a table"),
    ],
)
def test_slices_that_no_scanner_gives_are_left_out_with_the_reason(tmp_path, values, reason):
    files = write_series(tmp_path, VOLUME)
    for file in files:
        change(file, **values)
    found, unfit = find_series(files)
    ((told, count),) = unfit.items()
    assert found == [] and count == 6 and reason in told
