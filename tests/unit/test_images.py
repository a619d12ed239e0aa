"""Grey values survive the conversion as promised."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chaosliver import images
from chaosliver.dicom import Slice
from chaosliver.errors import InputError
from chaosliver.files import write_tsv
from chaosliver.images import convert_images, encode_volume, window_of
from chaosliver.indexes import read_index, write_index
from chaosliver.png import read_png, to_8bit

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
    place = {"row_spacing_mm": 1.5, "column_spacing_mm": 1.6, "position_mm": -3.25}
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
    assert read_png(folder / "a.png").tolist() == [[40000] * 3] * 2


def test_a_file_that_reads_back_otherwise_stops_the_conversion(patient, monkeypatch):
    monkeypatch.setattr(images, "read_png", lambda path: np.zeros((2, 3), np.uint16))
    with pytest.raises(InputError, match=r"b\.png: reads back otherwise"):
        convert_images(patient / "pairs.tsv", patient / "raw/7.tsv", "t2_spir", EXACT, patient / "p", patient / "p.tsv")
    assert not (patient / "p.tsv").exists()


def test_the_published_overflow_turns_a_slices_brightest_pixels_to_0():
    encoding = {"bits": 8, "scaling": "slice", "percentiles": [0, 100], "brightest_to_zero": True}
    (encoded,), _ = encode_volume([np.array([[0, 400], [800, 800]], np.uint16)], encoding)
    assert encoded.tolist() == [[0, 128], [0, 0]]
