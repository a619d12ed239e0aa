"""The ONNX file, asked by onnxruntime alone, against torch."""

import builtins
import json
import re
import zipfile

import nibabel
import numpy as np
import onnxruntime
import pytest
import torch
from conftest import ROOT
from unit.network.examples import RECIPE, recipe
from unit.network.job.test_segmenting import pack_of

from chaosliver.base.errors import InputError
from chaosliver.exams.opening import files_of_exam
from chaosliver.exams.series import choose_series, find_series
from chaosliver.exams.volumes import Axial, axial, planes_of, read_series
from chaosliver.network import recording
from chaosliver.network.answers import answer_to
from chaosliver.network.job.exporting import export_pack
from chaosliver.network.models import load_model
from chaosliver.prepare.images import Encoding

GRID = {"rows": 32, "columns": 48, "spacing_mm": 5.0}
RULES = {**RECIPE, "grid": GRID, "normalisation": "volume", "context": 0}
DESCRIBED = {
    "threshold": 0.5,
    "largest_component": True,
    "encoding": {"bits": 8, "scaling": "volume", "percentiles": [0.5, 99.5]},
    "patients": ["1", "2"],
    "source": "phantom",
}


def ask(model, greys, spacing, positions):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    asked = {
        "greys": greys.astype(np.float32),
        "spacing_mm": np.float32(spacing),
        "positions_mm": np.float32(positions),
    }
    mask, probability = session.run(None, asked)
    return mask, probability


def answer_of(pack, view):
    networks = [load_model(card, weights)[0] for card, weights in zip(pack.cards, pack.weights, strict=True)]
    settings = {key: pack.described[key] for key in ("threshold", "largest_component")}
    planes = planes_of(view, Encoding(**pack.described["encoding"]))
    rule = recipe(**{key: RULES[key] for key in ("grid", "normalisation")})
    return answer_to(planes, networks=networks, recipe=rule, device=torch.device("cpu"), **settings)


def body(shape):
    source = np.random.default_rng(shape[0])
    slices, rows, columns = np.indices(shape) / np.array(shape).reshape(3, 1, 1, 1) - 0.5
    within = slices**2 + rows**2 + columns**2 < 0.2
    greys = source.integers(0, 50, shape) + within * source.integers(200, 800, shape)
    positions = [7.5 * n for n in range(shape[0])]
    return Axial(greys.astype(np.int32), 3.1, 2.6, 7.5, positions, lambda stack: stack)


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """A pack of two networks that nobody trained, whose threshold halves what they see of a body."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unit.network.job.test_segmenting.RECIPE", RULES)
        folder = tmp_path_factory.mktemp("packs")
        seen = answer_of(pack_of(folder / "first", (1, 2), **DESCRIBED), body((4, 70, 51))).probability
        return pack_of(folder / "pack", (1, 2), **(DESCRIBED | {"threshold": float(np.median(seen[seen > 0]))}))


@pytest.fixture(scope="module")
def exported(pack):
    """The ONNX file, and what was recorded for it, which takes seconds."""
    programs, record = [], recording.record
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "record", lambda whole: programs.append(record(whole)) or programs[0])
        export_pack(pack=pack.folder, model=pack.folder.with_name("model.onnx"))
    return pack.folder.with_name("model.onnx"), programs[0]


@pytest.fixture
def model(exported):
    return exported[0]


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


@pytest.mark.parametrize("shape", [(4, 70, 51), (9, 33, 64)])
def test_volumes_of_any_size_are_answered_as_by_torch(pack, model, shape):
    view = body(shape)
    mask, probability = ask(model, view.greys, (view.row_mm, view.column_mm), view.positions_mm)
    answer = answer_of(pack, view)
    assert mask.shape == probability.shape == shape and 0 < mask.sum() < mask.size
    assert np.abs(probability - answer.probability).max() < 0.02
    assert dice(mask.astype(bool), answer.mask) > 0.99


def test_the_file_says_what_it_is(pack, model):
    told = onnxruntime.InferenceSession(model).get_modelmeta().custom_metadata_map
    assert told["organ"] == pack.described["organ"] and told["pack_sha256"] == pack.digest
    assert json.loads(told["expected"]) == pack.described["expected"]
    assert told["greys"].startswith("float32 [slices, rows, columns]")


def test_a_real_volume_has_the_mask_of_torch(pack, model, shared_data, tmp_path):
    """Of patient 19, who lacks two slices; benchmarks/onnx.py asks trained networks for all patients."""
    folder = "Train_Sets/MR/19/T1DUAL/DICOM_anon/InPhase/"
    with zipfile.ZipFile(shared_data / "CHAOS_Train_Sets.zip") as archive:
        archive.extractall(tmp_path, [name for name in archive.namelist() if name.startswith(folder)])
    with files_of_exam(tmp_path / folder) as files:
        view = axial(read_series(choose_series(tmp_path, *find_series(files), None)))
    assert len(np.unique(np.diff(view.positions_mm).round(3))) > 1
    mask, _ = ask(model, view.greys, (view.row_mm, view.column_mm), view.positions_mm)
    assert 0 < mask.sum() < mask.size
    assert dice(mask.astype(bool), answer_of(pack, view).mask) >= 0.999


def test_the_example_of_the_guide_marks_a_nifti_file(pack, model, tmp_path, monkeypatch):
    guide = (ROOT / "docs/onnx.md").read_text()
    example = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)[0]
    assert len([line for line in example.splitlines() if line.strip()]) <= 11
    source = np.random.default_rng(6)
    greys = source.integers(0, 900, (40, 30, 6)).astype(np.int16)
    # Columns to the left, rows to the front, slices to the feet; as many mm as no two axes have alike.
    affine = np.diag([-2.5, 3.0, -6.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(greys, affine), tmp_path / "exam.nii.gz")
    (tmp_path / "model.onnx").write_bytes(model.read_bytes())
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    marked = nibabel.load("mask.nii.gz")
    volume = greys.transpose(2, 1, 0)[::-1, ::-1]
    view = Axial(volume.astype(np.int32), 3.0, 2.5, 6.0, [6.0 * n for n in range(6)], lambda stack: stack)
    expected = answer_of(pack, view).mask[::-1, ::-1].transpose(2, 1, 0)
    own = nibabel.as_closest_canonical(nibabel.Nifti1Image(expected.astype(np.uint8), affine))
    assert np.allclose(marked.affine, own.affine)
    assert expected.sum() > 0 and dice(np.asarray(marked.dataobj) > 0, np.asarray(own.dataobj) > 0) > 0.99


def test_a_file_that_answers_otherwise_than_torch_is_not_kept(pack, exported, tmp_path, monkeypatch):
    def recorded(whole):
        whole.encoding = Encoding(16, None, (30.0, 60.0))
        return exported[1]

    monkeypatch.setattr(recording, "record", recorded)
    with pytest.raises(InputError, match=r"model\.onnx: onnxruntime answers otherwise than torch"):
        export_pack(pack=pack.folder, model=tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_without_the_packages_one_message_says_how_to_install_them(pack, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **others):
        if name.startswith("onnx"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *arguments, **others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"onnxscript is not installed: pip install --group onnx"):
        export_pack(pack=pack.folder, model=tmp_path / "model.onnx")


def test_the_file_tells_no_place_of_the_code_that_made_it(model, tmp_path):
    """torch keeps a trace of the calls behind each step."""
    content = model.read_bytes()
    assert [word for word in (f"{ROOT}", "site-packages", f"{tmp_path.parent}") if word.encode() in content] == []
