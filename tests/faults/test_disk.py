"""A disk that is full, over quota, read-only or failing, at each kind of step: told by name, and a restart goes on."""

import errno
import shutil
import subprocess

import pytest
from faults.conftest import SHIM, Faulty, contents, told_last

pytestmark = pytest.mark.faults

# What is made anew in the study's results, what is deleted for it, what is written then and what is read for it.
STEPS = {
    "unpack": ("raw/1.tsv", "raw/1", "/raw/1/", "/raw/development.zip"),
    "png": ("png/8bit/t1_in_phase/1.tsv", "png/8bit/t1_in_phase/1", "/png/8bit/", "/raw/1/"),
    "train": ("models/small/fold0_seed1/card.json", "checkpoints/small", "/checkpoints/", "/masks/"),
    "tables": ("tables/patients.tsv", "tables/slices.tsv", "/tables/", "/volumes/"),
    "report": ("figures/dice.png", "figures/dice.svg", "/figures/", "/tables/"),
}
FAULTS = {
    "full": ("write", errno.ENOSPC, "No space left on device"),
    "quota": ("write", errno.EDQUOT, "Disk quota exceeded"),
    "read_only": ("open", errno.EROFS, "Read-only file system"),
    "read_error": ("read", errno.EIO, "Input/output error"),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """What makes a disk fail, compiled."""
    compiler = shutil.which("cc") or pytest.skip("a C compiler makes the disk that fails")
    built = tmp_path_factory.mktemp("disk") / "disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", built, SHIM / "disk.c", "-ldl"], check=True)
    return built


@pytest.fixture(scope="module")
def study(undisturbed, tmp_path_factory):
    """A copy of the study, which each test leaves as it found it."""
    folder = tmp_path_factory.mktemp("disk") / "study"
    shutil.copytree(undisturbed.folder, folder, ignore=shutil.ignore_patterns("log", "locks", "auxiliary"))
    return Faulty(folder, undisturbed.config)


def delete(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_disk_is_told_and_the_restart_ends_with_the_same_bytes(study, undisturbed, library, fault, step):
    target, deleted, written, read = STEPS[step]
    operation, number, words = FAULTS[fault]
    delete(study.results / target)
    delete(study.results / deleted)
    asked = ("--", str((study.results / target).relative_to(study.folder)))
    # One call goes well first, so that something half-made is there.
    where = f"{operation}:{number}:1:{read if operation == 'read' else written}"
    said = study.fail(*asked, DISK_FAULT=where, LD_PRELOAD=str(library))
    told = told_last(said)
    assert told.startswith("ERROR ") and (words in told or "disk is full" in told)
    assert (read if operation == "read" else written).strip("/").split("/")[0] in told
    assert "Traceback" not in said
    assert not (study.results / target).exists()
    assert [path for path in study.results.rglob("*.partial.*") if path.is_file()] == []
    study.succeed("--rerun-incomplete", *asked)
    assert contents(study.results) == contents(undisturbed.results)
