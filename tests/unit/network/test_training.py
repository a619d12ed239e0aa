"""Training learns, goes on exactly after a kill, and stops where the loss is no number."""

import os
import signal

import numpy as np
import pytest
import torch

from chaosliver.base.errors import InputError, StoppedError
from chaosliver.network import training
from chaosliver.network.batches import SliceSet
from chaosliver.network.job.checkpoints import checkpoint_path, load_checkpoint
from chaosliver.network.job.stopping import SIGNALS
from chaosliver.network.training import is_finished, train_network


def discs(count, seed):
    """Bright discs on noise: what a network learns at once."""
    draw = np.random.default_rng(seed)
    images = draw.normal(0, 0.2, (count, 16, 16)).astype(np.float32)
    masks = np.zeros((count, 16, 16), np.uint8)
    rows, columns = np.mgrid[:16, :16]
    for mask in masks:
        centre = draw.integers(5, 11, 2)
        mask[(rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < 16] = 1
    patients = np.array([str(number % 3) for number in range(count)])
    return SliceSet(images + masks, masks[:, None], patients, np.arange(count)[:, None])


def settings(**changes):
    recipe = {
        "grid": {"rows": 16, "columns": 16, "spacing_mm": None},
        "context": 0,
        "normalisation": "window",
        "transforms": "none",
        "epochs": 6,
        "batch_size": 4,
        "loss": "bce",
        "optimiser": "adam",
        "learning_rate": 0.01,
        "weight_decay": 0.0,
        "largest_gradient": None,
        "schedule": "constant",
        "warmup_epochs": 0,
        "average": 0,
        "precision": "float32",
        "compile": False,
        "choose": "best",
        "patience": None,
        "snapshots": [],
        "targets": "binary",
        "stays_in_evaluation_mode": False,
    }
    network = {"name": "unet", "channels": 4, "depth": 2, "dropout": 0.1}
    base = {"network": network, "recipe": {**recipe, **changes.pop("recipe", {})}, "seed": 1, "threads": 1, "code": "c"}
    return {**base, **changes}


@pytest.fixture(scope="module")
def data():
    return discs(24, 1), discs(9, 2)


_compile = torch.compile


def same_weights(first, second):
    return all(torch.equal(first["best"][name], second["best"][name]) for name in first["best"])


def test_it_learns_and_chooses_the_best_epoch_on_validation_patients(data, tmp_path):
    state = train_network(settings(), *data, tmp_path / "c")
    dice = [row["validation_dice"] for row in state["history"]]
    assert dice[-1] > 0.8
    assert state["best_dice"] == max(dice)
    assert state["chosen_epoch"] == dice.index(max(dice)) + 1
    assert [row["epoch"] for row in state["history"]] == [1, 2, 3, 4, 5, 6]


def test_the_same_settings_give_the_same_weights_bit_for_bit_and_another_seed_others(data, tmp_path):
    first = train_network(settings(), *data, tmp_path / "a")
    assert same_weights(first, train_network(settings(), *data, tmp_path / "b"))
    assert not same_weights(first, train_network(settings(seed=2), *data, tmp_path / "c"))


FAST = {
    "transforms": "strong",
    "loss": "bce_dice",
    "optimiser": "adamw",
    "weight_decay": 0.01,
    "largest_gradient": 5.0,
    "schedule": "cosine",
    "warmup_epochs": 1,
    "average": 0.9,
}


@pytest.mark.parametrize("recipe", [{}, FAST], ids=["original", "fast"])
@pytest.mark.parametrize("epoch", [1, 4])
def test_a_killed_training_goes_on_to_the_weights_of_an_undisturbed_one(data, tmp_path, monkeypatch, epoch, recipe):
    undisturbed = train_network(settings(recipe=recipe), *data, tmp_path / "a")
    report = training._report

    def strike(row, *rest):
        report(row, *rest)
        if row["epoch"] == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "_report", strike)
    with pytest.raises(KeyboardInterrupt):
        train_network(settings(recipe=recipe), *data, tmp_path / "b")
    monkeypatch.undo()
    resumed = train_network(settings(recipe=recipe), *data, tmp_path / "b")
    assert same_weights(undisturbed, resumed)
    assert undisturbed["history"] == resumed["history"]


def test_a_finished_training_is_not_trained_again(data, tmp_path, monkeypatch):
    first = train_network(settings(recipe={"epochs": 1}), *data, tmp_path)
    monkeypatch.setattr(training, "train_epoch", lambda *_: pytest.fail("it trained"))
    second = train_network(settings(recipe={"epochs": 1}), *data, tmp_path)
    assert same_weights(first, second) and is_finished(second) and "optimiser" not in second


def test_a_signal_stops_a_training_at_its_next_batch_and_it_goes_on_exactly(data, tmp_path):
    undisturbed = train_network(settings(), *data, tmp_path / "a")
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def strike(row):
        if row["epoch"] == 3:
            os.kill(os.getpid(), signal.SIGUSR1)

    with pytest.raises(StoppedError, match=r"stopped by SIGUSR1 in epoch 4\. Epoch 3 is saved: run again to go on"):
        train_network(settings(), *data, tmp_path / "b", strike)
    # Once asked to stop, the process ignores what else comes.
    for number, handler in before.items():
        signal.signal(number, handler)
    assert same_weights(undisturbed, train_network(settings(), *data, tmp_path / "b"))


@pytest.mark.parametrize("average", [0, 0.9])
def test_a_snapshot_is_what_a_training_of_so_many_epochs_hands_on(data, tmp_path, average):
    recipe = {"snapshots": [2, 4], "average": average}
    train_network(settings(recipe=recipe), *data, tmp_path / "a")
    for epochs in (2, 4):
        whole = settings(recipe=recipe)
        snapshot = load_checkpoint(checkpoint_path(tmp_path / "a", whole, epochs), whole)
        shorter = train_network(settings(recipe={"epochs": epochs, "average": average}), *data, tmp_path / f"b{epochs}")
        assert same_weights(snapshot, shorter)
        assert snapshot["history"] == shorter["history"]
        assert snapshot["chosen_epoch"] == shorter["chosen_epoch"]


def test_patience_ends_a_training_that_gets_no_better_and_fills_its_later_snapshots(data, tmp_path, monkeypatch):
    dice = iter([0.1, 0.5, 0.4, 0.5, 0.2, 0.1])
    monkeypatch.setattr(training, "validate", lambda *_: training.Validation(1.0, next(dice)))
    patient = settings(recipe={"patience": 2, "snapshots": [1, 5]})
    state = train_network(patient, *data, tmp_path)
    assert (state["epoch"], state["chosen_epoch"]) == (4, 2)
    assert is_finished(state) and "optimiser" not in state
    assert load_checkpoint(checkpoint_path(tmp_path, patient, 1), patient)["chosen_epoch"] == 1
    assert same_weights(load_checkpoint(checkpoint_path(tmp_path, patient, 5), patient), state)


def test_a_compiled_network_learns_the_same_weights_under_the_same_names(data, tmp_path, monkeypatch):
    plain = train_network(settings(recipe={"epochs": 1}), *data, tmp_path / "a")
    compiled = []
    # Its own code generator needs a C++ compiler and a minute: the eager back end goes the same way.
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(1) or _compile(network, backend="eager"))
    other = train_network(settings(recipe={"epochs": 1, "compile": True}), *data, tmp_path / "b")
    assert compiled and plain["best"].keys() == other["best"].keys()
    assert same_weights(plain, other)


def test_a_loss_that_is_no_number_stops_the_training_with_its_epoch(data, tmp_path):
    broken = data[0]._replace(images=np.full_like(data[0].images, np.nan))
    with pytest.raises(
        InputError, match=r"nan in epoch 1, batch 1 of 6 \(patients 0, .*\): lower recipe\.learning_rate"
    ):
        train_network(settings(), broken, data[1], tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_the_network_is_back_in_training_mode_in_every_epoch(data, tmp_path, monkeypatch):
    """The original study's network stayed in evaluation mode after its first validation."""
    modes = []
    train_epoch = training.train_epoch

    def watch(trainee, *rest):
        loss = train_epoch(trainee, *rest)
        modes.append(trainee.network.training)
        return loss

    monkeypatch.setattr(training, "train_epoch", watch)
    train_network(settings(recipe={"epochs": 3}), *data, tmp_path / "c")
    assert modes == [True] * 3
    modes.clear()
    train_network(settings(recipe={"epochs": 3, "stays_in_evaluation_mode": True}), *data, tmp_path / "d")
    assert modes == [True, False, False]


def test_the_last_epoch_is_taken_whatever_the_validation_says(data, tmp_path, monkeypatch):
    dice = iter([0.1, 0.5, 0.4])
    monkeypatch.setattr(training, "validate", lambda *_: training.Validation(1.0, next(dice)))
    last = settings(recipe={"choose": "last", "epochs": 3, "snapshots": [2]})
    state = train_network(last, *data, tmp_path / "a")
    assert (state["chosen_epoch"], state["best_dice"]) == (3, 0.4)
    snapshot = load_checkpoint(checkpoint_path(tmp_path / "a", last, 2), last)
    assert (snapshot["chosen_epoch"], snapshot["best_dice"]) == (2, 0.5)
    monkeypatch.undo()
    # Validation alters no weight.
    state_of_other = train_network(last, data[0], None, tmp_path / "b")
    assert same_weights(state, state_of_other) and not same_weights(snapshot, state)
    assert same_weights(snapshot, load_checkpoint(checkpoint_path(tmp_path / "b", last, 2), last))


def test_without_validation_patients_the_last_epoch_is_taken(data, tmp_path):
    state = train_network(settings(recipe={"epochs": 2, "choose": "last"}), data[0], None, tmp_path / "c")
    assert state["chosen_epoch"] == 2 and state["best_dice"] is None
    assert state["history"][0]["validation_dice"] is None


def test_the_learning_rate_warms_up_and_falls_along_a_cosine(data, tmp_path):
    recipe = {"schedule": "cosine", "warmup_epochs": 2}
    rates = [row["learning_rate"] for row in train_network(settings(recipe=recipe), *data, tmp_path / "c")["history"]]
    assert rates[0] < rates[1] > rates[2] > rates[-1] > 0
    assert max(rates) < 0.01


def test_several_organs_and_neighbouring_slices_go_through(data, tmp_path):
    slices, validation = (
        part._replace(
            masks=np.concatenate([part.masks, 1 - part.masks], axis=1),
            neighbours=np.clip(np.arange(len(part.images))[:, None] + [-1, 0, 1], 0, len(part.images) - 1),
        )
        for part in data
    )
    state = train_network(settings(recipe={"context": 1}), slices, validation, tmp_path / "c")
    assert state["best"]["down.0.0.weight"].shape[1] == 3
    assert state["best"]["head.weight"].shape[0] == 2
    assert state["best_dice"] > 0.7


def test_the_moving_average_is_what_is_handed_on(data, tmp_path, monkeypatch):
    trained = []
    update = training._update_average
    monkeypatch.setattr(training, "_update_average", lambda trainee: update(trainee) or trained.append(trainee))
    state = train_network(settings(recipe={"average": 0.99, "epochs": 1}), *data, tmp_path / "c")
    averaged, network = trained[-1].averaged.state_dict(), trained[-1].network.state_dict()
    assert all(torch.equal(state["best"][name], averaged[name]) for name in averaged)
    assert any(not torch.equal(averaged[name], network[name]) for name in averaged)
