"""The default study's configuration, for a test to change."""

import pytest
from unit.study.configs import load


@pytest.fixture
def config():
    return load("config")
