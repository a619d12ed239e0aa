"""The phantom: laid out as the archive, deterministic, and out of a threshold's reach."""

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest

from chaosliver.acquire import phantom
from chaosliver.acquire.phantom import MATRICES, MAXIMA, draw_archive, draw_exam
from chaosliver.base.anatomy import ORGANS
from chaosliver.base.files import sha256_of

PATIENTS = [str(patient) for patient in range(1, 9)]
SMALL = ["1", "2"]
LEVELS = (63, 126, 189, 252)
# Of each volume of patients 1 and 2 drawn by seed 1: its size, the means of 4 x 4 blocks over all slices, of the organs
# in the order of LEVELS, and of every third slice. They were taken from the phantom when the demo was measured.
DRAWN = [
    (
        "1",
        "T1DUAL/DICOM_anon/InPhase",
        {"shape": (13, 96, 96), "maximum": 982, "voxels": [5001, 451, 584, 956]},
        [
            [17.73, 73.91, 67.0, 17.63],
            [232.28, 334.28, 313.51, 194.43],
            [190.96, 355.27, 327.08, 237.73],
            [17.73, 73.59, 68.61, 17.74],
        ],
        [349.23, 355.83, 292.13, 410.83],
        [159.65, 165.52, 167.35, 167.79, 119.73],
    ),
    (
        "1",
        "T1DUAL/DICOM_anon/OutPhase",
        {"shape": (13, 96, 96), "maximum": 883, "voxels": [5001, 451, 584, 956]},
        [
            [16.1, 77.74, 59.92, 16.03],
            [163.73, 354.28, 375.44, 163.22],
            [151.26, 321.97, 251.04, 155.95],
            [15.98, 54.8, 55.19, 16.22],
        ],
        [369.67, 412.96, 227.84, 265.3],
        [150.47, 148.0, 144.82, 142.26, 108.67],
    ),
    (
        "1",
        "T2SPIR/DICOM_anon",
        {"shape": (13, 96, 96), "maximum": 1725, "voxels": [5001, 451, 584, 956]},
        [
            [43.58, 64.98, 66.84, 43.22],
            [198.05, 539.21, 671.2, 192.56],
            [245.76, 602.11, 655.15, 297.99],
            [43.21, 66.55, 68.63, 43.48],
        ],
        [644.13, 1429.02, 1379.66, 1389.29],
        [253.11, 253.92, 246.75, 251.23, 167.79],
    ),
    (
        "2",
        "T1DUAL/DICOM_anon/InPhase",
        {"shape": (11, 112, 112), "maximum": 476, "voxels": [5706, 464, 739, 1352]},
        [
            [9.04, 44.99, 42.18, 9.02],
            [114.33, 192.52, 185.64, 99.46],
            [121.9, 177.35, 183.32, 122.3],
            [9.12, 42.28, 47.02, 9.07],
        ],
        [215.94, 163.84, 166.31, 228.31],
        [84.3, 88.27, 96.21, 77.92],
    ),
    (
        "2",
        "T1DUAL/DICOM_anon/OutPhase",
        {"shape": (11, 112, 112), "maximum": 429, "voxels": [5706, 464, 739, 1352]},
        [
            [9.52, 37.6, 38.12, 9.51],
            [107.05, 187.48, 209.16, 113.56],
            [96.54, 148.39, 156.57, 112.1],
            [9.5, 33.36, 40.43, 9.55],
        ],
        [204.58, 162.64, 140.81, 189.39],
        [81.64, 82.56, 86.43, 76.23],
    ),
    (
        "2",
        "T2SPIR/DICOM_anon",
        {"shape": (10, 112, 112), "maximum": 494, "voxels": [5061, 425, 675, 1228]},
        [
            [13.26, 22.36, 22.0, 13.07],
            [61.44, 155.76, 200.71, 81.0],
            [61.86, 148.6, 196.23, 76.6],
            [13.38, 21.33, 26.01, 13.17],
        ],
        [157.66, 365.39, 394.72, 308.3],
        [76.52, 73.47, 73.32, 48.1],
    ),
]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("phantom") / "phantom.zip"
    draw_archive(target, PATIENTS, seed=1)
    return target


def names_of(archive: Path, patient: str, folder: str) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        return [name for name in opened.namelist() if name.startswith(f"Train_Sets/MR/{patient}/{folder}/")]


def headers_of(archive: Path, patient: str, folder: str) -> list[pydicom.Dataset]:
    with zipfile.ZipFile(archive) as opened:
        return [pydicom.dcmread(io.BytesIO(opened.read(name))) for name in names_of(archive, patient, folder)]


def masks_of(archive: Path, patient: str, folder: str) -> np.ndarray:
    with zipfile.ZipFile(archive) as opened:
        encoded = [np.frombuffer(opened.read(name), np.uint8) for name in names_of(archive, patient, folder)]
    return np.stack([cv2.imdecode(content, cv2.IMREAD_UNCHANGED) for content in encoded])


def test_stems_are_the_archives(archive: Path) -> None:
    def stems(folder: str) -> list[str]:
        return [Path(name).stem for name in names_of(archive, "1", folder)]

    in_phase, out_of_phase = stems("T1DUAL/DICOM_anon/InPhase"), stems("T1DUAL/DICOM_anon/OutPhase")
    assert in_phase[:2] == ["IMG-0004-00002", "IMG-0004-00004"]
    assert out_of_phase[:2] == ["IMG-0004-00001", "IMG-0004-00003"]
    assert stems("T1DUAL/Ground") == in_phase
    assert stems("T2SPIR/DICOM_anon") == stems("T2SPIR/Ground")
    assert stems("T2SPIR/Ground")[0] == "IMG-0002-00001"


def test_headers_are_the_archives(archive: Path) -> None:
    in_phase = headers_of(archive, "2", "T1DUAL/DICOM_anon/InPhase")
    out_of_phase = headers_of(archive, "2", "T1DUAL/DICOM_anon/OutPhase")
    for longer, shorter in zip(in_phase, out_of_phase, strict=True):
        assert (longer.EchoTime, shorter.EchoTime) == (4.6, 2.3)
        assert longer.ImagePositionPatient == shorter.ImagePositionPatient
        assert longer.InstanceNumber == shorter.InstanceNumber + 1
    header = in_phase[0]
    assert (header.SeriesDescription, header.PatientID, header.Manufacturer) == ("", "", "")
    assert header.SliceThickness == 8.0
    assert in_phase[1].ImagePositionPatient[2] - header.ImagePositionPatient[2] == pytest.approx(9.0)
    assert header.pixel_array.dtype == np.uint16


def test_matrices_distances_and_maxima_vary(archive: Path) -> None:
    seen = set()
    for patient in PATIENTS[:4]:
        headers = headers_of(archive, patient, "T1DUAL/DICOM_anon/InPhase")
        positions = [header.ImagePositionPatient[2] for header in headers]
        seen.add((headers[0].Rows, round(float(positions[1] - positions[0]), 3)))
        assert MAXIMA[0] <= max(header.pixel_array.max() for header in headers) <= MAXIMA[1]
    assert seen == {(matrix, distance) for matrix in MATRICES for distance in (5.5, 9.0)}


@pytest.mark.parametrize("folder", ["T1DUAL/Ground", "T2SPIR/Ground"])
@pytest.mark.parametrize("patient", PATIENTS)
def test_ground_truth_has_all_organs_and_slices_without_liver(archive: Path, patient: str, folder: str) -> None:
    masks = masks_of(archive, patient, folder)
    assert set(np.unique(masks)) == {0, 63, 126, 189, 252}
    low, high = ORGANS["liver"]
    liver = ((masks >= low) & (masks <= high)).sum(axis=(1, 2))
    assert liver[-1] == 0
    assert 0.4 < np.mean(liver > 0) < 1
    # The liver lies at the image's left, which is the patient's right.
    assert np.nonzero(masks == 63)[2].mean() < masks.shape[2] / 2


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("small") / "phantom.zip"
    draw_archive(target, SMALL, seed=1)
    return target


@pytest.mark.parametrize(("patient", "folder", "whole", "blocks", "organs", "slices"), DRAWN)
def test_the_phantom_is_still_the_one_that_the_demo_was_measured_on(
    small: Path,
    patient: str,
    folder: str,
    whole: dict,
    blocks: list[list[float]],
    organs: list[float],
    slices: list[float],
) -> None:
    volume = np.stack([header.pixel_array for header in headers_of(small, patient, folder)]).astype(float)
    masks = masks_of(small, patient, f"{folder.split('/', 1)[0]}/Ground")
    assert volume.shape == masks.shape == whole["shape"]
    assert volume.max() == pytest.approx(whole["maximum"], abs=1)
    # Another processor may round a few pixels another way.
    assert [np.count_nonzero(masks == level) for level in LEVELS] == pytest.approx(whole["voxels"], abs=3)
    side = volume.shape[1] // 4
    means = volume.reshape(len(volume), 4, side, 4, side).mean(axis=(0, 2, 4))
    assert means.ravel() == pytest.approx(np.ravel(blocks), rel=3e-4, abs=0.02)
    assert [volume[masks == level].mean() for level in LEVELS] == pytest.approx(organs, rel=3e-3)
    assert volume[::3].mean(axis=(1, 2)) == pytest.approx(slices, rel=3e-4, abs=0.02)


def uid(text: str) -> str:
    return f"2.25.{int(hashlib.sha256(text.encode()).hexdigest()[:32], 16)}"


def test_a_slice_stands_where_its_header_says_and_no_two_share_an_identity(small: Path) -> None:
    headers = headers_of(small, "2", "T2SPIR/DICOM_anon")
    for number, header in enumerate(headers, 1):
        # 112 pixels of 3.4 mm about the middle; slices 9 mm apart and 8 mm thick.
        assert [float(value) for value in header.ImagePositionPatient] == [-188.7, -188.7, -60 + 9 * (number - 1)]
        assert [float(value) for value in header.ImageOrientationPatient] == [1, 0, 0, 0, 1, 0]
        assert [float(value) for value in header.PixelSpacing] == [3.4, 3.4]
        assert (header.Rows, header.Columns, header.InstanceNumber) == (112, 112, number)
        assert (header.EchoTime, header.SliceThickness) == (70.0, 8.0)
        assert header.SOPInstanceUID == header.file_meta.MediaStorageSOPInstanceUID
        assert header.SOPInstanceUID == uid(f"1/2/t2_spir/IMG-0002-{number:05d}")
        assert header.SeriesInstanceUID == uid("1/2/t2_spir")
        assert (header.StudyInstanceUID, header.FrameOfReferenceUID) == (uid("1/2"), uid("1/2/frame"))
        assert header.SOPClassUID == header.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.4"
        assert header.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
        assert (header.Modality, header.PatientName, header.PatientPosition) == ("MR", "PHANTOM", "HFS")
        assert (header.SamplesPerPixel, header.PhotometricInterpretation) == (1, "MONOCHROME2")
        stored = (header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation)
        assert stored == (16, 16, 15, 0)


def test_members_are_dated_and_packed_alike(small: Path) -> None:
    with zipfile.ZipFile(small) as opened:
        entries = opened.infolist()
    assert {(entry.date_time, entry.compress_type) for entry in entries} == {
        ((2019, 4, 11, 0, 0, 0), zipfile.ZIP_DEFLATED)
    }


def test_same_seed_gives_the_same_bytes_in_another_process(small: Path, tmp_path: Path) -> None:
    receipt = tmp_path / "b.sha256"
    script = (
        "import sys; from pathlib import Path; from chaosliver.acquire.phantom import draw_phantom; "
        "archive, receipt = map(Path, sys.argv[1:]); "
        "draw_phantom(archive=archive, cohort='development', receipt=receipt, patients=['1', '2'], seed=1, "
        "ground_truth=True)"
    )
    path = os.pathsep.join([str(Path(phantom.__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", script, tmp_path / "b.zip", receipt], env=environment, check=True)
    assert (tmp_path / "b.zip").read_bytes() == small.read_bytes()
    assert receipt.read_text() == f"{sha256_of(small)}\n"


def test_another_seed_draws_another_patient_and_another_name_too(small: Path, tmp_path: Path) -> None:
    draw_archive(tmp_path / "c.zip", ["1"], seed=8)
    draw_archive(tmp_path / "d.zip", ["3"], seed=1)
    one, seed, name = [
        masks_of(path, patient, "T2SPIR/Ground")
        for path, patient in ((small, "1"), (tmp_path / "c.zip", "1"), (tmp_path / "d.zip", "3"))
    ]
    for other in (seed, name):
        assert one.shape != other.shape or not np.array_equal(one, other)


def test_without_ground_truth_there_are_images_only(tmp_path: Path) -> None:
    draw_archive(tmp_path / "test.zip", ["101"], seed=7, ground_truth=False)
    with zipfile.ZipFile(tmp_path / "test.zip") as opened:
        names = opened.namelist()
    assert {Path(name).suffix for name in names} == {".dcm"}
    assert all(name.startswith("Test_Sets/MR/101/") for name in names)


@pytest.mark.parametrize(
    ("images", "ground"), [("T1DUAL/DICOM_anon/InPhase", "T1DUAL/Ground"), ("T2SPIR/DICOM_anon", "T2SPIR/Ground")]
)
def test_no_global_threshold_finds_the_liver(archive: Path, images: str, ground: str) -> None:
    volumes, livers = [], []
    for patient in PATIENTS:
        volume = np.stack([header.pixel_array for header in headers_of(archive, patient, images)])
        volumes.append(volume / np.percentile(volume, 99))
        livers.append(masks_of(archive, patient, ground) == 63)

    def mean_dice(low: float, high: float, chosen: slice) -> float:
        scores = []
        for volume, liver in zip(volumes[chosen], livers[chosen], strict=True):
            found = (volume >= low) & (volume <= high)
            scores.append(2 * np.count_nonzero(found & liver) / (found.sum() + liver.sum()))
        return float(np.mean(scores))

    # A band is the best that a threshold can be; an open upper end is one of them.
    bands = [(low, high) for low in np.arange(0, 1, 0.08) for high in (*np.arange(low + 0.08, 1.2, 0.08), 9.0)]
    training, held_out = slice(0, 6), slice(6, 8)
    best = max(bands, key=lambda band: mean_dice(*band, training))
    assert mean_dice(*best, training) < 0.65
    assert mean_dice(*best, held_out) < 0.65


def test_an_exam_is_one_series_of_a_patient_of_no_archive_and_the_same_bytes_each_time(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        draw_exam(tmp_path / f"{name}.zip", seed)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes() != (tmp_path / "c.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as exam:
        names = exam.namelist()
        headers = [pydicom.dcmread(io.BytesIO(exam.read(name))) for name in names]
    assert {Path(name).parent.name for name in names} == {"DICOM"} and len(names) == len(set(names)) >= 10
    assert {float(header.EchoTime) for header in headers} == {4.6}
    assert len({float(header.ImagePositionPatient[2]) for header in headers}) == len(names)
