"""A copy of the workflow in a folder of its own, and a small phantom study that ran there once."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from filelock import FileLock
from workflow.privacy import PLANTED

from chaosliver.acquire.phantom import draw_exam

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("workflow", "config", "envs", "profiles")

SMALL = {
    "results": "results/small",
    "patients": "config/small.tsv",
    "archives": {
        "development": {"phantom": {"seed": 1}},
        "test": {"phantom": {"seed": 1}, "ground_truth": False},
    },
    "splits": {
        "two_fold": {"folds": 2, "validation": 1, "seed": 1},
        "holdout": {"test": 1, "validation": 1, "seed": 1},
    },
    "augmentations": {"augmentor": {"samples": 8}},
    "baseline": {
        "split": "two_fold",
        "encoding": "8bit",
        "network": {"channels": 2, "depth": 2},
        "recipe": {"grid": {"rows": 32, "columns": 32}, "epochs": 1, "batch_size": 4},
    },
    "experiments": {
        "small": {},
        "plain": {"augmentation": "none", "encoding": "16bit"},
        "ours": {
            "based_on": "fast",
            "network": {"channels": 2, "depth": 2},
            "recipe": {"grid": {"rows": 32, "columns": 48, "spacing_mm": 8.0}},
        },
        "other": {
            "organ": "spleen",
            "train_on": ["t1_in_phase", "t1_out_of_phase", "t2_spir"],
            "score_on": ["t1_out_of_phase", "t2_spir"],
            "encoding": "8bit_per_slice",
            "keep_originals": True,
            "split": "holdout",
        },
    },
    "study": ["small"],
    "training": {"threads": 1, "memory_mb": 1000, "runtime_minutes": 5, "tensorboard": False},
}
TARGETS = ("all", "total", "prepared", "trained", "evaluated", "summarised")
SHEET = {"1": "development", "2": "development", "3": "development", "4": "development", "9": "test"}


class Study:
    """A folder with a copy of the workflow, in which Snakemake is called as a user calls it."""

    def __init__(self, folder: Path, config: str) -> None:
        self.folder = folder
        self.config = config

    @property
    def results(self) -> Path:
        return self.folder / yaml.safe_load((self.folder / self.config).read_text())["results"]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """Call Snakemake with `--configfile`; what it prints is in `stdout`."""
        command = [sys.executable, "-m", "snakemake", "--configfile", self.config, "--cores", "2"]
        # With that of profiles/default each run would end up to ten seconds late.
        command += ["--max-jobs-per-timespan", "100/1s", *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **PLANTED, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )

    def succeed(self, *arguments: str, **environment: str) -> str:
        done = self.run(*arguments, **environment)
        assert done.returncode == 0, done.stdout[-5000:]
        return done.stdout

    def fail(self, *arguments: str, **environment: str) -> str:
        done = self.run(*arguments, **environment)
        assert done.returncode != 0, done.stdout[-5000:]
        return done.stdout

    def planned(self, *arguments: str, **environment: str) -> dict[str, int]:
        """How many jobs of each rule a dry run would start; stage targets do not count."""
        shown = self.succeed("-n", *arguments, **environment)
        if "Nothing to be done" in shown:
            return {}
        rows = re.findall(r"^(\w+) +(\d+)$", shown.split("Job stats:")[1], re.MULTILINE)
        return {rule: int(count) for rule, count in rows if rule not in TARGETS}

    def configure(self, **changes: object) -> None:
        """Set top-level keys of the study's own configuration."""
        path = self.folder / self.config
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file of the copy."""
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


def copy_workflow(folder: Path) -> None:
    folder.mkdir(parents=True)
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "Snakefile", folder)


def write_sheet(path: Path, cohorts: dict[str, str], sequences: str = "t1_in_phase,t2_spir") -> None:
    rows = "".join(f"{patient}\t{cohort}\t{sequences}\n" for patient, cohort in cohorts.items())
    path.write_text(f"patient\tcohort\tsequences\n{rows}")


@pytest.fixture
def fresh(tmp_path) -> Study:
    """The small study, nothing run yet, in a folder whose name holds a space and letters beyond ASCII."""
    folder = tmp_path / "Größe & Co study"
    copy_workflow(folder)
    (folder / "config/small.yaml").write_text(yaml.safe_dump(SMALL))
    write_sheet(folder / "config/small.tsv", SHEET)
    return Study(folder, "config/small.yaml")


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that `make` fills in the first worker that asks for it; the others wait, and then read it too."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, done = shared / name / "study", shared / name / "done"
    (shared / name).mkdir(exist_ok=True)
    with FileLock(shared / name / "lock"):
        if not done.exists():
            make(folder)
            done.touch()
    return folder


def copy_study(study: Study, folder: Path) -> Study:
    """A study's copy, which a test may change, of a folder in which other workers may be reading with Snakemake."""
    shutil.copytree(study.folder, folder, ignore=shutil.ignore_patterns("log", "locks", "auxiliary"))
    return Study(folder, study.config)


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory) -> Study:
    """The small study after its run: for reading only."""

    def make(folder: Path) -> None:
        copy_workflow(folder)
        (folder / "config/small.yaml").write_text(yaml.safe_dump(SMALL))
        write_sheet(folder / "config/small.tsv", SHEET)
        Study(folder, "config/small.yaml").succeed()

    return Study(once(tmp_path_factory, "finished", make), "config/small.yaml")


@pytest.fixture
def finished(finished_once, tmp_path) -> Study:
    """The small study after its run, in a copy that a test may change."""
    return copy_study(finished_once, tmp_path / "study")


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Study:
    """The demo after its run, as `make demo` calls it: for reading only."""

    def make(folder: Path) -> None:
        copy_workflow(folder)
        exam = folder / "results/demo/phantom_exam.zip"
        exam.parent.mkdir(parents=True)
        draw_exam(exam, seed=1)
        asked = ("--resources", "gpu=2", "--config", "exam=results/demo/phantom_exam.zip", "--", "all", "segmented")
        (folder / "printed.txt").write_text(Study(folder, "config/demo.yaml").succeed(*asked))

    return Study(once(tmp_path_factory, "demo", make), "config/demo.yaml")
