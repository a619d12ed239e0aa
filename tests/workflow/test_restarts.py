"""Killed in any stage, out of disk, or called twice: nothing half-written counts, nothing is lost, and it goes on."""

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from workflow.conftest import SMALL, Study

from chaosliver.base.files import sha256_of

# What a user hands on or reads; logs and run times differ from run to run.
COMPARED = (".tsv", ".png", ".json", ".safetensors", ".txt", ".md", ".tex")
# Rules in the order in which a run reaches them.
STRUCK = (
    "draw_phantom",
    "unpack_patient",
    "convert_images",
    "augment",
    "train",
    "predict",
    "evaluate",
    "collect_tables",
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


def contents(results):
    """SHA-256 of every result by its name."""
    own = (path for path in results.rglob("*") if path.suffix in COMPARED and path.is_file())
    names = {path.relative_to(results).as_posix(): path for path in own}
    return {name: sha256_of(path) for name, path in names.items() if not name.startswith(("logs/", "benchmarks/"))}


def start(study):
    command = [sys.executable, "-m", "snakemake", "--configfile", study.config, "--cores", "2", "--rerun-incomplete"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=study.folder, start_new_session=True, **quiet)


def wait_for(condition, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


# Minutes each; tests/faults strikes every rule on its own.
@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_a_study_struck_in_every_stage_ends_with_the_bytes_of_an_undisturbed_one(fresh, finished_once, number):
    for rule in STRUCK:
        running = start(fresh)
        logs = fresh.results / "logs" / rule
        wait_for(lambda: running.poll() is not None or logs.is_dir() or logs.with_suffix(".log").is_file())  # noqa: B023
        assert running.poll() is None, f"the study ended before {rule}"
        os.killpg(running.pid, number)
        running.wait(timeout=60)
        fresh.succeed("--unlock")
    fresh.succeed("--rerun-incomplete")
    assert contents(fresh.results) == contents(finished_once.results)
    assert fresh.planned() == {}


def test_a_second_call_in_the_same_folder_is_refused_and_the_first_ends_well(fresh):
    running = start(fresh)
    wait_for((fresh.results / "logs/inventory_patient").is_dir)
    printed = fresh.fail()
    # Which of the two Snakemake says first depends on the moment.
    assert "Directory cannot be locked" in printed or "incomplete" in printed
    assert running.wait(timeout=600) == 0
    assert fresh.planned() == {}


@contextmanager
def mounted(folder, *options):
    subprocess.run(["mount", *options, str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def full(disk, left):
    """Fill a disk up to so many bytes."""
    ballast = disk / "ballast"
    with ballast.open("wb") as stream:
        stream.write(bytes(max(0, shutil.disk_usage(disk).free - left)))
    yield
    ballast.unlink()


# What is made anew on a full disk: what is deleted for it, the target, and how many bytes are left.
FILLED = {
    "PNG": ("png/8bit/t1_in_phase/1", "png/8bit/t1_in_phase/1.tsv", 4096),
    "checkpoint": ("checkpoints/small/fold0_seed1", "models/small/fold0_seed1/card.json", 16384),
    "table": ("tables", "tables/patients.tsv", 0),
}


@needs_root
@pytest.mark.parametrize("what", FILLED)
def test_a_full_disk_stops_a_step_with_nothing_half_written_and_it_goes_on_after_space_is_made(finished, what):
    deleted, target, left = FILLED[what]
    before = contents(finished.results)
    kept = finished.results.with_name("kept")
    finished.results.rename(kept)
    finished.results.mkdir()
    with mounted(finished.results, "-t", "tmpfs", "-o", "size=64m", "tmpfs"):
        shutil.copytree(kept, finished.results, dirs_exist_ok=True)
        shutil.rmtree(finished.results / deleted)
        path = finished.results / target
        path.unlink(missing_ok=True)
        with full(finished.results, left):
            printed = finished.fail("--", str(path.relative_to(finished.folder)))
            assert "No space left" in printed or "disk is full" in printed
            assert not path.exists()
            assert not [left for left in finished.results.rglob("*.partial.*") if left.is_file()]
        finished.succeed("--rerun-incomplete")
        assert contents(finished.results) == before


@needs_root
def test_a_download_that_fills_the_disk_stops_and_goes_on_after_space_is_made(finished, tmp_path):
    archive = tmp_path / "served/CHAOS.zip"
    archive.parent.mkdir()
    shutil.copy(finished.results / "raw/development.zip", archive)
    handler = partial(SimpleHTTPRequestHandler, directory=archive.parent)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    source = {"url": f"http://127.0.0.1:{server.server_port}/CHAOS.zip", "sha256": sha256_of(archive)}
    archives = {"development": {**source, "phantom": None}, "test": SMALL["archives"]["test"]}
    finished.configure(archives=archives, results="results/fetched")
    fetched = finished.results / "raw/development.zip"
    finished.results.mkdir()
    try:
        with mounted(finished.results, "-t", "tmpfs", "-o", "size=64m", "tmpfs"):
            with full(finished.results, archive.stat().st_size // 2):
                assert "the disk is full" in finished.fail("--", "results/fetched/raw/development.zip")
                assert not fetched.exists()
            finished.succeed("--", "results/fetched/raw/development.zip")
            assert fetched.read_bytes() == archive.read_bytes()
    finally:
        server.shutdown()
        server.server_close()


@needs_root
def test_an_archive_on_a_read_only_disk_serves(finished, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    zipfile.ZipFile(finished.results / "raw/development.zip").extractall(source)
    folder = tmp_path / "read_only"
    folder.mkdir()
    archives = {"development": {"path": str(folder), "sha256": None}, "test": SMALL["archives"]["test"]}
    finished.configure(archives=archives, results="results/other")
    with mounted(folder, "--bind", "-o", "ro", str(source)):
        with pytest.raises(OSError, match="Read-only"):
            (folder / "x").touch()
        finished.succeed("prepared")


def test_the_helpers_of_this_file_see_a_difference(finished):
    study = Study(finished.folder, finished.config)
    before = contents(study.results)
    (study.results / "tables/patients.tsv").write_text("altered")
    assert contents(study.results) != before
