"""Grey PNG without loss, and plain words for what is none."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from chaosliver.base.errors import InputError
from chaosliver.base.png import SIGNATURE, read_header, read_png, squeeze, to_8bit, write_png


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_grey_value_comes_back(tmp_path, kind):
    pixels = np.arange(np.iinfo(kind).max + 1, dtype=kind).reshape(16, -1)
    path = tmp_path / "patients" / "Größe 1" / "a.png"
    for expected in (pixels[::-1], pixels):
        write_png(path, expected)
        found = read_png(path)
        assert found.dtype == kind and np.array_equal(found, expected)


def test_what_is_no_grey_png_is_named(tmp_path):
    jpeg = cv2.imencode(".jpg", np.zeros((4, 4), np.uint8))[1].tobytes()
    for content in (b"", b"\x89PNG\r\n\x1a\n cut", jpeg):
        (tmp_path / "bad.png").write_bytes(content)
        with pytest.raises(InputError, match=r"bad\.png: is empty or not a readable image"):
            read_png(tmp_path / "bad.png")
    with pytest.raises(InputError, match=r"gone\.png: no such file"):
        read_png(tmp_path / "gone.png")
    cv2.imwrite(str(tmp_path / "colour.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match=r"colour\.png: has 3 colour channels"):
        read_png(tmp_path / "colour.png")


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def header(rows, columns, bits=8, colour=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, bits, colour, 0, 0, 0))


LINES = chunk(b"IDAT", zlib.compress(b"\0\1\2" * 2))
END = chunk(b"IEND", b"")


def test_the_example_is_sound(tmp_path):
    (tmp_path / "sound.png").write_bytes(SIGNATURE + header(2, 2) + LINES + END)
    assert read_png(tmp_path / "sound.png").tolist() == [[1, 2], [1, 2]]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(SIGNATURE + header(2, 2) + b"\x94\0\0\0" + LINES[4:] + END, id="absurd-length"),
        pytest.param(SIGNATURE + header(2, 2) + LINES[:-1] + b"?" + END, id="wrong-checksum"),
        pytest.param(SIGNATURE + header(2, 2) + LINES, id="no-end"),
        pytest.param(SIGNATURE + LINES + header(2, 2) + END, id="no-header-first"),
        pytest.param(SIGNATURE + header(2, 2) + chunk(b"acTL", b"\0\0\0\2\0\0\0\0") + LINES + END, id="animated"),
        pytest.param(SIGNATURE + header(2, 2) + chunk(b"tRNS", b"\0\1") + LINES + END, id="transparent-grey"),
    ],
)
def test_a_png_that_readers_take_differently_is_refused_before_its_pixels_are_unpacked(tmp_path, monkeypatch, content):
    path = tmp_path / "mask.png"
    path.write_bytes(content)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("the pixels were unpacked"))
    with pytest.raises(InputError, match=r"mask\.png: "):
        read_png(path)


def test_a_window_becomes_0_to_255_and_what_lies_outside_is_clipped():
    # 255 * (value - 100) / 200, rounded half to even: 150 -> 63.75, 200 -> 127.5, 299 -> 253.725.
    pixels = np.array([[0, 100, 101, 150], [200, 299, 300, 5000]], np.uint16)
    found = to_8bit(pixels, (100, 300))
    assert found.dtype == np.uint8
    assert found.tolist() == [[0, 0, 1, 64], [128, 254, 255, 255]]


def test_a_slice_is_brought_onto_another_grid_pixel_by_nearest_pixel():
    pixels = np.array([[10, 20, 30, 40], [50, 60, 70, 80]], np.uint8)
    # Centres of the new columns lie at 1/2 and 5/2, 7/2 of the old: half the columns, twice the rows.
    assert squeeze(pixels, (4, 2)).tolist() == [[20, 40], [20, 40], [60, 80], [60, 80]]
    assert squeeze(pixels, (2, 4)).tolist() == pixels.tolist()
    # Other interpolations would make grey values of their own, or take the pixel to the left.
    assert squeeze(np.arange(6, dtype=np.uint8)[None], (1, 4)).tolist() == [[0, 2, 3, 5]]


def png_of(columns: int, rows: int, *, bits: int = 8, colour: int = 0, content: bytes = b"") -> bytes:
    """A PNG whose header says what it likes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")


def test_a_header_is_read_rows_first():
    assert read_header(png_of(3, 2, bits=16, colour=4)) == (2, 3, 16, 4)
    assert read_header(b"P5 3 2 255 " + bytes(40)) is None
    assert read_header(png_of(0, 5)) is None


@pytest.mark.parametrize("size", [(65535, 65535), (30000, 30000), (4096, 4097), (1, (1 << 24) + 1)])
def test_a_header_of_more_pixels_than_any_slice_is_refused_before_a_pixel_is_decoded(tmp_path, monkeypatch, size):
    (tmp_path / "a.png").write_bytes(png_of(*size))
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(InputError, match=rf"a\.png: its header says {size[1]} x {size[0]} pixels, far more"):
        read_png(tmp_path / "a.png")


def test_the_largest_slice_is_still_read(tmp_path):
    (tmp_path / "a.png").write_bytes(png_of(4096, 4096, content=bytes(4097 * 4096)))
    assert read_png(tmp_path / "a.png").shape == (4096, 4096)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_fewer_bits_than_8_would_come_back_as_other_grey_values_and_are_refused(tmp_path, bits):
    (tmp_path / "a.png").write_bytes(png_of(8, 2, bits=bits, content=bytes(2 * (1 + bits))))
    with pytest.raises(InputError, match=rf"has {bits} bits a pixel where 8 or 16"):
        read_png(tmp_path / "a.png")


@pytest.mark.parametrize("cut", [13, 40, 1500])
def test_a_png_cut_short_is_refused(tmp_path, cut):
    rows = [b"\0" + np.random.default_rng(row).bytes(64) for row in range(32)]
    whole = png_of(64, 32, content=b"".join(rows))
    (tmp_path / "a.png").write_bytes(whole[:-cut])
    with pytest.raises(InputError, match="is cut short or damaged"):
        read_png(tmp_path / "a.png")


def test_a_full_disk_is_told_with_the_name_of_the_picture(tmp_path):
    """/dev/full takes no byte; the system's own fault has no name."""
    (tmp_path / "a.png").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: '.*/a\.png'"):
        write_png(tmp_path / "a.png", np.zeros((3, 4), np.uint8))
