"""Each job in a container: what Snakemake asks of Apptainer, by a stand-in that runs the job where it is."""

import os
import sys
from pathlib import Path

import pytest

# It says its version, and of `exec <options> <image> <program> <arguments>` runs the program.
APPTAINER = """#!/bin/sh
if [ "$1" = "--version" ]; then echo "apptainer version 1.4.0"; exit; fi
echo "$@" >> {asked}
while [ "$1" != "{image}" ]; do shift; done
shift
exec "$@"
"""
NOT_BY_ENVIRONMENT = ("--rerun-triggers", "mtime", "params", "input")


@pytest.fixture
def in_containers(finished):
    """The finished study with an image, and Snakemake's options that run its jobs there."""
    image = finished.folder / "chaos-liver.sif"
    image.write_bytes(b"image")
    programs = finished.folder / "bin"
    programs.mkdir()
    program = programs / "apptainer"
    program.write_text(APPTAINER.format(asked=finished.folder / "asked.txt", image=image))
    program.chmod(0o755)
    finished.configure(container=str(image))
    return finished, {"PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"}


def test_naming_an_image_runs_nothing_again_and_using_it_is_another_environment_to_snakemake(in_containers):
    study, environment = in_containers
    assert study.planned() == {}
    assert "train" in study.planned("--sdm", "apptainer", **environment)
    assert study.planned("--sdm", "apptainer", *NOT_BY_ENVIRONMENT, **environment) == {}


def test_each_job_runs_in_the_image(in_containers):
    study, environment = in_containers
    before = (study.results / "figures/dice.svg").read_bytes()
    wanted = ("--forcerun", "plot_dice", "collect_tables", "--", "results/small/figures/dice.png")
    study.succeed("--sdm", "apptainer", "--apptainer-args=--nv", *NOT_BY_ENVIRONMENT, *wanted, **environment)
    asked = (study.folder / "asked.txt").read_text().splitlines()
    runs = [line for line in asked if "exec" in line.split() and str(study.folder / "chaos-liver.sif") in line]
    assert len(runs) == 2 and all("--nv" in line for line in runs)
    assert (study.results / "figures/dice.svg").read_bytes() == before


def test_without_containers_asked_for_the_image_is_not_used(in_containers):
    study, environment = in_containers
    study.succeed("--forcerun", "plot_dice", "--", "results/small/figures/dice.png", **environment)
    assert not (study.folder / "asked.txt").exists()
