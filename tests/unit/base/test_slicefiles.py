"""Images and masks as people and metrics look at them."""

import numpy as np
import pytest

from chaosliver.base.columns import GREY_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.indexes import write_index
from chaosliver.base.png import write_png
from chaosliver.base.slicefiles import indexed_by_stem, read_binary, read_grey


def test_a_mask_is_boolean_and_anything_grey_or_of_another_size_is_refused(tmp_path):
    path = tmp_path / "m.png"
    write_png(path, np.array([[0, 255]], np.uint8))
    assert read_binary(path, (1, 2)).tolist() == [[False, True]]
    with pytest.raises(InputError, match=r"m\.png: is 1x2 where the image is 2x2"):
        read_binary(path, (2, 2))
    write_png(path, np.array([[0, 254]], np.uint8))
    with pytest.raises(InputError, match="grey values other than 0 and 255"):
        read_binary(path)


def test_an_image_is_shown_within_its_window(tmp_path):
    folder = tmp_path / "7"
    write_png(folder / "a.png", np.array([[0, 100, 600, 5000]], np.uint16))
    listed = {"file": "a.png", "low": 100, "high": 1100, "rows": 1, "columns": 4}
    write_index(tmp_path / "7.tsv", folder, [listed], GREY_COLUMNS)
    rows = indexed_by_stem(folder, GREY_COLUMNS)
    assert read_grey(rows["a"], folder).tolist() == [[0, 0, 128, 255]]
    with pytest.raises(InputError, match=r"lacks the column\(s\) spacing"):
        indexed_by_stem(folder, (*GREY_COLUMNS, "spacing"))
    # A drawn slice is shown on the matrix that its masks have.
    assert read_grey({**rows["a"], "rows": "2", "columns": "2"}, folder).tolist() == [[0, 255]] * 2
