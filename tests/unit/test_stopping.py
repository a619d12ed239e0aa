"""A request to stop is remembered, and the second one obeyed at once."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from chaosliver.stopping import SIGNALS, stop_requests


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_remembered_by_name_and_the_handlers_are_put_back(number):
    before = signal.getsignal(number)
    with stop_requests() as stop:
        assert stop() is None
        os.kill(os.getpid(), number)
        assert stop() == signal.Signals(number).name
    assert signal.getsignal(number) is before


def test_the_second_signal_ends_the_process(pytestconfig):
    script = """
import os, signal
from chaosliver.stopping import stop_requests
with stop_requests():
    os.kill(os.getpid(), signal.SIGTERM)
    print("still here", flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print("and here", flush=True)
"""
    environment = {**os.environ, "PYTHONPATH": str(pytestconfig.rootpath / "workflow/scripts")}
    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (-signal.SIGTERM, "still here\n")


def test_beside_the_main_thread_nothing_is_caught():
    caught = []

    def work():
        with stop_requests() as stop:
            caught.append(stop())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert caught == [None]
