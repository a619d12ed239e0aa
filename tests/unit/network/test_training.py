"""Training learns, goes on exactly from a saved state, and stops where the loss is no number."""

import copy
import math
import re
from itertools import chain

import numpy as np
import pytest
import torch
from unit.network.examples import NETWORK, discs, recipe, settings

from chaosliver.base.columns import HISTORY_COLUMNS
from chaosliver.base.errors import InputError, StoppedError
from chaosliver.network import training
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.batches import SliceSet
from chaosliver.network.numerics import Numerics
from chaosliver.network.training import (
    Callbacks,
    State,
    is_finished,
    make_trainee,
    train_epoch,
    train_network,
    validate,
)

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data():
    return discs(8, 1), discs(6, 2)


def train(chosen, data, state=None, **callbacks):
    return train_network(chosen, *data, CPU, Callbacks(**callbacks), state)


def same_weights(first, second):
    return all(torch.equal(first.best[name], second.best[name]) for name in first.best)


def same_tensors(first, second):
    first, second = first.state_dict(), second.state_dict()
    return all(torch.equal(first[name], second[name]) for name in first)


_compile = torch.compile


def test_it_learns_and_chooses_the_best_epoch_on_validation_patients():
    state = train(settings({"epochs": 6}), (discs(24, 1), discs(9, 2)))
    dice = [row["validation_dice"] for row in state.history]
    assert dice[-1] > 0.8
    assert state.best_dice == max(dice)
    assert state.chosen_epoch == dice.index(max(dice)) + 1
    assert [row["epoch"] for row in state.history] == [1, 2, 3, 4, 5, 6]
    assert tuple(state.history[0]) == HISTORY_COLUMNS


def test_the_same_settings_give_the_same_weights_bit_for_bit_and_another_seed_others(data):
    first = train(settings(), data)
    assert same_weights(first, train(settings(), data))
    assert not same_weights(first, train(settings(seed=2), data))


def test_an_epoch_passes_through_so_many_slices_each_as_often_as_the_others_but_for_one(data, monkeypatch):
    passed = []
    read = type(data[0]).read
    monkeypatch.setattr(type(data[0]), "read", lambda self, batches: passed.append(batches) or read(self, batches))
    batch_size = settings().recipe.batch_size
    for wanted, counts in ((None, [1] * 8), (5, [0] * 3 + [1] * 5), (20, [2] * 4 + [3] * 4), (8, [1] * 8)):
        passed.clear()
        chosen = {"epochs": 2, "samples_per_epoch": wanted, "choose": "last"}
        train_network(settings(chosen), data[0], None, CPU, Callbacks())
        epochs = [np.concatenate(batches) for batches in passed]
        assert len(epochs) == 2
        assert not np.array_equal(*epochs)
        for rows, batches in zip(epochs, passed, strict=True):
            assert sorted(np.bincount(rows, minlength=8)) == counts
            assert len(batches) == -(-len(rows) // batch_size)


def test_the_loss_of_an_epoch_is_the_mean_over_the_slices_that_it_passed_through(data):
    chosen = {"epochs": 1, "learning_rate": 0.0, "samples_per_epoch": 16}
    twice = train(settings(chosen), data).history[0]["training_loss"]
    once = train(settings(chosen | {"samples_per_epoch": None}), data).history[0]["training_loss"]
    assert twice == pytest.approx(once, rel=0.2)


FAST = {
    "transforms": "strong",
    "contrasts": {"curve": 0.5, "clusters": 0.2, "organs": 0.2, "inversion": 0.2},
    "mixing": 0.5,
    "balanced": True,
    "loss": "bce_dice",
    "optimiser": "adamw",
    "weight_decay": 0.01,
    "largest_gradient": 5.0,
    "schedule": "cosine",
    "warmup_epochs": 1,
    "average": 0.9,
}


@pytest.mark.parametrize("chosen", [{}, FAST], ids=["original", "fast"])
@pytest.mark.parametrize("epoch", [1, 3])
def test_a_training_goes_on_from_a_saved_state_to_the_weights_of_an_undisturbed_one(data, epoch, chosen):
    saved = {}
    undisturbed = train(settings(chosen), data, save=lambda state: saved.update({state.epoch: copy.deepcopy(state)}))
    reported = []
    resumed = train(settings(chosen), data, saved[epoch], report=lambda row, seconds: reported.append(row["epoch"]))
    assert same_weights(undisturbed, resumed)
    assert undisturbed.history == resumed.history
    assert reported == list(range(epoch + 1, 5))
    assert [state.progress is None for state in saved.values()] == [False] * 3 + [True]


COARSE_START = {"share": 0.5, "grid": {"rows": 8, "columns": 12, "spacing_mm": None}}


def halved(slices):
    """The same slices with every second row and column."""
    return slices._replace(images=slices.images[:, ::2, ::2], masks=slices.masks[:, :, ::2, ::2])


@pytest.mark.parametrize("saved_after", [0, 1, 2, 3])
def test_the_first_epochs_see_coarse_slices_and_the_others_fine_ones_also_where_it_goes_on(data, saved_after):
    """Of five epochs half are two: by hand, an epoch at a time."""
    fine, coarse = data[0], halved(data[0])
    chosen = settings({**FAST, "epochs": 5, "choose": "last", "coarse_start": COARSE_START})
    saved = {0: None}
    callbacks = Callbacks(save=lambda state: saved.update({state.epoch: copy.deepcopy(state)}))
    train_network(chosen, fine, None, CPU, callbacks, coarse=coarse)
    made = train_network(chosen, fine, None, CPU, Callbacks(), saved[saved_after], coarse)
    training.make_repeatable(chosen.seed, chosen.threads)
    trainee = make_trainee(chosen.network, chosen.recipe, fine.organs, CPU)
    losses = []
    for epoch, slices in enumerate([coarse, coarse, fine, fine, fine], 1):
        torch.manual_seed(training._epoch_seed(chosen.seed, epoch))
        losses.append(train_epoch(trainee, slices, epoch))
    assert [row["training_loss"] for row in made.history] == losses
    assert all(torch.equal(made.best[name], tensor) for name, tensor in trainee.averaged.state_dict().items())


def test_validation_is_on_the_pixels_of_the_finished_network(data):
    measured = []
    chosen = settings({"epochs": 2, "coarse_start": COARSE_START})
    state = train_network(chosen, *data, CPU, Callbacks(save=measured.append), coarse=halved(data[0]))
    assert state.history[0]["validation_dice"] == measured[0].best_dice
    trainee = make_trainee(chosen.network, chosen.recipe, data[0].organs, CPU)
    trainee.averaged.load_state_dict(measured[0].best)
    assert validate(trainee, data[1]).loss == pytest.approx(measured[0].history[0]["validation_loss"])


def test_a_finished_training_is_not_trained_again(data, monkeypatch):
    first = train(settings({"epochs": 1}), data)
    monkeypatch.setattr(training, "train_epoch", lambda *_: pytest.fail("it trained"))
    assert train(settings({"epochs": 1}), data, first) is first


def test_a_signal_stops_a_training_at_its_next_batch(data):
    seen = []
    with pytest.raises(StoppedError, match=r"stopped by SIGUSR1 in epoch 3\. Epoch 2 is saved: run again to go on"):
        train(
            settings(),
            data,
            report=lambda row, seconds: seen.append(row["epoch"]),
            stop_signal=lambda: "SIGUSR1" if seen[-1:] == [2] else None,
        )


@pytest.mark.parametrize("average", [0, 0.9])
def test_a_snapshot_is_what_a_training_of_so_many_epochs_hands_on(data, average):
    kept = {}
    train(settings({"snapshots": [1, 3], "average": average}), data, save_snapshot=kept.__setitem__)
    assert list(kept) == [1, 3]
    for epochs, snapshot in kept.items():
        shorter = train(settings({"epochs": epochs, "average": average}), data)
        assert same_weights(snapshot, shorter)
        assert snapshot.history == shorter.history
        assert snapshot.chosen_epoch == shorter.chosen_epoch
        assert snapshot.progress is None


def test_patience_ends_a_training_that_gets_no_better_and_fills_its_later_snapshots(data, monkeypatch):
    dice = iter([0.1, 0.5, 0.4, 0.5, 0.2, 0.1])
    monkeypatch.setattr(training, "validate", lambda *_: training.Validation(1.0, next(dice)))
    kept = {}
    state = train(settings({"epochs": 6, "patience": 2, "snapshots": [1, 5]}), data, save_snapshot=kept.__setitem__)
    assert (state.epoch, state.chosen_epoch, state.progress) == (4, 2, None)
    assert kept[1].chosen_epoch == 1
    assert same_weights(kept[5], state)


def test_a_fresh_training_has_chosen_nothing_and_its_caller_need_not_listen(data):
    assert vars(State()) == {
        "epoch": 0,
        "history": [],
        "best": {},
        "best_dice": -1.0,
        "chosen_epoch": 0,
        "progress": None,
    }
    assert train(settings({"epochs": 1, "snapshots": [1]}), data).epoch == 1


def test_a_report_says_how_long_its_epoch_took(data, monkeypatch):
    clock = iter([100.0, 103.0, 200.0, 207.5])
    monkeypatch.setattr(training.time, "perf_counter", lambda: next(clock))
    seconds = []
    train(settings({"epochs": 2}), data, report=lambda row, taken: seconds.append(taken))
    assert seconds == [3.0, 7.5]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_weights_and_images_lie_in_memory_as_is_fastest(monkeypatch, layout):
    monkeypatch.setattr(Numerics, "layout_of", lambda self, network: {3: layout}[network.down[0][0].in_channels])
    trainee = make_trainee(NETWORK, recipe(context=1, average=0.9), 1, CPU)
    for network in (trainee.network, trainee.averaged):
        assert network.down[0][0].weight.is_contiguous(memory_format=layout)
    seen = []
    trainee = trainee._replace(
        forward=lambda images: seen.append(images) or trainee.network(images),
        averaged=Listening(trainee.averaged, seen),
    )
    slices = discs(4, 1)._replace(neighbours=np.zeros((4, 3), int))
    train_epoch(trainee, slices, 1)
    validate(trainee, slices)
    assert len(seen) == 2 and all(images.is_contiguous(memory_format=layout) for images in seen)


def test_one_pass_over_the_weights_serves_a_step_of_the_optimiser_and_only_matrices_decay():
    trainee = trainee_with(weight_decay=0.25, learning_rate=0.125)
    matrices, vectors = trainee.optimiser.param_groups
    assert trainee.optimiser.defaults["fused"] is True and trainee.optimiser.defaults["lr"] == 0.125
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.25, 0.0)
    assert {tensor.ndim for tensor in matrices["params"]} == {4} and {tensor.ndim for tensor in vectors["params"]} == {
        1
    }
    held = len(matrices["params"]) + len(vectors["params"])
    assert held == len(list(trainee.network.parameters()))


@pytest.mark.parametrize(
    ("epoch", "chosen", "patience", "finished"),
    [(6, 6, None, True), (5, 1, None, False), (5, 1, 4, True), (5, 2, 4, False), (0, 0, 1, False), (6, 5, 3, True)],
)
def test_a_training_ends_with_its_epochs_or_its_patience(epoch, chosen, patience, finished):
    assert is_finished(State(epoch=epoch, chosen_epoch=chosen), recipe(epochs=6, patience=patience)) is finished


def test_a_compiled_network_learns_the_same_weights_under_the_same_names(data, monkeypatch):
    plain = train(settings({"epochs": 1}), data)
    compiled = []
    # Its own code generator needs a C++ compiler and a minute: the eager back end goes the same way.
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(1) or _compile(network, backend="eager"))
    other = train(settings({"epochs": 1, "compile": True}), data)
    assert compiled and plain.best.keys() == other.best.keys()
    assert same_weights(plain, other)


def test_a_loss_that_is_no_number_stops_the_training_with_its_epoch_batch_and_patients():
    slices = discs(6, 1)
    # Of patients 0, 1 and 2 in turn; the one that is broken is patient 2's.
    slices.images[5] = np.nan
    with pytest.raises(InputError, match=r"nan in epoch 1, batch \d of 6 \(patients 2\): lower recipe\.learning_rate"):
        train_network(settings({"batch_size": 1}), slices, discs(3, 2), CPU, Callbacks())


def test_the_network_is_back_in_training_mode_in_every_epoch(data, monkeypatch):
    """The original study's network stayed in evaluation mode after its first validation."""
    modes = []
    train_one = training.train_epoch

    def watch(trainee, *rest):
        loss = train_one(trainee, *rest)
        modes.append(trainee.network.training)
        return loss

    monkeypatch.setattr(training, "train_epoch", watch)
    train(settings({"epochs": 3}), data)
    assert modes == [True] * 3
    modes.clear()
    train(settings({"epochs": 3, "stays_in_evaluation_mode": True}), data)
    assert modes == [True, False, False]


def test_the_last_epoch_is_taken_whatever_the_validation_says(data, monkeypatch):
    dice = iter([0.1, 0.5, 0.4])
    monkeypatch.setattr(training, "validate", lambda *_: training.Validation(1.0, next(dice)))
    last, kept = settings({"choose": "last", "epochs": 3, "snapshots": [2]}), {}
    state = train(last, data, save_snapshot=kept.__setitem__)
    assert (state.chosen_epoch, state.best_dice) == (3, 0.4)
    assert (kept[2].chosen_epoch, kept[2].best_dice) == (2, 0.5)
    monkeypatch.undo()
    # Validation alters no weight.
    others = {}
    state_of_other = train(last, (data[0], None), save_snapshot=others.__setitem__)
    assert same_weights(state, state_of_other) and not same_weights(kept[2], state)
    assert same_weights(kept[2], others[2])


def test_without_validation_patients_the_last_epoch_is_taken_and_the_best_is_refused(data):
    state = train(settings({"epochs": 2, "choose": "last"}), (data[0], None))
    assert state.chosen_epoch == 2 and state.best_dice is None
    assert state.history[0]["validation_dice"] is None and state.history[0]["validation_loss"] is None
    with pytest.raises(InputError, match=r"recipe\.choose is best, but there are no validation patients"):
        train(settings(), (data[0], None))


def test_the_learning_rate_warms_up_and_falls_along_a_cosine():
    trainee = make_trainee(NETWORK, recipe(schedule="cosine", warmup_epochs=2, epochs=8), 1, CPU)

    def rate(epochs_done):
        training._set_learning_rate(trainee, epochs_done)
        first, second = trainee.optimiser.param_groups
        assert first["lr"] == second["lr"]
        return first["lr"]

    # The first step is a hundredth of an epoch into the warm-up.
    assert rate(0) == pytest.approx(0.01 * 0.005)
    assert rate(1) == pytest.approx(0.01 * 0.505 * (1 + math.cos(math.pi / 8)) / 2)
    assert rate(2) == pytest.approx(0.01 * (1 + math.cos(math.pi / 4)) / 2)
    assert rate(4) == pytest.approx(0.005)
    assert rate(7.5) == pytest.approx(0.01 * (1 + math.cos(math.pi * 7.5 / 8)) / 2)
    constant = make_trainee(NETWORK, recipe(), 1, CPU)
    training._set_learning_rate(constant, 0)
    assert constant.optimiser.param_groups[0]["lr"] == 0.01


def test_several_organs_and_neighbouring_slices_go_through():
    slices, validation = (
        part._replace(
            masks=np.concatenate([part.masks, 1 - part.masks], axis=1),
            neighbours=np.clip(np.arange(len(part.images))[:, None] + [-1, 0, 1], 0, len(part.images) - 1),
        )
        for part in (discs(24, 1), discs(9, 2))
    )
    state = train(settings({"context": 1, "epochs": 6}), (slices, validation))
    assert state.best["down.0.0.weight"].shape[1] == 3
    assert state.best["head.weight"].shape[0] == 2
    assert state.best_dice > 0.7


def test_the_moving_average_is_what_is_handed_on(data, monkeypatch):
    trained = []
    update = training._update_average
    monkeypatch.setattr(training, "_update_average", lambda trainee: update(trainee) or trained.append(trainee))
    state = train(settings({"average": 0.99, "epochs": 1}), data)
    averaged, network = trained[-1].averaged.state_dict(), trained[-1].network.state_dict()
    assert all(torch.equal(state.best[name], averaged[name]) for name in averaged)
    assert any(not torch.equal(averaged[name], network[name]) for name in averaged)


# What an epoch does, step by step.


def trainee_with(**changes):
    torch.manual_seed(5)
    return make_trainee(NETWORK, recipe(**changes), 1, CPU)


def test_the_first_weights_are_the_seeds(data, monkeypatch):
    first = {}

    def look(trainee, *_):
        first[seed] = {name: tensor.clone() for name, tensor in trainee.network.state_dict().items()}
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train_epoch", look)
    for seed in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            train(settings(seed=seed), data)
    torch.manual_seed(2)
    expected = build_network({**NETWORK, "inputs": 1, "outputs": 1}).state_dict()
    assert all(torch.equal(first[2][name], expected[name]) for name in expected)
    assert not torch.equal(first[1]["head.weight"], first[2]["head.weight"])


class Recording(SliceSet):
    """Slices that keep which rows were read."""

    def read(self, batches):
        batches = list(batches)
        self.asked.extend(rows.tolist() for rows in batches)
        yield from super().read(batches)


def recording(slices):
    kept = type("Recording", (Recording,), {"asked": []})
    return kept(*slices)


def test_an_epoch_reads_every_slice_once_in_an_order_of_its_own_in_evenly_filled_batches(data, monkeypatch):
    slices = recording(data[0])
    train_network(settings({"epochs": 2, "batch_size": 3, "choose": "last"}), slices, None, CPU, Callbacks())
    assert [len(rows) for rows in slices.asked] == [3, 3, 2] * 2
    first, second = (list(chain(*slices.asked[half])) for half in (slice(3), slice(3, None)))
    assert sorted(first) == sorted(second) == list(range(8))
    assert first != list(range(8)) and first != second
    others = recording(data[0])
    train_network(settings({"epochs": 1, "batch_size": 3, "choose": "last"}, seed=2), others, None, CPU, Callbacks())
    assert list(chain(*others.asked)) != first


def test_balanced_batches_hold_each_sequence_as_often_and_the_smaller_ones_slices_more_often():
    names = np.array(["t1_in_phase"] * 3 + ["t2_spir"] * 7)
    slices = recording(discs(10, 1)._replace(sequences=names))
    chosen = {"epochs": 3, "batch_size": 4, "balanced": True, "choose": "last"}
    train_network(settings(chosen), slices, None, CPU, Callbacks())
    # Ten slices in three batches: five of each sequence, so that of three slices two come twice.
    assert [len(rows) for rows in slices.asked] == [4, 3, 3] * 3
    epochs = [[*chain(*slices.asked[first : first + 3])] for first in (0, 3, 6)]
    for epoch, batches in zip(epochs, (slices.asked[:3], slices.asked[3:6], slices.asked[6:]), strict=True):
        counts = np.bincount(epoch, minlength=10)
        assert (sorted(counts[:3]), sorted(counts[3:])) == ([1, 2, 2], [0, 0, 1, 1, 1, 1, 1])
        for rows in batches:
            of_first = (names[rows] == "t1_in_phase").sum()
            assert abs(2 * of_first - len(rows)) <= 1
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_balanced_with_a_number_of_slices_gives_that_many():
    slices = recording(discs(6, 1)._replace(sequences=np.array(["a", "b", "c", "c", "c", "c"])))
    chosen = {"epochs": 1, "batch_size": 8, "balanced": True, "samples_per_epoch": 8, "choose": "last"}
    train_network(settings(chosen), slices, None, CPU, Callbacks())
    (rows,) = slices.asked
    assert sorted(np.array(slices.sequences)[rows]) == ["a"] * 3 + ["b"] * 3 + ["c"] * 2


def test_the_patients_of_a_batch_are_those_whose_parts_are_mixed(data, monkeypatch):
    asked = []
    monkeypatch.setattr(training, "vary", lambda recipe, *batch: asked.append(batch[2]) or batch[:2])
    slices = recording(data[0])
    train_network(settings({"epochs": 1, "choose": "last"}), slices, None, CPU, Callbacks())
    assert [list(patients) for patients in asked] == [list(slices.patients[rows]) for rows in slices.asked]


def test_the_loss_of_an_epoch_is_the_mean_over_its_slices(data, monkeypatch):
    losses = iter([1.0, 2.0, 5.0])
    monkeypatch.setattr(training, "_step", lambda *_: next(losses))
    # Batches of 4, 3 and 3.
    assert train_epoch(trainee_with(), discs(10, 1), 1) == pytest.approx((4 * 1 + 3 * 2 + 3 * 5) / 10)


def test_the_learning_rate_follows_the_batches_of_the_epoch(monkeypatch):
    asked = []
    monkeypatch.setattr(training, "_set_learning_rate", lambda trainee, done: asked.append(done))
    train_epoch(trainee_with(), discs(16, 1), 3)
    assert asked == [2, 2.25, 2.5, 2.75]


def test_only_the_strong_transforms_alter_what_is_trained_on(data, monkeypatch):
    seen = []
    monkeypatch.setattr(training, "_step", lambda trainee, images, masks: seen.append((images, masks)) or 0.0)
    for transforms in ("none", "strong"):
        torch.manual_seed(3)
        train_epoch(trainee_with(transforms=transforms, batch_size=8), data[0], 1)
    (plain, masks), (moved, moved_masks) = seen
    assert not torch.equal(plain, moved)
    assert not torch.equal(masks, moved_masks) and masks.dtype == torch.float32


def test_a_step_is_the_optimisers_on_the_gradient_of_the_loss():
    """A second implementation, with dropout drawn alike."""
    for chosen, kind in (({"optimiser": "adam"}, torch.optim.Adam), ({"optimiser": "adamw"}, torch.optim.AdamW)):
        ours = trainee_with(**chosen, weight_decay=0.1, largest_gradient=0.01)
        theirs = copy.deepcopy(ours.network)
        decayed = [tensor for tensor in theirs.parameters() if tensor.ndim > 1]
        others = [tensor for tensor in theirs.parameters() if tensor.ndim <= 1]
        optimiser = kind([{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0}], lr=0.01)
        slices = discs(4, 1)
        images, masks = torch.from_numpy(slices.images[:, None]), torch.from_numpy(slices.masks).float()
        for step in range(2):
            torch.manual_seed(step)
            loss = training._step(ours, images, masks)
            torch.manual_seed(step)
            expected = torch.nn.functional.binary_cross_entropy_with_logits(theirs(images), masks)
            optimiser.zero_grad()
            expected.backward()
            gradients = [tensor.grad for tensor in theirs.parameters()]
            norm = torch.sqrt(sum(gradient.square().sum() for gradient in gradients))
            assert norm > 0.01
            for gradient in gradients:
                gradient.mul_(0.01 / norm)
            optimiser.step()
            assert loss == pytest.approx(expected.item(), rel=1e-5)
        # BatchNorm takes back what a bias before it adds: its gradient is rounding alone, which Adam makes a step of.
        idle = re.compile(r"(down|merge)\.\d\.[03]\.bias")
        expected = dict(theirs.named_parameters())
        for name, tensor in ours.network.named_parameters():
            assert idle.match(name) or torch.allclose(tensor, expected[name], atol=1e-5), name


def test_the_average_keeps_its_rate_of_the_old_and_less_at_the_beginning():
    trainee = trainee_with(average=0.5)
    images, masks = torch.randn(2, 1, 16, 24), torch.ones(2, 1, 16, 24)
    expected = {name: tensor.clone() for name, tensor in trainee.averaged.state_dict().items()}
    for step in range(1, 15):
        training._step(trainee, images, masks)
        # (1 + n) / (10 + n) is 2/11 after the first step, and beyond a half from the eighth.
        decay = min(0.5, (1 + step) / (10 + step))
        for name, new in trainee.network.state_dict().items():
            if new.dtype.is_floating_point:
                expected[name] = decay * expected[name] + (1 - decay) * new
            else:
                expected[name] = new.clone()
    for name, tensor in trainee.averaged.state_dict().items():
        assert torch.allclose(tensor, expected[name], atol=1e-6), name
    assert trainee.averaged.state_dict()["down.0.1.num_batches_tracked"] == 14


def test_without_an_average_the_network_itself_is_handed_on():
    trainee = trainee_with()
    assert trainee.averaged is trainee.network and trainee.forward is trainee.network


class Listening(torch.nn.Module):
    """A network whose images are kept."""

    def __init__(self, network, seen):
        super().__init__()
        self.network, self.seen = network, seen

    def forward(self, images):
        self.seen.append(images)
        return self.network(images)


class FirstChannel(torch.nn.Module):
    """Answers its image for the first organ, and the opposite for the second; and fails in training mode."""

    channels_first_on_avx2 = False

    def forward(self, images):
        assert not self.training
        assert torch.is_inference_mode_enabled()
        return torch.cat([images[:, :1], -images[:, :1]], dim=1)


def test_validation_is_of_the_averaged_network_in_evaluation_for_the_first_organ():
    trainee = trainee_with(batch_size=2)._replace(averaged=FirstChannel().train(), network=None)
    trainee = trainee._replace(network=FirstChannel().train())
    sure = np.full((5, 16, 24), -50, np.float32)
    masks = np.zeros((5, 2, 16, 24), np.uint8)
    # Patient a: two slices, which share 12 pixels, with 24 + 0 predicted and 12 + 24 in the reference.
    sure[0, 0], masks[0, 0, 0, :12], masks[1, 0, 3] = 50, 1, 1
    # Patient b: one slice, all right. Patient c: nothing predicted, and nothing to find, in two slices.
    sure[2, :2], masks[2, 0, :2] = 50, 1
    masks[:, 1] = 1
    patients = np.array(["a", "a", "b", "c", "c"])
    slices = SliceSet(sure, masks, patients, np.full(5, "t1_in_phase"), np.arange(5)[:, None])
    measured = validate(trainee, slices)
    assert measured.dice == pytest.approx((2 * 12 / 60 + 1 + 1) / 3)
    # Cross-entropy is 50 where the answer is wrong: in 36 pixels of the first organ of a. The second organ is right
    # where the first is denied, and weighs a quarter.
    pixels = 16 * 24
    first = np.array([12, 24, 0, 0, 0]) * 50 / pixels
    second = np.array([24, 0, 48, 0, 0]) * 50 / pixels
    per_slice = (first + 0.25 * second) / 1.25
    # Batches of two, two and one: their means are weighted by their slices.
    assert measured.loss == pytest.approx(per_slice.mean(), rel=1e-5)


def test_validation_counts_half_covered_pixels_and_answers_above_one_half():
    trainee = trainee_with()._replace(averaged=FirstChannel())
    images = np.zeros((1, 16, 24), np.float32)
    masks = np.zeros((1, 2, 16, 24), np.float32)
    # Logits of 0 are no organ; targets of 0.5 are.
    images[0, 0, :4], masks[0, 0, 0, 2:6] = 0.1, 0.5
    measured = validate(trainee, SliceSet(images, masks, np.array(["a"]), np.array(["t2_spir"]), np.array([[0]])))
    assert measured.dice == pytest.approx(2 * 2 / 8)


def test_each_epoch_and_seed_draws_from_a_seed_of_its_own():
    # The first 63 bits of what `printf 1/1 | sha256sum` says: other seeds would give other weights.
    assert training._epoch_seed(1, 1) == 0x129ECA8788F5EDF5
    assert training._epoch_seed(3, 12) == 8750793338099731662
    assert len({training._epoch_seed(seed, epoch) for seed in (1, 2, 11) for epoch in (1, 2, 11)}) == 9
