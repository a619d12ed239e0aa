"""A request to stop is remembered, and survived as often as it comes."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from chaosliver.network.job.stopping import SIGNALS, stop_requests


@pytest.fixture
def handlers():
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_remembered_by_name(number, handlers):
    with stop_requests() as stop:
        assert stop() is None
        os.kill(os.getpid(), number)
        assert stop() == signal.Signals(number).name


def test_without_a_signal_the_handlers_are_put_back():
    before = list(map(signal.getsignal, SIGNALS))
    with stop_requests():
        assert list(map(signal.getsignal, SIGNALS)) != before
    assert list(map(signal.getsignal, SIGNALS)) == before


def test_further_signals_are_survived_within_and_after(pytestconfig):
    script = """
import os, signal
from chaosliver.network.job.stopping import stop_requests
with stop_requests() as stop:
    for number in 2 * (signal.SIGTERM, signal.SIGUSR1):
        os.kill(os.getpid(), number)
    print(stop())
os.kill(os.getpid(), signal.SIGTERM)
print("ends by itself")
"""
    environment = {**os.environ, "PYTHONPATH": str(pytestconfig.rootpath / "workflow/scripts")}
    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "SIGTERM\nends by itself\n")


def test_beside_the_main_thread_nothing_is_caught():
    caught = []

    def work():
        with stop_requests() as stop:
            caught.append(stop())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert caught == [None]
