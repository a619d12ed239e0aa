"""One training from indexes to what is handed on."""

import json

import numpy as np
import pytest
from test_training import discs, settings

from chaosliver import runs
from chaosliver.files import read_tsv
from chaosliver.indexes import write_index
from chaosliver.models import load_model
from chaosliver.png import write_png
from chaosliver.runs import Data, run_training
from chaosliver.samples import GEOMETRY, OWNER


def rows_of(count):
    place = {"low": 0, "high": 255, "row_spacing_mm": 2, "column_spacing_mm": 2}
    return [{"file": f"s{number}.png", **place, "position_mm": 9 * number} for number in range(count)]


def write_patient(root, tree, patient, planes, window=True):
    folder = root / tree / "t2_spir" / patient
    for number, plane in enumerate(planes):
        write_png(folder / f"s{number}.png", plane)
    write_index(folder.with_suffix(".tsv"), folder, rows_of(len(planes)), GEOMETRY if window else ())
    return folder.with_suffix(".tsv")


@pytest.fixture
def data(tmp_path):
    indexes = {}
    for role, patient in (("train", "1"), ("validation", "2")):
        slices = discs(8, int(patient))
        images = np.clip(slices.images * 100 + 50, 0, 255).astype(np.uint8)
        indexes[f"{role}_images"] = [write_patient(tmp_path, "png", patient, images)]
        indexes[f"{role}_masks"] = [write_patient(tmp_path, "masks", patient, slices.masks[:, 0] * 255, window=False)]
    return Data(**indexes, augmented=[])


def outputs(folder):
    return {"history": folder / "history.tsv", "weights": folder / "weights.safetensors", "card": folder / "card.json"}


SETTINGS = {**settings(recipe={"epochs": 2}), "keep_originals": True}


def test_history_weights_and_card_tell_the_same_training(data, tmp_path):
    made = outputs(tmp_path / "m")
    run_training(SETTINGS, data, tmp_path / "c.pt", made)
    history = read_tsv(made["history"])
    card = json.loads(made["card"].read_text())
    assert [row["epoch"] for row in history] == ["1", "2"]
    chosen = history[card["chosen_epoch"] - 1]
    assert float(chosen["validation_dice"]) == pytest.approx(card["validation_dice"], rel=1e-5)
    assert (card["train_on"], card["validate_on"]) == (["t2_spir/1"], ["t2_spir/2"])
    assert card["versions"]["torch"]
    load_model(made["card"], made["weights"])


def test_a_finished_training_is_re_emitted_to_the_byte_without_reading_a_slice(data, tmp_path, monkeypatch):
    first, second = outputs(tmp_path / "a"), outputs(tmp_path / "b")
    run_training(SETTINGS, data, tmp_path / "c.pt", first)
    monkeypatch.setattr(runs, "load_slices", lambda *_: pytest.fail("slices were read"))
    run_training(SETTINGS, data, tmp_path / "c.pt", second)
    assert all(first[kind].read_bytes() == second[kind].read_bytes() for kind in first)


def test_other_content_trains_anew(data, tmp_path, monkeypatch):
    run_training(SETTINGS, data, tmp_path / "c.pt", outputs(tmp_path / "a"))
    index = data.train_images[0]
    write_png(index.with_suffix("") / "s0.png", np.zeros((16, 16), np.uint8))
    write_index(index, index.with_suffix(""), rows_of(8), GEOMETRY)
    read = []
    load = runs.load_slices
    monkeypatch.setattr(runs, "load_slices", lambda *given: read.append(1) or load(*given))
    run_training(SETTINGS, data, tmp_path / "c.pt", outputs(tmp_path / "b"))
    assert read


def test_augmented_samples_replace_the_originals_or_join_them(data, tmp_path):
    folder = tmp_path / "set"
    for kind in ("images", "masks"):
        write_png(folder / kind / "1_t2_spir_s0_00000.png", np.zeros((16, 16), np.uint8))
    known = {"patient": "1", "sequence": "t2_spir", "stem": "s0"}
    rows = [{**rows_of(1)[0], **known, "file": f"{kind}/1_t2_spir_s0_00000.png"} for kind in ("images", "masks")]
    write_index(tmp_path / "set.tsv", folder, rows, (*OWNER, *GEOMETRY))
    augmented = data._replace(augmented=[tmp_path / "set.tsv"])
    assert len(runs._training_samples(augmented, keep_originals=False)) == 1
    assert len(runs._training_samples(augmented, keep_originals=True)) == 9
    assert len(runs._training_samples(data, keep_originals=False)) == 8
