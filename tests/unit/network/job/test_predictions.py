"""From cards, weights and images to masks and logits on disk."""

import numpy as np
import pytest
import torch
from unit.network.examples import RECIPE

from chaosliver.base.columns import PLACE, PREDICTION_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.indexes import read_index, write_index
from chaosliver.base.png import read_png, write_png
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.job import predictions
from chaosliver.network.job.predictions import predict_logits, predict_patients
from chaosliver.network.models import save_model

NETWORK = {"name": "unet", "channels": 2, "depth": 1, "dropout": 0.0}
GRID = {"rows": 16, "columns": 16, "spacing_mm": None}


def model(folder, logit, **recipe):
    """A network that answers the same logit everywhere."""
    network = build_network(NETWORK)
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.constant_(network.head.bias, logit)
    facts = {"network": NETWORK, "recipe": {**RECIPE, "grid": GRID, **recipe}, "outputs": 1, "train_on": ["t2_spir/7"]}
    save_model(folder / "card.json", folder / "weights.safetensors", network.state_dict(), facts)
    return folder / "card.json", folder / "weights.safetensors"


@pytest.fixture
def images(tmp_path):
    indexes = []
    for patient, shape in (("1", (20, 24)), ("2", (32, 32))):
        folder = tmp_path / "png" / "t2_spir" / patient
        for stem in ("a", "b", "c"):
            write_png(folder / f"{stem}.png", np.zeros(shape, np.uint8))
        index = folder.with_suffix(".tsv")
        place = {"low": 0, "high": 255, "row_spacing_mm": 2, "column_spacing_mm": 2}
        place |= {"rows": shape[0], "columns": shape[1]}
        rows = [{"file": f"{stem}.png", **place, "position_mm": 9 * number} for number, stem in enumerate("abc")]
        write_index(index, folder, rows, PLACE)
        indexes.append(index)
    return indexes


def given(models, images, where):
    cards, weights = zip(*models, strict=True)
    made = {"folder": where, "index": where.with_suffix(".tsv")}
    trained_as = [{"train_on": ["t2_spir/7"]} for _ in cards]
    common = {"trained_as": trained_as, "images": images, "threads": 1, "cohort": "test"}
    return {"cards": cards, "weights": weights, **common, **made}


def predict(models, images, where, threshold=0.5, largest_component=False):
    predict_patients(**given(models, images, where), threshold=threshold, largest_component=largest_component)
    return read_index(where.with_suffix(".tsv"), where, PREDICTION_COLUMNS)


def test_a_mask_lies_on_its_images_own_grid_and_the_index_says_whose_it_is(images, tmp_path):
    rows = predict([model(tmp_path / "m", 3.0)], images, tmp_path / "predictions")
    assert [row["file"] for row in rows] == [f"t2_spir/{patient}/{stem}.png" for patient in "12" for stem in "abc"]
    assert [(row["cohort"], row["patient"], row["sequence"], row["stem"]) for row in rows] == [
        ("test", patient, "t2_spir", stem) for patient in "12" for stem in "abc"
    ]
    mask = read_png(tmp_path / "predictions/t2_spir/1/a.png")
    assert mask.shape == (20, 24)
    assert set(np.unique(mask)) == {255}


def test_a_mask_of_a_drawn_image_lies_on_the_matrix_of_the_slice_that_was_drawn(images, tmp_path):
    index = images[0]
    rows = [{**row, "rows": 18, "columns": 27} for row in read_index(index, index.with_suffix(""), PLACE)]
    write_index(index, index.with_suffix(""), rows, PLACE)
    predict([model(tmp_path / "m", 3.0)], images[:1], tmp_path / "predictions")
    assert read_png(tmp_path / "predictions/t2_spir/1/b.png").shape == (18, 27)


def test_several_networks_decide_by_their_mean_probability(images, tmp_path):
    # sigmoid(-1) = 0.27 and sigmoid(2) = 0.88: their mean is 0.57, whereas the majority would be no majority.
    models = [model(tmp_path / "m", -1.0), model(tmp_path / "n", 2.0)]
    for threshold, value in ((0.5, 255), (0.6, 0)):
        predict(models, images, tmp_path / f"p{value}", threshold)
        assert read_png(tmp_path / f"p{value}/t2_spir/2/c.png").max() == value


@pytest.mark.parametrize(("logits", "grey"), [([0.25, 0.75], 128), ([-3, 1], 0), ([1.0, 2.0], 255), ([0.1, 0.1], 26)])
def test_logits_are_the_networks_mean_times_255_cut_to_8_bit(images, tmp_path, logits, grey):
    models = [model(tmp_path / f"m{number}", logit) for number, logit in enumerate(logits)]
    predict_logits(**given(models, images, tmp_path / "l"))
    rows = read_index(tmp_path / "l.tsv", tmp_path / "l", PREDICTION_COLUMNS)
    assert [row["file"] for row in rows][::3] == ["t2_spir/1/a.png", "t2_spir/2/a.png"]
    pixels = read_png(tmp_path / "l/t2_spir/1/b.png")
    assert pixels.shape == (20, 24) and pixels.dtype == np.uint8
    assert set(np.unique(pixels)) == {grey}


@pytest.mark.parametrize("largest_component", [False, True])
def test_threshold_and_largest_component_reach_what_is_drawn(images, tmp_path, monkeypatch, largest_component):
    asked = []

    def segment(networks, volume, recipe, device, **how):
        asked.append((len(networks), len(volume), recipe.batch_size, how))
        return np.full((3, *volume[0].own_shape), 255, np.uint8)

    monkeypatch.setattr(predictions, "segment_volume", segment)
    predict([model(tmp_path / "m", 1.0)], images, tmp_path / "p", 0.7, largest_component)
    assert asked == [(1, 3, 4, {"threshold": 0.7, "largest_component": largest_component})] * 2


def test_it_runs_with_the_threads_that_it_was_given(images, tmp_path):
    threads = torch.get_num_threads()
    try:
        predict_patients(
            **{**given([model(tmp_path / "m", 1.0)], images, tmp_path / "p"), "threads": 2},
            threshold=0.5,
            largest_component=False,
        )
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_networks_of_different_recipes_are_not_averaged(images, tmp_path):
    models = [model(tmp_path / name, 1.0) for name in "kl"] + [model(tmp_path / "m", 1.0, normalisation="volume")]
    with pytest.raises(InputError, match=r"k/card\.json and .*m/card\.json: models trained with different recipes"):
        predict(models, images, tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_outside_the_networks_grid_there_is_no_organ(images, tmp_path):
    grid = {"rows": 8, "columns": 8, "spacing_mm": 2}
    predict([model(tmp_path / "m", 3.0, grid=grid)], images, tmp_path / "predictions")
    mask = read_png(tmp_path / "predictions/t2_spir/1/a.png") > 0
    assert 0 < mask.sum() <= 8 * 8
    assert mask[10, 12]


def test_what_needs_more_memory_than_there_is_says_what_to_lower(images, tmp_path, monkeypatch):
    def segment(*_, **__):
        raise MemoryError

    monkeypatch.setattr(predictions, "segment_volume", segment)
    with pytest.raises(InputError, match=r"lower recipe\.batch_size from 4 to 2"):
        predict([model(tmp_path / "m", 1.0)], images, tmp_path / "p")
    assert not (tmp_path / "p.tsv").exists()


@pytest.mark.parametrize("predicted", [predict_patients, predict_logits])
def test_a_network_that_learned_from_others_than_planned_segments_nobody(images, tmp_path, predicted):
    models = [model(tmp_path / name, 1.0) for name in "kl"]
    asked = given(models, images, tmp_path / "p")
    asked["trained_as"][1] = {"train_on": ["t2_spir/8"]}
    how = {"threshold": 0.5, "largest_component": False} if predicted is predict_patients else {}
    with pytest.raises(InputError, match=r"l/card\.json: describes another training .* differs in train_on"):
        predicted(**asked, **how)
    assert not (tmp_path / "p").exists()
