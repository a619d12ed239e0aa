"""The benchmarks run; what they measure is not asserted here, since a test's machine is a busy one."""

import argparse
import csv
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from torch import nn


def run(root: Path, script: str, *arguments: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name != "CHAOS_SAMPLE_ARCHIVE"}
    command = [sys.executable, str(Path("benchmarks", script)), *arguments]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120)


def read_table(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_preparation_is_compared_on_the_phantom_where_no_archive_is_named(tmp_path, pytestconfig):
    table = tmp_path / "prepare.tsv"
    ran = run(pytestconfig.rootpath, "prepare.py", "--rounds", "1", "--loop-rounds", "1", "--output", str(table))
    assert ran.returncode == 0, ran.stderr
    assert "a phantom: patient 1, T1 in phase" in ran.stdout
    rows = read_table(table)
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
    rows = [(row["patients"], row["slices"], row["way"]) for row in read_table(table)]
    assert rows == [("2", "60", "held"), ("2", "60", "streamed"), ("5", "150", "streamed")]


def test_threads_are_compared_on_an_idle_and_on_a_busy_machine(tmp_path, pytestconfig):
    table = tmp_path / "threads.tsv"
    short = ("--busy", "0", "1", "--seconds", "0.1", "--rounds", "1", "--output", str(table))
    ran = run(pytestconfig.rootpath, "threads.py", *short)
    assert ran.returncode == 0, ran.stderr
    rows = read_table(table)
    ways = [("1", "spin"), ("2", "spin"), ("2", "sleep"), ("2", "spin briefly")]
    assert [(row["busy_processes"], row["threads"], row["waiting"]) for row in rows] == [
        (busy, *way) for busy in ("0", "1") for way in ways
    ]
    assert all(float(row["slices_per_second"]) > 0 < float(row["slices_per_processor_second"]) for row in rows)


def test_threads_spin_briefly_as_the_workflow_lets_them(pytestconfig, monkeypatch):
    monkeypatch.syspath_prepend(pytestconfig.rootpath / "benchmarks")
    import threads

    rules = (pytestconfig.rootpath / "workflow/rules/common.smk").read_text(encoding="utf-8")
    assert dict(re.findall(r'os\.environ\.setdefault\("(\w+)", "(\w+)"\)', rules)) == threads.WAITING["spin briefly"]


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        (
            *("entry", "based_on: fast\nsplit: three_fold\nseeds: [7]\n"),
            "split, seeds: set by the rules of docs/speedrun.md. Leave it out",
        ),
        # It would be merged with the experiment, and be based on itself.
        ("fast", "based_on: fast\n", "config/ has an experiment fast already. Rename the file"),
        ("small_fast", "based_on: fast\n", "config/ has an experiment small_fast already. Rename the file"),
    ],
)
def test_an_entry_of_the_speedrun_against_the_rules_is_refused(tmp_path, pytestconfig, name, settings, said):
    entry = tmp_path / f"{name}.yaml"
    entry.write_text(settings, encoding="utf-8")
    ran = run(pytestconfig.rootpath, "speedrun.py", str(entry), "archive.zip")
    assert ran.returncode == 1
    assert ran.stderr == f"{entry}: {said}\n"


def test_multiply_adds_of_an_entry_are_those_of_its_slices(pytestconfig, monkeypatch):
    """A network of one convolution, by hand: forward, and the gradient of its weights."""
    monkeypatch.syspath_prepend(pytestconfig.rootpath / "benchmarks")
    import speedrun

    from chaosliver.network import training

    experiment = speedrun.resolved({"study": ["fast"]}, "config.yaml")["fast"]
    recipe = {
        **experiment.recipe,
        "epochs": 5,
        "precision": "float32",
        "context": 0,
        "grid": {**experiment.recipe["grid"], "rows": 16, "columns": 32},
    }
    tiny = replace(experiment, recipe=recipe, other_organs=())
    monkeypatch.setattr(training, "build_network", lambda settings: OneConvolution())
    # Nine weights for each of 16 x 32 pixels, twice, for 30 slices in 5 epochs.
    assert speedrun.tera_multiply_adds(tiny, 30) == pytest.approx(9 * 16 * 32 * 2 * 30 * 5 / 1e12)
    # Three of the epochs with a quarter of the pixels.
    start = {"share": 0.6, "grid": {"rows": 8, "columns": 16, "spacing_mm": 3.6}}
    early = replace(tiny, recipe={**recipe, "coarse_start": start})
    assert speedrun.tera_multiply_adds(early, 30) == pytest.approx(9 * 16 * 32 * 2 * 30 * (2 + 3 / 4) / 1e12)


def test_the_run_of_many_patients_names_each_and_a_failed_stage_stops_it(tmp_path, pytestconfig, monkeypatch):
    monkeypatch.syspath_prepend(pytestconfig.rootpath / "benchmarks")
    import many

    study = many.make_study(tmp_path / "study", 21)
    rows = read_table(study / "config/many.tsv")
    assert [row["patient"] for row in rows] == [str(number) for number in range(1, 22)]
    assert yaml.safe_load((study / "config/many.yaml").read_text(encoding="utf-8"))["splits"]["held_out"]["test"] == 2
    arguments = argparse.Namespace(cores=1, patients=21)
    with pytest.raises(AssertionError, match="no_such_target"):
        many.run(study, "no_such_target", arguments)
    (study / "results").mkdir()
    (study / "results/file").write_bytes(bytes(30_000_000))
    monkeypatch.setattr(many.sys, "executable", "true")
    times = iter((100.0, 102.0))
    monkeypatch.setattr(many.time, "perf_counter", lambda: next(times))
    ran = many.run(study, "prepared", arguments)
    assert ran["disk_gb"] == 0.03
    assert (ran["seconds"], ran["patients_per_minute"]) == (2, 630)


def test_jobs_of_the_early_cutoff_are_those_that_finished(pytestconfig, monkeypatch):
    """With --until there are more steps than jobs; a call that fails is told by what it wrote."""
    monkeypatch.syspath_prepend(pytestconfig.rootpath / "benchmarks")
    import cutoff

    commands = []

    def finished(command, **_):
        commands.append(command)
        return subprocess.CompletedProcess(command, int("fails" in command), "Finished jobid: 3 (Rule: a)\n", printed)

    monkeypatch.setattr(cutoff.subprocess, "run", finished)
    printed = "Finished jobid: 7 (Rule: b)\n2 of 65 steps (3%) done\n"
    jobs, seconds = cutoff.call(Path(), ["all"])
    assert jobs == 2 and 0 <= seconds < 1
    assert commands[0][-2:] == ["--", "all"]
    cutoff.call(Path(), ["--until", "convert_images", "--", "all"])
    assert commands[1][-4:] == ["--until", "convert_images", "--", "all"]
    with pytest.raises(AssertionError, match="2 of 65"):
        cutoff.call(Path(), ["fails"])


class OneConvolution(nn.Module):
    channels_first_on_avx2 = False

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, images):
        return self.layer(images)
