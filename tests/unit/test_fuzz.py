"""What fuzzing catches, and that files which were not changed are accepted."""

import os
import random
import subprocess
import time

import pytest
from fuzz import running
from fuzz.kinds import KINDS, Kind
from fuzz.outcomes import WrongError

from chaosliver.base.errors import InputError


def try_all(kind, count=1):
    """What becomes of inputs of a kind that stands in for all others."""
    return list(running.try_each(range(count), 1, [kind], 1, time.monotonic() + 60))


def refuse(*_):
    raise InputError("a.txt: is wrong. Correct it")


def defect(*_):
    raise KeyError("a defect")


def loop(*_):
    while True:
        pass


def take_memory(*_):
    return b"x" * (150 << 20)


def write_outside(path, results):
    (results.parent / "elsewhere/outside").write_text("outside")


def start_program(*_):
    subprocess.run(["true"], check=True)


def die(*_):
    os.abort()


def misread(*_):
    raise WrongError("other pixels")


def accept(*_):
    return None


@pytest.mark.parametrize(
    ("read", "compare", "expected"),
    [
        pytest.param(accept, accept, "accepted", id="accepted"),
        pytest.param(refuse, accept, "refused", id="refused"),
        pytest.param(defect, accept, "a traceback", id="traceback"),
        pytest.param(loop, accept, "a hang", id="hang"),
        pytest.param(take_memory, accept, "too much memory", id="memory"),
        pytest.param(write_outside, accept, "a change outside the results", id="outside"),
        pytest.param(start_program, accept, "a change outside the results", id="program"),
        pytest.param(die, accept, "a crash", id="crash"),
        pytest.param(accept, misread, "a wrong acceptance", id="misread"),
        pytest.param(accept, defect, "a wrong acceptance", id="unreadable"),
    ],
)
def test_what_becomes_of_an_input_is_told(monkeypatch, read, compare, expected):
    monkeypatch.setitem(KINDS, "example", Kind("a.txt", lambda rng: rng.randbytes(4), read, compare))
    # Filling a gigabyte takes seconds of processor on some machines, so that it would be told as a hang.
    monkeypatch.setattr(running, "MEMORY_BYTES", 100 << 20)
    if expected == "a hang":
        monkeypatch.setattr(running, "HANG_S", 2)
    # The second comes in a fork of its own where the first ended one.
    assert [(outcome.number, outcome.what) for outcome in try_all("example", 2)] == [(0, expected), (1, expected)]


@pytest.mark.parametrize("name", KINDS)
def test_of_each_kind_some_are_accepted_and_some_refused_and_none_found(name):
    outcomes = [outcome.what for outcome in try_all(name, 12)]
    assert {"accepted", "refused"} >= set(outcomes)
    # Of each kind one in fifty is not changed, and others are changed where it does not matter.
    assert "refused" in outcomes


@pytest.mark.parametrize("name", KINDS)
def test_an_input_follows_from_seed_and_number_alone(name):
    random.seed(5)
    first = running.input_of(3, 17, [name])
    random.random()
    assert running.input_of(3, 17, [name]) == first != running.input_of(4, 17, [name])
