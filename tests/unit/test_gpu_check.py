"""What a GPU is to show is tried on the CPU as far as it goes, with tiny networks; a fault is told as one."""

import shutil
import sys
from contextlib import nullcontext
from itertools import count

import numpy as np
import pytest
import torch

from chaosliver.base.files import read_tsv

_compile = torch.compile


@pytest.fixture
def check(pytestconfig, monkeypatch):
    """The script; torch's threads are put back as they were."""
    monkeypatch.syspath_prepend(pytestconfig.rootpath / "benchmarks")
    monkeypatch.delenv("CHAOS_SAMPLE_ARCHIVE", raising=False)
    import gpu_check
    import training_step

    for module in (gpu_check, training_step):
        monkeypatch.setattr(module, "SIDE", 64)
    # Its own code generator needs a minute: the eager back end goes the same way.
    monkeypatch.setattr(torch, "compile", lambda network: _compile(network, backend="eager"))
    threads = torch.get_num_threads()
    yield gpu_check
    torch.set_num_threads(threads)


@pytest.fixture
def run(check, monkeypatch, tmp_path):
    """Call the script; its rows, and whether one failed."""

    def called(*arguments):
        table = tmp_path / "gpu.tsv"
        given = ["--small", "--threads", "1", *arguments, "--output", str(table)]
        monkeypatch.setattr(sys, "argv", ["gpu_check.py", *given])
        with pytest.raises(SystemExit) as ended:
            check.main()
        return read_tsv(table, check.COLUMNS), bool(ended.value.code)

    return called


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what cannot be tried without a GPU")
def test_every_check_passes_or_says_what_it_lacks(check, run):
    rows, failed = run()
    assert not failed
    lacking = {row["check"]: row["note"] for row in rows if row["result"] == "not tried"}
    compiler = {} if shutil.which("g++") or shutil.which("c++") else {"compile": "needs a C++ compiler"}
    assert lacking == {
        "tf32": "needs CUDA, and the device is cpu",
        "pinned_memory": "needs CUDA, and the device is cpu",
        "locks": "locks of real cards need two, and there are 0",
        "speedrun": "needs the 14 patients: set $CHAOS_SAMPLE_ARCHIVE",
        **compiler,
    }
    passed = [row for row in rows if row["result"] == "passed"]
    assert {row["check"] for row in passed} == set(check.CHECKS) - {"speedrun", *compiler}
    assert all(row["value"] and row["card"] == "none" for row in passed)


def answers_by_precision(networks, inputs, recipe, device):
    return np.full((len(inputs), 2, 2), 0.06 if recipe.precision == "auto" else 0.0)


@pytest.mark.parametrize(
    ("name", "function", "planted", "what"),
    [
        ("pinned_memory", "to_device", lambda tensor, device: tensor * 0, "all values arrived"),
        ("against_cpu", "answers_of", answers_by_precision, "fast: probabilities"),
        ("precisions", "train_epoch", lambda trainee, slices, epoch: 1.0, "loss after"),
        ("tf32", "set_tf32", lambda device, precision: 1 / 0, ""),
        ("out_of_memory", "memory_advice", lambda recipe: nullcontext(), ""),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_a_fault_fails_its_check_alone(check, run, monkeypatch, name, function, planted, what):
    monkeypatch.setattr(check, function, planted)
    rows, failed = run("--only", name, "locks")
    assert failed
    assert any(row["result"] == "failed" and row["what"].startswith(what) for row in rows if row["check"] == name)
    assert not any(row["result"] == "failed" for row in rows if row["check"] == "locks")


def test_weights_that_differ_between_two_trainings_are_found(check, run, monkeypatch):
    train, calls = check.train_network, count(1)

    def never_twice(typed, *rest):
        state = train(typed, *rest)
        state.best[next(iter(state.best))] += next(calls)
        return state

    monkeypatch.setattr(check, "train_network", never_twice)
    rows, failed = run("--only", "repeatable")
    assert failed
    assert [row["result"] for row in rows] == ["failed", "passed"] * 2
