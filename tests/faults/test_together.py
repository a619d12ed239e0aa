"""Two calls at once, of one study and of two studies in one folder."""

import shutil
import subprocess
import sys
import time

import pytest
import yaml
from faults.conftest import Faulty, contents

pytestmark = pytest.mark.faults


def start(study, *arguments):
    command = [sys.executable, "-m", "snakemake", "--configfile", study.config, "--cores", "1"]
    return subprocess.Popen(
        [*command, "--max-jobs-per-timespan", "100/1s", *arguments],
        cwd=study.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def again(study):
    """What is deleted so that a few jobs run."""
    for patient in ("1", "3"):
        (study.results / f"masks/liver/t1_in_phase/{patient}.tsv").unlink()


def test_two_calls_of_one_study_at_the_same_moment_are_one_run_and_one_refusal_at_most(broken):
    before = contents(broken.results)
    again(broken)
    both = [start(broken, "--", "prepared") for _ in range(2)]
    printed = [each.communicate(timeout=300)[0] for each in both]
    statuses = sorted(each.returncode for each in both)
    # The second may also come so late that it finds nothing to do.
    assert statuses[0] == 0, printed
    for each, said in zip(both, printed, strict=True):
        assert each.returncode == 0 or "Directory cannot be locked" in said or "incomplete" in said, said
    broken.succeed("--", "prepared")
    assert contents(broken.results) == before


def test_two_studies_of_one_folder_run_side_by_side(broken):
    """Each has results of its own, so neither waits for the other's lock."""
    other = Faulty(broken.folder, "config/other.yaml")
    settings = yaml.safe_load((broken.folder / broken.config).read_text())
    (broken.folder / other.config).write_text(yaml.safe_dump(settings | {"results": "results/other"}))
    before = contents(broken.results)
    again(broken)
    both = [start(broken, "--", "prepared"), start(other, "--", "prepared")]
    printed = [each.communicate(timeout=300)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0], printed
    assert contents(broken.results) == before
    made = contents(other.results)
    assert made and made == {name: digest for name, digest in before.items() if name in made}


def test_two_copies_of_a_call_on_two_machines_write_no_half_file(broken, tmp_path):
    """Of one results folder, each with notes of its own, so that no lock keeps them apart."""
    before = contents(broken.results)
    second = Faulty(tmp_path / "second/study", broken.config)
    shutil.copytree(broken.folder, second.folder, ignore=shutil.ignore_patterns("results"))
    (second.folder / "results").symlink_to(broken.folder / "results")
    again(broken)
    first = start(broken, "--", "prepared")
    time.sleep(1)
    late = start(second, "--", "prepared")
    printed = [each.communicate(timeout=300)[0] for each in (first, late)]
    broken.succeed("--rerun-incomplete", "--", "prepared")
    assert contents(broken.results) == before, printed
    assert "all is as it was made" in broken.succeed("--", "verify")
