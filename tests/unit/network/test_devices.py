import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from chaosliver.base.errors import InputError
from chaosliver.network import devices
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.devices import (
    claim,
    claimed_device,
    has_bfloat16,
    make_repeatable,
    memory_advice,
    numerics_for,
    to_device,
)

WIDE = {"name": "unet", "channels": 32, "depth": 1, "dropout": 0.0}
NARROW = {**WIDE, "channels": 16}
CPU = torch.device("cpu")
GPUS = ("GPU-a", "GPU-b")

# Another job: it claims one of the same devices, says which, and holds it until it is killed.
OTHER_JOB = """
import sys, time
from pathlib import Path
from chaosliver.network.devices import claim
with claim(sys.argv[2:], Path(sys.argv[1])) as number:
    print(number, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other_job(tmp_path):
    scripts = Path(devices.__file__).parents[2]
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
        with claimed_device() as one, claimed_device() as other:
            assert one == other == CPU

    def test_jobs_on_one_machine_take_different_gpus(self, tmp_path, monkeypatch):
        chosen = []
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
        monkeypatch.setattr(
            torch.cuda, "get_device_properties", lambda number: type("Properties", (), {"uuid": GPUS[number]})
        )
        monkeypatch.setattr(devices, "_lock_folder", lambda: tmp_path)
        with claimed_device() as one, claimed_device() as other:
            assert (one, other) == (torch.device("cuda", 0), torch.device("cuda", 1))
        assert chosen == [0, 1]


class TestNumerics:
    @pytest.mark.parametrize(
        ("kind", "native", "lowered", "scales"),
        [
            ("cpu", True, torch.bfloat16, False),
            ("cpu", False, None, False),
            ("cuda", True, torch.bfloat16, False),
            ("cuda", False, torch.float16, True),
            ("mps", False, None, False),
        ],
    )
    def test_auto_is_the_lowest_safe_precision_of_the_device(self, monkeypatch, kind, native, lowered, scales):
        made = []

        def scaler(name: str, enabled: bool) -> torch.amp.GradScaler:
            made.append((name, enabled))
            return None

        monkeypatch.setattr(devices, "has_bfloat16", lambda device: native)
        monkeypatch.setattr(torch.amp, "GradScaler", scaler)
        assert numerics_for(torch.device(kind), "auto").lowered is lowered
        assert made == [(kind, scales)]

    def test_float32_stays_float32(self, monkeypatch):
        monkeypatch.setattr(devices, "has_bfloat16", lambda device: True)
        numerics = numerics_for(CPU, "float32")
        with numerics.autocast():
            assert torch.nn.functional.linear(torch.ones(2, 2), torch.ones(2, 2)).dtype is torch.float32

    def test_autocast_lowers_products(self, monkeypatch):
        monkeypatch.setattr(devices, "has_bfloat16", lambda device: True)
        with numerics_for(CPU, "auto").autocast():
            assert torch.nn.functional.linear(torch.ones(2, 2), torch.ones(2, 2)).dtype is torch.bfloat16

    @pytest.mark.parametrize(
        ("kind", "lowered", "processor", "network", "channels_first"),
        [
            ("cpu", None, "AVX2", WIDE, True),
            ("cpu", None, "AVX2", NARROW, False),
            ("cpu", None, "AVX512", WIDE, False),
            ("cpu", torch.bfloat16, "AVX2", WIDE, False),
            ("cuda", None, "AVX2", WIDE, False),
        ],
    )
    def test_the_layout_is_the_faster_one(self, monkeypatch, kind, lowered, processor, network, channels_first):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: processor)
        numerics = devices.Numerics(torch.device(kind), lowered, None)
        layout = numerics.layout_of(build_network(network))
        assert layout is (torch.contiguous_format if channels_first else torch.channels_last)

    def test_tf32_is_for_auto_alone(self, monkeypatch):
        monkeypatch.setattr(devices, "has_bfloat16", lambda device: True)
        before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        try:
            for precision, allowed in (("auto", True), ("float32", False)):
                numerics_for(torch.device("cuda"), precision)
                assert torch.backends.cuda.matmul.allow_tf32 is allowed
                assert torch.backends.cudnn.allow_tf32 is allowed
        finally:
            torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before

    def test_a_disabled_scaler_changes_nothing_and_has_a_state_to_save(self):
        weight = torch.nn.Parameter(torch.tensor([1.0]))
        optimiser = torch.optim.SGD([weight], lr=0.5)
        scaler = numerics_for(CPU, "float32").scaler
        loss = 2 * weight.sum()
        assert scaler.scale(loss) is loss
        scaler.scale(loss).backward()
        scaler.step(optimiser)
        scaler.update()
        assert weight.item() == 0.0
        scaler.load_state_dict(scaler.state_dict())

    def test_bfloat16_is_asked_of_the_processor(self, monkeypatch):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
        assert has_bfloat16(CPU)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
        assert not has_bfloat16(CPU)
        assert not has_bfloat16(torch.device("mps"))


def test_repeatable_means_threads_seed_and_algorithms():
    threads = torch.get_num_threads()
    try:
        make_repeatable(7, 1)
        assert torch.get_num_threads() == 1
        drawn = torch.rand(3)
        make_repeatable(7, 1)
        assert torch.equal(drawn, torch.rand(3))
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.utils.deterministic.fill_uninitialized_memory
        assert not torch.backends.cudnn.benchmark
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(threads)


def test_the_processor_gets_a_tensor_as_it_is():
    tensor = torch.ones(2)
    assert to_device(tensor, CPU) is tensor


class TestMemoryAdvice:
    @pytest.mark.parametrize(
        "error",
        [
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
            MemoryError(),
            RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried"),
            RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)"),
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        ],
        ids=["cuda", "python", "cpu", "mps", "cublas"],
    )
    def test_it_halves_the_batch_by_the_original_studys_rule_of_thumb(self, error):
        with pytest.raises(InputError) as caught, memory_advice(16, 256, 256):
            raise error
        message = str(caught.value)
        assert message.startswith("out of memory (")
        assert "\n" not in message
        assert "lower recipe.batch_size from 16 to 8" in message
        assert "9.1 GB at 16 and 5.7 GB at 8 slices of 256 x 256 pixels" in message

    def test_the_rule_follows_the_pixels(self):
        expected = r"4\.0 GB at 16 and 3\.1 GB at 8 slices of 128 x 128"
        with pytest.raises(InputError, match=expected), memory_advice(16, 128, 128):
            raise MemoryError

    def test_a_batch_of_one_asks_for_a_smaller_network(self):
        expected = r"batch_size is 1 already; halve network\.channels"
        with pytest.raises(InputError, match=expected), memory_advice(1, 256, 256):
            raise MemoryError

    def test_a_real_allocation_that_fails_is_recognised(self):
        with pytest.raises(InputError, match="out of memory"), memory_advice(4, 256, 256):
            torch.empty(1 << 60, dtype=torch.uint8)

    def test_other_errors_pass(self):
        with pytest.raises(RuntimeError, match="mat1 and mat2"), memory_advice(4, 256, 256):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
