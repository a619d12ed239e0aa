"""Jobs on one machine take different GPUs."""

import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from chaosliver.network.job import gpus
from chaosliver.network.job.gpus import claim, claimed_device

CPU = torch.device("cpu")
GPUS = ("GPU-a", "GPU-b")

# Another job: it claims one of the same devices, says which, and holds it until it is killed.
OTHER_JOB = """
import sys, time
from pathlib import Path
from chaosliver.network.job.gpus import claim
with claim(sys.argv[2:], Path(sys.argv[1])) as number:
    print(number, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other_job(tmp_path):
    scripts = Path(gpus.__file__).parents[3]
    job = subprocess.Popen(
        [sys.executable, "-c", OTHER_JOB, str(tmp_path), *GPUS],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(scripts)},
    )
    yield job
    job.kill()
    job.wait(timeout=10)
    job.stdout.close()


class TestClaim:
    def test_each_job_takes_a_free_device_and_gives_it_back(self, tmp_path):
        with claim(GPUS, tmp_path) as first:
            with claim(GPUS, tmp_path) as second:
                assert (first, second) == (0, 1)
            with claim(GPUS, tmp_path) as again:
                assert again == 1
        with claim(GPUS, tmp_path) as freed:
            assert freed == 0

    def test_jobs_that_see_other_parts_of_the_machine_agree(self, tmp_path):
        with claim(("GPU-b", "GPU-c"), tmp_path) as one, claim(("GPU-b", "GPU-a"), tmp_path) as other:
            assert (one, other) == (0, 1)

    def test_it_waits_with_one_line_while_all_are_taken(self, tmp_path, caplog):
        caplog.set_level(logging.INFO)
        waited = []

        def late_job() -> None:
            with claim(GPUS, tmp_path, poll_seconds=0.01) as number:
                waited.append(number)

        with claim(GPUS, tmp_path):
            with claim(GPUS, tmp_path):
                thread = threading.Thread(target=late_job)
                thread.start()
                thread.join(timeout=0.2)
                assert thread.is_alive() and not waited
            thread.join(timeout=10)
        assert waited == [1]
        assert caplog.messages == ["all 2 GPUs are taken by other jobs: waiting for one"]

    def test_a_killed_job_frees_its_device(self, tmp_path, other_job):
        assert other_job.stdout.readline() == "0\n"
        with claim(GPUS, tmp_path) as beside:
            assert beside == 1
        other_job.send_signal(signal.SIGKILL)
        other_job.wait(timeout=10)
        with claim(GPUS, tmp_path) as freed:
            assert freed == 0

    def test_an_error_inside_frees_it_too(self, tmp_path):
        with pytest.raises(KeyError), claim(GPUS, tmp_path):
            raise KeyError
        with claim(GPUS, tmp_path) as freed:
            assert freed == 0

    def test_the_one_device_that_a_scheduler_set_is_not_locked(self, tmp_path):
        with claim(("GPU-a",), tmp_path / "locks") as first, claim(("GPU-a",), tmp_path / "locks") as second:
            assert first == second == 0
        assert not (tmp_path / "locks").exists()


class TestClaimedDevice:
    def test_without_a_gpu_there_is_nothing_to_lock(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        with claimed_device(3) as one, claimed_device(3) as other:
            assert one == other == CPU

    def test_jobs_on_one_machine_take_different_gpus(self, tmp_path, monkeypatch):
        chosen = []
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
        monkeypatch.setattr(
            torch.cuda, "get_device_properties", lambda number: type("Properties", (), {"uuid": GPUS[number]})
        )
        monkeypatch.setattr(gpus, "_lock_folder", lambda: tmp_path)
        with claimed_device(3) as one, claimed_device(3) as other:
            assert (one, other) == (torch.device("cuda", 0), torch.device("cuda", 1))
        assert chosen == [0, 1]
