"""The images hold what the project pins."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "containers/Dockerfile").read_text(encoding="utf-8")
DEFINITION = (ROOT / "containers/chaos-liver.def").read_text(encoding="utf-8")
INSTALL = (ROOT / "containers/install.sh").read_text(encoding="utf-8")


def test_an_image_is_made_of_the_pinned_versions():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r"torch==[\d.]+", INSTALL) == re.findall(r'"(torch==[\d.]+)"', project)
    installed = re.findall(r"^ *pip (.+)$", INSTALL, re.MULTILINE)
    assert installed[0] == "pip==26.3" and len(installed) == 3
    assert all("--constraint constraints.txt" in each for each in installed[1:])
    assert re.findall(r"--group (\w+)", INSTALL) == ["workflow", "crate", "onnx"]


def test_both_images_are_made_of_the_same_files_by_the_same_script():
    copied = re.search(r"^COPY (.+) /opt/chaos-liver/$", DOCKERFILE, re.MULTILINE)[1].split()
    files = re.findall(r"^    (\S+) /opt/chaos-liver/(\S+)$", DEFINITION, re.MULTILINE)
    assert [file for file, _ in files] == copied and all(Path(file).name == name for file, name in files)
    assert all((ROOT / file).is_file() for file in copied)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == set(copied)
    assert 'RUN sh /opt/chaos-liver/install.sh "${TORCH_INDEX}"' in DOCKERFILE
    assert '    sh /opt/chaos-liver/install.sh "{{ TORCH_INDEX }}"' in DEFINITION
    for text in (DOCKERFILE, DEFINITION):
        assert re.findall(r"BASE=(\S+)", text) == ["python:3.11-slim-bookworm"]
        assert "PATH=/opt/venv/bin:$PATH" in text


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() != 0, reason="only root may run as another user")
def test_an_image_serves_a_user_whom_it_does_not_know():
    """As `docker run --user` with a number does: Snakemake asks for the user's name, and others for the home."""
    environment = dict(re.findall(r"(HOME|LOGNAME)=(\S+)", DOCKERFILE))
    asked = "import getpass, os, pathlib, pwd; os.setuid(54321); print(getpass.getuser(), pathlib.Path.home())"
    command = [sys.executable, "-c", asked]
    known = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert known.stdout.split() == [environment["LOGNAME"], environment["HOME"]], known.stderr
    assert subprocess.run(command, env={}, capture_output=True).returncode != 0
