"""Grey PNG without loss, and plain words for what is none."""

import cv2
import numpy as np
import pytest

from chaosliver.base.errors import InputError
from chaosliver.base.png import read_png, write_png


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_grey_value_comes_back(tmp_path, kind):
    pixels = np.arange(np.iinfo(kind).max + 1, dtype=kind).reshape(16, -1)
    write_png(tmp_path / "Größe 1" / "a.png", pixels)
    assert np.array_equal(read_png(tmp_path / "Größe 1" / "a.png"), pixels)


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
