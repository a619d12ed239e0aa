"""How much memory data may take, and what is said where it does not suffice."""

from types import SimpleNamespace

import pytest
import torch
from unit.network.examples import recipe

from chaosliver.base.errors import InputError
from chaosliver.network.job import memory
from chaosliver.network.job.memory import memory_advice


def of_size(batch_size, rows, columns):
    return recipe(batch_size=batch_size, grid={"rows": rows, "columns": columns, "spacing_mm": None})


def test_it_is_half_of_what_is_free_or_of_what_was_asked_for(monkeypatch):
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * 10**9))
    assert memory.bytes_for_data(4000) == 2 * 10**9
    assert memory.bytes_for_data(20000) == 4 * 10**9


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
        with pytest.raises(InputError) as caught, memory_advice(of_size(16, 256, 256)):
            raise error
        message = str(caught.value)
        assert message.startswith("out of memory (")
        assert "\n" not in message
        assert "lower recipe.batch_size from 16 to 8" in message
        assert "9.1 GB at 16 and 5.7 GB at 8 slices of 256 x 256 pixels" in message

    def test_the_rule_follows_the_pixels(self):
        expected = r"4\.0 GB at 16 and 3\.1 GB at 8 slices of 128 x 128"
        with pytest.raises(InputError, match=expected), memory_advice(of_size(16, 128, 128)):
            raise MemoryError

    def test_a_batch_of_one_asks_for_a_smaller_network(self):
        expected = r"batch_size is 1 already; halve network\.channels"
        with pytest.raises(InputError, match=expected), memory_advice(of_size(1, 256, 256)):
            raise MemoryError

    def test_a_real_allocation_that_fails_is_recognised(self):
        with pytest.raises(InputError, match="out of memory"), memory_advice(of_size(4, 256, 256)):
            torch.empty(1 << 60, dtype=torch.uint8)

    def test_other_errors_pass(self):
        with pytest.raises(RuntimeError, match="mat1 and mat2"), memory_advice(of_size(4, 256, 256)):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
