"""The phantom study on a real Slurm of one node: disturbed in every way, it ends as an undisturbed local run."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from cluster.slurm import CONFIGURATION, Slurm, running, wait_for
from workflow.conftest import ROOT, SMALL, Study, copy_workflow, write_sheet

from chaosliver.base.files import sha256_of

# Two trainings, by their seeds, of enough epochs to strike between the third and the last on any machine.
STUDY = {
    **SMALL,
    "archives": {"development": {"phantom": {"seed": 1}}},
    "augmentations": {"augmentor": {"samples": 32}},
    "baseline": {
        "split": "holdout",
        "seeds": [1, 2],
        "network": {"channels": 4, "depth": 2},
        "recipe": {"grid": {"rows": 64, "columns": 64}, "epochs": 60, "batch_size": 4},
    },
}
SHEET = {name: "development" for name in ("1", "2", "3")}
# Without slurmdbd, sacct has no one to ask. The rest is less than in profiles/slurm; nothing else is changed.
OVERLAY = {
    "slurm-status-command": "squeue",
    "slurm-init-seconds-before-status-checks": 1,
    "seconds-between-status-checks": 1,
    "set-resources": {rule: {"mem_mb": "500 * attempt", "runtime": "10 * attempt"} for rule in ("train", "predict")},
}
RUNS = ("fold0_seed1", "fold0_seed2")
# One rule of each kind: what the profile submits, and what runs where Snakemake runs.
ALLOCATED = """
localrules: here
rule all:
    input: "here.txt", "trained.txt"
rule here:
    output: "here.txt"
    shell: "touch {output}"
rule train:
    output: "trained.txt"
    resources: gpu=1
    shell: "echo $CUDA_VISIBLE_DEVICES > {output}"
"""
# Two trainings of one rule, each of which tells which task of which array it was.
TRAININGS = """
rule all:
    input: "trained1.txt", "trained2.txt"
rule train:
    output: "trained{seed}.txt"
    resources: gpu=1
    shell: "echo $SLURM_ARRAY_JOB_ID $SLURM_ARRAY_TASK_ID $CUDA_VISIBLE_DEVICES > {output}"
"""
# A group has the names of all its rules.
LOT = "rule_lot_inventory_lot_pair_lot_unpack_lot"
TABLES = ("slices.tsv", "patients.tsv", "experiments.tsv")

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        not all(map(shutil.which, ("slurmctld", "slurmd", "squeue", "munged"))), reason="Slurm is not installed"
    ),
    pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() != 0, reason="only root may start Slurm"),
    pytest.mark.skipif(CONFIGURATION.is_file(), reason="this machine has a Slurm of its own"),
]


class Story(NamedTuple):
    """The disturbed run: the queue when the first training was struck and at the end, and what was saved by then.

    `first` and `second` are the trainings by the order in which Slurm took them.
    """

    study: Study
    first: str
    second: str
    queued: list[dict[str, str]]
    ended: list[dict[str, str]]
    saved: dict[str, int]

    def attempts(self, run: str) -> list[dict[str, str]]:
        """The jobs of a training, in their order."""
        return [job for job in self.ended if run_of(job) == run]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with running(Slurm(tmp_path_factory.mktemp("slurm"))) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def local_run(tmp_path_factory):
    """An undisturbed run without Slurm, begun: the other one waits most of the time."""
    study = make_study(tmp_path_factory.mktemp("local") / "study")
    with started(study, dict(os.environ), "--cores", "1") as run:
        yield study, run


@pytest.fixture(scope="module")
def undisturbed(local_run) -> Study:
    study, run = local_run
    assert run.wait(timeout=600) == 0, (study.folder / "printed.txt").read_text()[-5000:]
    return study


@pytest.fixture(scope="module")
def story(slurm, local_run, tmp_path_factory) -> Story:
    """One training hits its time limit, the other is cancelled, and the controller restarts in between."""
    study = make_study(tmp_path_factory.mktemp("cluster") / "Größe & Co study")
    # The local run has no lots.
    study.configure(lot_size=3)
    (study.folder / "profiles/test").mkdir()
    (study.folder / "profiles/test/config.yaml").write_text(yaml.safe_dump(OVERLAY))
    profiles = ["--profile", "profiles/slurm", "--profile", "profiles/test"]
    with started(study, slurm.environment, *profiles) as run:
        return disturb(Observer(slurm, study, run))


def make_study(folder: Path) -> Study:
    copy_workflow(folder)
    (folder / "config/small.yaml").write_text(yaml.safe_dump(STUDY))
    write_sheet(folder / "config/small.tsv", SHEET)
    return Study(folder, "config/small.yaml")


class started:  # noqa: N801
    """A context in which Snakemake runs on a study, and is ended with it; what it prints is in printed.txt."""

    def __init__(self, study: Study, environment: dict[str, str], *arguments: str) -> None:
        self.command = [sys.executable, "-m", "snakemake", "--configfile", study.config, *arguments]
        self.study, self.environment = study, environment

    def __enter__(self) -> subprocess.Popen:
        with (self.study.folder / "printed.txt").open("w") as output:
            self.run = subprocess.Popen(
                self.command, cwd=self.study.folder, env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )
        return self.run

    def __exit__(self, *_) -> None:
        if self.run.poll() is None:
            # It then cancels its jobs; after SIGTERM it would wait for them.
            self.run.send_signal(signal.SIGINT)
        self.run.wait(timeout=120)


class Observer:
    """Waits for moments of a running study."""

    def __init__(self, slurm: Slurm, study: Study, run: subprocess.Popen) -> None:
        self.slurm, self.study, self.run = slurm, study, run

    def tell(self) -> str:
        printed = (self.study.folder / "printed.txt").read_text()
        return f"{printed[-3000:]}\n{self.slurm.jobs()}\n{self.slurm.tell()}"

    def wait(self, condition, what: str) -> None:
        def holds() -> object:
            assert self.run.poll() is None, f"Snakemake ended before {what}\n{self.tell()}"
            return condition()

        wait_for(holds, what, self.tell, seconds=300, poll=0.1)

    def trainings(self, state: str) -> list[dict[str, str]]:
        return [job for job in self.slurm.jobs() if run_of(job) in RUNS and job["state"] == state]

    def epoch(self, run: str) -> int:
        """The last epoch that a training's log tells of: it is written after the checkpoint."""
        log = self.study.results / f"logs/train/small/{run}.log"
        epochs = re.findall(r"epoch (\d+)/", log.read_text()) if log.is_file() else []
        return int(epochs[-1]) if epochs else 0

    def freeze(self, job: dict[str, str]) -> None:
        """Stop a job's training, so that it does not end before it is struck: Slurm continues what it signals."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                ours = f"SLURM_JOB_ID={job['id']}".encode() in (process / "environ").read_bytes().split(b"\0")
                script = re.search(rb"\.snakemake/scripts/[^\0]*train\.py", (process / "cmdline").read_bytes())
            except OSError:
                continue
            if ours and script:
                os.kill(int(process.name), signal.SIGSTOP)
                return
        raise AssertionError(f"no training of job {job['id']} runs\n{self.tell()}")


def run_of(job: dict[str, str]) -> str:
    """The run of a training's job, which its comment tells as rule and wildcards; else nothing."""
    found = re.fullmatch(r"rule_train_wildcards_small_(\d+)_(\d+)", job["comment"])
    return f"fold{found[1]}_seed{found[2]}" if found else ""


def disturb(observer: Observer) -> Story:
    slurm, saved = observer.slurm, {}
    observer.wait(lambda: observer.trainings("RUNNING") and observer.trainings("PENDING"), "two trainings in the queue")
    (first,), (second,) = observer.trainings("RUNNING"), observer.trainings("PENDING")
    one, other = run_of(first), run_of(second)
    observer.wait(lambda: observer.epoch(one) >= 3, "the first training's third epoch")
    observer.freeze(first)
    queued, saved[one] = slurm.jobs(), observer.epoch(one)
    slurm.stop_controller()
    slurm.start_controller()
    # The least limit is a minute: the end is moved instead, and Slurm, which looks every 30 s, enforces it.
    slurm.ask("scontrol", "update", f"JobId={first['id']}", "EndTime=now+5")
    observer.wait(lambda: other in map(run_of, observer.trainings("RUNNING")), "the second training")
    observer.wait(lambda: observer.epoch(other) >= 3, "the second training's third epoch")
    observer.freeze(second)
    saved[other] = observer.epoch(other)
    slurm.ask("scancel", second["id"])
    wait_for(lambda: observer.run.poll() is not None, "the study's end", observer.tell, seconds=600, poll=1)
    assert observer.run.returncode == 0, observer.tell()
    return Story(observer.study, one, other, queued, slurm.jobs(), saved)


def test_two_trainings_queue_behind_one_another_on_the_only_gpu(story):
    trainings = {run_of(job): job for job in story.queued if run_of(job)}
    assert trainings[story.first]["state"] == "RUNNING"
    assert trainings[story.second]["state"] == "PENDING"
    # The node has free processors and memory: it is the GPU that the second waits for.
    assert trainings[story.second]["reason"] in ("Resources", "Priority")
    assert [job["gpus"] for job in trainings.values()] == ["gres:gpu:1"] * 2
    assert [job["cpus"] for job in trainings.values()] == ["1"] * 2


def test_trainings_predictions_and_lots_alone_are_submitted(story):
    rules = [job["comment"].split("_wildcards")[0] for job in story.ended]
    lots = ["rule_images_convert_images_of_lot", LOT, "rule_masks_extract_masks_of_lot"]
    assert sorted(rules) == [*lots, *["rule_predict"] * 2, *["rule_train"] * 4]


def test_a_training_at_its_time_limit_is_retried_with_more_memory_and_time(story):
    jobs = story.attempts(story.first)
    assert [job["state"] for job in jobs] == ["TIMEOUT", "COMPLETED"]
    assert [job["memory"] for job in jobs] == ["500M", "1000M"]
    assert jobs[1]["limit"] == "20:00"


def test_a_cancelled_training_is_retried(story):
    assert [job["state"] for job in story.attempts(story.second)] == ["CANCELLED", "COMPLETED"]


@pytest.mark.parametrize("which", ["first", "second"])
def test_a_killed_training_stops_by_itself_in_time(story, which):
    job = story.attempts(getattr(story, which))[0]
    (log,) = (story.study.folder / ".snakemake/slurm_logs").rglob(f"{job['id']}.log")
    assert "stopped by SIGTERM in epoch" in log.read_text()


@pytest.mark.parametrize("run", RUNS)
def test_a_retried_training_goes_on_from_its_last_epoch_to_the_weights_of_an_undisturbed_one(story, undisturbed, run):
    log = (story.study.results / f"logs/train/small/{run}.log").read_text()
    assert int(re.search(r"going on after epoch (\d+)", log)[1]) >= story.saved[run]
    made, expected = (study.results / f"models/small/{run}" for study in (story.study, undisturbed))
    assert json.loads((made / "card.json").read_text())["threads"] == 1
    assert sha256_of(made / "weights.safetensors") == sha256_of(expected / "weights.safetensors")


@pytest.mark.parametrize("table", TABLES)
def test_the_final_tables_are_those_of_a_local_run(story, undisturbed, table):
    made, expected = (study.results / "tables" / table for study in (story.study, undisturbed))
    assert made.read_bytes() == expected.read_bytes()


def write_workflow(folder: Path, rules: str) -> str:
    """Rules and profiles in a folder, and the command that runs them."""
    (folder / "Snakefile").write_text(rules)
    for name, settings in (
        ("slurm", (ROOT / "profiles/slurm/config.yaml").read_text()),
        ("test", yaml.safe_dump(OVERLAY)),
    ):
        (folder / "profiles" / name).mkdir(parents=True)
        (folder / "profiles" / name / "config.yaml").write_text(settings)
    return f"{sys.executable} -m snakemake --profile profiles/slurm --profile profiles/test"


def test_trainings_may_be_tasks_of_one_array(slurm, tmp_path):
    call = write_workflow(tmp_path, TRAININGS)
    command = [*call.split(), "--slurm-array-jobs", "train"]
    ran = subprocess.run(
        command, cwd=tmp_path, env=slurm.environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = [(tmp_path / f"trained{seed}.txt").read_text().split() for seed in (1, 2)]
    assert told[0][0] == told[1][0]
    assert sorted(task for _, task, _ in told) == ["1", "2"]
    assert [device for *_, device in told] == ["0", "0"]


def test_an_allocation_without_a_gpu_runs_the_rest_itself_and_submits_the_training(slurm, tmp_path):
    call = write_workflow(tmp_path, ALLOCATED)
    options = ["--parsable", "--wait", "--mem=500", f"--chdir={tmp_path}", "--output=printed.txt"]
    done = subprocess.run(
        ["sbatch", *options, "--wrap", call], env=slurm.environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr + (tmp_path / "printed.txt").read_text()
    submitted = [job for job in slurm.jobs() if int(job["id"]) >= int(done.stdout)]
    assert [(job["gpus"], job["state"]) for job in submitted] == [("N/A", "COMPLETED"), ("gres:gpu:1", "COMPLETED")]
    assert (tmp_path / "trained.txt").read_text() == "0\n"
