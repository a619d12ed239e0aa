"""Reading a slice: exact on a sound file, and one clear refusal per kind of damage."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)

from chaosliver.acquire.phantom import draw_archive
from chaosliver.base.errors import InputError
from chaosliver.prepare.dicom import has_swapped_bytes, position_along_normal, read_slice

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


# Sagittal: a row runs to the back (y), a column to the feet (-z), so the normal points to the right (-x).
SAGITTAL = (0, 1, 0, 0, 0, -1)


def test_every_attribute_comes_as_it_stands_in_a_file_whose_rows_and_columns_differ(
    tmp_path: Path, write_slice
) -> None:
    pixels = np.array([[1, 2, 65535, 4], [5, 6, 7, 8], [0, 10, 11, 12]])
    geometry = {"position": (12.5, -20.25, 31.0), "orientation": SAGITTAL, "spacing": (1.5, 2.25)}
    found = read_slice(write_slice(tmp_path / "a.dcm", pixels, **geometry, echo_time=70.5, number=12))
    assert found.pixels.tolist() == pixels.tolist() and found.pixels.dtype == np.uint16
    assert found.position == (12.5, -20.25, 31.0) and found.orientation == SAGITTAL
    # Neighbouring rows are 1.5 mm apart, neighbouring columns 2.25 mm.
    assert found.spacing == (1.5, 2.25)
    assert (found.instance_number, found.echo_time_ms) == (12, 70.5)
    assert found.position_mm == -12.5


@pytest.mark.parametrize(
    ("orientation", "place"),
    [((1, 0, 0, 0, 1, 0), 31.0), ((1, 0, 0, 0, 0, -1), -20.25), ((0, 1, 0, 1, 0, 0), -31.0), (SAGITTAL, -12.5)],
)
def test_the_normal_is_the_row_direction_times_the_column_direction(orientation: tuple, place: float) -> None:
    assert position_along_normal((12.5, -20.25, 31.0), orientation) == place


@pytest.mark.parametrize("absent", ["removed", ""])
def test_a_missing_echo_time_is_none(path: Path, absent: str) -> None:
    edit(path, lambda header: header.pop("EchoTime") if absent else setattr(header, "EchoTime", None))
    assert read_slice(path).echo_time_ms is None


def test_an_image_of_one_frame_may_say_so(path: Path) -> None:
    edit(path, lambda header: setattr(header, "NumberOfFrames", 1))
    assert read_slice(path).pixels.shape == (96, 96)


def test_implicit_little_endian_is_read_too(path: Path) -> None:
    header = pydicom.dcmread(path)
    header.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    expected = header.pixel_array
    header.save_as(path, implicit_vr=True, little_endian=True)
    assert np.array_equal(read_slice(path).pixels, expected)


@pytest.mark.parametrize(("length", "read"), [(1.0004, True), (1.0007, False), (0.9993, False)])
@pytest.mark.parametrize("direction", [0, 1])
def test_directions_have_length_1_up_to_rounding(
    tmp_path: Path, write_slice, length: float, read: bool, direction: int
) -> None:
    """The square of the length may differ by a thousandth."""
    orientation = [(length, 0, 0, 0, 1, 0), (1, 0, 0, 0, length, 0)][direction]
    path = write_slice(tmp_path / "a.dcm", [[1, 2, 3]], orientation=orientation)
    if read:
        assert read_slice(path).orientation == orientation
    else:
        with pytest.raises(InputError, match="perpendicular"):
            read_slice(path)


@pytest.mark.parametrize("spacing", [(0.0, 1.5), (1.5, 0.0), (-1.5, 1.5)])
def test_a_spacing_that_is_not_positive_is_refused(tmp_path: Path, write_slice, spacing: tuple) -> None:
    with pytest.raises(InputError, match="PixelSpacing"):
        read_slice(write_slice(tmp_path / "a.dcm", [[1, 2, 3]], spacing=spacing))


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


def rescale(path: Path, pixels: list[int], slope: object, intercept: object, kind: str = "<u2", bits: int = 16) -> None:
    """A row of grey values in a corner of the slice, 7 elsewhere, with slope and intercept."""

    def change(header: pydicom.Dataset) -> None:
        whole = np.full((header.Rows, header.Columns), 7, kind)
        whole[0, : len(pixels)] = pixels
        header.PixelData, header.PixelRepresentation = whole.tobytes(), int(kind == "<i2")
        header.BitsStored, header.HighBit = bits, bits - 1
        header.RescaleSlope, header.RescaleIntercept = slope, intercept

    edit(path, change)


@pytest.mark.parametrize(
    ("pixels", "slope", "intercept", "kind", "expected"),
    [
        ([0, 10, 100], 1, 0, "<u2", [0, 10, 100, 7]),
        ([0, 10, 100], "", "", "<u2", [0, 10, 100, 7]),
        ([0, 10, 100], 2.5, 3, "<u2", [3, 28, 253, 20]),
        ([0, 10, 100], 1.25, -0.4, "<u2", [0, 12, 125, 8]),
        ([0, 10, 100], -2, 500, "<u2", [500, 480, 300, 486]),
        ([-40, 10, 100], 1, 40, "<i2", [0, 50, 140, 47]),
    ],
)
def test_slope_and_intercept_are_applied_and_rounded(path: Path, pixels, slope, intercept, kind, expected) -> None:
    """By hand; halves go to the even number: 12.5 - 0.4 is 12.1, 2.5 * 7 + 3 is 20.5."""
    rescale(path, pixels, slope, intercept, kind)
    found = read_slice(path).pixels
    assert found.dtype == np.uint16 and found[0, :4].tolist() == expected


@pytest.mark.parametrize(
    ("pixels", "slope", "intercept", "words"),
    [
        ([0, 9], 0.5, 0, r"RescaleSlope is 0\.5 and .* would be fewer\. Export it without"),
        ([0, 9], -0.5, 9, r"RescaleSlope is -0\.5"),
        ([0, 9], 0, 5, "RescaleSlope is 0 and"),
        ([0, 9], "", 5, "RescaleIntercept is 5 without a RescaleSlope, and readers differ"),
        ([0, 9], 1, -8, "grey values begin at -8"),
        ([0, 9], -1, 8, "grey values begin at -1"),
        ([0, 6600], 10, 0, "grey values reach 66000, and 65535 is the most"),
    ],
)
def test_a_rescaling_that_loses_grey_values_is_refused(path: Path, pixels, slope, intercept, words) -> None:
    rescale(path, pixels, slope, intercept)
    with pytest.raises(InputError, match=words):
        read_slice(path)


def test_pixels_with_more_than_grey_values_in_them_are_refused(path: Path) -> None:
    """An overlay in bit 12 of pixels that have twelve bits, 0 to 11; and -2049 in twelve signed bits."""
    rescale(path, [0, 4095], 1, 0, bits=12)
    assert read_slice(path).pixels.max() == 4095
    rescale(path, [0, 4096 + 7], 1, 0, bits=12)
    with pytest.raises(InputError, match="BitsStored is 12, but its pixels run from 0 to 4103"):
        read_slice(path)
    rescale(path, [-2048, 2047], 1, 2048, "<i2", bits=12)
    assert read_slice(path).pixels[0, :2].tolist() == [0, 4095]
    rescale(path, [-2049], 1, 4000, "<i2", bits=12)
    with pytest.raises(InputError, match="BitsStored is 12, but its pixels run from -2049"):
        read_slice(path)


@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_length_or_direction_that_is_no_number_is_refused(path: Path, keyword: str, value: str) -> None:
    plant(path, keyword, "1", value)
    with pytest.raises(InputError, match=rf"IMG-0004-00004\.dcm: {keyword} is .*, not \d numbers"):
        read_slice(path)


def test_an_element_of_the_meta_information_that_cannot_be_decoded_is_refused(path: Path) -> None:
    content = path.read_bytes()
    assert content.count(b"\x02\x00\x03\x00UI") == 1
    path.write_bytes(content.replace(b"\x02\x00\x03\x00UI", b"\x02\x00\x03\x00U\x00"))
    with pytest.raises(InputError, match=r"IMG-0004-00004\.dcm: .*"):
        read_slice(path)


def test_an_instance_number_with_an_exponent_is_refused(path: Path) -> None:
    """pydicom reads it as a whole number, and GDCM gives the text."""
    plant(path, "InstanceNumber", "", "6e+006")
    with pytest.raises(InputError, match=r"InstanceNumber is 6e\+006, not a whole number"):
        read_slice(path)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_an_echo_time_that_is_no_number_is_refused(path: Path, value: str) -> None:
    plant(path, "EchoTime", "", value)
    with pytest.raises(InputError, match="EchoTime is"):
        read_slice(path)


@pytest.mark.parametrize(
    ("keyword", "value", "read"),
    [
        ("ImagePositionPatient", "1e300", False),
        ("ImagePositionPatient", "-1e300", False),
        ("ImagePositionPatient", "100001", False),
        ("ImagePositionPatient", "100000", True),
        ("PixelSpacing", "1e300", False),
        ("PixelSpacing", "1e-300", False),
        ("PixelSpacing", "1e-6", True),
        ("PixelSpacing", "0.001", True),
    ],
)
def test_lengths_that_no_scanner_reaches_are_refused_before_they_overflow(
    path: Path, keyword: str, value: str, read: bool
) -> None:
    plant(path, keyword, "1", value)
    if read:
        assert np.isfinite(read_slice(path).position_mm)
    else:
        with pytest.raises(InputError, match=rf"{keyword} is .*mm"):
            read_slice(path)


def plant(path: Path, keyword: str, other: str, value: str) -> None:
    """Put a text that pydicom would not write in place of a number: the last of an attribute's becomes `value`."""
    count = {
        "PixelSpacing": 2,
        "ImagePositionPatient": 3,
        "ImageOrientationPatient": 6,
        "EchoTime": 1,
        "InstanceNumber": 1,
    }[keyword]
    texts = [*[other] * (count - 1), "7" * len(value)]
    edit(path, lambda header: setattr(header, keyword, texts if count > 1 else texts[0]))
    content, before = path.read_bytes(), "\\".join(texts).encode()
    assert content.count(before) == 1
    path.write_bytes(content.replace(before, before[: -len(value)] + value.encode()))


def test_identifiers_are_those_that_the_header_fills(path: Path) -> None:
    found = read_slice(path).identifiers
    header = pydicom.dcmread(path)
    assert found == {
        "PatientName": "PHANTOM",
        **{name: header[name].value for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")},
    }
    edit(path, lambda header: (setattr(header, "PatientID", " 7 "), header.pop("StudyInstanceUID")))
    assert read_slice(path).identifiers["PatientID"] == "7" and "StudyInstanceUID" not in read_slice(path).identifiers


def test_big_endian_pixels_declared_little_are_refused(path: Path) -> None:
    def exchange(header: pydicom.Dataset) -> None:
        header.PixelData = header.pixel_array.byteswap().tobytes()

    edit(path, exchange)
    with pytest.raises(InputError, match="bytes of each pixel are in the wrong order: big endian is declared little"):
        read_slice(path)


@pytest.mark.parametrize(
    "declared",
    [pytest.param(ExplicitVRLittleEndian, id="explicit"), pytest.param(ImplicitVRLittleEndian, id="implicit")],
)
def test_a_big_endian_file_declared_little_is_refused(path: Path, declared: pydicom.uid.UID) -> None:
    """The whole data set is big endian, and only the file's own description says otherwise."""
    body = io.BytesIO()
    header = pydicom.dcmread(path)
    header.PixelData = header.pixel_array.byteswap().tobytes()
    pydicom.filewriter.write_dataset(dicom_stream(body, little=False), header)
    header.file_meta.TransferSyntaxUID = declared
    with path.open("wb") as stream:
        stream.write(b"\0" * 128 + b"DICM")
        pydicom.filewriter.write_file_meta_info(stream, header.file_meta)
        stream.write(body.getvalue())
    with pytest.raises(InputError, match=r"IMG-0004-00004\.dcm: "):
        read_slice(path)


def test_a_little_endian_file_declared_big_is_refused(path: Path) -> None:
    content = path.read_bytes()
    little, big = (f"{uid}".encode() for uid in (ExplicitVRLittleEndian, ExplicitVRBigEndian))
    assert content.count(little) == 1 and len(little) == len(big)
    path.write_bytes(content.replace(little, big))
    with pytest.raises(InputError, match="transfer syntax is Explicit VR Big Endian"):
        read_slice(path)


def dicom_stream(stream: io.BytesIO, little: bool) -> pydicom.filebase.DicomFileLike:
    wrapped = pydicom.filebase.DicomFileLike(stream)
    wrapped.is_little_endian, wrapped.is_implicit_VR = little, False
    return wrapped


def test_the_order_of_bytes_is_told_by_what_is_smooth() -> None:
    """A ramp is smooth as it is; of noise, and of few grey values, nothing can be told."""
    ramp = np.add.outer(100 * np.arange(40), 30 * np.arange(50)).astype(np.uint16)
    assert not has_swapped_bytes(ramp) and has_swapped_bytes(ramp.byteswap())
    noise = np.random.default_rng(0).integers(0, 65536, (40, 50)).astype(np.uint16)
    assert not has_swapped_bytes(noise) and not has_swapped_bytes(noise.byteswap())
    few = (ramp // 100 * 100).byteswap()
    assert len(np.unique(few)) == 54 and not has_swapped_bytes(few)
    assert has_swapped_bytes((ramp // 80 * 80).byteswap())
    assert not has_swapped_bytes(np.zeros((40, 50), np.uint16))


def test_grey_values_in_the_high_bits_are_refused(path: Path) -> None:
    """Twelve bits whose highest is bit 15 leave the lowest four for something else."""
    edit(path, lambda header: (setattr(header, "BitsStored", 12), setattr(header, "HighBit", 15)))
    with pytest.raises(InputError, match="HighBit is 15, but only 11 is read where BitsStored is 12"):
        read_slice(path)


def test_a_file_without_high_bit_has_its_grey_values_in_the_lowest(path: Path) -> None:
    edit(path, lambda header: header.pop("HighBit"))
    assert read_slice(path).pixels.shape == (96, 96)


def test_grey_values_by_a_table_are_refused(path: Path) -> None:
    edit(path, lambda header: setattr(header, "ModalityLUTSequence", [pydicom.Dataset()]))
    with pytest.raises(InputError, match=r"those of a table .ModalityLUTSequence., which is not read"):
        read_slice(path)


def test_each_slice_has_its_own_slope_and_intercept(tmp_path: Path, sound: bytes) -> None:
    """The same grey values, stored otherwise in each of three files: as they are, halved, and counted down."""
    for number, (stored, slope, intercept) in enumerate(
        (([0, 10, 100], 1, 0), ([0, 5, 50], 2, 0), ([9, 4, -41], -2, 18))
    ):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(sound)
        rescale(path, stored, slope, intercept, "<i2" if min(stored) < 0 else "<u2")
        assert read_slice(path).pixels[0, :3].tolist() == [0, 10, 100]


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
        (set_value("SamplesPerPixel", 3), "SamplesPerPixel is 3"),
        (lambda header: header.pop("SamplesPerPixel"), "lacks SamplesPerPixel"),
        (lambda header: header.pop("BitsAllocated"), "lacks BitsAllocated"),
        (lambda header: header.pop("PhotometricInterpretation"), "lacks PhotometricInterpretation"),
        (lambda header: header.pop("PixelRepresentation"), "lacks PixelRepresentation"),
        (lambda header: header.pop("Columns"), "lacks Columns"),
        (lambda header: header.pop("ImageOrientationPatient"), "lacks ImageOrientationPatient"),
        (set_value("InstanceNumber", None), "lacks InstanceNumber"),
        (set_value("PixelSpacing", [1.5]), "PixelSpacing is 1.5, not 2 numbers"),
        (set_value("ImagePositionPatient", [1, 2]), "ImagePositionPatient is .*, not 3 numbers"),
        (set_value("ImageOrientationPatient", [1, 0, 0, 0, 1]), "not 6 numbers"),
        (set_value("PixelData", b""), "0 bytes instead of 18432 .96 x 96"),
        (set_value("PixelData", b"\0" * 18434), "18434 bytes instead of 18432"),
        (lambda header: (set_value("Rows", 0)(header), set_value("PixelData", b"")(header)), "0 bytes instead of 0"),
    ],
)
def test_a_wrong_header_is_refused(path: Path, change: Callable[[pydicom.Dataset], object], words: str) -> None:
    edit(path, change)
    with pytest.raises(InputError, match=words) as caught:
        read_slice(path)
    assert str(path) in str(caught.value) and "patient sheet" in str(caught.value)


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
    with pytest.raises(InputError, match="transfer syntax") as caught:
        read_slice(path)
    assert syntax.name in str(caught.value)


def test_a_file_that_does_not_name_its_transfer_syntax_is_refused(path: Path) -> None:
    header = pydicom.dcmread(path)
    del header.file_meta.TransferSyntaxUID
    with path.open("wb") as stream:
        stream.write(b"\0" * 128 + b"DICM")
        pydicom.filewriter.write_file_meta_info(stream, header.file_meta, enforce_standard=False)
    with pytest.raises(InputError, match="transfer syntax is unknown"):
        read_slice(path)


def element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
    """An element as it stands in a file of explicit little endian."""
    return struct.pack("<HH2sH", group, number, kind, len(value)) + value


INSTANCE = element(0x20, 0x13, b"IS", b"4 ")


# What fuzzing found accepted, and another reader refused or read otherwise.
@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(INSTANCE, element(0x20, 0x13, b"IS", b"9 ") + INSTANCE, id="an-element-twice"),
        pytest.param(INSTANCE, INSTANCE + element(0x18, 0x50, b"DS", b"5 "), id="elements-out-of-order"),
        pytest.param(INSTANCE, element(0x20, 0x13, b"IS", b"4.5 "), id="an-instance-number-with-a-fraction"),
        pytest.param(
            element(0x18, 0x81, b"DS", b"4.6 "), element(0x18, 0x81, b"DS", b"1_00"), id="an-underscore-in-a-number"
        ),
        pytest.param(INSTANCE, INSTANCE + element(0x21, 0x10, b"??", b"PRIVATE "), id="an-element-of-no-known-kind"),
        pytest.param(
            element(0x28, 0x101, b"US", b"\x10\0"), element(0x28, 0x101, b"SS", b"\x10\0"), id="another-kind-of-element"
        ),
        pytest.param(b"DICM", b"DICM" + bytes(8), id="nothing-before-the-header"),
        pytest.param(None, b"\x02\x8e\x01\x85UN\0\0\0\0\0\0", id="an-element-after-the-pixels"),
        pytest.param(None, b"rest", id="bytes-after-the-last-element"),
    ],
)
def test_a_file_that_readers_take_differently_is_refused(
    path: Path, sound: bytes, old: bytes | None, new: bytes
) -> None:
    if old:
        assert sound.count(old) == 1
    path.write_bytes(sound.replace(old, new) if old else sound + new)
    with pytest.raises(InputError, match=str(path)):
        read_slice(path)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        pytest.param("SOPClassUID", "1.2.840.10008.5.1.4.1.1.7", id="no-image-of-mr"),
        pytest.param("HighBit", 1, id="pixels-in-other-bits"),
        pytest.param("PixelRepresentation", 17, id="neither-signed-nor-unsigned"),
    ],
)
def test_an_image_that_readers_take_differently_is_refused(path: Path, keyword: str, value: object) -> None:
    edit(path, set_value(keyword, value))
    with pytest.raises(InputError, match=keyword):
        read_slice(path)


@pytest.mark.parametrize("size", [(65535, 65535), (65535, 1), (0, 16)], ids=["65535 by 65535", "65535 by 1", "no rows"])
def test_a_matrix_that_the_pixels_do_not_fill_is_refused_before_memory_is_taken_for_it(
    path: Path, size: tuple[int, int]
) -> None:
    header = pydicom.dcmread(path)
    header.Rows, header.Columns = size
    header.save_as(path)
    with pytest.raises(InputError, match=rf"cut short or padded: .* instead of {2 * size[0] * size[1]} "):
        read_slice(path)
