"""The viewer's folder: whose volumes it holds, what its page says of them, and what does not fit together."""

import base64
import gzip
import json
import re

import nibabel
import numpy as np
import pytest
from unit.tables.test_viewer_volumes import SHAPE, VOLUME, grey_ramp, patient

from chaosliver.base.columns import PATIENT_COLUMNS, PREDICTION_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.indexes import write_index
from chaosliver.base.nifti import as_nifti
from chaosliver.base.png import write_png
from chaosliver.tables.viewer import Shown, by_volume, write_viewer

PAGE = ("index.html", "viewer.js")


def boxes(*corners):
    """Masks [slices, rows, columns] of boxes from the first voxel to these corners."""
    return [
        np.fromfunction(lambda k, r, c, end=end: (k < end[0]) & (r < end[1]) & (c < end[2]), SHAPE) for end in corners
    ]


# 3 x 2 x 2 = 12 voxels; of these 2 x 2 x 2 = 8 are found, and 4 more: Dice 2 * 8 / (12 + 12) = 2/3.
TRUTH, FOUND, OTHER = boxes((3, 2, 2), (2, 2, 3), (4, 4, 4))


class Study:
    """One patient's T2 with ground truth of the liver, and predictions of it by any runs."""

    def __init__(self, root, without=()):
        self.root = root
        self.pairs, self.raw_index = patient(root, grey_ramp(), without=without)
        rows = sorted(read_tsv(self.pairs), key=lambda row: float(row["position_mm"]))
        self.stems = [row["stem"] for row in rows if row["sequence"] == VOLUME.sequence]
        self.rows, self.predictions, self.masks = [], [], []
        for name in PAGE:
            (root / "page").mkdir(exist_ok=True)
            (root / "page" / name).write_text(name)
        (root / "niivue.umd.js").write_text("niivue")

    def truth(self, organ, mask):
        folder = self.root / f"masks/{organ}/{VOLUME}"
        index = folder.with_name("7.tsv")
        for stem, plane in zip(self.stems, mask, strict=True):
            write_png(folder / f"{stem}.png", plane.astype(np.uint8) * 255)
        write_index(index, folder, [{"file": f"{stem}.png"} for stem in self.stems])
        self.masks.append(index)

    def predict(self, experiment, fold, seed, mask, **row):
        run = "test_cohort" if fold == "all" else f"fold{fold}_seed{seed}"
        folder, index = self.root / f"predictions/{experiment}/{run}", self.root / f"predictions/{experiment}/{run}.tsv"
        named = {"cohort": "development", **VOLUME._asdict()}
        for stem, plane in zip(self.stems, mask, strict=True):
            write_png(VOLUME.folder(folder) / f"{stem}.png", plane.astype(np.uint8) * 255)
        listed = [{**named, "file": f"{VOLUME}/{stem}.png", "stem": stem} for stem in self.stems]
        write_index(index, folder, listed, PREDICTION_COLUMNS)
        self.predictions.append(index)
        self.rows.append(
            {**dict.fromkeys(PATIENT_COLUMNS), **named, "experiment": experiment, "fold": fold, "seed": seed, **row}
        )

    def view(self, *experiments, reports=(), **changes):
        write_tsv(self.root / "patients.tsv", PATIENT_COLUMNS, self.rows)
        arguments = {
            "page": [self.root / "page" / name for name in PAGE],
            "niivue": self.root / "niivue.umd.js",
            "patients_table": self.root / "patients.tsv",
            "prediction_indexes": self.predictions,
            "mask_indexes": self.masks,
            "pairs": [self.pairs],
            "raw_indexes": [self.raw_index],
            "reports": list(reports),
            "experiments": [{"name": name, "organ": organ, "scores": scores} for name, organ, scores in experiments],
            "name": "mine",
            "source": "chaos",
            "viewer": self.root / "viewer",
        }
        write_viewer(**arguments | changes)
        text = (self.root / "viewer/data.js").read_text()
        return json.loads(text.removeprefix("const STUDY = ").removesuffix(";\n"))

    def values(self, name):
        """What the page draws under a name [slices, rows, columns]."""
        text = (self.root / f"viewer/volumes/{name}.js").read_text()
        assert text.startswith(f'volumeArrived("{name}", ')
        packed = base64.b64decode(re.search(r', "(.+)"', text)[1])
        return np.asarray(nibabel.Nifti1Image.from_bytes(gzip.decompress(packed)).dataobj).transpose(2, 1, 0)


@pytest.fixture
def study(tmp_path):
    study = Study(tmp_path)
    study.truth("liver", TRUTH)
    return study


SMALL = ("small", "liver", "mask")


def test_a_patient_is_shown_with_image_truth_and_the_first_runs_prediction(study):
    study.predict("small", "0", "1", FOUND, dice_3d=2 / 3, reference_ml=0.243, predicted_ml=0.243)
    study.predict("small", "0", "2", OTHER, dice_3d=0.9)
    told = study.view(SMALL)
    (volume,) = told["volumes"]
    assert (volume["patient"], volume["title"], volume["cohort"]) == ("7", "T2-SPIR", "development")
    assert (volume["missing"], volume["references"]) == ([], ["liver"])
    assert volume["predictions"] == {
        "small": {
            "organ": "liver",
            "by": "by the network of fold0_seed1, the first of 2 that segmented this patient",
            "dice_3d": 0.666667,
            "reference_ml": 0.243,
            "predicted_ml": 0.243,
        }
    }
    assert np.array_equal(study.values("t2_spir/7/reference_liver"), TRUTH)
    assert np.array_equal(study.values("t2_spir/7/prediction_small"), FOUND)
    assert study.values("t2_spir/7/image").shape == SHAPE
    made = {path.name for path in (study.root / "viewer").iterdir()}
    assert made == {"data.js", "niivue.umd.js", "volumes", *PAGE}


def test_experiments_of_other_organs_have_truths_of_their_own_and_some_have_none(study):
    study.predict("small", "0", "1", FOUND, dice_3d=2 / 3)
    study.predict("kidney", "1", "1", OTHER)
    study.predict("hidden", "1", "1", OTHER)
    told = study.view(SMALL, ("kidney", "right_kidney", "mask"), ("absent", "liver", "mask"))
    assert told["experiments"] == ["small", "kidney"]
    (volume,) = told["volumes"]
    assert list(volume["predictions"]) == ["small", "kidney"] and volume["references"] == ["liver"]
    assert volume["predictions"]["kidney"]["dice_3d"] is None
    assert not (study.root / "viewer/volumes/t2_spir/7/prediction_hidden.js").exists()


def test_patients_are_listed_in_their_order_by_number():
    named = {"experiment": "small", "sequence": "t2_spir"}
    rows = [{**named, "patient": patient} for patient in ("10", "9", "x", "9")]
    found = by_volume(rows, [Shown(*SMALL)])
    assert [(volume.patient, len(own["small"])) for volume, own in found.items()] == [("9", 2), ("10", 1), ("x", 1)]


def test_missing_slices_are_counted_from_1(tmp_path):
    study = Study(tmp_path, without=(2, 3))
    study.predict("small", "0", "1", FOUND[[0, 1, 4, 5]])
    (volume,) = study.view(SMALL)["volumes"]
    assert volume["missing"] == [3, 4]
    assert np.array_equal(study.values("t2_spir/7/prediction_small"), FOUND & (np.arange(6) != 2)[:, None, None])


def test_the_page_comes_last(study):
    (study.root / "page/viewer.js").unlink()
    with pytest.raises(FileNotFoundError):
        study.view(patients_table=None)
    assert not (study.root / "viewer/index.html").exists()


def test_the_test_cohort_is_by_all_networks(study):
    study.predict("small", "all", "all", FOUND, dice_3d=2 / 3)
    (volume,) = study.view(SMALL)["volumes"]
    assert volume["predictions"]["small"]["by"] == "by all networks together"


def test_a_mask_of_another_run_than_the_tables_is_refused(study):
    study.predict("small", "0", "1", OTHER, dice_3d=2 / 3)
    with pytest.raises(
        InputError, match=r"patient 7, t2_spir: the masks of small \(fold0_seed1\) give a 3D Dice of 0\.3"
    ):
        study.view(SMALL)
    # What is scored by its logits has no such figure.
    study.view(("small", "liver", "logits"))


def exam(folder, name="one", image=True):
    folder.mkdir(parents=True)
    flags = [{"name": "volume", "sentence": "The liver measures 428 mL; between 550 and 2650 mL are usual."}]
    row = {"exam": name, "organ": "liver", "experiment": "small", "volume_ml": 428.2}
    (folder / "report.json").write_text(json.dumps({"row": row, "flags": flags}))
    greys = np.arange(24, dtype=np.uint16).reshape(2, 3, 4) * 300
    for file, values in (("image.nii.gz", greys), ("mask.nii.gz", (greys > 5000).astype(np.uint8))):
        if image or file.startswith("mask"):
            nibabel.save(as_nifti(values, np.eye(4)), folder / file)
    return greys


def test_a_study_of_ones_own_is_shown_with_its_flags_and_its_own_greys(study):
    greys = exam(study.root / "segmented/one")
    told = study.view(reports=[study.root / "segmented/one/report.json"], patients_table=None)
    assert (told["volumes"], told["experiments"], told["source"]) == ([], [], "")
    (shown,) = told["exams"]
    assert (shown["name"], shown["image"], shown["references"]) == ("one", True, [])
    assert shown["flags"][0]["sentence"].startswith("The liver measures 428 mL")
    assert shown["predictions"]["small"]["predicted_ml"] == 428.2
    assert np.array_equal(study.values("exams/one/image"), greys)
    assert np.array_equal(study.values("exams/one/prediction_small"), greys > 5000)


def test_a_study_segmented_before_images_were_kept_says_so(study):
    exam(study.root / "segmented/one", image=False)
    (shown,) = study.view(reports=[study.root / "segmented/one/report.json"], patients_table=None)["exams"]
    assert shown["image"] is False and not (study.root / "viewer/volumes").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"row": {}}'])
def test_a_report_that_is_none_is_named(study, text):
    exam(study.root / "segmented/one")
    (study.root / "segmented/one/report.json").write_text(text)
    with pytest.raises(InputError, match=r"one/report\.json: is no report of a segmented study"):
        study.view(reports=[study.root / "segmented/one/report.json"], patients_table=None)
