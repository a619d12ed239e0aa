"""Work is shared through a folder and an object store; what is damaged, abandoned or out of reach does no harm."""

import json
import logging
import os
import subprocess
import threading
import time
import zipfile
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import obstore
import pytest
from object_store import free_port, object_store

from chaosliver.base import sharing
from chaosliver.base.errors import InputError
from chaosliver.base.sharing import Cache, make_or_take, prune_cache, run_shared, versions_of

NAME = "augment/0123"
OUTPUTS = ("a/fold0", "a/fold0.tsv")
FILES = {"a/fold0.tsv": b"file\n1/s0.png\n", "a/fold0/1/s0.png": b"zero", "a/fold0/2/s1.png": bytes(300_000)}


@pytest.fixture(scope="module")
def server():
    with object_store() as environment:
        yield environment


@pytest.fixture(params=["folder", "bucket"])
def cache(request, tmp_path, monkeypatch):
    monkeypatch.setattr(sharing, "POLL_SECONDS", 0.02)
    if request.param == "bucket":
        for name, value in request.getfixturevalue("server").items():
            monkeypatch.setenv(name, value)
        return Cache(f"s3://lab/{tmp_path.name}")
    (tmp_path / "shared").mkdir()
    return Cache(str(tmp_path / "shared"))


def files_below(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def make(folder, files=FILES):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def never(*_):
    pytest.fail("it was made again")


def warnings(caplog):
    """What was told as a warning: other tests may have left the level at INFO."""
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


def held(cache):
    """The names of all that lies in a cache."""
    return sorted(listed["path"] for block in obstore.list(cache._store) for listed in block)


def replace(cache, content, name=NAME):
    obstore.put(cache._store, f"{name}.zip", content)


def packed(listing, files):
    written = BytesIO()
    with zipfile.ZipFile(written, "w") as opened:
        opened.writestr("entry.json", listing if isinstance(listing, str) else json.dumps(listing))
        for name, content in files.items():
            opened.writestr(name, content)
    return written.getvalue()


def entry(files=FILES, name=NAME, **changes):
    """An entry as it should be, but for `changes` of what its list says."""
    sums = {file: sharing.hashlib.sha256(content).hexdigest() for file, content in files.items()}
    return packed({"name": name, "made": "2026-01-02", "sha256": sums, **changes}, files)


def test_what_one_made_another_takes_byte_for_byte(cache, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    one, other = tmp_path / "one", tmp_path / "other"
    assert make_or_take(cache, NAME, one, OUTPUTS, lambda: make(one))
    # Snakemake leaves it in a folder that is an output.
    (one / "a/fold0/.snakemake_timestamp").touch()
    assert not make_or_take(cache, NAME, other, OUTPUTS, never)
    assert files_below(other) == FILES
    assert held(cache) == [f"{NAME}.zip"]
    assert f"put into {cache.path}: {NAME}" in caplog.text
    assert f"taken from {cache.path}, where it was put on {time.strftime('%Y-%m-%d', time.gmtime())}" in caplog.text


def test_an_entry_made_by_other_means_is_taken(cache, tmp_path):
    replace(cache, entry())
    assert cache.take(NAME, tmp_path / "new", OUTPUTS)
    assert files_below(tmp_path / "new") == FILES


def test_without_a_cache_everything_is_made(tmp_path):
    assert make_or_take(None, NAME, tmp_path, OUTPUTS, lambda: make(tmp_path))
    assert files_below(tmp_path) == FILES


def test_nothing_is_found_under_another_name(cache, tmp_path):
    make(tmp_path / "one")
    cache.give(NAME, tmp_path / "one", OUTPUTS)
    assert not cache.take("augment/0124", tmp_path / "other", OUTPUTS)
    assert not (tmp_path / "other").exists()


def test_an_entry_that_is_there_is_not_written_again(cache, tmp_path):
    replace(cache, b"there")
    make(tmp_path / "one")
    cache.give(NAME, tmp_path / "one", OUTPUTS)
    assert bytes(obstore.get(cache._store, f"{NAME}.zip").bytes()) == b"there"


SUMS = {file: sharing.hashlib.sha256(content).hexdigest() for file, content in FILES.items()}
WITHOUT = {name: content for name, content in FILES.items() if name != "a/fold0.tsv"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            entry({**FILES, "a/fold0/1/s0.png": b"Zero"}, sha256=SUMS), "differs from its SHA-256", id="other-bytes"
        ),
        pytest.param(entry({**FILES, "a/fold0.tsv": b"file\n"}, sha256=SUMS), "fold0.tsv differs", id="other-table"),
        pytest.param(entry().replace(b"zero", b"Zero"), "s0.png is damaged", id="a-damaged-byte"),
        pytest.param(entry()[:-100], "not a zip file", id="cut-short"),
        pytest.param(b"", "not a zip file", id="empty"),
        pytest.param(entry(name="augment/0124"), "not of this entry", id="another-entry"),
        pytest.param(entry(sha256={**SUMS, "a/fold0/3.png": "0"}), "not of this entry", id="lists-more-than-it-holds"),
        pytest.param(entry(sha256={}), "not of this entry", id="lists-less-than-it-holds"),
        pytest.param(entry({**FILES, "a/fold1/1.png": b""}), "no output of the job", id="a-file-elsewhere"),
        pytest.param(entry({**FILES, "a/fold0/../../../b": b""}), "no output of the job", id="a-file-above"),
        pytest.param(entry({**FILES, "/a/fold0/b": b""}), "no output of the job", id="a-file-at-the-root"),
        pytest.param(entry(WITHOUT), "lacks a/fold0.tsv", id="lacks-an-output"),
        pytest.param(packed("{", FILES), "list is damaged", id="no-json"),
        pytest.param(packed("[]", FILES), "list is damaged", id="no-mapping"),
        pytest.param(packed({"name": NAME, "made": "x", "sha256": 3}, FILES), "list is damaged", id="no-checksums"),
    ],
)
def test_an_entry_that_is_not_what_was_written_is_made_again(cache, tmp_path, caplog, content, words):
    replace(cache, content)
    folder = tmp_path / "x/one"
    assert make_or_take(cache, NAME, folder, OUTPUTS, lambda: make(folder))
    assert words in caplog.text and "so it is not used, and deleted" in caplog.text
    assert files_below(tmp_path / "x") == {f"one/{name}": content for name, content in FILES.items()}
    assert cache.take(NAME, tmp_path / "other", OUTPUTS)
    assert files_below(tmp_path / "other") == FILES


def test_of_a_damaged_entry_no_table_stands_beside_its_files(cache, tmp_path):
    """The table, on which later steps depend, is written last."""
    replace(cache, entry({**FILES, "a/fold0/2/s1.png": b"other"}, sha256=SUMS))
    assert not cache.take(NAME, tmp_path / "one", OUTPUTS)
    assert "a/fold0.tsv" not in files_below(tmp_path / "one")


def test_of_several_at_once_one_makes_it(cache, tmp_path):
    made = []

    def work(number):
        folder = tmp_path / f"clone{number}"

        def slowly():
            made.append(number)
            time.sleep(0.3)
            make(folder)

        make_or_take(Cache(cache.path), NAME, folder, OUTPUTS, slowly)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert all(files_below(tmp_path / f"clone{number}") == FILES for number in range(4))
    assert held(cache) == [f"{NAME}.zip"]


def test_who_fails_gives_way_to_the_next(cache, tmp_path):
    with pytest.raises(ZeroDivisionError):
        make_or_take(cache, NAME, tmp_path / "one", OUTPUTS, lambda: 1 // 0)
    assert held(cache) == []
    assert make_or_take(cache, NAME, tmp_path / "one", OUTPUTS, lambda: make(tmp_path / "one"))


def test_what_a_killed_job_claimed_is_free_after_a_while_and_not_before(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(sharing, "ABANDONED_SECONDS", 0.5)
    obstore.put(cache._store, f"claims/{NAME}", b"killed")
    begun = time.monotonic()
    assert make_or_take(cache, NAME, tmp_path / "one", OUTPUTS, lambda: make(tmp_path / "one"))
    assert time.monotonic() - begun > 0.5
    assert held(cache) == [f"{NAME}.zip"]


def test_a_claim_that_is_renewed_is_not_taken_over(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(sharing, "RENEWED_SECONDS", 0.05)
    monkeypatch.setattr(sharing, "ABANDONED_SECONDS", 0.5)
    order = []

    def wait():
        with cache.claimed(NAME):
            order.append("second")

    with cache.claimed(NAME):
        other = threading.Thread(target=wait)
        other.start()
        time.sleep(1.5)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def test_a_store_out_of_reach_costs_a_warning_and_no_work(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert make_or_take(Cache("s3://lab/x"), NAME, tmp_path, OUTPUTS, lambda: make(tmp_path))
    assert files_below(tmp_path) == FILES
    assert "the cache s3://lab/x cannot be used (" in caplog.text
    # Once, in one line, whatever the store says.
    assert len(caplog.records) == 1
    assert "\n" not in caplog.records[0].getMessage()


def test_a_folder_that_vanished_costs_a_warning_and_no_work(tmp_path, caplog):
    (tmp_path / "shared").write_text("a file")
    assert make_or_take(Cache(str(tmp_path / "shared")), NAME, tmp_path / "x", OUTPUTS, lambda: make(tmp_path / "x"))
    assert files_below(tmp_path / "x") == FILES
    assert "cannot be used (" in caplog.text


def test_a_full_folder_costs_a_warning_and_no_work_and_keeps_no_half_entry(small_disk, tmp_path, caplog):
    cache, larger = Cache(str(small_disk)), FILES | {"a/fold0/2/s1.png": os.urandom(300_000)}
    assert make_or_take(cache, NAME, tmp_path / "x", OUTPUTS, lambda: make(tmp_path / "x", larger))
    assert files_below(tmp_path / "x") == larger
    (told,) = warnings(caplog)
    assert "cannot be used (" in told.getMessage() and "No space left" in told.getMessage()
    # What still fits is shared.
    assert held(Cache(str(small_disk))) == []
    assert make_or_take(
        Cache(str(small_disk)), "train/4", tmp_path / "x", ["y"], lambda: make(tmp_path / "x", {"y": b"0"})
    )
    assert not make_or_take(Cache(str(small_disk)), "train/4", tmp_path / "z", ["y"], never)


def test_a_folder_that_takes_nothing_costs_a_warning_and_still_gives(small_disk, tmp_path, caplog, monkeypatch):
    make(tmp_path / "x", {"y": b"0"})
    Cache(str(small_disk)).give("train/4", tmp_path / "x", ["y"])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    monkeypatch.setattr(time, "sleep", never)
    assert make_or_take(Cache(str(small_disk)), NAME, tmp_path / "x", OUTPUTS, lambda: make(tmp_path / "x"))
    (told,) = warnings(caplog)
    assert "cannot be used (" in told.getMessage() and "Read-only" in told.getMessage()
    assert not make_or_take(Cache(str(small_disk)), "train/4", tmp_path / "z", ["y"], never)
    assert files_below(tmp_path / "z") == {"y": b"0"}


def test_a_fault_of_the_work_is_not_taken_for_one_of_the_store(cache, tmp_path):
    def fail():
        raise PermissionError(13, "Permission denied", "png")

    with pytest.raises(PermissionError):
        make_or_take(cache, NAME, tmp_path, OUTPUTS, fail)


def test_the_oldest_entries_go_first_and_claims_after_a_day(tmp_path):
    for number, name in enumerate(("b/2", "a/1", "c/3")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / f"{name}.zip").write_bytes(bytes(400_000))
        os.utime(tmp_path / f"{name}.zip", (1e9 + number, 1e9 + number))
    for name, age in (("old", 25 * 3600), ("new", 23 * 3600)):
        (tmp_path / "claims/a").mkdir(parents=True, exist_ok=True)
        (tmp_path / "claims/a" / name).touch()
        os.utime(tmp_path / "claims/a" / name, (time.time() - age,) * 2)
    assert Cache(str(tmp_path), most_gb=0.0009).prune() == (2, 800_000)
    assert set(files_below(tmp_path)) == {"a/1.zip", "c/3.zip", "claims/a/new"}
    assert Cache(str(tmp_path), most_gb=0.0008).prune() == (2, 800_000)
    assert Cache(str(tmp_path)).prune() == (2, 800_000)
    assert Cache(str(tmp_path), most_gb=0.0007).prune() == (1, 400_000)
    assert set(files_below(tmp_path)) == {"c/3.zip", "claims/a/new"}


def test_a_new_entry_drives_out_the_oldest(cache, tmp_path):
    make(tmp_path / "one")
    # Three hundred thousand zeros and a little more.
    limited = Cache(cache.path, most_gb=0.0005)
    limited.give("augment/1", tmp_path / "one", OUTPUTS)
    time.sleep(1.1)
    limited.give("augment/2", tmp_path / "one", OUTPUTS)
    assert held(cache) == ["augment/2.zip"]


def test_pruning_says_what_stays(tmp_path, caplog):
    caplog.set_level(logging.INFO, "progress")
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.zip").write_bytes(bytes(2_500_000))
    prune_cache({"path": str(tmp_path), "most_gb": 1})
    assert f"{tmp_path} holds 1 entries, 2.5 MB" in caplog.text


@pytest.mark.parametrize(
    ("settings", "words"), [(None, "cache: is null"), ({"path": "s3://lab/x"}, r"cache\.path: s3://lab/x: .*run again")]
)
def test_pruning_what_cannot_be_reached_is_refused(monkeypatch, settings, words):
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with pytest.raises(InputError, match=words):
        prune_cache(settings)


class Named(list):
    """What Snakemake hands to a script: a list whose entries may have names."""

    def __init__(self, **named):
        super().__init__(named.values())
        self.named = named

    def items(self):
        return self.named.items()

    def get(self, name):
        return self.named.get(name)


def job(folder: Path, cache, images="png/8bit/1.tsv", content="1", output="a/fold0", threshold=0.5, results="results"):
    path = folder / results / images
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return SimpleNamespace(
        rule="augment",
        log=[str(folder / "job.log")],
        config={"results": str(folder / results), "cache": cache},
        input=Named(images=str(path)),
        output=Named(folder=str(folder / results / output), index=str(folder / results / f"{output}.tsv")),
        params=Named(threshold=threshold, code="1f"),
        wildcards=Named(),
    )


def twice(images: Path, threshold: float, folder: Path, index: Path) -> None:
    """A step that takes part of the time of a training."""
    folder.mkdir(parents=True)
    (folder / "s0.png").write_bytes(images.read_bytes() * 2)
    index.write_text(f"s0.png {threshold}")


@pytest.fixture
def shared(tmp_path):
    (tmp_path / "shared").mkdir()
    return {"path": str(tmp_path / "shared"), "most_gb": None}


def taken(log):
    return "taken from" in log.read_text()


def test_a_step_is_taken_in_another_folder(tmp_path, shared):
    run_shared(job(tmp_path / "one", shared), twice)
    run_shared(job(tmp_path / "two", shared, results="elsewhere/mine"), twice)
    assert not taken(tmp_path / "one/job.log") and taken(tmp_path / "two/job.log")
    assert (tmp_path / "two/elsewhere/mine/a/fold0/s0.png").read_bytes() == b"11"
    assert (tmp_path / "two/elsewhere/mine/a/fold0.tsv").read_text() == "s0.png 0.5"


@pytest.mark.parametrize(
    "changes",
    [{"content": "2"}, {"threshold": 0.4}, {"output": "a/fold1"}, {"images": "png/16bit/1.tsv"}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_step_of_other_inputs_parameters_or_outputs_is_not_taken(tmp_path, shared, changes):
    run_shared(job(tmp_path / "one", shared), twice)
    run_shared(job(tmp_path / "two", shared, **changes), twice)
    assert not taken(tmp_path / "two/job.log")


def test_a_step_of_another_version_is_not_taken(tmp_path, shared, monkeypatch):
    run_shared(job(tmp_path / "one", shared), twice)
    monkeypatch.setattr(sharing, "version", lambda name: "1")
    run_shared(job(tmp_path / "two", shared), twice)
    assert not taken(tmp_path / "two/job.log")


def test_a_step_without_a_cache_is_made(tmp_path):
    run_shared(job(tmp_path / "one", None), twice)
    assert (tmp_path / "one/results/a/fold0/s0.png").read_bytes() == b"11"


def test_a_package_that_is_missing_has_no_version():
    assert versions_of(["pytest", "no-such-package"]) == {"pytest": pytest.__version__, "no-such-package": None}
