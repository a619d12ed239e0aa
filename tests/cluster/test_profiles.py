"""The cluster profiles: the plugins know every key, and a job asks its scheduler for what its rule says."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml
from object_store import object_store

ROOT = Path(__file__).resolve().parents[2]
PROFILES = {
    **{"slurm": "slurm", "lsf": "lsf", "generic": "cluster_generic"},
    **{"kubernetes": "kubernetes", "aws-batch": "aws_batch"},
}
# Whose jobs read and write a bucket, and where their plugins are: no other test imports them.
CLOUDS = ("kubernetes", "aws-batch")
CLOUD = ROOT / ".cloud"
# A training that fails the first time. No rule of the study, so that it takes seconds.
SNAKEFILE = """
rule train:
    output: "trained.txt"
    threads: 3
    resources: gpu=1
    shell: "test {resources.mem_mb} -gt 12000 && touch {output}"
"""
# Stand-ins for the schedulers: they note what they are asked, and run the job at once.
STAND_INS = {
    "lsf": {
        "bsub": """echo "$*" >> asked.txt
for command in "$@"; do :; done
sh -c "$command" > lsf.txt 2>&1 && state=DONE || state=EXIT
number=$(wc -l < asked.txt)
echo "$number $state" >> ended.txt
echo "Job <$number> is submitted to queue <gpu>." """,
        "bjobs": "cat ended.txt",
        "badmin": """echo "MBD configuration"
echo "LSB_SHAREDIR = $PWD"
echo "LSF_CONFDIR = $PWD"
echo "LSF_UNIT_FOR_LIMITS = MB" """,
        "lsclusters": 'echo "CLUSTER_NAME STATUS"; echo "test ok"',
    },
    "generic": {
        "qsub": """echo "$*" >> asked.txt
for script in "$@"; do :; done
number=$(wc -l < asked.txt)
sh "$script" > "qsub_$number.txt" 2>&1
echo $? > "exit_$number.txt"
echo "$number" """,
        "qstat": """echo "Job Id: $3"
echo "    job_state = F"
echo "    Exit_status = $(cat exit_$3.txt)" """,
    },
}


@pytest.fixture(params=PROFILES)
def profile(request) -> str:
    require(request.param)
    return request.param


def require(profile: str) -> None:
    module = f"snakemake_executor_plugin_{PROFILES[profile]}"
    found = (CLOUD / module).is_dir() if profile in CLOUDS else importlib.util.find_spec(module)
    if not found:
        pytest.skip(f"{module} is not installed (make test-cluster)")


def settings(path: Path) -> dict:
    return yaml.safe_load((path / "config.yaml").read_text())


def run_snakemake(folder: Path, profile: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    plugins = {"PYTHONPATH": str(CLOUD)} if profile in CLOUDS else {}
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--profile", f"profiles/{profile}", *arguments],
        cwd=folder,
        env={**os.environ, **plugins, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def tiny(tmp_path) -> Path:
    """A workflow of one training beside the project's profiles."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    return tmp_path


@pytest.fixture
def bucket(profile):
    """What the environment says of the bucket of a profile's jobs, if they need one."""
    with object_store() if profile in CLOUDS else nullcontext({}) as environment:
        yield environment


def test_the_plugin_knows_every_key_of_its_profile(profile, tiny, bucket):
    where = ("--default-storage-prefix", "s3://lab/liver") if bucket else ()
    done = run_snakemake(tiny, profile, "-n", *where, **bucket)
    assert done.returncode == 0, done.stdout
    asked = {"kubernetes": "mem_mb=12000, gpu=1", "aws-batch": "mem_mb=16384, gpu=1"}
    for each in asked.get(profile, "mem_mb=12000, runtime=1440, gpu=1").split(", "):
        assert each in done.stdout


def test_a_key_that_the_plugin_does_not_know_is_refused(profile, tiny):
    path = tiny / "profiles" / profile / "config.yaml"
    path.write_text(path.read_text() + f"\n{PROFILES[profile].replace('_', '-')}-no-such-key: 1\n")
    done = run_snakemake(tiny, profile, "-n")
    assert done.returncode != 0
    assert "no-such-key" in done.stdout


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_sets_memory_and_time_of_each_rule_that_asks_for_a_gpu(name):
    blocks = [
        block
        for path in sorted((ROOT / "workflow/rules").glob("*.smk"))
        for block in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]
    ]
    of_gpu = {block.split(":")[0] for block in blocks if re.search(r"^\s+gpu=1,", block, re.MULTILINE)}
    rules = settings(ROOT / "profiles" / name)["set-resources"]
    assert set(rules) == of_gpu >= {"train", "predict"}
    assert all("attempt" in value for asked in rules.values() for value in asked.values())


@pytest.mark.parametrize("name", ["lsf", "generic"])
def test_a_failed_job_asks_again_for_one_gpu_and_for_more_memory_and_time(name, tiny):
    require(name)
    commands = tiny / "bin"
    commands.mkdir()
    for command, script in STAND_INS[name].items():
        (commands / command).write_text(f"#!/bin/sh\n{script}\n")
        (commands / command).chmod(0o755)
    (tiny / "lsbatch/test/configdir").mkdir(parents=True)
    (tiny / "lsbatch/test/configdir/lsb.params").write_text("DEFAULT_QUEUE = gpu\n")
    quick = ("--seconds-between-status-checks", "1", "--latency-wait", "5")
    done = run_snakemake(tiny, name, *quick, PATH=f"{commands}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stdout
    first, second = (tiny / "asked.txt").read_text().splitlines()
    expected = {
        "lsf": ("-W 1440 -n 3 -R rusage[mem=4000.0] -R span[hosts=1] -gpu num=1", "-W 2880 -n 3 -R rusage[mem=8000.0]"),
        "generic": (
            "-l select=1:ncpus=3:ngpus=1:mem=12000mb -l walltime=1440:00",
            "-l select=1:ncpus=3:ngpus=1:mem=24000mb -l walltime=2880:00",
        ),
    }[name]
    assert expected[0] in first and expected[1] in second
