"""A training that is killed at any moment ends, when it is started again, with the weights of an undisturbed one."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from chaosliver.base.columns import PLACE
from chaosliver.base.files import sha256_of
from chaosliver.base.indexes import write_index
from chaosliver.base.png import write_png

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow/scripts"
SETTINGS = {
    "network": {"name": "fast", "channels": 4, "depth": 2},
    "recipe": {
        "grid": {"rows": 32, "columns": 32, "spacing_mm": None},
        "coarse_start": {"share": 0.5, "grid": {"rows": 16, "columns": 16, "spacing_mm": None}},
        "context": 1,
        "normalisation": "volume",
        "transforms": "strong",
        "contrasts": {"curve": 0.5, "clusters": 0, "organs": 0, "inversion": 0},
        "mixing": 0.5,
        "balanced": False,
        "epochs": 25,
        "samples_per_epoch": None,
        "batch_size": 4,
        "loss": "bce_dice",
        "optimiser": "adamw",
        "learning_rate": 0.005,
        "weight_decay": 0.01,
        "largest_gradient": 5.0,
        "schedule": "cosine",
        "warmup_epochs": 1,
        "average": 0.9,
        "precision": "auto",
        "compile": False,
        "choose": "best",
        "patience": None,
        "snapshots": [15],
        "targets": "binary",
        "stays_in_evaluation_mode": False,
    },
    "keep_originals": True,
    "leaks": {"copies": 0, "validation_slices": 0, "seed": 1},
    "seed": 1,
    "threads": 1,
    "code": "none",
}
RESULTS = ("weights.safetensors", "card.json", "history.tsv", "snapshots/epoch15.safetensors")
# Strikes named in words happen at that very moment; others are sent from outside.
DRIVER = """
import json, os, signal, sys
from pathlib import Path
import torch
from chaosliver.network.job import checkpoints
from chaosliver.network import models
from chaosliver.network.data import Data
from chaosliver.network.job.run import Outputs, run_training

folder, strike, settings = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
save = torch.save

def half_a_checkpoint(state, stream):
    if state["epoch"] == int(strike.split()[-1]):
        stream.write(b"half")
        stream.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    save(state, stream)

if strike.startswith("inside a checkpoint"):
    checkpoints.torch.save = half_a_checkpoint
if strike == "between weights and card":
    models.write_card = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
print("begun", flush=True)
roles = {f"{role}_{kind}": [folder.parent / f"{kind}/t2_spir/{patient}.tsv"]
         for role, patient in (("train", "1"), ("validation", "2")) for kind in ("images", "masks")}
outputs = Outputs(folder / "history.tsv", folder / "weights.safetensors", folder / "card.json", folder / "snapshots")
data = Data(**roles, held_out_images=[], held_out_masks=[], augmented=[])
run_training(settings, data, folder / "checkpoints", outputs, memory_mb=1000)
"""


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    """Two patients with noisy discs."""
    root = tmp_path_factory.mktemp("kills")
    draw = np.random.default_rng(1)
    rows, columns = np.mgrid[:32, :32]
    for patient in ("1", "2"):
        for number in range(12):
            centre = draw.integers(12, 20, 2)
            mask = ((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < 50) * np.uint8(255)
            image = np.clip(mask * 0.5 + draw.normal(60, 20, mask.shape), 0, 255).astype(np.uint8)
            for kind, plane in (("images", image), ("masks", mask)):
                write_png(root / kind / "t2_spir" / patient / f"s{number:02d}.png", plane)
        place = {"low": 0, "high": 255, "row_spacing_mm": 2, "column_spacing_mm": 2, "rows": 32, "columns": 32}
        listed = [{"file": f"s{number:02d}.png", **place, "position_mm": 9 * number} for number in range(12)]
        for kind in ("images", "masks"):
            folder = root / kind / "t2_spir" / patient
            write_index(folder.with_suffix(".tsv"), folder, listed, PLACE)
    return root


def start(folder, strike="never"):
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(folder), strike, json.dumps(SETTINGS)],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(folder):
    assert start(folder).wait(timeout=300) == 0
    return [sha256_of(folder / name) for name in RESULTS]


@pytest.fixture(scope="module")
def undisturbed(slices):
    began = time.perf_counter()
    return finish(slices / "undisturbed"), time.perf_counter() - began


# The fifteenth epoch writes its snapshot first.
STRIKES = ["inside a checkpoint write of epoch 3", "inside a checkpoint write of epoch 15", "between weights and card"]


@pytest.mark.parametrize("strike", STRIKES)
def test_a_strike_while_files_are_written_loses_nothing(slices, undisturbed, strike):
    folder = slices / strike.replace(" ", "_")
    assert start(folder, strike).wait(timeout=300) == -signal.SIGKILL
    assert not (folder / "card.json").exists()
    assert finish(folder) == undisturbed[0]


def test_ten_strikes_at_random_moments_lose_nothing(slices, undisturbed):
    expected, seconds = undisturbed
    folder, chance = slices / "struck", random.Random(1)
    struck = 0
    for number in range(10):
        training = start(folder)
        training.stdout.readline()
        # Past the imports, and never so late that the training would end by itself before the last strikes.
        time.sleep(chance.uniform(0, seconds / 8))
        training.send_signal(signal.SIGKILL if number % 2 else signal.SIGTERM)
        struck += training.wait(timeout=60) != 0
    assert struck >= 5
    assert finish(folder) == expected


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1"])
def test_a_signal_stops_a_training_within_an_epoch_and_says_what_is_saved(slices, undisturbed, name):
    folder = slices / name
    training = start(folder)
    deadline = time.monotonic() + 60
    while not list(folder.glob("checkpoints/*.pt")) and time.monotonic() < deadline:
        time.sleep(0.02)
    training.send_signal(getattr(signal, name))
    assert training.wait(timeout=60) == 1
    assert f"StoppedError: stopped by {name} in epoch" in training.stderr.read()
    assert not (folder / "card.json").exists()
    assert finish(folder) == undisturbed[0]
