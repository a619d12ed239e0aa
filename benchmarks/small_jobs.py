"""The cost of jobs of seconds on a cluster: where Snakemake runs, as single Slurm jobs, and in groups by patient.

Runs as root on Debian with slurmctld, slurmd, slurm-client and munge, and the plugins of the group `cluster`: it starts
the Slurm of tests/cluster. The work is everything before the training in a phantom study.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from prepare import ROOT, circumstances

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))
sys.path.insert(0, str(ROOT / "tests"))

from cluster.slurm import CPUS, Slurm
from workflow.conftest import SMALL, copy_workflow, write_sheet

from chaosliver.base.files import write_tsv

COLUMNS = ("what", "jobs", "cluster_jobs", "seconds", "load_average", "command", "date", "commit", "machine")
PATIENTS = [str(number) for number in range(1, 9)]
OF_A_PATIENT = ("unpack_patient", "inventory_patient", "pair_slices", "extract_masks", "convert_images")
OF_ALL = ("draw_phantom", "check_cohort", "quality_control", "split_patients", "augment")
# A rule in a group of its own becomes a cluster job for each of its jobs.
WAYS = {
    "where Snakemake runs": {},
    "Slurm jobs one by one": {rule: rule for rule in (*OF_A_PATIENT, *OF_ALL)},
    "Slurm jobs by patient, the rest where Snakemake runs": dict.fromkeys(OF_A_PATIENT, "patient"),
}
# A query every second (the plugin's default is 40), so that the least cost of Slurm is measured.
POLLING = {
    "slurm-status-command": "squeue",
    "slurm-init-seconds-before-status-checks": 1,
    "seconds-between-status-checks": 1,
    "default-resources": {"mem_mb": 400, "runtime": 10},
    "latency-wait": 5,
}


def main() -> None:
    """Measure, print the table, and write it to `--output`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, help="a TSV to write")
    output = parser.parse_args().output
    with TemporaryDirectory() as folder:
        slurm = Slurm(Path(folder) / "slurm")
        try:
            slurm.start()
            rows = [{**measure(way, groups, slurm, Path(folder)), **circumstances()} for way, groups in WAYS.items()]
        finally:
            slurm.stop()
    for row in rows:
        print(*(row[column] for column in COLUMNS[:5]), sep="\t")
    if output:
        write_tsv(output, COLUMNS, rows)


def measure(way: str, groups: dict[str, str], slurm: Slurm, folder: Path) -> dict[str, Any]:
    """Prepare the phantom study in this way; returns its row of the table."""
    study = folder / way.replace(" ", "_").replace(",", "")
    copy_workflow(study)
    archives = {"development": {"phantom": {"seed": 1}}}
    (study / "config/small.yaml").write_text(yaml.safe_dump({**SMALL, "archives": archives}))
    write_sheet(study / "config/small.tsv", dict.fromkeys(PATIENTS, "development"), "t1_in_phase")
    (study / "profiles/quick").mkdir()
    (study / "profiles/quick/config.yaml").write_text(yaml.safe_dump(POLLING))
    command = [sys.executable, "-m", "snakemake", "prepared", "--configfile", "config/small.yaml"]
    command += ["--profile", "profiles/slurm", "--profile", "profiles/quick"]
    command += ["--groups", *(f"{rule}={group}" for rule, group in groups.items())] if groups else []
    before, load, started = len(slurm.jobs()), os.getloadavg()[0], time.perf_counter()
    subprocess.run(command, cwd=study, env=slurm.environment, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    jobs = sum(1 for path in (study / "results/small/logs").rglob("*.log"))
    return {
        "what": f"{way}; {CPUS} CPUs",
        "jobs": jobs,
        "cluster_jobs": len(slurm.jobs()) - before,
        "seconds": round(seconds, 1),
        "load_average": round(load, 1),
    }


if __name__ == "__main__":
    main()
