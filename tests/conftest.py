"""Fixtures for every test."""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


# Where faults strike; xdist's processes get it from the first. To repeat a failure: `FAULT_SEED=<number> make ...`.
os.environ.setdefault("FAULT_SEED", str(random.randrange(10**6)))


def pytest_report_header() -> str:
    return f"FAULT_SEED={os.environ['FAULT_SEED']}"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real CHAOS slices, or a skip where it is missing."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real CHAOS slices (../shared/data) are not on this machine")
    return folder


@pytest.fixture(scope="session")
def original_study() -> Path:
    """The folder of the original study's scripts, or a skip where it is missing."""
    folder = ROOT.parent / "shared" / "original_study"
    if not folder.is_dir():
        pytest.skip("the original study's scripts (../shared/original_study) are not on this machine")
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB of its own; skipped where none can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here, which takes root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)
