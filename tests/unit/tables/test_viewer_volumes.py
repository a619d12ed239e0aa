"""Volumes of the viewer: each slice at its place, whichever are missing, and voxels where they lie in the patient."""

import base64
import gzip
import re

import nibabel
import numpy as np
import pytest
from unit.exams.conftest import DISTANCE, ORIENTATIONS, SPACING, at_patient, write_series

from chaosliver.base.columns import LATTICE
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_tsv
from chaosliver.base.indexes import write_index
from chaosliver.base.png import write_png
from chaosliver.base.volumes import VolumeId
from chaosliver.tables.viewer_volumes import read_image, read_mask, write_volume

SHAPE, ORIGIN = (6, 4, 5), (-30.0, 20.0, 5.0)
VOLUME = VolumeId("t2_spir", "7")


def patient(tmp_path, greys, orientation="axial", without=()):
    """A patient's DICOM files and table of slices, which lists them in the order of their names."""
    folder = tmp_path / "raw/7"
    files = write_series(folder / "T2", greys, orientation=ORIENTATIONS[orientation], without=without)
    numbers = [number for number in range(len(greys)) if number not in without]
    rows = [
        {
            "sequence": "t2_spir",
            "stem": file.stem,
            "image": f"T2/{file.name}",
            "position_mm": 5.0 + number * DISTANCE,
            **dict(zip(LATTICE[:2], SPACING, strict=True)),
            **dict(zip(LATTICE[3:], SHAPE[1:], strict=True)),
        }
        for number, file in zip(numbers, files, strict=True)
    ]
    # Of another sequence, and altered since it was listed.
    (folder / "T1").mkdir()
    (folder / "T1/other").write_text("as listed")
    write_index(tmp_path / "raw/7.tsv", folder, [{"file": file} for file in ("T1/other", *(r["image"] for r in rows))])
    (folder / "T1/other").write_text("altered")
    rows.append({**rows[0], "sequence": "t1_in_phase", "image": "T1/absent.dcm"})
    write_tsv(tmp_path / "7.pairs.tsv", ("sequence", "stem", "image", *LATTICE), sorted(rows, key=lambda r: r["stem"]))
    return tmp_path / "7.pairs.tsv", tmp_path / "raw/7.tsv"


def grey_ramp():
    """From 0 to 255 in 120 steps, so that 8 bit keep the order."""
    return np.arange(np.prod(SHAPE)).reshape(SHAPE) * 2


def decoded(script):
    """The name and the NIfTI image that a script hands to the page."""
    name, text = re.fullmatch(r'volumeArrived\("(.+)", "(.+)"\);\n', script.read_text()).groups()
    return name, nibabel.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(text)))


@pytest.mark.parametrize("orientation", ["axial", "axial, prone", "oblique"])
def test_an_image_lies_in_the_patient_with_the_distances_of_its_headers(tmp_path, orientation):
    lattice, greys = read_image(VOLUME, *patient(tmp_path, grey_ramp(), orientation))
    write_volume(tmp_path / "made", "t2_spir/7/image", greys, lattice.to_patient)
    name, image = decoded(tmp_path / "made/t2_spir/7/image.js")
    assert name == "t2_spir/7/image" and image.get_data_dtype() == np.uint8
    assert np.allclose(image.header.get_zooms(), (SPACING[1], SPACING[0], DISTANCE))
    places = at_patient(SHAPE, ORIENTATIONS[orientation], ORIGIN)
    for k, r, c in ((0, 0, 0), (5, 3, 4), (2, 1, 3)):
        x, y, z = places[k, r, c]
        # NIfTI counts to the right and to the front.
        assert np.allclose(image.affine @ (c, r, k, 1), (-x, -y, z, 1), atol=1e-3)
    shown = np.asarray(image.dataobj).transpose(2, 1, 0)
    # Of 0 to 238, linearly, up to the 99.9th percentile.
    assert np.abs(shown - grey_ramp() * 255 / 238).max() < 1


def test_a_gap_stays_empty_and_shifts_nothing(tmp_path):
    lattice, greys = read_image(VOLUME, *patient(tmp_path, grey_ramp() + 40, without=(2, 3)))
    assert (lattice.places, lattice.missing, lattice.shape) == ([0, 1, 4, 5], [2, 3], SHAPE)
    assert not greys[[2, 3]].any() and all(greys[place].any() for place in lattice.places)
    # The column of the matrix is the distance of neighbours, gaps or not.
    assert np.allclose(lattice.to_patient[:3, 2], (0, 0, DISTANCE))
    assert np.all(np.diff([greys[place].mean() for place in lattice.places]) > 0)


def test_a_single_slice_is_a_volume(tmp_path):
    lattice, greys = read_image(VOLUME, *patient(tmp_path, grey_ramp()[:1]))
    assert (lattice.places, lattice.missing, greys.shape) == ([0], [], (1, *SHAPE[1:]))
    assert np.linalg.det(lattice.to_patient) != 0


def test_masks_lie_on_the_slices_of_their_names(tmp_path):
    lattice, _ = read_image(VOLUME, *patient(tmp_path, grey_ramp(), without=(2,)))
    masks = np.random.default_rng(1).random((5, *SHAPE[1:])) < 0.5
    for stem, mask in zip(lattice.stems, masks, strict=True):
        write_png(tmp_path / f"masks/{stem}.png", mask.astype(np.uint8) * 255)
    found = read_mask(tmp_path / "masks", lattice)
    assert np.array_equal(found[[0, 1, 3, 4, 5]], masks) and not found[2].any()
    write_png(tmp_path / f"masks/{lattice.stems[3]}.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match=r"is 4x4 where the image is 4x5"):
        read_mask(tmp_path / "masks", lattice)


def test_an_altered_slice_is_named(tmp_path):
    pairs, raw_index = patient(tmp_path, grey_ramp())
    file = next((tmp_path / "raw/7/T2").iterdir())
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(InputError, match=f"{file.name}: its content differs"):
        read_image(VOLUME, pairs, raw_index)


def test_the_same_volume_gives_the_same_bytes(tmp_path):
    write_volume(tmp_path, "one", np.ones((2, 2, 2), np.uint8), np.eye(4))
    packed = base64.b64decode(re.search(r', "(.+)"', (tmp_path / "one.js").read_text())[1])
    # The time in the header of gzip.
    assert packed[4:8] == bytes(4)
