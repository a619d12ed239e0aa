"""How much memory data may take."""

from types import SimpleNamespace

from chaosliver.network.job import memory


def test_it_is_half_of_what_is_free_or_of_what_was_asked_for(monkeypatch):
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * 10**9))
    assert memory.bytes_for_data(4000) == 2 * 10**9
    assert memory.bytes_for_data(20000) == 4 * 10**9
