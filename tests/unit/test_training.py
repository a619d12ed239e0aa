"""Training learns, goes on exactly after a kill, and stops where the loss is no number."""

import numpy as np
import pytest
import torch

from chaosliver import training
from chaosliver.batches import SliceSet
from chaosliver.errors import InputError
from chaosliver.training import fingerprint_of, is_finished, load_checkpoint, train_network


def discs(count, seed):
    """Bright discs on noise: what a network learns at once."""
    draw = np.random.default_rng(seed)
    images = draw.normal(0, 0.2, (count, 16, 16)).astype(np.float32)
    masks = np.zeros((count, 16, 16), np.uint8)
    rows, columns = np.mgrid[:16, :16]
    for mask in masks:
        centre = draw.integers(5, 11, 2)
        mask[(rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < 16] = 1
    return SliceSet(images + masks, masks, np.array([str(number % 3) for number in range(count)]))


def settings(**changes):
    recipe = {"image_size": 16, "epochs": 6, "batch_size": 4, "learning_rate": 0.01, "precision": "float32"}
    network = {"name": "unet", "channels": 4, "depth": 2, "dropout": 0.1}
    base = {"network": network, "recipe": {**recipe, **changes.pop("recipe", {})}, "seed": 1, "threads": 1, "code": "c"}
    return {**base, **changes}


@pytest.fixture(scope="module")
def data():
    return discs(24, 1), discs(9, 2)


def same_weights(first, second):
    return all(torch.equal(first["best"][name], second["best"][name]) for name in first["best"])


def test_it_learns_and_chooses_the_best_epoch_on_validation_patients(data, tmp_path):
    state = train_network(settings(), *data, tmp_path / "c.pt", None)
    dice = [row["validation_dice"] for row in state["history"]]
    assert dice[-1] > 0.8
    assert state["best_dice"] == max(dice)
    assert state["chosen_epoch"] == dice.index(max(dice)) + 1
    assert [row["epoch"] for row in state["history"]] == [1, 2, 3, 4, 5, 6]


def test_the_same_settings_give_the_same_weights_bit_for_bit_and_another_seed_others(data, tmp_path):
    first = train_network(settings(), *data, tmp_path / "a.pt", None)
    assert same_weights(first, train_network(settings(), *data, tmp_path / "b.pt", None))
    assert not same_weights(first, train_network(settings(seed=2), *data, tmp_path / "c.pt", None))


@pytest.mark.parametrize("epoch", [1, 4])
def test_a_killed_training_goes_on_to_the_weights_of_an_undisturbed_one(data, tmp_path, monkeypatch, epoch):
    undisturbed = train_network(settings(), *data, tmp_path / "a.pt", None)
    report = training._report

    def strike(row, *rest):
        report(row, *rest)
        if row["epoch"] == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "_report", strike)
    with pytest.raises(KeyboardInterrupt):
        train_network(settings(), *data, tmp_path / "b.pt", None)
    monkeypatch.undo()
    resumed = train_network(settings(), *data, tmp_path / "b.pt", load_checkpoint(tmp_path / "b.pt", settings()))
    assert same_weights(undisturbed, resumed)
    assert undisturbed["history"] == resumed["history"]


def test_a_finished_checkpoint_is_taken_only_for_the_very_same_settings(data, tmp_path, caplog):
    caplog.set_level("INFO")
    state = train_network(settings(recipe={"epochs": 1}), *data, tmp_path / "c.pt", None)
    loaded = load_checkpoint(tmp_path / "c.pt", settings(recipe={"epochs": 1}))
    assert loaded["epoch"] == 1 and same_weights(state, loaded)
    assert load_checkpoint(tmp_path / "c.pt", settings(recipe={"epochs": 1}, code="other")) is None
    assert "is of other settings (code): training starts anew" in caplog.text
    assert load_checkpoint(tmp_path / "none.pt", settings()) is None
    assert is_finished(loaded) and "optimiser" not in loaded
    torch.save({"epoch": 1}, tmp_path / "c.pt")
    with pytest.raises(InputError, match=r"c\.pt: is no checkpoint of this workflow"):
        load_checkpoint(tmp_path / "c.pt", settings())
    (tmp_path / "c.pt").write_bytes(b"half")
    with pytest.raises(InputError, match=r"c\.pt: is no readable checkpoint"):
        load_checkpoint(tmp_path / "c.pt", settings())


def test_the_fingerprint_sees_every_setting():
    assert fingerprint_of(settings()) == fingerprint_of(settings())
    assert fingerprint_of(settings()) != fingerprint_of(settings(threads=2))


def test_a_loss_that_is_no_number_stops_the_training_with_its_epoch(data, tmp_path):
    broken = data[0]._replace(images=np.full_like(data[0].images, np.nan))
    with pytest.raises(InputError, match=r"loss became nan in epoch 1: lower recipe\.learning_rate"):
        train_network(settings(), broken, data[1], tmp_path / "c.pt", None)
    assert not (tmp_path / "c.pt").exists()


def test_the_network_is_back_in_training_mode_in_every_epoch(data, tmp_path, monkeypatch):
    """The original study's network stayed in evaluation mode after its first validation."""
    modes = []
    train_epoch = training._train_epoch

    def watch(network, *rest):
        loss = train_epoch(network, *rest)
        modes.append(network.training)
        return loss

    monkeypatch.setattr(training, "_train_epoch", watch)
    train_network(settings(recipe={"epochs": 3}), *data, tmp_path / "c.pt", None)
    assert modes == [True] * 3
