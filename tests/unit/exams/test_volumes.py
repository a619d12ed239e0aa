"""A volume has the values and places that SimpleITK reads from its files, and as axial slices lies as in training."""

import gzip
import struct

import gdcm
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from unit.exams.conftest import (
    DISTANCE,
    ORIENTATIONS,
    SPACING,
    at_patient,
    encode,
    ramp,
    write_enhanced,
    write_series,
)
from unit.exams.test_series import change

from chaosliver.base.columns import INVENTORY_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_tsv
from chaosliver.base.indexes import write_index
from chaosliver.exams.series import find_series
from chaosliver.exams.volumes import axial, planes_of, read_nifti, read_series, refuse_blank
from chaosliver.prepare.dicom import read_slice
from chaosliver.prepare.images import Encoding, convert_images
from chaosliver.prepare.samples import list_images

SHAPE, ORIGIN = (7, 4, 5), (-30.0, 20.0, 5.0)


def greys_in(name):
    return ramp(at_patient(SHAPE, ORIENTATIONS[name], ORIGIN))


def volume_of(files):
    ((series,), _) = find_series(files)
    return read_series(series)


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_values_and_places_are_those_of_the_files_and_of_simpleitk(tmp_path, name):
    greys = greys_in(name)
    found = volume_of(write_series(tmp_path, greys, orientation=ORIENTATIONS[name]))
    assert np.array_equal(found.greys, greys) and found.present.all()
    assert found.spacing_mm == pytest.approx((2.25, 1.5, 6.0)) and found.voxel_ml == pytest.approx(0.02025)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    image = reader.Execute()
    places = at_patient(SHAPE, ORIENTATIONS[name], ORIGIN)
    for k, r, c in np.ndindex(SHAPE):
        x, y, z, _ = found.to_patient @ (c, r, k, 1)
        assert (x, y, z) == pytest.approx(tuple(places[k, r, c]), abs=1e-6)
        assert image.TransformPhysicalPointToIndex((x, y, z)) is not None
        assert image[image.TransformPhysicalPointToIndex((x, y, z))] == found.greys[k, r, c]


@pytest.mark.parametrize("name", [name for name in ORIENTATIONS if name != "oblique"])
def test_axial_slices_run_to_the_left_to_the_back_and_to_the_head(tmp_path, name):
    """The greys rise by 4, 8 and 2 a mm along these."""
    found = volume_of(write_series(tmp_path, greys_in(name), orientation=ORIENTATIONS[name]))
    view = axial(found)
    steps = [np.unique(np.diff(view.greys, axis=axis)) for axis in range(3)]
    expected = (2 * view.slice_mm, 8 * view.row_mm, 4 * view.column_mm)
    assert [step.tolist() for step in steps] == [[pytest.approx(rise)] for rise in expected]
    sides = {"axial": (6.0, 1.5, 2.25), "sagittal": (1.5, 2.25, 6.0), "coronal": (1.5, 6.0, 2.25)}
    assert (view.slice_mm, view.row_mm, view.column_mm) == pytest.approx(sides[found.plane])
    assert np.diff(view.positions_mm) == pytest.approx(view.slice_mm)
    assert np.array_equal(view.restore(view.greys), found.greys) and found.tilt_degrees == pytest.approx(0)


def test_an_oblique_volume_is_seen_as_the_axes_that_lie_nearest(tmp_path):
    found = volume_of(write_series(tmp_path, greys_in("oblique"), orientation=ORIENTATIONS["oblique"]))
    assert found.plane == "axial" and found.tilt_degrees == pytest.approx(np.degrees(np.arccos(0.8)))
    view = axial(found)
    assert np.array_equal(view.greys, found.greys) and np.array_equal(view.restore(view.greys), found.greys)


@pytest.mark.parametrize("name", ["axial, feet first", "sagittal", "coronal"])
def test_missing_slices_are_left_out_of_axial_ones_and_come_back_empty(tmp_path, name):
    greys = greys_in(name) + 1
    found = volume_of(write_series(tmp_path, greys, orientation=ORIENTATIONS[name], without=(2, 4)))
    assert found.present.tolist() == [True, True, False, True, False, True, True]
    held = np.where(found.present[:, None, None], greys, 0)
    assert np.array_equal(found.greys, held)
    view = axial(found)
    assert np.array_equal(view.restore(view.greys), held)
    if found.plane == "axial":
        assert len(view.greys) == 5 and (view.greys > 0).all()
        # To the head: here the slices were counted to the feet.
        assert view.positions_mm == [0, 6, 18, 30, 36]


@pytest.mark.parametrize(
    "syntax",
    ["RLELossless", "JPEGLosslessProcess14", "JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless"],
)
@pytest.mark.parametrize("lowest", [0, -700])
def test_compressed_pixels_are_those_that_were_stored(tmp_path, syntax, lowest):
    greys = ramp(at_patient((5, 40, 48), ORIENTATIONS["coronal"], ORIGIN))
    greys += lowest - greys.min()
    files = write_series(tmp_path, greys, orientation=ORIENTATIONS["coronal"])
    for file in files:
        encode(file, getattr(gdcm.TransferSyntax, syntax))
    # Greys below 0 are raised to begin at 0.
    assert np.array_equal(volume_of(files).greys, greys - lowest)


def test_big_endian_pixels_are_read_as_such(tmp_path):
    greys = greys_in("axial")
    files = write_series(tmp_path, greys, syntax=pydicom.uid.ExplicitVRBigEndian)
    assert np.array_equal(volume_of(files).greys, greys)


def test_slope_and_intercept_are_applied_slice_by_slice(tmp_path):
    stored = greys_in("axial")
    files = write_series(tmp_path, stored, RescaleSlope=2.0, RescaleIntercept=10.0)
    change(files[3], RescaleSlope=0.5, RescaleIntercept=-1.0)
    expected = 2.0 * stored + 10
    expected[3] = 0.5 * stored[3] - 1
    assert np.array_equal(volume_of(files).greys, expected)


def test_bits_beyond_those_stored_are_no_greys(tmp_path):
    """An overlay may lie in the four highest bits."""
    greys = greys_in("axial")
    files = write_series(tmp_path, greys)
    for number, file in enumerate(files):
        overlaid = greys[number] | 0x8000
        change(file, BitsStored=12, HighBit=11, PixelData=overlaid.astype("<u2").tobytes())
    assert np.array_equal(volume_of(files).greys, greys)


@pytest.mark.parametrize("name", ["axial", "sagittal"])
def test_frames_of_one_file_are_the_same_volume_as_a_file_for_each(tmp_path, name):
    greys = greys_in(name)
    found, _ = find_series([write_enhanced(tmp_path / "all", greys, orientation=ORIENTATIONS[name], echoes=(2.3, 4.6))])
    single = volume_of(write_series(tmp_path / "single", greys, orientation=ORIENTATIONS[name]))
    for number, series in enumerate(found):
        volume = read_series(series)
        assert np.array_equal(volume.greys, greys + number)
        assert volume.to_patient == pytest.approx(single.to_patient)


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_nifti_of_a_series_is_the_same_volume(tmp_path, name):
    """SimpleITK converts; it may count slices the other way, which the axial slices do not show."""
    files = write_series(tmp_path / "dicom", greys_in(name), orientation=ORIENTATIONS[name])
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "dicom")))
    SimpleITK.WriteImage(reader.Execute(), str(tmp_path / "a.nii.gz"))
    ours, other = axial(volume_of(files)), axial(read_nifti(tmp_path / "a.nii.gz"))
    assert np.array_equal(ours.greys, other.greys)
    assert (other.slice_mm, other.row_mm, other.column_mm) == pytest.approx(
        (ours.slice_mm, ours.row_mm, ours.column_mm)
    )


@pytest.mark.parametrize(
    ("shape", "codes", "words"),
    [
        ((4, 5, 6), (0, 0), "does not say how it lies in the patient"),
        ((4, 5, 6, 2), (1, 1), "holds 4 x 5 x 6 x 2 values, not one volume"),
        ((4, 5, 1), (1, 1), "not one volume"),
    ],
)
def test_nifti_that_is_no_volume_in_a_patient_is_refused(tmp_path, shape, codes, words):
    image = nibabel.Nifti1Image(np.ones(shape, np.float32), np.diag([1, 2, 3, 1]))
    image.set_qform(image.affine, code=codes[0])
    image.set_sform(image.affine, code=codes[1])
    nibabel.save(image, tmp_path / "a.nii")
    with pytest.raises(InputError, match=rf"a\.nii: .*{words}"):
        read_nifti(tmp_path / "a.nii")


@pytest.mark.parametrize(
    ("lengths", "read"),
    [
        pytest.param((0.02, 0.02, 0.09), False, id="a hundredth"),
        pytest.param((1.5, 1.5, 30.1), False, id="too far apart"),
        pytest.param((1.5, 1.5, 30), True, id="just possible"),
        pytest.param((0.09, 1.5, 6), False, id="too fine"),
    ],
)
def test_nifti_of_lengths_that_no_scanner_gives_is_refused(tmp_path, lengths, read):
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.diag([*lengths, 1]))
    image.set_sform(image.affine, code=1)
    nibabel.save(image, tmp_path / "a.nii")
    if read:
        assert read_nifti(tmp_path / "a.nii").spacing_mm == pytest.approx(lengths)
    else:
        with pytest.raises(InputError, match=r"a\.nii: .* mm, which no scanner gives"):
            read_nifti(tmp_path / "a.nii")


def test_a_volume_of_one_value_is_refused_where_it_is_to_be_segmented(tmp_path):
    greys = np.full((5, 4, 6), 7)
    volume = volume_of(write_series(tmp_path / "a", greys))
    with pytest.raises(InputError, match="every voxel has the same grey value"):
        refuse_blank(tmp_path, volume)
    # A place without a slice is no grey value.
    with pytest.raises(InputError, match="every voxel"):
        refuse_blank(tmp_path, volume_of(write_series(tmp_path / "b", np.full((7, 4, 6), 7), without=(3,))))
    greys[2, 1, 1] = 8
    refuse_blank(tmp_path, volume_of(write_series(tmp_path / "c", greys)))


def test_pixels_in_the_wrong_order_of_bytes_are_refused_by_file(tmp_path):
    ramp = np.add.outer(np.arange(6), np.add.outer(100 * np.arange(40), 30 * np.arange(50)))
    files = write_series(tmp_path, ramp)
    change(files[3], PixelData=ramp[3].astype(">u2").tobytes())
    with pytest.raises(InputError, match=rf"{files[3].name}: the two bytes of each pixel are in the wrong order"):
        volume_of(files)


def test_nifti_that_cannot_be_read_is_refused(tmp_path):
    image = nibabel.Nifti1Image(np.full((4, 5, 6), np.nan, np.float32), np.diag([1, 2, 3, 1]))
    image.set_sform(image.affine, code=1)
    nibabel.save(image, tmp_path / "nan.nii")
    content = (tmp_path / "nan.nii").read_bytes()
    (tmp_path / "cut.nii").write_bytes(content[:-100])
    (tmp_path / "text.nii").write_text("no image")
    (tmp_path / "cut.nii.gz").write_bytes(b"\x1f\x8b\x08\x00")
    for name, words in (
        ("nan.nii", "no finite grey values"),
        ("cut.nii", "has not the 480 bytes of voxels"),
        ("text.nii", "not a readable NIfTI file"),
        ("cut.nii.gz", "not a readable NIfTI file"),
    ):
        with pytest.raises(InputError, match=words):
            read_nifti(tmp_path / name)


def test_pixels_that_are_cut_short_are_refused_by_file(tmp_path):
    files = write_series(tmp_path, greys_in("axial"))
    change(files[2], PixelData=b"\0" * 10)
    with pytest.raises(InputError, match=rf"{files[2].name}: its pixels cannot be read"):
        volume_of(files)


@pytest.mark.parametrize(
    "encoding",
    [
        {"bits": 16, "percentiles": (10, 90)},
        {"bits": 8, "scaling": "volume", "percentiles": (10, 90)},
        {"bits": 8, "scaling": "slice", "percentiles": (0, 100)},
        {"bits": 8, "scaling": "drawn"},
    ],
)
def test_planes_are_those_that_training_reads_from_png_and_table(tmp_path, encoding):
    """The workflow's own way: DICOM to PNG and index, read back as samples."""
    greys = greys_in("axial")
    files = write_series(tmp_path / "raw/1", greys)
    rows = []
    for number, file in enumerate(files):
        held = read_slice(file)
        lattice = {
            "row_spacing_mm": held.spacing[0],
            "column_spacing_mm": held.spacing[1],
            "position_mm": held.position_mm,
        }
        rows.append(
            dict.fromkeys(INVENTORY_COLUMNS)
            | {"sequence": "t1_in_phase", "stem": f"{number}", "image": file.name, "rows": 4, "columns": 5}
            | lattice
        )
    write_tsv(tmp_path / "pairs.tsv", INVENTORY_COLUMNS, rows)
    write_index(tmp_path / "raw/1.tsv", tmp_path / "raw/1", [{"file": file.name} for file in files])
    settings = Encoding(**encoding)
    folder = tmp_path / "png/t1_in_phase/1"
    convert_images(
        pairs=tmp_path / "pairs.tsv",
        raw_index=tmp_path / "raw/1.tsv",
        sequence="t1_in_phase",
        settings=settings,
        folder=folder,
        index=folder.with_suffix(".tsv"),
    )
    expected = [sample.plane() for sample in list_images(folder.with_suffix(".tsv"))]
    found = planes_of(axial(volume_of(files)), settings)
    for ours, theirs in zip(found, expected, strict=True):
        assert np.array_equal(ours.pixels, theirs.pixels)
        assert ours[1:4] == theirs[1:4] and ours.own_shape == theirs.own_shape
    assert np.diff([plane.position_mm for plane in found]) == pytest.approx(DISTANCE)
    drawn = (1.5 * 4 / 256, 2.25 * 5 / 256)
    assert found[0].spacing_mm == pytest.approx(drawn if encoding.get("scaling") == "drawn" else SPACING, rel=1e-5)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize(
    ("shape", "words"),
    [((32767, 32767, 32767), "larger than any MR volume"), ((512, 512, 400), "promises 209,715,200 bytes of voxels")],
    ids=["absurd", "beyond the file"],
)
def test_nifti_whose_header_promises_more_than_there_is_takes_no_memory(tmp_path, monkeypatch, name, shape, words):
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape(shape)
    header["qform_code"], header["magic"], header["vox_offset"] = 1, b"n+1", 352
    content = header.binaryblock + bytes(4 + 1000)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    monkeypatch.setattr(np, "asanyarray", None)
    with pytest.raises(InputError, match=rf"{name}: .*{words}"):
        read_nifti(tmp_path / name)


def test_an_empty_mask_that_gzip_makes_small_is_still_read(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((200, 200, 100), np.uint8), np.eye(4))
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(image.to_bytes(), 9))
    assert (tmp_path / "a.nii.gz").stat().st_size < 4_000_000 / 900
    assert read_nifti(tmp_path / "a.nii.gz").greys.shape == (100, 200, 200)


def plain_nifti(values):
    """A NIfTI file's bytes, not packed, with the same place in both of its forms."""
    image = nibabel.Nifti1Image(values, np.diag([0.75, 1.25, 5.0, 1.0]))
    image.header.set_xyzt_units("mm")
    image.set_qform(image.affine, 1)
    image.set_sform(image.affine, 1)
    return bytearray(image.to_bytes())


# Of header fields: offset, format and value. Each was accepted, and ITK read another place or other greys.
@pytest.mark.parametrize(
    ("offset", "kind", "value", "words"),
    [
        pytest.param(123, "B", 1, "in units of meter", id="lengths-in-metres"),
        pytest.param(80, "f", 2.0, "other spacings", id="two-spacings"),
        pytest.param(256, "f", 0.7, "qform and its sform", id="two-orientations"),
        pytest.param(268, "f", 9.0, "qform and its sform", id="two-origins"),
        pytest.param(76, "f", -2.0, "handedness", id="no-handedness"),
        pytest.param(88, "f", -5.0, "its voxels measure", id="negative-spacing"),
        pytest.param(254, "h", -1, "codes", id="no-kind-of-form"),
        pytest.param(112, "f", 1e-30, "multiplied by 1e-30", id="tiny-slope"),
    ],
)
def test_nifti_that_programs_take_differently_is_refused(tmp_path, offset, kind, value, words):
    content = plain_nifti(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    path = tmp_path / "a.nii"
    path.write_bytes(content)
    read_nifti(path)
    struct.pack_into(f"<{kind}", content, offset, value)
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_nifti(path)


# Found by fuzzing: nibabel, and the format, take no account of what is added without a factor; ITK adds it.
@pytest.mark.parametrize("factor", [0.0, np.nan, np.inf])
@pytest.mark.parametrize("added", [348.0, -1.0])
def test_a_value_added_to_greys_without_a_factor_is_refused(tmp_path, factor, added):
    content = plain_nifti(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    struct.pack_into("<ff", content, 112, factor, added)
    path = tmp_path / "a.nii"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{added:g} is added to its grey values, which are multiplied by {factor:g}"):
        read_nifti(path)


@pytest.mark.parametrize(
    ("factor", "added", "expected"), [(0, 0, 59), (0, np.nan, 59), (np.nan, np.nan, 59), (np.nan, 0, 59), (2, 348, 466)]
)
def test_factor_and_addition_of_greys_are_read_as_itk_reads_them(tmp_path, factor, added, expected):
    content = plain_nifti(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    struct.pack_into("<ff", content, 112, factor, added)
    path = tmp_path / "a.nii"
    path.write_bytes(content)
    assert read_nifti(path).greys[-1, -1, -1] == expected
    assert SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))[-1, -1, -1] == expected


def test_bytes_after_the_voxels_are_refused(tmp_path):
    content = plain_nifti(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    (tmp_path / "a.nii").write_bytes(content + b"more")
    with pytest.raises(InputError, match="has not the 120 bytes"):
        read_nifti(tmp_path / "a.nii")


def test_a_wrong_checksum_of_a_packed_nifti_is_found(tmp_path):
    values = np.random.default_rng(1).integers(0, 9000, (20, 30, 40), np.int16)
    packed = bytearray(gzip.compress(plain_nifti(values)))
    packed[-8] ^= 1
    (tmp_path / "a.nii.gz").write_bytes(packed)
    with pytest.raises(InputError, match="is damaged"):
        read_nifti(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("kind", [np.int16, np.int32])
def test_the_whole_range_of_a_kind_of_numbers_is_raised_without_overflow(tmp_path, kind):
    values = np.zeros((3, 4, 5), kind)
    values[0, 0, 0], values[1, 2, 3] = np.iinfo(kind).min, np.iinfo(kind).max
    (tmp_path / "a.nii").write_bytes(plain_nifti(values))
    found = read_nifti(tmp_path / "a.nii").greys
    # [slices, rows, columns]
    expected = [0, -int(np.iinfo(kind).min), int(np.iinfo(kind).max) - int(np.iinfo(kind).min)]
    assert [int(found[at]) for at in ((0, 0, 0), (4, 3, 2), (3, 2, 1))] == expected
