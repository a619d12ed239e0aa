"""Clocks that go wrong and copies that lose their times: nothing is made twice, and no change is overlooked."""

import os
import shutil
import time

import pytest
from faults.conftest import TARGETS, Faulty, contents, everything

pytestmark = pytest.mark.faults

DAY = 86400


def set_times(folder, time_of):
    """Set the mtime of each file and folder below, from the deepest, by its place in the order of their own times."""
    paths = sorted((path for path in folder.rglob("*")), key=lambda path: path.stat().st_mtime)
    for number, path in enumerate(paths):
        moment = time_of(number, path)
        os.utime(path, (moment, moment))


TIMES = {
    "a_year_ahead": lambda number, path: path.stat().st_mtime + 365 * DAY,
    "a_year_ago": lambda number, path: path.stat().st_mtime - 365 * DAY,
    "all_equal": lambda number, path: 1_700_000_000,
    "reversed": lambda number, path: 1_700_000_000 - number,
    "before_1970": lambda number, path: -DAY,
}


@pytest.mark.parametrize("times", TIMES)
def test_wrong_times_of_all_results_plan_nothing_and_hide_no_change(broken, times):
    set_times(broken.results, TIMES[times])
    assert broken.planned("--", "all") == {}
    broken.configure(surface_tolerance_mm=2.5)
    planned = broken.planned("--", "all")
    assert planned["evaluate"] and "train" not in planned


@pytest.mark.parametrize("way", ["back", "forward"])
def test_a_clock_set_by_a_day_between_two_steps_makes_the_same_study(undisturbed, tmp_path, way):
    """The images seem to be made a day after, or before, all that is made of them."""
    study = everything(tmp_path / "study")
    study.succeed("--", "prepared")
    days = {"back": 1, "forward": -1}[way]
    set_times(study.results, lambda number, path: path.stat().st_mtime + days * DAY)
    if way == "back":
        # Snakemake refuses outputs that are older than their inputs; to touch the results makes nothing again.
        assert "clock skew" in study.fail("--", "trained")
        set_times(study.results, lambda number, path: time.time())
    study.succeed("--", "trained")
    assert study.planned("--", "trained") == {}
    made = contents(study.results)
    assert made == {name: digest for name, digest in contents(undisturbed.results).items() if name in made}


def test_a_copy_without_times_makes_nothing_again(broken, tmp_path):
    """As cp -r does, in the order of the folder, .snakemake with it."""
    copied = Faulty(tmp_path / "copied/study", broken.config)
    shutil.copytree(broken.folder, copied.folder, copy_function=shutil.copy)
    # A pack is a folder, which Snakemake compares by its time alone: what is made of it on request may be made again.
    assert copied.planned("--", "all") == {}


def test_results_restored_without_snakemakes_notes_end_with_the_same_bytes(broken, tmp_path):
    """All results of one moment, as a backup may restore them, and what Snakemake knew of them is gone."""
    before = contents(broken.results)
    shutil.rmtree(broken.folder / ".snakemake")
    set_times(broken.results, lambda number, path: 1_700_000_000)
    broken.succeed(*TARGETS)
    assert contents(broken.results) == before
    assert broken.planned(*TARGETS) == {}


def test_a_changed_sheet_with_an_old_time_is_seen(broken):
    """What was decided does not go by time: a sheet from an older backup is another sheet."""
    sheet = broken.folder / "config/small.tsv"
    sheet.write_text(sheet.read_text().replace("3\tdevelopment", "4\tdevelopment"))
    long_ago = time.time() - 1000 * DAY
    os.utime(sheet, (long_ago, long_ago))
    assert broken.planned("--", "prepared")["unpack_patient"] >= 1
