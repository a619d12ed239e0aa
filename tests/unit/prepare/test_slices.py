"""What a patient's folder holds, read from files, and the row that describes each slice."""

import hashlib
import struct
import zlib

import numpy as np
import pytest

from chaosliver.base.columns import INVENTORY_COLUMNS
from chaosliver.base.png import write_png
from chaosliver.base.volumes import VolumeId
from chaosliver.prepare.slices import (
    describe_slice,
    digest_of_mask,
    files_in,
    grey_levels,
    organ_numbers,
    read_ground,
    read_images,
    same_place,
    usual_distance_mm,
)

T1, T2 = VolumeId("t1_out_of_phase", "7"), VolumeId("t2_spir", "7")
T1_FOLDER, FOLDER, GROUND = "T1DUAL/DICOM_anon/OutPhase", "T2SPIR/DICOM_anon", "T2SPIR/Ground"


def test_files_are_found_by_suffix_in_capitals_too_and_sorted_by_name(tmp_path):
    for name in ("b.dcm", "A.DCM", "c.png", "d"):
        (tmp_path / name).touch()
    assert [path.name for path in files_in(tmp_path, ".dcm")] == ["A.DCM", "b.dcm"]
    assert files_in(tmp_path / "none", ".dcm") == []


def test_images_are_read_from_their_sequences_folder_and_come_by_place_and_then_by_name(tmp_path, write_slice):
    for stem, place, value in (("a", 18.5, 1), ("c", -9.25, 2), ("b", -9.25, 3)):
        write_slice(tmp_path / FOLDER / f"{stem}.dcm", [[value] * 3] * 2, position=(1, 2, place))
    write_slice(tmp_path / T1_FOLDER / "a.dcm", [[9] * 4] * 2)
    images, findings = read_images(tmp_path, T2)
    assert findings == []
    assert [(image.file, image.stem, image.position_mm, int(image.slice.pixels.max())) for image in images] == [
        (f"{FOLDER}/b.dcm", "b", -9.25, 3),
        (f"{FOLDER}/c.dcm", "c", -9.25, 2),
        (f"{FOLDER}/a.dcm", "a", 18.5, 1),
    ]
    assert [(image.ground, image.mask) for image in images] == [("", None)] * 3
    assert [image.file for image in read_images(tmp_path, T1)[0]] == [f"{T1_FOLDER}/a.dcm"]


def test_an_image_that_cannot_be_read_is_an_error_and_the_others_are_kept(tmp_path, write_slice):
    write_slice(tmp_path / FOLDER / "a.dcm", [[1, 2, 3]])
    (tmp_path / FOLDER / "b.dcm").touch()
    images, (finding,) = read_images(tmp_path, T2)
    assert [image.stem for image in images] == ["a"]
    assert finding[:5] == ("7", "t2_spir", f"{FOLDER}/b.dcm", "error", "unreadable")
    assert finding.message.startswith(f"{FOLDER}/b.dcm: the file is empty")


def test_a_sequence_without_files_is_an_error(tmp_path):
    images, (finding,) = read_images(tmp_path, T2)
    assert images == [] and finding[:5] == ("7", "t2_spir", FOLDER, "error", "no-file")


def test_ground_truth_is_read_by_stem(tmp_path):
    masks = {"a": [[0, 63, 126], [0, 0, 0]], "b": [[252, 0, 0], [0, 0, 189]]}
    for stem, levels in masks.items():
        write_png(tmp_path / GROUND / f"{stem}.png", np.array(levels, np.uint8))
    ground, findings = read_ground(tmp_path, T2)
    assert findings == [] and ground.files == {stem: f"{GROUND}/{stem}.png" for stem in "ab"}
    assert {stem: mask.tolist() for stem, mask in ground.masks.items()} == masks
    assert read_ground(tmp_path, T1) == (({}, {}), [])


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "the file is empty"), (b"no image", "8-bit grey"), (np.uint16, "8-bit grey"), (3, "8-bit grey")],
)
def test_a_mask_that_cannot_be_read_is_an_error_but_its_stem_is_known(tmp_path, content, words):
    path = tmp_path / GROUND / "b.png"
    write_png(path.with_name("a.png"), np.zeros((2, 3), np.uint8))
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        write_png(path, np.zeros((2, 3, 3), np.uint8) if content == 3 else np.zeros((2, 3), content))
    ground, (finding,) = read_ground(tmp_path, T2)
    assert set(ground.files) == {"a", "b"} and set(ground.masks) == {"a"}
    assert finding[:5] == ("7", "t2_spir", f"{GROUND}/b.png", "error", "unreadable")
    assert words in finding.message


@pytest.mark.parametrize("size", [(65535, 65535), (30000, 30000)], ids=["65535 by 65535", "30000 by 30000"])
def test_a_mask_whose_header_promises_more_than_any_slice_is_an_error_by_name(tmp_path, size):
    write_png(tmp_path / GROUND / "a.png", np.zeros((2, 3), np.uint8))
    content = bytearray((tmp_path / GROUND / "a.png").read_bytes())
    content[16:24] = struct.pack(">II", *size)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / GROUND / "a.png").write_bytes(content)
    ground, (finding,) = read_ground(tmp_path, T2)
    assert ground.masks == {} and finding[:5] == ("7", "t2_spir", f"{GROUND}/a.png", "error", "unreadable")
    assert f"its header says {size[0]} x {size[1]} pixels" in finding.message


def test_the_usual_distance_is_the_median_of_the_steps(make_image):
    assert usual_distance_mm([make_image(place=place) for place in (0, 9, 18, 45)]) == 9.0
    assert usual_distance_mm([make_image(place=place) for place in (-3, 1, 7)]) == 5.0
    assert usual_distance_mm([make_image(place=place) for place in (0, 5.5)]) == 5.5
    assert usual_distance_mm([make_image()]) is None
    # Slices that share a place have no distance.
    assert usual_distance_mm([make_image(place=place) for place in (0, 0, 0, 9)]) == 9.0
    assert usual_distance_mm([make_image(place=place) for place in (4, 4, 4)]) == 0.0


def stems(pairs):
    return [(image.stem, other.stem) for image, other in pairs]


def test_images_at_the_same_place_are_found_within_a_tenth_of_the_distance(make_image):
    images = [make_image(f"in{place}", place) for place in (0, 10, 20, 50)]
    others = [make_image(f"out{place}", place) for place in (20, 0.5, 11.0, 48.5, -1.5)]
    assert stems(same_place(images, others)) == [("in20", "out20"), ("in0", "out0.5"), ("in10", "out11.0")]
    assert same_place([], others) == [] and same_place(images, []) == []


def test_slices_that_share_a_place_do_not_shrink_the_distance(make_image):
    images = [make_image(f"in{n}", place) for n, place in enumerate((0, 0.0002, 0, 10))]
    assert stems(same_place(images, [make_image("a", 0.9), make_image("b", 9.2)])) == [("in1", "a"), ("in3", "b")]


def test_the_distance_is_not_rounded_to_millimetres(make_image):
    images = [make_image(f"in{n}", place) for n, place in enumerate((0, 1.4, 2.8))]
    assert stems(same_place(images, [make_image("a", 2.93), make_image("b", 2.945)])) == [("in2", "a")]


def test_beside_a_single_slice_the_same_place_is_a_tenth_of_a_millimetre(make_image):
    others = [make_image(f"{place}", place) for place in (5.0625, 5.15625)]
    assert stems(same_place([make_image("in", 5)], others)) == [("in", "5.0625")]


MASK = [[63, 0, 126, 126], [0, 189, 0, 252], [252, 252, 55, 70]]


def test_a_row_describes_geometry_grey_values_and_the_areas_of_the_organs(make_image):
    pixels = np.array([[5, 9, 2662, 7]] * 3)
    image = make_image("IMG-2", -8.5, pixels=pixels, mask=MASK, echo_time=70.5)
    row = describe_slice(T2, image, 9.25)
    assert tuple(row) == INVENTORY_COLUMNS
    assert row == {
        "patient": "7",
        "sequence": "t2_spir",
        "stem": "IMG-2",
        "image": f"{FOLDER}/IMG-2.dcm",
        "ground": f"{GROUND}/IMG-2.png",
        "instance_number": 7,
        "position_mm": -8.5,
        "row_spacing_mm": 1.5,
        "column_spacing_mm": 2.25,
        "slice_distance_mm": 9.25,
        "rows": 3,
        "columns": 4,
        "echo_time_ms": 70.5,
        "minimum": 5,
        "maximum": 2662,
        "grey_levels": "0 55 63 70 126 189 252",
        "ground_digest": hashlib.sha256(bytes(level for line in MASK for level in line)).hexdigest(),
        # A pixel has 1.5 mm x 2.25 mm.
        "liver_mm2": 3 * 3.375,
        "right_kidney_mm2": 2 * 3.375,
        "left_kidney_mm2": 3.375,
        "spleen_mm2": 3 * 3.375,
    }


def test_a_row_without_mask_leaves_its_columns_empty(make_image):
    row = describe_slice(T2, make_image(echo_time=None), None)
    assert tuple(row) == INVENTORY_COLUMNS
    empty = {"ground": "", "grey_levels": "", "ground_digest": "", "echo_time_ms": None, "slice_distance_mm": None}
    organs = dict.fromkeys(("liver_mm2", "right_kidney_mm2", "left_kidney_mm2", "spleen_mm2"))
    assert {column: row[column] for column in (*empty, *organs)} == {**empty, **organs}


def test_an_empty_mask_has_areas_of_0_and_no_digest(make_image):
    row = describe_slice(T2, make_image(mask=np.zeros((2, 3))), 9.0)
    assert (row["liver_mm2"], row["spleen_mm2"], row["grey_levels"], row["ground_digest"]) == (0.0, 0.0, "0", "")


def test_organs_are_numbered_within_the_inclusive_bounds_of_their_grey_levels():
    levels = np.array(
        [[54, 55, 70, 71, 109, 110], [135, 136, 174, 175, 200, 201], [239, 240, 255, 0, 63, 252]], np.uint8
    )
    numbers = organ_numbers(levels)
    assert numbers.dtype == np.uint8
    assert numbers.tolist() == [[0, 1, 1, 0, 0, 2], [2, 0, 0, 3, 3, 0], [0, 4, 4, 0, 1, 4]]


def test_grey_levels_rise_and_occur_once():
    assert grey_levels(np.array([[255, 0], [63, 255]], np.uint8)) == [0, 63, 255]


def test_the_digest_is_of_the_pixels_wherever_they_lie():
    wide = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert digest_of_mask(wide[:, ::2]) == hashlib.sha256(bytes([0, 2, 4, 6, 8, 10])).hexdigest()
