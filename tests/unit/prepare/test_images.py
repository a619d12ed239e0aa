"""Grey values survive the conversion as promised."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chaosliver.base.columns import LATTICE
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_tsv
from chaosliver.base.indexes import read_index, write_index
from chaosliver.base.png import read_png, to_8bit
from chaosliver.prepare import images
from chaosliver.prepare.dicom import Slice
from chaosliver.prepare.images import convert_images, encode_volume, window_of

VOLUME = {"bits": 8, "scaling": "volume", "percentiles": [0, 100]}
SLICE = {"bits": 8, "scaling": "slice", "percentiles": [0, 100]}
EXACT = {"bits": 16, "percentiles": [0.5, 99.5]}


@given(arrays(np.uint16, (4, 6), elements=st.integers(0, 2662)))
def test_8_bit_keeps_the_order_of_grey_values_and_fills_the_range(pixels):
    scaled = to_8bit(pixels, window_of(pixels, (0, 100)))
    order = np.argsort(pixels, axis=None)
    assert np.all(np.diff(scaled.ravel()[order].astype(int)) >= 0)
    if pixels.max() > pixels.min():
        assert (scaled.min(), scaled.max()) == (0, 255)


def test_scaling_by_volume_keeps_the_scale_between_slices_and_by_slice_destroys_it():
    slices = [np.array([[0, 100]], np.uint16), np.array([[0, 1000]], np.uint16)]
    by_volume, windows = encode_volume(slices, VOLUME)
    assert [plane.tolist() for plane in by_volume] == [[[0, 26]], [[0, 255]]]
    assert windows == [(0.0, 255.0)] * 2
    by_slice, _ = encode_volume(slices, SLICE)
    assert [plane.tolist() for plane in by_slice] == [[[0, 255]]] * 2


def test_16_bit_keeps_every_value_and_notes_the_window_of_the_volume():
    slices = [
        np.arange(0, 1000, dtype=np.uint16).reshape(10, 100),
        np.arange(1000, 2000, dtype=np.uint16).reshape(10, 100),
    ]
    encoded, windows = encode_volume(slices, EXACT)
    assert all(np.array_equal(after, before) for after, before in zip(encoded, slices, strict=True))
    assert windows[0] == windows[1] == pytest.approx((9.995, 1989.005))


def test_a_flat_slice_does_not_divide_by_zero():
    encoded, _ = encode_volume([np.full((2, 2), 7, np.uint16)], SLICE)
    assert encoded[0].tolist() == [[0, 0], [0, 0]]


@pytest.fixture
def patient(tmp_path, monkeypatch):
    """Two slices, whose DICOM files are stood in for by text files."""
    folder = tmp_path / "raw" / "7"
    folder.mkdir(parents=True)
    for stem in ("a", "b"):
        (folder / f"{stem}.dcm").write_text(stem)
    write_index(tmp_path / "raw/7.tsv", folder, [{"file": "a.dcm"}, {"file": "b.dcm"}])
    place = {"row_spacing_mm": 1.5, "column_spacing_mm": 1.6, "position_mm": -3.25, "rows": 2, "columns": 3}
    rows = [{"sequence": "t2_spir", "stem": stem, "image": f"{stem}.dcm", **place} for stem in ("b", "a")]
    write_tsv(tmp_path / "pairs.tsv", tuple(rows[0]), rows)
    planes = {"a.dcm": np.full((2, 3), 40000, np.uint16), "b.dcm": np.arange(6, dtype=np.uint16).reshape(2, 3)}
    known = dict.fromkeys(Slice.__dataclass_fields__)
    monkeypatch.setattr(images, "read_slice", lambda path: Slice(**{**known, "pixels": planes[path.name]}))
    return tmp_path


def test_a_sequence_is_converted_and_indexed_in_the_order_of_its_slices(patient):
    folder = patient / "png"
    convert_images(patient / "pairs.tsv", patient / "raw/7.tsv", "t2_spir", EXACT, folder, patient / "png.tsv")
    rows = read_index(patient / "png.tsv", folder, ("low", "high"))
    assert [row["file"] for row in rows] == ["b.png", "a.png"]
    assert (rows[0]["row_spacing_mm"], rows[0]["column_spacing_mm"], rows[0]["position_mm"]) == ("1.5", "1.6", "-3.25")
    assert (rows[0]["rows"], rows[0]["columns"]) == ("2", "3")
    assert read_png(folder / "a.png").tolist() == [[40000] * 3] * 2


def test_a_drawn_sequence_has_pixels_of_its_own_and_keeps_the_images_matrix(patient):
    folder = patient / "png"
    encoding = {"bits": 8, "scaling": "drawn", "brightest_to_zero": False}
    convert_images(patient / "pairs.tsv", patient / "raw/7.tsv", "t2_spir", encoding, folder, patient / "png.tsv")
    (row, _) = read_index(patient / "png.tsv", folder, LATTICE)
    assert read_png(folder / "b.png").shape == (256, 256)
    # Two rows of 1.5 mm and three columns of 1.6 mm.
    assert float(row["row_spacing_mm"]) == pytest.approx(3 / 256, rel=1e-5)
    assert float(row["column_spacing_mm"]) == pytest.approx(4.8 / 256, rel=1e-5)
    assert (row["rows"], row["columns"], row["low"], row["high"]) == ("2", "3", "0", "255")


def test_a_file_that_reads_back_otherwise_stops_the_conversion(patient, monkeypatch):
    monkeypatch.setattr(images, "read_png", lambda path: np.zeros((2, 3), np.uint16))
    with pytest.raises(InputError, match=r"b\.png: reads back otherwise"):
        convert_images(patient / "pairs.tsv", patient / "raw/7.tsv", "t2_spir", EXACT, patient / "p", patient / "p.tsv")
    assert not (patient / "p.tsv").exists()


def drawn(pixels, brightest_to_zero):
    encoding = {"bits": 8, "scaling": "drawn", "brightest_to_zero": brightest_to_zero}
    (encoded,), (window,) = encode_volume([np.array(pixels, np.uint16)], encoding)
    assert encoded.dtype == np.uint8 and encoded.shape == (256, 256) and window == (0, 255)
    return encoded


@pytest.mark.parametrize(("brightest_to_zero", "brightest"), [(True, 0), (False, 255)])
def test_a_drawn_slice_has_its_second_largest_value_white_and_the_largest_black_or_white(brightest_to_zero, brightest):
    picture = drawn([[0, 100, 400, 399], [800, 800, 2000, 100]], brightest_to_zero)
    # 256 steps from 0 to 800: 400 begins the 129th, 399 lies in the 128th.
    assert picture[0, 32::64].tolist() == [0, 32, 128, 127]
    assert picture[255, 32::64].tolist() == [255, 255, brightest, 32]
    assert (picture[127, 0], picture[128, 0]) == (0, 255)


def test_the_smallest_value_of_a_drawn_slice_is_black():
    assert drawn([[100, 300], [500, 900]], False)[0::255, 0::255].tolist() == [[0, 128], [255, 255]]
    # What was set to 0 is smaller than all else.
    assert drawn([[100, 300], [500, 900]], True)[0::255, 0::255].tolist() == [[51, 153], [255, 0]]


def test_a_drawn_slice_of_one_value_is_black():
    assert not drawn([[7, 7]], True).any() and not drawn([[7, 7]], False).any()
    # With two, the larger is set to 0 and nothing is left to be white.
    assert not drawn([[0, 7]], True).any()


def test_a_drawn_pixel_is_the_nearest_of_the_image():
    columns = drawn([np.arange(0, 576, 2)] * 288, False)[7]
    nearest = np.floor((np.arange(256) + 0.5) * 288 / 256)
    assert columns.tolist() == np.minimum(np.floor(2 * nearest / 572 * 256), 255).tolist()
