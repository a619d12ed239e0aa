"""Where an archive lies."""

import pytest

from chaosliver.base.errors import InputError
from chaosliver.study.archives import archive_path, source_of


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


@pytest.mark.parametrize(
    ("archive", "source"),
    [
        ({"url": "https://x"}, "url"),
        ({"url": "https://x", "path": "a.zip"}, "path"),
        ({"url": "https://x", "path": None, "phantom": None}, "url"),
        ({"url": "https://x", "path": "a.zip", "phantom": {"seed": 1}}, "phantom"),
    ],
)
def test_the_first_source_that_is_given_counts(archive, source):
    assert source_of("test", {"archives": {"test": archive}}) == source


def test_no_source_is_refused_by_the_cohorts_name():
    with pytest.raises(InputError) as refused:
        source_of("test", {"archives": {"test": {"path": None}}})
    assert str(refused.value) == (
        "config key archives.test: names neither a path nor a url nor a phantom. Give one of them"
    )


def test_an_own_path_may_begin_at_home_and_nothing_else_is_done_to_it(monkeypatch):
    monkeypatch.setenv("HOME", "/home/anna")
    assert archive_path("test", {"archives": {"test": {"path": "~/a/b.zip"}}}) == "/home/anna/a/b.zip"
    assert archive_path("test", {"archives": {"test": {"path": "./a b/c"}}}) == "a b/c"
    with pytest.raises(InputError) as refused:
        archive_path("test", {"archives": {"test": {"path": "$NOT_SET_ANYWHERE/a.zip"}}})
    assert str(refused.value) == (
        "config key archives.test.path: $NOT_SET_ANYWHERE/a.zip names an environment variable that is empty or not "
        "set. Set it to the archive's zip or to the folder it was unpacked to"
    )
