"""Two nodes that share a disk: a training is put back into the queue, and a node dies in the middle of another."""

import os

import pytest
import yaml
from cluster.slurm import Slurm, running, wait_for
from cluster.test_slurm import OVERLAY, RUNS, Observer, make_study, pytestmark, run_of, started
from workflow.conftest import Study

from chaosliver.base.files import sha256_of

pytestmark = [*pytestmark, pytest.mark.nodes]
NODES = ("left", "right")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with running(Slurm(tmp_path_factory.mktemp("slurm"), NODES)) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Study:
    study = make_study(tmp_path_factory.mktemp("local") / "study")
    with started(study, dict(os.environ), "--cores", "1") as run:
        assert run.wait(timeout=600) == 0, (study.folder / "printed.txt").read_text()[-5000:]
    return study


def test_a_training_put_back_and_one_whose_node_dies_go_on_to_the_weights_of_undisturbed_ones(
    slurm, undisturbed, tmp_path
):
    study = make_study(tmp_path / "study")
    (study.folder / "profiles/test").mkdir()
    (study.folder / "profiles/test/config.yaml").write_text(yaml.safe_dump(OVERLAY))
    with started(study, slurm.environment, "--profile", "profiles/slurm", "--profile", "profiles/test") as run:
        observer = Observer(slurm, study, run)
        observer.wait(lambda: len(observer.trainings("RUNNING")) == 2, "both trainings, each on a node of its own")
        jobs = {run_of(job): job for job in observer.trainings("RUNNING")}
        node_of = {
            name: slurm.ask("squeue", "--noheader", f"--job={job['id']}", "--format=%N") for name, job in jobs.items()
        }
        assert set(node_of.values()) == set(NODES)
        saved = {}
        for name in RUNS:
            observer.wait(lambda name=name: observer.epoch(name) >= 3, f"the third epoch of {name}")
            observer.freeze(jobs[name])
            saved[name] = observer.epoch(name)
        back, lost = RUNS
        slurm.ask("scontrol", "requeue", jobs[back]["id"])
        slurm.kill_node(node_of[lost])
        wait_for(
            lambda: slurm.states()[node_of[lost]].startswith("down"), "the dead node to be given up", observer.tell
        )
        wait_for(lambda: run.poll() is not None, "the study's end", observer.tell, seconds=600, poll=1)
        assert run.returncode == 0, observer.tell()
    ended = {run_of(job): job for job in slurm.jobs() if run_of(job)}
    # Slurm starts the same job again: nothing is submitted a second time.
    assert {name: job["id"] for name, job in ended.items()} == {name: job["id"] for name, job in jobs.items()}
    for name in RUNS:
        log = (study.results / f"logs/train/small/{name}.log").read_text()
        assert f"going on after epoch {saved[name]}" in log or f"going on after epoch {saved[name] + 1}" in log
        made, expected = (of.results / f"models/small/{name}/weights.safetensors" for of in (study, undisturbed))
        assert sha256_of(made) == sha256_of(expected)
