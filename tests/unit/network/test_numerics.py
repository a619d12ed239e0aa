"""Precision, layout and repeatability."""

import os

import pytest
import torch

from chaosliver.network import numerics
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.numerics import Numerics, has_bfloat16, make_repeatable, numerics_for, set_tf32, to_device

WIDE = {"name": "unet", "channels": 32, "depth": 1, "dropout": 0.0}
NARROW = {**WIDE, "channels": 16}
CPU = torch.device("cpu")


class TestNumerics:
    @pytest.mark.parametrize(
        ("kind", "native", "dtype", "scales"),
        [
            ("cpu", True, torch.bfloat16, False),
            ("cpu", False, None, False),
            ("cuda", True, torch.bfloat16, False),
            ("cuda", False, torch.float16, True),
            ("mps", False, None, False),
        ],
    )
    def test_auto_is_the_lowest_safe_precision_of_the_device(self, monkeypatch, kind, native, dtype, scales):
        made = []

        def scaler(name: str, enabled: bool) -> torch.amp.GradScaler:
            made.append((name, enabled))
            return None

        monkeypatch.setattr(numerics, "has_bfloat16", lambda device: native)
        monkeypatch.setattr(torch.amp, "GradScaler", scaler)
        assert numerics_for(torch.device(kind), "auto").autocast_dtype is dtype
        assert made == [(kind, scales)]

    def test_float32_stays_float32(self, monkeypatch):
        monkeypatch.setattr(numerics, "has_bfloat16", lambda device: True)
        chosen = numerics_for(CPU, "float32")
        with chosen.autocast():
            assert torch.nn.functional.linear(torch.ones(2, 2), torch.ones(2, 2)).dtype is torch.float32

    def test_autocast_lowers_products(self, monkeypatch):
        monkeypatch.setattr(numerics, "has_bfloat16", lambda device: True)
        with numerics_for(CPU, "auto").autocast():
            assert torch.nn.functional.linear(torch.ones(2, 2), torch.ones(2, 2)).dtype is torch.bfloat16

    @pytest.mark.parametrize(
        ("kind", "dtype", "processor", "network", "channels_first"),
        [
            ("cpu", None, "AVX2", WIDE, True),
            ("cpu", None, "AVX2", NARROW, False),
            ("cpu", None, "AVX512", WIDE, False),
            ("cpu", torch.bfloat16, "AVX2", WIDE, False),
            ("cuda", None, "AVX2", WIDE, False),
        ],
    )
    def test_the_layout_is_the_faster_one(self, monkeypatch, kind, dtype, processor, network, channels_first):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: processor)
        layout = Numerics(torch.device(kind), dtype, None).layout_of(build_network(network))
        assert layout is (torch.contiguous_format if channels_first else torch.channels_last)

    def test_tf32_is_for_auto_on_cuda_alone(self):
        before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        try:
            for precision, allowed in (("auto", True), ("float32", False)):
                set_tf32(torch.device("cuda"), precision)
                # Neither the CPU's training nor a look at the numbers alters them.
                set_tf32(CPU, "auto" if precision == "float32" else "float32")
                numerics_for(CPU, "auto" if precision == "float32" else "float32")
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


def test_autocast_computes_in_the_numerics_own_type():
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    ones = torch.ones(2, 2)
    for dtype in (torch.bfloat16, torch.float16):
        with Numerics(torch.device("cpu"), dtype, scaler).autocast():
            assert (ones @ ones).dtype == dtype
    with Numerics(torch.device("cpu"), None, scaler).autocast():
        assert (ones @ ones).dtype == torch.float32


def test_a_device_that_is_no_cpu_does_not_get_the_cpus_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert has_bfloat16(torch.device("cpu"))
    assert not has_bfloat16(torch.device("meta"))


def test_cublas_is_told_to_repeat_itself(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda wanted: None)
    make_repeatable(1, torch.get_num_threads())
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


class Recorded:
    """A stand-in for a tensor that tells what is asked of it."""

    def __init__(self):
        self.calls = []

    def pin_memory(self):
        self.calls.append("pin_memory")
        return self

    def to(self, *arguments, **keywords):
        self.calls.append((arguments, keywords))
        return self


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("cuda", ["pin_memory", ((torch.device("cuda"),), {"non_blocking": True})]),
        ("cpu", [((torch.device("cpu"),), {})]),
    ],
)
def test_only_a_gpu_is_fed_from_pinned_memory(name, calls):
    tensor = Recorded()
    to_device(tensor, torch.device(name))
    assert tensor.calls == calls
