"""Where an archive lies."""

import pytest

from chaosliver.base.errors import InputError
from chaosliver.study.archives import archive_path


def test_a_path_comes_before_a_url_and_a_phantom_before_both(config, monkeypatch):
    assert archive_path("development", config) == "results/chaos/raw/development.zip"
    config["archives"]["development"]["path"] = "$CHAOS_TEST_ARCHIVE/a.zip"
    monkeypatch.setenv("CHAOS_TEST_ARCHIVE", "/data")
    assert archive_path("development", config) == "/data/a.zip"
    monkeypatch.delenv("CHAOS_TEST_ARCHIVE")
    with pytest.raises(InputError, match=r"config key archives\.development\.path: .* not set"):
        archive_path("development", config)
    monkeypatch.setenv("CHAOS_TEST_ARCHIVE", "")
    config["archives"]["development"]["path"] = "$CHAOS_TEST_ARCHIVE"
    with pytest.raises(InputError, match="empty or not set"):
        archive_path("development", config)
    config["archives"]["development"]["phantom"] = {"seed": 1}
    assert archive_path("development", config) == "results/chaos/raw/development.zip"
