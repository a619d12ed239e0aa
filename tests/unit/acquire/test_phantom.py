"""The phantom: laid out as the archive, deterministic, and out of a threshold's reach."""

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest

import draw_phantom
from chaosliver.acquire.phantom import MATRICES, MAXIMA, draw_archive
from chaosliver.base.anatomy import ORGANS
from chaosliver.base.files import sha256_of

PATIENTS = [str(patient) for patient in range(1, 9)]


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


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    draw_archive(tmp_path / "a.zip", ["1", "2"], seed=7)
    receipt = tmp_path / "b.sha256"
    job = {"archive": tmp_path / "b.zip", "cohort": "development", "receipt": receipt}
    draw_phantom.main(**job, patients=["1", "2"], seed=7, ground_truth=True)
    assert receipt.read_text() == f"{sha256_of(tmp_path / 'a.zip')}\n"
    draw_archive(tmp_path / "c.zip", ["1", "2"], seed=8)
    first, second, other = [(tmp_path / name).read_bytes() for name in ("a.zip", "b.zip", "c.zip")]
    assert first == second != other


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
