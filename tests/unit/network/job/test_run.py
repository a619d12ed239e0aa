"""One training from indexes to what is handed on."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from unit.network.examples import TIGHT, plain_settings, rows_of, two_patients

from chaosliver.base.cards import write_card
from chaosliver.base.columns import PLACE
from chaosliver.base.errors import StoppedError
from chaosliver.base.files import read_tsv, sha256_of
from chaosliver.base.indexes import write_index
from chaosliver.base.png import write_png
from chaosliver.base.sharing import Cache
from chaosliver.network import training
from chaosliver.network.job import run as runs
from chaosliver.network.job.checkpoints import fingerprint_of
from chaosliver.network.job.run import Outputs
from chaosliver.network.job.stopping import SIGNALS
from chaosliver.network.models import load_model


@pytest.fixture
def data(tmp_path):
    return two_patients(tmp_path)


def outputs(folder):
    return Outputs(folder / "history.tsv", folder / "weights.safetensors", folder / "card.json", folder / "snapshots")


def run_training(settings, data, checkpoints, outputs, events=None, cache=None):
    runs.run_training(settings, data, checkpoints, outputs, memory_mb=1000, events=events, cache=cache)


SETTINGS = plain_settings({"epochs": 2})


def test_the_epochs_that_cross_validation_supports_are_the_median_of_those_it_chose(tmp_path):
    """By hand: of 7, 31 and 12 it is 12, of 7, 31, 12 and 15 the 13.5 between, rounded; never none."""
    cards = []
    for number, epoch in enumerate((7, 31, 12, 15)):
        cards.append(tmp_path / f"{number}.json")
        write_card(cards[-1], {"chosen_epoch": epoch})
    assert runs.supported_epochs(cards[:3]) == 12
    assert runs.supported_epochs(cards) == 14
    write_card(cards[0], {"chosen_epoch": 0})
    assert runs.supported_epochs(cards[:1]) == 1


def test_the_first_epochs_are_trained_on_the_coarse_grid(data, tmp_path, monkeypatch):
    seen = []
    train_epoch = training.train_epoch
    monkeypatch.setattr(
        training, "train_epoch", lambda *given: seen.append(given[1].images.shape[1:]) or train_epoch(*given)
    )
    start = {"share": 0.7, "grid": {"rows": 8, "columns": 12, "spacing_mm": None}}
    run_training(plain_settings({"epochs": 3, "coarse_start": start}), data, tmp_path / "c", outputs(tmp_path / "m"))
    assert seen == [(8, 12), (8, 12), (16, 24)]


def test_history_weights_and_card_tell_the_same_training(data, tmp_path):
    made = outputs(tmp_path / "m")
    run_training(SETTINGS, data, tmp_path / "c", made)
    history = read_tsv(made.history)
    card = json.loads(made.card.read_text())
    assert [row["epoch"] for row in history] == ["1", "2"]
    chosen = history[card["chosen_epoch"] - 1]
    assert float(chosen["validation_dice"]) == pytest.approx(card["validation_dice"], rel=1e-5)
    assert (card["train_on"], card["validate_on"]) == (["t2_spir/1"], ["t2_spir/2"])
    assert card["versions"]["torch"]
    load_model(made.card, made.weights)


def test_the_card_says_what_makes_this_training_itself(data, tmp_path):
    made = outputs(tmp_path / "m")
    # A second organ: the same masks below another folder.
    for index in (*data.train_masks, *data.validation_masks):
        copied = tmp_path / "spleen" / index.relative_to(tmp_path / "masks")
        shutil.copytree(index.with_suffix(""), copied.with_suffix(""))
        shutil.copyfile(index, copied)
    organs = data._replace(
        train_masks=[*data.train_masks, tmp_path / "spleen/t2_spir/1.tsv"],
        validation_masks=[*data.validation_masks, tmp_path / "spleen/t2_spir/2.tsv"],
    )
    run_training(SETTINGS, organs, tmp_path / "c", made)
    card = json.loads(made.card.read_text())
    assert {key: card[key] for key in SETTINGS} == SETTINGS
    assert card["data"] == organs.digest() != data.digest()
    assert card["fingerprint"] == fingerprint_of({**SETTINGS, "data": organs.digest()})
    assert card["outputs"] == 2
    assert (card["snapshots"], card["copies_of_held_out"]) == ({}, [])
    assert set(card["versions"]) == {"torch", "numpy", "opencv-python-headless", "Augmentor", "pydicom"}
    network, _ = load_model(made.card, made.weights)
    assert network.head.out_channels == 2
    assert list(made.snapshots.iterdir()) == []


@pytest.mark.parametrize("changed", [{"code": "d"}, {"seed": 2}, {"threads": 2}, {"keep_originals": False}])
def test_other_code_or_settings_train_anew(data, tmp_path, monkeypatch, changed):
    run_training(SETTINGS, data, tmp_path / "c", outputs(tmp_path / "a"))
    monkeypatch.setattr(runs, "train_network", lambda *_: pytest.fail("it trained"))
    run_training(SETTINGS, data, tmp_path / "c", outputs(tmp_path / "b"))
    with pytest.raises(pytest.fail.Exception, match="it trained"):
        run_training({**SETTINGS, **changed}, data, tmp_path / "c", outputs(tmp_path / "b"))


def test_validation_slices_are_held_in_the_memory_that_the_training_slices_leave(data, tmp_path, monkeypatch):
    # Of 8 slices of 16 x 24 pixels, 5 bytes each.
    free, asked = 8 * 16 * 24 * 5 + 100, []
    load = runs.load_slices
    monkeypatch.setattr(runs, "bytes_for_data", lambda requested: free if requested == 1000 else 0)
    monkeypatch.setattr(runs, "load_slices", lambda *given: asked.append(given[2:]) or load(*given))
    run_training(SETTINGS, data, tmp_path / "c", outputs(tmp_path / "a"))
    assert asked == [(free, 1), (100, 1)]


def test_a_finished_training_is_re_emitted_to_the_byte_without_reading_a_slice(data, tmp_path, monkeypatch):
    first, second = outputs(tmp_path / "a"), outputs(tmp_path / "b")
    run_training(SETTINGS, data, tmp_path / "c", first)
    monkeypatch.setattr(runs, "load_slices", lambda *_: pytest.fail("slices were read"))
    run_training(SETTINGS, data, tmp_path / "c", second)
    for kind in ("history", "weights", "card"):
        assert getattr(first, kind).read_bytes() == getattr(second, kind).read_bytes()


def test_a_signal_stops_a_training_at_its_next_batch_and_it_goes_on_exactly(data, tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    undisturbed, resumed = outputs(tmp_path / "a"), outputs(tmp_path / "b")
    longer = plain_settings({"epochs": 4})
    run_training(longer, data, tmp_path / "c", undisturbed)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    report = runs.report_epoch

    def strike(row, *rest):
        report(row, *rest)
        if row["epoch"] == 3:
            os.kill(os.getpid(), signal.SIGUSR1)

    monkeypatch.setattr(runs, "report_epoch", strike)
    try:
        with pytest.raises(StoppedError, match=r"stopped by SIGUSR1 in epoch 4\. Epoch 3 is saved: run again to go on"):
            run_training(longer, data, tmp_path / "d", resumed)
    finally:
        # Once asked to stop, the process ignores what else comes.
        for number, handler in before.items():
            signal.signal(number, handler)
    monkeypatch.undo()
    assert not resumed.card.exists()
    caplog.clear()
    run_training(longer, data, tmp_path / "d", resumed)
    (going_on,) = [line for line in caplog.messages if line.startswith("going on")]
    assert going_on.startswith(f"going on after epoch 3 of {tmp_path / 'd'}")
    assert "epoch 3/4" not in caplog.text and "epoch 4/4" in caplog.text
    for kind in ("history", "weights", "card"):
        assert getattr(undisturbed, kind).read_bytes() == getattr(resumed, kind).read_bytes()


SNAPSHOTS = plain_settings({"epochs": 3, "snapshots": [1, 2]})


def test_snapshots_lie_beside_the_weights_and_stand_in_the_card(data, tmp_path):
    made = outputs(tmp_path / "m")
    run_training(SNAPSHOTS, data, tmp_path / "c", made)
    card = json.loads(made.card.read_text())
    assert sorted(card["snapshots"]) == ["1", "2"]
    for epoch, snapshot in card["snapshots"].items():
        assert snapshot["weights_sha256"] == sha256_of(made.snapshots / f"epoch{epoch}.safetensors")


def test_a_training_whose_snapshot_was_deleted_starts_anew_to_the_same_bytes(data, tmp_path, caplog):
    first, second = outputs(tmp_path / "a"), outputs(tmp_path / "b")
    run_training(SNAPSHOTS, data, tmp_path / "c", first)
    (lost,) = (tmp_path / "c").glob("*.epoch2.pt")
    lost.unlink()
    run_training(SNAPSHOTS, data, tmp_path / "c", second)
    assert f"{lost.name} is missing: training starts anew" in caplog.text
    assert first.card.read_bytes() == second.card.read_bytes()


def test_settings_taken_back_are_re_emitted_and_not_trained_again(data, tmp_path, monkeypatch):
    first, third = outputs(tmp_path / "1"), outputs(tmp_path / "3")
    run_training(SETTINGS, data, tmp_path / "c", first)
    run_training({**SETTINGS, "seed": 2}, data, tmp_path / "c", outputs(tmp_path / "2"))
    monkeypatch.setattr(runs, "load_slices", lambda *_: pytest.fail("slices were read"))
    run_training(SETTINGS, data, tmp_path / "c", third)
    assert first.weights.read_bytes() == third.weights.read_bytes()


def test_streamed_slices_give_the_same_weights_to_the_bit(data, tmp_path, monkeypatch):
    first, second = outputs(tmp_path / "a"), outputs(tmp_path / "b")
    run_training(SETTINGS, data, tmp_path / "c", first)
    monkeypatch.setattr(runs, "bytes_for_data", lambda _: 0)
    run_training(SETTINGS, data, tmp_path / "d", second)
    assert first.weights.read_bytes() == second.weights.read_bytes()


def test_events_are_written_where_asked_for(data, tmp_path):
    pytest.importorskip("tensorboard")
    run_training(SETTINGS, data, tmp_path / "c", outputs(tmp_path / "a"), events=tmp_path / "events")
    assert list((tmp_path / "events").glob("events.*"))


def test_other_content_trains_anew(data, tmp_path, monkeypatch):
    run_training(SETTINGS, data, tmp_path / "c", outputs(tmp_path / "a"))
    index = data.train_images[0]
    write_png(index.with_suffix("") / "s0.png", np.zeros((16, 24), np.uint8))
    write_index(index, index.with_suffix(""), rows_of(8), PLACE)
    read = []
    load = runs.load_slices
    monkeypatch.setattr(runs, "load_slices", lambda *given: read.append(1) or load(*given))
    run_training(SETTINGS, data, tmp_path / "c", outputs(tmp_path / "b"))
    assert read


def test_validation_slices_are_drawn_from_the_training_slices(data, tmp_path, monkeypatch):
    drawn = {**SETTINGS, "leaks": {**TIGHT, "validation_slices": 0.25}}
    held = []
    load = runs.load_slices
    monkeypatch.setattr(runs, "load_slices", lambda samples, *rest: held.append(samples) or load(samples, *rest))
    data = data._replace(validation_images=[], validation_masks=[])
    run_training(drawn, data, tmp_path / "c", outputs(tmp_path / "a"))
    training, validation = ({sample.stem for sample in samples} for samples in held)
    assert (len(training), len(validation)) == (6, 2)
    assert not training & validation


def test_copies_of_held_out_slices_are_trained_on_and_named_in_the_card(data, tmp_path, monkeypatch):
    held = []
    load = runs.load_slices
    monkeypatch.setattr(runs, "load_slices", lambda samples, *rest: held.append(samples) or load(samples, *rest))
    data = data._replace(held_out_images=data.validation_images, held_out_masks=data.validation_masks)
    made = outputs(tmp_path / "a")
    run_training({**SETTINGS, "leaks": {**TIGHT, "copies": 0.25}}, data, tmp_path / "c", made)
    (training, _) = held
    copied = [f"t2_spir/2/{sample.stem}" for sample in training if sample.patient == "2"]
    assert (len(training), len(copied)) == (10, 2)
    assert json.loads(made.card.read_text())["copies_of_held_out"] == copied


@pytest.fixture
def cache(tmp_path):
    (tmp_path / "shared").mkdir()
    return Cache(str(tmp_path / "shared"))


def entries(cache):
    return sorted(Path(cache.path).rglob("*.zip"))


def in_bytes(made):
    files = [made.history, made.weights, made.card, *sorted(made.snapshots.iterdir())]
    return [path.read_bytes() for path in files]


def refuse_to_train(monkeypatch):
    monkeypatch.setattr(runs, "load_slices", lambda *_: pytest.fail("slices were read"))


SNAPPED = plain_settings({"epochs": 3, "snapshots": [1, 2]})


def test_what_a_colleague_trained_is_taken_with_its_snapshots(data, tmp_path, cache, monkeypatch):
    mine, yours = outputs(tmp_path / "mine"), outputs(tmp_path / "yours")
    run_training(SNAPPED, data, tmp_path / "c", mine, cache=cache)
    refuse_to_train(monkeypatch)
    run_training(SNAPPED, data, tmp_path / "d", yours, cache=cache)
    assert in_bytes(mine) == in_bytes(yours)
    assert len(in_bytes(yours)) == 5
    # The checkpoint is now one's own, also without the cache.
    shutil.rmtree(cache.path)
    run_training(SNAPPED, data, tmp_path / "d", outputs(tmp_path / "again"))


@pytest.mark.parametrize("changes", [{"seed": 2}, {"epochs": 2}, {"learning_rate": 0.02}], ids=str)
def test_another_training_is_not_taken(data, tmp_path, cache, changes):
    run_training(SNAPPED, data, tmp_path / "c", outputs(tmp_path / "a"), cache=cache)
    recipe = {**SNAPPED["recipe"], **{key: value for key, value in changes.items() if key != "seed"}}
    settings = {**SNAPPED, "recipe": recipe, "seed": changes.get("seed", SNAPPED["seed"])}
    run_training(settings, data, tmp_path / "d", outputs(tmp_path / "b"), cache=cache)
    assert len(entries(cache)) == 2


def test_a_training_of_another_version_is_not_taken(data, tmp_path, cache, monkeypatch):
    run_training(SETTINGS, data, tmp_path / "c", outputs(tmp_path / "a"), cache=cache)
    monkeypatch.setattr(runs, "versions_of", lambda _: {"torch": "1.0"})
    run_training(SETTINGS, data, tmp_path / "d", outputs(tmp_path / "b"), cache=cache)
    assert len(entries(cache)) == 2


def test_a_training_that_was_finished_before_is_shared_too(data, tmp_path, cache, monkeypatch):
    run_training(SETTINGS, data, tmp_path / "c", outputs(tmp_path / "a"))
    refuse_to_train(monkeypatch)
    run_training(SETTINGS, data, tmp_path / "c", outputs(tmp_path / "b"), cache=cache)
    run_training(SETTINGS, data, tmp_path / "d", outputs(tmp_path / "e"), cache=cache)
    assert len(entries(cache)) == 1


def test_a_damaged_training_in_the_cache_is_trained_again(data, tmp_path, cache, caplog):
    mine, yours = outputs(tmp_path / "mine"), outputs(tmp_path / "yours")
    run_training(SETTINGS, data, tmp_path / "c", mine, cache=cache)
    (entry,) = entries(cache)
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 1
    entry.write_bytes(content)
    run_training(SETTINGS, data, tmp_path / "d", yours, cache=cache)
    assert "so it is not used" in caplog.text
    assert in_bytes(mine) == in_bytes(yours)


def test_events_of_a_training_that_was_taken_are_written(data, tmp_path, cache):
    pytest.importorskip("tensorboard")
    run_training(SETTINGS, data, tmp_path / "c", outputs(tmp_path / "a"), cache=cache)
    run_training(SETTINGS, data, tmp_path / "d", outputs(tmp_path / "b"), events=tmp_path / "events", cache=cache)
    assert list((tmp_path / "events").glob("events.*"))
