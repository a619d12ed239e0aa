"""Fixtures for every test."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


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
