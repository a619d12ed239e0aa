"""Grey PNG without loss, and plain words for what is none."""

import cv2
import numpy as np
import pytest

from chaosliver.base.errors import InputError
from chaosliver.base.png import read_png, squeeze, to_8bit, write_png


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_grey_value_comes_back(tmp_path, kind):
    pixels = np.arange(np.iinfo(kind).max + 1, dtype=kind).reshape(16, -1)
    path = tmp_path / "patients" / "Größe 1" / "a.png"
    for expected in (pixels[::-1], pixels):
        write_png(path, expected)
        found = read_png(path)
        assert found.dtype == kind and np.array_equal(found, expected)


def test_what_is_no_grey_png_is_named(tmp_path):
    for content in (b"", b"\x89PNG\r\n\x1a\n cut"):
        (tmp_path / "bad.png").write_bytes(content)
        with pytest.raises(InputError, match=r"bad\.png: is empty or not a readable image"):
            read_png(tmp_path / "bad.png")
    with pytest.raises(InputError, match=r"gone\.png: no such file"):
        read_png(tmp_path / "gone.png")
    cv2.imwrite(str(tmp_path / "colour.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match=r"colour\.png: has 3 colour channels"):
        read_png(tmp_path / "colour.png")


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


def test_a_full_disk_is_told_with_the_name_of_the_picture(tmp_path):
    """/dev/full takes no byte; the system's own fault has no name."""
    (tmp_path / "a.png").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: '.*/a\.png'"):
        write_png(tmp_path / "a.png", np.zeros((3, 4), np.uint8))
