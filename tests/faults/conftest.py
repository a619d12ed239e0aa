"""A phantom study in which every rule has a job, and what strikes it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from workflow.conftest import SMALL, Study, copy_workflow, once, write_sheet

from chaosliver.acquire.phantom import draw_archive, draw_exam
from chaosliver.base.files import sha256_of

SHIM = Path(__file__).parent / "shim"
SEED = int(os.environ["FAULT_SEED"])

EVERYTHING = {
    **SMALL,
    "archives": {**SMALL["archives"], "test": {"path": "test.zip", "sha256": None, "ground_truth": False}},
    "baseline": {
        **SMALL["baseline"],
        "split": "holdout",
        "scores": "logits",
        "recipe": {**SMALL["baseline"]["recipe"], "epochs": 2, "snapshots": [1]},
    },
    "model": {"experiment": "small", "networks": "folds"},
    "submission": {"T1DUAL": "small", "T2SPIR": None},
}
PATIENTS = {"1": "development", "2": "development", "3": "development", "9": "test"}
TARGETS = ("--config", "study=exam.zip", "--", "all", "submission", "export_onnx", "crate", "viewer", "segmented")
COMPARED = (".tsv", ".png", ".json", ".safetensors", ".txt", ".md", ".tex", ".html", ".gz", ".zip", ".js")
# They tell a date, a duration or a path, or which of the others were made before.
NOT_COMPARED = (
    "logs/",
    "benchmarks/",
    "crate/",
    "segmented/exam.tsv",
    "segmented/exam/report.json",
    "viewer/data.js",
    "viewer/volumes/exams",
)


def contents(results: Path) -> dict[str, str]:
    """SHA-256 of every result by its name."""
    own = (path for path in results.rglob("*") if path.suffix in COMPARED and path.is_file())
    names = {path.relative_to(results).as_posix(): path for path in own}
    return {name: sha256_of(path) for name, path in names.items() if not name.startswith(NOT_COMPARED)}


def told_last(printed: str) -> str:
    """The last line that a user sees."""
    return printed.rstrip().splitlines()[-1]


class Faulty(Study):
    """A study whose processes the shim watches."""

    def arm(self, **plan: object) -> dict[str, str]:
        """The environment in which all processes do what the plan says (shim/sitecustomize.py)."""
        told = {"root": str(self.folder), "done": str(self.state_folder / "done"), **plan}
        (self.state_folder / "plan.json").write_text(json.dumps(told))
        return {"FAULT": str(self.state_folder / "plan.json"), "PYTHONPATH": str(SHIM)}

    @property
    def state_folder(self) -> Path:
        """Where the shim keeps what it does and counts."""
        folder = self.folder.with_name(f"{self.folder.name}.state")
        for name in ("done", "counts"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        return folder

    def struck(self) -> set[str]:
        """The rules that were struck so far."""
        return {path.name for path in (self.state_folder / "done").iterdir()}

    def start(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Call Snakemake in a group of processes of its own; returns its exit status and what it printed."""
        command = [sys.executable, "-m", "snakemake", "--configfile", self.config, "--cores", "2"]
        self.running = running = subprocess.Popen(
            [*command, "--max-jobs-per-timespan", "100/1s", *arguments],
            cwd=self.folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            printed, _ = running.communicate(timeout=600)
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
        return running.returncode, printed


def everything(folder: Path) -> Faulty:
    """The study with everything, nothing run yet."""
    copy_workflow(folder)
    (folder / "config/small.yaml").write_text(yaml.safe_dump(EVERYTHING))
    write_sheet(folder / "config/small.tsv", PATIENTS)
    draw_archive(folder / "test.zip", ["9"], seed=1)
    draw_exam(folder / "exam.zip", seed=1)
    # In place of what npm would fetch.
    script = folder / "results/small/niivue/niivue.umd.js"
    script.parent.mkdir(parents=True)
    script.write_text("// NiiVue\n")
    return Faulty(folder, "config/small.yaml")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Faulty:
    """The study after a run with nothing wrong, with the number of writes of each rule's jobs: for reading only."""

    def make(folder: Path) -> None:
        study = everything(folder)
        study.succeed(*TARGETS, **study.arm(counts=str(study.state_folder / "counts")))

    return Faulty(once(tmp_path_factory, "undisturbed", make), "config/small.yaml")


def writes_of(study: Faulty) -> dict[str, int]:
    """The smallest number of writes that any job of a rule made, by rule."""
    counts: dict[str, int] = {}
    for path in (study.state_folder / "counts").iterdir():
        rule, count = path.name.split(".")[0], int(path.read_text())
        counts[rule] = min(counts.get(rule, count), count)
    return counts


@pytest.fixture
def broken(undisturbed, tmp_path) -> Iterator[Faulty]:
    """The study after its run, in a copy that a test may change, and that is deleted after it."""
    skipped = shutil.ignore_patterns("log", "locks", "auxiliary")
    shutil.copytree(undisturbed.folder, tmp_path / "study", ignore=skipped)
    yield Faulty(tmp_path / "study", undisturbed.config)
    shutil.rmtree(tmp_path / "study", ignore_errors=True)
