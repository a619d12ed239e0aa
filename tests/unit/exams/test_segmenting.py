"""Exams through a stand-in for networks that marks what is bright: files, table, report; what is kept or refused."""

import gzip
import json
import logging
import os
from contextlib import contextmanager

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from unit.exams.conftest import ORIENTATIONS, PLANTED, at_patient, write_pack, write_series

from chaosliver.base.columns import EXAM_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv
from chaosliver.exams import segmenting
from chaosliver.exams.segmenting import segment_exams
from chaosliver.network.answers import Answer
from chaosliver.prepare.fingerprints import fingerprint_of

SHAPE = (6, 9, 11)
# Around the middle of the volume, in mm to the left, to the back and to the head.
LOW, HIGH = (-7.0, -4.0, -9.0), (5.0, 3.0, 8.0)
FILES = ["image.nii.gz", "mask.dcm", "mask.nii.gz", "probability.nii.gz", "report.json", "slices.png"]


@pytest.fixture(autouse=True)
def loaded(monkeypatch):
    """How often networks were loaded."""
    loads = []

    @contextmanager
    def bright(pack, threads):
        loads.append(threads)

        def segment(volume):
            greys = np.stack([plane.pixels for plane in volume])
            organ = greys > 500
            return Answer(np.where(organ, np.float32(0.75), np.float32(0.25)), organ, organ, None)

        yield segment

    monkeypatch.setattr(segmenting, "networks_of", bright)
    return loads


def organ_in(name):
    """Where each voxel lies, and whether that is between the corners."""
    places = at_patient(SHAPE, ORIENTATIONS[name], (-30.0, 20.0, 5.0))
    away = places - places.reshape(-1, 3).mean(axis=0)
    return places, ((away > LOW) & (away < HIGH)).all(axis=-1)


def draw(folder, name="axial", darkest=100, **changes):
    """An exam whose organ of grey 900 lies between two corners."""
    _, within = organ_in(name)
    greys = np.where(within, 900, darkest + np.indices(SHAPE).sum(axis=0))
    write_series(folder, greys, orientation=ORIENTATIONS[name], **changes)
    return greys, within


def segmented(tmp_path, *names, series=None, truth=None, anonymise=False, pack="pack", code="c"):
    exams = [{"name": name, "path": str(tmp_path / name), "series": series, "truth": truth} for name in names]
    segment_exams(
        exams=exams,
        pack=tmp_path / pack,
        folder=tmp_path / "segmented",
        anonymise=anonymise,
        tolerance_mm=4.0,
        threads=2,
        code=code,
        table=tmp_path / "table.tsv",
    )
    return read_tsv(tmp_path / "table.tsv", EXAM_COLUMNS)


def test_an_exam_becomes_masks_a_picture_a_report_and_a_row(tmp_path):
    greys, within = draw(tmp_path / "one")
    (row,) = segmented(tmp_path, "one", pack=write_pack(tmp_path / "pack", largest_component=True).name)
    folder = tmp_path / "segmented/one"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    image = nibabel.load(folder / "image.nii.gz")
    assert np.array_equal(np.asarray(image.dataobj).transpose(2, 1, 0), greys)
    assert image.get_data_dtype() == np.uint16
    mask = nibabel.load(folder / "mask.nii.gz")
    assert np.array_equal(np.asarray(mask.dataobj).transpose(2, 1, 0), within)
    probability = np.asarray(nibabel.load(folder / "probability.nii.gz").dataobj).transpose(2, 1, 0)
    assert np.array_equal(probability, np.where(within, np.float32(0.75), np.float32(0.25)))
    assert pydicom.dcmread(folder / "mask.dcm").pixel_array.sum() == within.sum() > 0
    assert float(row["volume_ml"]) == pytest.approx(within.sum() * 0.02025)
    lengths = [float(row[name]) for name in ("left_right_mm", "front_back_mm", "head_foot_mm")]
    # Six columns of 2.25 mm, four rows of 1.5 mm, two slices of 6 mm.
    assert lengths == [13.5, 6.0, 12.0]
    assert (row["exam"], row["slices"], row["slices_with_organ"], row["trained_on_slices"]) == ("one", "6", "2", "0")
    report = json.loads((folder / "report.json").read_text())
    assert report["expected"] == {"t1_in_phase": {"patients": 9, "dice_3d": 0.9}}
    assert [flag["name"] for flag in report["flags"]] == row["flags"].split("; ") == ["volume"]
    assert report["series"].startswith("6 slices, axial") and float(row["seconds"]) > 0


@pytest.mark.parametrize("name", [name for name in ORIENTATIONS if name != "oblique"])
def test_the_organ_lies_in_the_patient_whichever_way_it_was_scanned(tmp_path, name):
    draw(tmp_path / "one", name)
    write_pack(tmp_path / "pack")
    segmented(tmp_path, "one")
    image = SimpleITK.ReadImage(str(tmp_path / "segmented/one/mask.nii.gz"))
    found = np.array(
        [
            image.TransformIndexToPhysicalPoint((int(c), int(r), int(k)))
            for k, r, c in np.argwhere(SimpleITK.GetArrayFromImage(image))
        ]
    )
    places, within = organ_in(name)
    expected = places[within]
    assert len(found) == len(expected) > 0
    assert np.allclose(sorted(map(tuple, np.round(found, 3))), sorted(map(tuple, np.round(expected, 3))), atol=0.002)


def test_nifti_gives_nifti_on_its_own_grid(tmp_path):
    greys, within = draw(tmp_path / "dicom")
    image = nibabel.Nifti1Image(greys.transpose(2, 1, 0).astype(np.int16), np.diag([-2.25, 1.5, 6.0, 1]))
    image.set_sform(image.affine, code=1)
    nibabel.save(image, tmp_path / "one.nii.gz")
    write_pack(tmp_path / "pack")
    exam = {"name": "one", "path": str(tmp_path / "one.nii.gz"), "series": None}
    segment_exams(
        exams=[exam],
        pack=tmp_path / "pack",
        folder=tmp_path / "s",
        anonymise=False,
        tolerance_mm=4.0,
        threads=1,
        code="c",
        table=tmp_path / "t.tsv",
    )
    assert sorted(path.name for path in (tmp_path / "s/one").iterdir()) == [
        name for name in FILES if name != "mask.dcm"
    ]
    mask = nibabel.load(tmp_path / "s/one/mask.nii.gz")
    assert np.allclose(mask.affine, image.affine) and np.array_equal(
        np.asarray(mask.dataobj).transpose(2, 1, 0), within
    )


def test_slices_that_the_networks_learned_from_are_counted_whichever_way_they_lie(tmp_path):
    greys, _ = draw(tmp_path / "one", "axial, prone")
    prints = [fingerprint_of(plane) for plane in greys[1:5]]
    write_pack(tmp_path / "pack", prints)
    (row,) = segmented(tmp_path, "one")
    assert row["trained_on_slices"] == "4" and row["flags"].startswith("trained on")
    draw(tmp_path / "other", darkest=150)
    assert segmented(tmp_path, "other")[0]["trained_on_slices"] == "0"


def test_what_was_segmented_is_kept_until_its_files_the_pack_or_the_settings_change(tmp_path, loaded):
    draw(tmp_path / "one")
    draw(tmp_path / "two", "coronal")
    write_pack(tmp_path / "pack")
    first = segmented(tmp_path, "one", "two")
    assert loaded == [2], "the networks are loaded once"
    before = (tmp_path / "segmented/one/mask.dcm").read_bytes()
    assert segmented(tmp_path, "one", "two") == first and loaded == [2]
    assert (tmp_path / "segmented/one/mask.dcm").read_bytes() == before
    for count, change in enumerate(
        (
            lambda: segmented(tmp_path, "one", anonymise=True),
            lambda: segmented(tmp_path, "one", code="d"),
            lambda: [write_pack(tmp_path / "pack", threshold=0.4), segmented(tmp_path, "one")],
            lambda: [(tmp_path / "segmented/one/slices.png").write_bytes(b"x"), segmented(tmp_path, "one")],
            lambda: [(tmp_path / "segmented/one/report.json").write_text("{"), segmented(tmp_path, "one")],
            lambda: [draw(tmp_path / "one", EchoTime=5.1), segmented(tmp_path, "one")],
        ),
        start=2,
    ):
        change()
        assert len(loaded) == count
    assert (tmp_path / "segmented/one/slices.png").stat().st_size > 100


def test_an_exam_that_cannot_be_read_keeps_no_other_from_being_segmented(tmp_path):
    draw(tmp_path / "one")
    draw(tmp_path / "three")
    (tmp_path / "two").mkdir()
    (tmp_path / "two/notes.txt").write_text("no images")
    write_pack(tmp_path / "pack")
    with pytest.raises(
        InputError, match=r"two: holds no series of MR slices.*\nNot segmented: 1 of 3 studies\. The others are kept"
    ):
        segmented(tmp_path, "one", "two", "three")
    assert not (tmp_path / "table.tsv").exists() and not (tmp_path / "segmented/two").exists()
    assert (tmp_path / "segmented/three/report.json").exists()


def test_an_exam_of_one_grey_value_is_refused(tmp_path, loaded):
    write_series(tmp_path / "one", np.full(SHAPE, 300))
    write_pack(tmp_path / "pack")
    with pytest.raises(InputError, match="one: every voxel has the same grey value"):
        segmented(tmp_path, "one")
    assert loaded == []


def test_the_mask_of_another_study_is_not_replaced(tmp_path):
    draw(tmp_path / "a/DICOM")
    draw(tmp_path / "b/DICOM", "coronal")
    write_pack(tmp_path / "pack")
    arguments = {"pack": tmp_path / "pack", "folder": tmp_path / "s", "anonymise": False, "tolerance_mm": 4.0}
    arguments |= {"threads": 1, "code": "c"}
    exams = [{"name": "DICOM", "path": str(tmp_path / way / "DICOM"), "series": None} for way in "ab"]
    segment_exams(exams=exams[:1], table=tmp_path / "t.tsv", **arguments)
    with pytest.raises(InputError, match=r"s/DICOM: holds the mask of another study .*--config name="):
        segment_exams(exams=exams[1:], table=tmp_path / "t.tsv", **arguments)


@pytest.mark.parametrize("anonymise", [False, True])
def test_nothing_that_tells_who_the_patient_is_leaves(tmp_path, caplog, anonymise):
    """But for what a SEG must say, where that is not left out too."""
    caplog.set_level(logging.DEBUG)
    draw(tmp_path / "one")
    write_pack(tmp_path / "pack")
    segmented(tmp_path, "one", anonymise=anonymise)
    for path in (tmp_path / "segmented/one").iterdir():
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        named = PLANTED.encode() in content or b"19700101" in content
        assert named == (path.name == "mask.dcm" and not anonymise), path
    text = (tmp_path / "table.tsv").read_text() + caplog.text
    assert PLANTED not in text and "19700101" not in text
    report = (tmp_path / "segmented/one/report.json").read_text()
    assert str(tmp_path) not in report and "2.25." not in report


def truth_of(path, within, to_patient):
    """A ground truth as NIfTI, from a mask [slices, rows, columns]."""
    image = nibabel.Nifti1Image(within.transpose(2, 1, 0).astype(np.uint8), np.diag([-1, -1, 1, 1]) @ to_patient)
    image.set_sform(image.affine, code=1)
    nibabel.save(image, path)
    return str(path)


@pytest.mark.parametrize("name", ["axial", "coronal"])
def test_an_exam_with_a_ground_truth_is_scored_and_again_when_that_is_another(tmp_path, name):
    _, within = draw(tmp_path / "one", name)
    write_pack(tmp_path / "pack")
    assert segmented(tmp_path, "one")[0]["dice_3d"] == ""
    mask = nibabel.load(tmp_path / "segmented/one/mask.nii.gz")
    truth = truth_of(tmp_path / "truth.nii.gz", within, np.diag([-1, -1, 1, 1]) @ mask.affine)
    (row,) = segmented(tmp_path, "one", truth=truth)
    assert [float(row[key]) for key in ("dice_3d", "assd_mm", "mssd_mm", "nsd")] == [1, 0, 0, 1]
    assert float(row["reference_ml"]) == pytest.approx(float(row["volume_ml"]))
    # Half of the voxels, by every second one of the list.
    half = within.copy()
    half[tuple(np.argwhere(within)[::2].T)] = False
    truth_of(tmp_path / "truth.nii.gz", half, np.diag([-1, -1, 1, 1]) @ mask.affine)
    (row,) = segmented(tmp_path, "one", truth=truth)
    assert float(row["dice_3d"]) == pytest.approx(2 * half.sum() / (half.sum() + within.sum()))


def test_a_study_that_the_networks_learned_from_is_segmented_and_not_scored(tmp_path, loaded):
    greys, within = draw(tmp_path / "one")
    write_pack(tmp_path / "pack", slices=[fingerprint_of(greys[2])])
    truth = truth_of(tmp_path / "truth.nii.gz", within, np.diag([2.25, 1.5, 6, 1]))
    with pytest.raises(
        InputError, match=r"one: is not scored, since the networks learned from 1 of its 6 slices\. Leave"
    ):
        segmented(tmp_path, "one", truth=truth)
    assert not (tmp_path / "segmented/one").exists()
    assert segmented(tmp_path, "one")[0]["flags"].startswith("trained on")


def test_a_study_whose_files_have_names_that_are_no_utf_8_is_segmented_like_any_other(tmp_path):
    draw(tmp_path / "one")
    write_pack(tmp_path / "pack")
    (before,) = segmented(tmp_path, "one")
    folder = tmp_path / os.fsdecode(b"Gr\xf6\xdfe")
    for number, file in enumerate(sorted((tmp_path / "one").iterdir())):
        file.rename(file.with_name(os.fsdecode(b"Gr\xf6\xdfe %d.dcm" % number)))
    (after,) = segmented(tmp_path, "one")
    assert {**after, "seconds": ""} == {**before, "seconds": ""}
    (tmp_path / "one").rename(folder)
    exam = {"name": "two", "path": str(folder), "series": None, "truth": None}
    kept = {"pack": tmp_path / "pack", "folder": tmp_path / "segmented", "table": tmp_path / "table.tsv"}
    segment_exams(exams=[exam], anonymise=False, tolerance_mm=4.0, threads=2, code="c", **kept)
    (row,) = read_tsv(tmp_path / "table.tsv")
    assert row["volume_ml"] == before["volume_ml"]
