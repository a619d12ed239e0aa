"""Grey values survive the conversion as promised."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chaosliver.base.columns import PLACE
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.indexes import read_index, write_index
from chaosliver.base.png import read_png, to_8bit
from chaosliver.base.settings import from_mapping
from chaosliver.prepare import images
from chaosliver.prepare.images import Encoding, convert_images, encode_volume, window_of

VOLUME = Encoding(8, "volume", (0, 100))
SLICE = Encoding(8, "slice", (0, 100))
EXACT = Encoding(16, percentiles=(0.5, 99.5))


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


B, A = [[0, 1, 2], [3, 4, 5]], [[40000] * 3] * 2


@pytest.fixture
def patient(tmp_path, write_slice):
    """Two slices of T2, 2 x 3 pixels of 1.5 mm x 1.6 mm each, whose names rise where their places fall; one of T1."""
    files = {"T2/b.dcm": B, "T2/a.dcm": A, "T1/b.dcm": [[9, 9, 9]] * 2}
    for file, pixels in files.items():
        write_slice(tmp_path / "raw/7" / file, pixels, spacing=(1.5, 1.6))
    write_index(tmp_path / "raw/7.tsv", tmp_path / "raw/7", [{"file": file} for file in files])
    place = {"row_spacing_mm": 1.5, "column_spacing_mm": 1.6, "rows": 2, "columns": 3}
    rows = [
        {"sequence": "t1_in_phase", "stem": "b", "image": "T1/b.dcm", "position_mm": 1, **place},
        {"sequence": "t2_spir", "stem": "b", "image": "T2/b.dcm", "position_mm": -3.25, **place},
        {"sequence": "t2_spir", "stem": "a", "image": "T2/a.dcm", "position_mm": 5.5, **place},
    ]
    write_tsv(tmp_path / "pairs.tsv", tuple(rows[0]), rows)
    return tmp_path


def convert(patient, settings, name="new/png", sequence="t2_spir"):
    """The index that the conversion writes, each of its files checked."""
    folder, index = patient / name, patient / f"{name}.tsv"
    source = {"pairs": patient / "pairs.tsv", "raw_index": patient / "raw/7.tsv", "sequence": sequence}
    convert_images(**source, settings=settings, folder=folder, index=index)
    return read_index(index, folder, PLACE)


def test_a_sequence_is_converted_and_indexed_in_the_order_of_its_slices(patient):
    rows = convert(patient, EXACT)
    assert [row["file"] for row in rows] == ["b.png", "a.png"]
    assert [row["position_mm"] for row in rows] == ["-3.25", "5.5"]
    for row in rows:
        assert (row["row_spacing_mm"], row["column_spacing_mm"], row["rows"], row["columns"]) == (
            "1.5",
            "1.6",
            "2",
            "3",
        )
        # Of 0 1 2 3 4 5 40000 ...: 0.5 % of the way along 12 values is 0.055 of a step.
        assert (row["low"], row["high"]) == ("0.055", "40000")
    assert read_png(patient / "new/png/b.png").tolist() == B and read_png(patient / "new/png/a.png").tolist() == A
    assert sorted(path.name for path in (patient / "new/png").iterdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("settings", "pixels"),
    [
        # 5 of 40000 is 0.03 of 255.
        (VOLUME, {"b": [[0, 0, 0], [0, 0, 0]], "a": [[255] * 3] * 2}),
        # Of 0 to 5 each is 51; a slice of one value is its own lowest.
        (SLICE, {"b": [[0, 51, 102], [153, 204, 255]], "a": [[0] * 3] * 2}),
    ],
)
def test_8_bit_is_indexed_with_the_whole_range_as_its_window(patient, settings, pixels):
    rows = convert(patient, settings)
    assert [(row["low"], row["high"]) for row in rows] == [("0", "255")] * 2
    for stem, expected in pixels.items():
        found = read_png(patient / f"new/png/{stem}.png")
        assert (found.dtype, found.tolist()) == (np.uint8, expected)


def test_a_sequence_may_be_converted_again(patient):
    assert convert(patient, EXACT) == convert(patient, EXACT)


def test_only_the_files_of_the_sequence_must_be_unaltered(patient):
    (patient / "raw/7/T1/b.dcm").write_bytes(b"altered")
    assert len(convert(patient, EXACT)) == 2
    with pytest.raises(InputError, match=r"b\.dcm: its content differs"):
        convert(patient, EXACT, sequence="t1_in_phase")


@pytest.mark.parametrize("column", ["sequence", "stem", "image", "row_spacing_mm", "position_mm", "rows"])
def test_a_table_without_a_column_is_named(patient, column):
    rows = [{key: value for key, value in row.items() if key != column} for row in read_tsv(patient / "pairs.tsv")]
    write_tsv(patient / "pairs.tsv", tuple(rows[0]), rows)
    with pytest.raises(InputError, match=f"pairs.tsv: lacks the column.* {column}"):
        convert(patient, EXACT)


def test_a_drawn_sequence_has_pixels_of_its_own_and_keeps_the_images_matrix(patient):
    row, _ = convert(patient, Encoding(8, "drawn"))
    assert read_png(patient / "new/png/b.png").shape == (256, 256)
    # Two rows of 1.5 mm and three columns of 1.6 mm.
    assert float(row["row_spacing_mm"]) == pytest.approx(3 / 256, rel=1e-5)
    assert float(row["column_spacing_mm"]) == pytest.approx(4.8 / 256, rel=1e-5)
    assert (row["rows"], row["columns"], row["low"], row["high"]) == ("2", "3", "0", "255")


def test_a_file_that_reads_back_otherwise_stops_the_conversion(patient, monkeypatch):
    monkeypatch.setattr(images, "read_png", lambda path: np.zeros((2, 3), np.uint16))
    with pytest.raises(InputError, match=r"b\.png: reads back otherwise"):
        convert(patient, EXACT)
    assert not (patient / "new/png.tsv").exists()


@pytest.mark.parametrize(
    "mapping",
    [
        {"bits": 8, "scaling": "drawn", "brightest_to_zero": True},
        {"bits": 8, "scaling": "slice", "percentiles": [0, 100]},
        {"bits": 16, "percentiles": [0.5, 99.5]},
    ],
)
def test_an_encoding_is_what_the_configuration_says(mapping):
    encoding = from_mapping(Encoding, mapping)
    for key, value in mapping.items():
        assert getattr(encoding, key) == (tuple(value) if isinstance(value, list) else value)


def drawn(pixels, brightest_to_zero):
    (encoded,), (window,) = encode_volume(
        [np.array(pixels, np.uint16)], Encoding(8, "drawn", brightest_to_zero=brightest_to_zero)
    )
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


def test_two_neighbouring_values_of_a_drawn_slice_are_black_and_white():
    assert drawn([[0, 1], [1, 5]], False)[0::255, 0::255].tolist() == [[0, 255], [255, 255]]


def test_a_window_is_at_least_one_grey_level_wide():
    assert window_of(np.full((2, 3), 7), (0, 100)) == (7.0, 8.0)
    assert window_of(np.array([7, 9]), (0, 100)) == (7.0, 9.0)
    assert window_of(np.array([0, 10]), (20, 90)) == (2.0, 9.0)


def test_by_default_a_drawn_slice_keeps_its_brightest_pixels():
    (default,), _ = encode_volume([np.array([[1, 2, 9]], np.uint16)], Encoding(8, "drawn"))
    assert default.tolist() == drawn([[1, 2, 9]], False).tolist() != drawn([[1, 2, 9]], True).tolist()


def test_a_drawn_pixel_is_the_nearest_of_the_image():
    columns = drawn([np.arange(0, 576, 2)] * 288, False)[7]
    nearest = np.floor((np.arange(256) + 0.5) * 288 / 256)
    assert columns.tolist() == np.minimum(np.floor(2 * nearest / 572 * 256), 255).tolist()
