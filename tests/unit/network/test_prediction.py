"""Weights that are handed on, and what they segment."""

import numpy as np
import pytest
import torch

from chaosliver.base.columns import PLACE, PREDICTION_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.indexes import read_index, write_index
from chaosliver.base.png import read_png, write_png
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.models import load_model, save_model
from chaosliver.network.prediction import answers_of, for_inference, keep_largest, predict_patients

NETWORK = {"name": "unet", "channels": 2, "depth": 1, "dropout": 0.0}
RECIPE = {
    "grid": {"rows": 16, "columns": 16, "spacing_mm": None},
    "context": 0,
    "normalisation": "window",
    "batch_size": 2,
    "precision": "float32",
}


def model(folder, logit, **recipe):
    """A network that answers the same logit everywhere."""
    network = build_network(NETWORK)
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.constant_(network.head.bias, logit)
    facts = {"network": NETWORK, "recipe": {**RECIPE, **recipe}, "outputs": 1}
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


def predict(models, images, where, threshold=0.5):
    cards, weights = zip(*models, strict=True)
    options = {"threshold": threshold, "largest_component": False, "threads": 1, "cohort": "test"}
    predict_patients(cards, weights, images, folder=where, index=where.with_suffix(".tsv"), **options)
    return read_index(where.with_suffix(".tsv"), where, PREDICTION_COLUMNS)


def test_a_mask_lies_on_its_images_own_grid(images, tmp_path):
    rows = predict([model(tmp_path / "m", 3.0)], images, tmp_path / "predictions")
    assert [row["file"] for row in rows[:2]] == ["t2_spir/1/a.png", "t2_spir/1/b.png"]
    assert {(row["cohort"], row["patient"], row["sequence"]) for row in rows} == {
        ("test", "1", "t2_spir"),
        ("test", "2", "t2_spir"),
    }
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


def test_weights_that_the_card_does_not_describe_are_refused(images, tmp_path):
    card, weights = model(tmp_path / "m", 1.0)
    _, others = model(tmp_path / "n", 2.0)
    with pytest.raises(InputError, match=r"n/weights\.safetensors: is not what .*m/card\.json describes"):
        load_model(card, others)
    weights.unlink()
    with pytest.raises(InputError, match="is not what"):
        load_model(card, weights)


def test_networks_of_different_recipes_are_not_averaged(images, tmp_path):
    models = [model(tmp_path / "m", 1.0), model(tmp_path / "n", 1.0, normalisation="volume")]
    with pytest.raises(InputError, match="trained by different recipes"):
        predict(models, images, tmp_path / "p")


def test_only_the_largest_component_is_kept_and_an_empty_mask_stays_empty():
    mask = np.zeros((3, 8, 8), bool)
    mask[:, 1:4, 1:4] = True
    mask[0, 6, 6] = True
    kept = keep_largest(mask)
    assert kept.sum() == 27 and not kept[0, 6, 6]
    assert not keep_largest(np.zeros((3, 8, 8), bool)).any()


def test_outside_the_networks_grid_there_is_no_organ(images, tmp_path):
    grid = {"rows": 8, "columns": 8, "spacing_mm": 2}
    predict([model(tmp_path / "m", 3.0, grid=grid)], images, tmp_path / "predictions")
    mask = read_png(tmp_path / "predictions/t2_spir/1/a.png") > 0
    assert 0 < mask.sum() <= 8 * 8
    assert mask[10, 12]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("unet", {"channels": 4, "depth": 2, "dropout": 0.2}),
        ("fast", {"channels": 4, "depth": 2}),
        ("denseunet65", {"dropout": 0.0}),
    ],
)
@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_what_is_made_ready_for_inference_gives_the_networks_own_probabilities(name, settings, precision):
    torch.manual_seed(1)
    network = build_network({"name": name, **settings, "inputs": 1, "outputs": 2})
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.2)
            layer.running_var.uniform_(0.5, 2)
    inputs = torch.randn(3, 1, 64, 64)
    with torch.no_grad():
        expected = torch.sigmoid(network.eval()(inputs)[:, 0]).numpy()
    recipe = {**RECIPE, "precision": precision}
    device = torch.device("cpu")
    ready = for_inference(network, device, precision)
    found = answers_of([ready], inputs.numpy(), recipe, device)
    assert np.abs(found - expected).max() < (1e-5 if precision == "float32" else 0.03)
    assert next(network.parameters()).dtype == torch.float32
