"""Studies of one's own through the small study's network for use, as a user calls it."""

import hashlib
import json
import re
import shutil
import zipfile

import nibabel
import numpy as np
import pytest
from workflow.conftest import SMALL, copy_study
from workflow.privacy import PATIENT, told, words_of

from chaosliver.base.anatomy import SEQUENCES
from chaosliver.base.files import read_tsv
from chaosliver.base.png import read_png

RAW = SEQUENCES["t1_in_phase"].images


@pytest.fixture(scope="module")
def with_model(finished_once, tmp_path_factory):
    """The small study with its network for use: that of one fold, which never saw patients 1 and 2 or 3 and 4."""
    study = copy_study(finished_once, tmp_path_factory.mktemp("model") / "study")
    # So low that a network of one epoch marks something.
    baseline = SMALL["baseline"] | {"threshold": 0.3}
    study.configure(model={"experiment": "small", "networks": "folds"}, baseline=baseline)
    study.succeed("--quiet", "--", "evaluated")
    study.succeed("--quiet", "--", "model")
    return study


def test_masks_are_those_of_the_workflow_and_nothing_runs_twice(with_model, tmp_path):
    """A pack of one fold's network, given a held-out patient as raw DICOM, marks the voxels of `predictions`."""
    pack = tmp_path / "pack"
    shutil.copytree(with_model.results / "model", pack)
    described = json.loads((pack / "pack.json").read_text())
    card = json.loads((pack / "network0.json").read_text())
    held_out = next(name for name in "1234" if f"t1_in_phase/{name}" not in card["train_on"] + card["validate_on"])
    (pack / "pack.json").write_text(json.dumps(described | {"members": described["members"][:1]}))
    sign(pack)
    exam = tmp_path / f"patient{held_out}"
    shutil.copytree(with_model.results / "raw" / held_out / RAW, exam)
    called = ("--config", f"study={exam}", f"pack={pack}", "--", "segmented")
    said = with_model.succeed(*called)
    assert f"patient{held_out}: liver of" in said
    folder = with_model.results / f"segmented/patient{held_out}"
    mask = np.asarray(nibabel.load(folder / "mask.nii.gz").dataobj).transpose(2, 1, 0)
    run = next(path for path in (with_model.results / "predictions/small").glob(f"*/t1_in_phase/{held_out}"))
    # By position: in the phantom that of the file's name.
    expected = np.stack([read_png(path) for path in sorted(run.glob("*.png"))]) == 255
    assert np.array_equal(mask, expected) and mask.any()
    (row,) = read_tsv(with_model.results / f"segmented/patient{held_out}.tsv")
    # The folds together learned from everyone, and the fingerprints are those of the pack.
    assert int(row["trained_on_slices"]) > 0 and "trained on" in row["flags"]
    assert with_model.planned(*called) == {}
    (exam / "new.txt").write_text("no image")
    assert with_model.planned(*called) == {"segment": 1, "segmented": 1}


def sign(folder):
    (folder / "SHA256SUMS").unlink()
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(lines))


def test_a_sheet_of_studies_is_one_job_with_a_row_for_each(with_model, tmp_path):
    first, second = tmp_path / "first.zip", tmp_path / "second"
    with zipfile.ZipFile(first, "w") as archive:
        for path in sorted((with_model.results / "raw/1" / RAW).iterdir()):
            archive.write(path, f"DICOM/{path.stem}")
    shutil.copytree(with_model.results / "raw/2" / RAW, second)
    sheet = tmp_path / "mine.tsv"
    sheet.write_text(f"exam\tpath\na\t{first}\nb\t{second}\n")
    assert with_model.planned("--config", f"study={sheet}", "--", "segmented") == {"segment": 1, "segmented": 1}
    with_model.succeed("--quiet", "--config", f"study={sheet}", "--", "segmented")
    assert [row["exam"] for row in read_tsv(with_model.results / "segmented/mine.tsv")] == ["a", "b"]
    sheet.write_text(f"exam\tpath\na\t{first}\nb\t{second}\nc\t{tmp_path / 'absent'}\n")
    said = with_model.fail("--config", f"study={sheet}", "--", "segmented")
    assert f"mine.tsv: line 4: {tmp_path / 'absent'}: no such file or folder. Correct the path" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "config key exam: names no study. Name a study of your own"),
        (("--config", "study=absent"), "absent: no such file or folder"),
        (("--config", "study=mine", "pack=absent"), "config key pack: absent: no such folder"),
        (("--config", "study=mine", "pack=mine"), "mine: is no pack: it has no SHA256SUMS"),
        (("--config", "study=mine"), "mine: holds no series of MR slices to segment: no DICOM file"),
        (("--config", "study=mine", "name=a b"), "its name 'a b' is no name for results"),
        (("--config", "study=mine", "truth=absent.nii"), "config key truth: absent.nii: no such file"),
    ],
)
def test_what_cannot_be_segmented_is_refused_in_a_sentence(with_model, arguments, words):
    folder = with_model.folder / "mine"
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text("no image")
    said = with_model.fail(*arguments, "--", "segmented")
    assert words in said and ("Traceback" not in said or not arguments)
    assert not (with_model.results / "segmented/mine").exists()


def test_neither_pack_nor_studies_tell_whose_they_are(with_model):
    assert list(with_model.results.glob("segmented/*/mask.nii.gz"))
    found = told(with_model.results, words_of(with_model.folder))
    assert [name for name in found if not re.fullmatch(rf"segmented/[^/]+/mask\.dcm: {PATIENT}", name)] == []
