"""The benchmarks run; what they measure is not asserted here, since a test's machine is a busy one."""

import csv
import os
import subprocess
import sys
from pathlib import Path


def run(root: Path, script: str, *arguments: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name != "CHAOS_SAMPLE_ARCHIVE"}
    command = [sys.executable, str(Path("benchmarks", script)), *arguments]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120)


def test_preparation_is_compared_on_the_phantom_where_no_archive_is_named(tmp_path, pytestconfig):
    table = tmp_path / "prepare.tsv"
    ran = run(pytestconfig.rootpath, "prepare.py", "--rounds", "1", "--loop-rounds", "1", "--output", str(table))
    assert ran.returncode == 0, ran.stderr
    assert "a phantom: patient 1, T1 in phase" in ran.stdout
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [row["what"] for row in rows] == [
        *("masks: this project", "masks: bare work", "masks: original's way"),
        *("PNG 8 bit: this project", "PNG 8 bit: bare work", "PNG 8 bit: original's way"),
        *("PNG 16 bit: this project", "PNG 16 bit: bare work"),
        *("all three: this project", "all three: bare work"),
    ]
    for row in rows:
        assert row["what"] in ran.stdout
        assert all(row.values())
        assert float(row["seconds_per_slice"]) > 0
        assert row["command"].startswith("python benchmarks/prepare.py --rounds 1")


def test_a_patient_who_is_not_there_is_named_in_one_line(pytestconfig):
    ran = run(pytestconfig.rootpath, "prepare.py", "--patient", "99", "--rounds", "1")
    assert ran.returncode == 1
    assert "99" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_slices_are_read_both_ways_and_none_is_held_beyond_what_was_said(tmp_path, pytestconfig):
    table = tmp_path / "memory.tsv"
    sizes = ("--patients", "2", "5", "--hold-up-to", "2", "--threads", "1", "--output", str(table))
    ran = run(pytestconfig.rootpath, "memory.py", *sizes)
    assert ran.returncode == 0, ran.stderr
    with table.open(newline="", encoding="utf-8") as stream:
        rows = [(row["patients"], row["slices"], row["way"]) for row in csv.DictReader(stream, delimiter="\t")]
    assert rows == [("2", "60", "held"), ("2", "60", "streamed"), ("5", "150", "streamed")]
