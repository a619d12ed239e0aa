"""Reading a slice: exact on a sound file, and one clear refusal per kind of damage."""

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, JPEGLSLossless

from chaosliver.acquire.phantom import draw_archive
from chaosliver.base.errors import InputError
from chaosliver.prepare.dicom import position_along_normal, read_slice

NAME = "Train_Sets/MR/1/T1DUAL/DICOM_anon/InPhase/IMG-0004-00004.dcm"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    archive = tmp_path_factory.mktemp("dicom") / "phantom.zip"
    draw_archive(archive, ["1"], seed=3)
    with zipfile.ZipFile(archive) as opened:
        return opened.read(NAME)


@pytest.fixture
def path(sound: bytes, tmp_path: Path) -> Path:
    target = tmp_path / "IMG-0004-00004.dcm"
    target.write_bytes(sound)
    return target


def edit(path: Path, change: Callable[[pydicom.Dataset], object]) -> None:
    header = pydicom.dcmread(path)
    change(header)
    header.save_as(path)


def test_a_sound_slice(path: Path) -> None:
    found = read_slice(path)
    assert np.array_equal(found.pixels, pydicom.dcmread(path).pixel_array)
    assert found.pixels.dtype == np.uint16
    assert found.instance_number == 4
    assert found.spacing == (4.0, 4.0)
    assert found.echo_time_ms == 4.6
    assert found.position_mm == pytest.approx(-60 + 5.5)


def test_a_missing_echo_time_is_none(path: Path) -> None:
    edit(path, lambda header: header.pop("EchoTime"))
    assert read_slice(path).echo_time_ms is None


@pytest.mark.parametrize("value", [5, -5])
def test_signed_pixels_are_read_unless_one_is_negative(path: Path, value: int) -> None:
    """A negative grey value would come out as a very bright one in a 16-bit PNG."""

    def make_signed(header: pydicom.Dataset) -> None:
        header.PixelRepresentation = 1
        header.PixelData = np.full((header.Rows, header.Columns), value, "<i2").tobytes()

    edit(path, make_signed)
    if value < 0:
        with pytest.raises(InputError, match="its grey values begin at -5"):
            read_slice(path)
    else:
        assert read_slice(path).pixels.dtype == np.uint16


@given(shift=st.floats(-500, 500), angle=st.floats(-1.5, 1.5))
def test_position_is_the_distance_along_the_normal(shift: float, angle: float) -> None:
    """A slice moved along its own normal, and any way within its plane, has moved by that distance."""
    row, column = (np.cos(angle), np.sin(angle), 0), (0, 0, 1)
    normal = np.cross(row, column)
    place = 3.0 * np.array(row) - 7.0 * np.array(column) + shift * normal
    assert position_along_normal(tuple(place), (*row, *column)) == pytest.approx(shift, abs=1e-6)


def set_value(keyword: str, value: object) -> Callable[[pydicom.Dataset], object]:
    return lambda header: setattr(header, keyword, value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda header: header.pop("ImagePositionPatient"), "lacks ImagePositionPatient"),
        (lambda header: header.pop("PixelSpacing"), "lacks PixelSpacing"),
        (lambda header: header.pop("InstanceNumber"), "lacks InstanceNumber"),
        (lambda header: header.pop("Rows"), "lacks Rows"),
        (lambda header: header.pop("PixelData"), "0 bytes instead of"),
        (set_value("PixelData", b"\0" * 100), "100 bytes instead of"),
        (set_value("PixelSpacing", [0, 0]), "PixelSpacing"),
        (set_value("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), "perpendicular"),
        (set_value("PhotometricInterpretation", "MONOCHROME1"), "MONOCHROME1"),
        (set_value("BitsAllocated", 8), "BitsAllocated"),
        (set_value("NumberOfFrames", 2), "NumberOfFrames"),
    ],
)
def test_a_wrong_header_is_refused(path: Path, change: Callable[[pydicom.Dataset], object], words: str) -> None:
    edit(path, change)
    with pytest.raises(InputError, match=words) as caught:
        read_slice(path)
    assert str(path) in str(caught.value)


def test_an_empty_file_is_refused(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"IMG-0004-00004\.dcm: the file is empty"):
        read_slice(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_slice(tmp_path / "none.dcm")


def test_another_kind_of_file_is_refused(path: Path) -> None:
    path.write_bytes(b"not an image" * 100)
    with pytest.raises(InputError, match="not a readable DICOM file"):
        read_slice(path)


def test_a_file_cut_anywhere_is_refused(path: Path, sound: bytes) -> None:
    cuts = [*range(1, 1400, 7), *range(1400, len(sound), 1999), len(sound) - 1, len(sound) - 2]
    for cut in cuts:
        path.write_bytes(sound[:cut])
        with pytest.raises(InputError, match=r"IMG-0004-00004\.dcm"):
            read_slice(path)


@pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, JPEGLSLossless])
def test_other_transfer_syntaxes_are_refused_unread(path: Path, syntax: pydicom.uid.UID) -> None:
    header = pydicom.dcmread(path)
    header.file_meta.TransferSyntaxUID = syntax
    with path.open("wb") as stream:
        stream.write(b"\0" * 128 + b"DICM")
        pydicom.filewriter.write_file_meta_info(stream, header.file_meta)
        # A body that would unfold to 100 MB, were it read.
        stream.write(zlib.compress(b"\0" * 100_000_000, 9))
    with pytest.raises(InputError, match="transfer syntax"):
        read_slice(path)
