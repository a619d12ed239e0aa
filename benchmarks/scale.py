"""Time and memory of Snakemake's planning for growing numbers of patients and trainings: dry run, and nothing to do.

A study is simulated in a copy of the workflow. Its dry run is measured first. Then the files that a run would make are
created empty, and for each job Snakemake records what it records after a real one: its inputs, settings and
environment. Last, a run with nothing to do is measured. Each measured call is a process of its own; the median of
several is reported. Snakemake plans on one thread, so its CPU time is valid beside other work, too.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from prepare import ROOT, circumstances, copy_workflow

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.files import write_tsv

FOLDS = 5
# Patients and trainings.
SIZES = ((20, 10), (20, 100), (20, 300), (200, 10), (2000, 10), (2000, 300), (20000, 10))
SEQUENCES = "t1_in_phase,t1_out_of_phase,t2_spir"
# Alternately: the original, scored on three sequences, and the fast recipe, which reads the masks of four organs.
RECIPES = ({"based_on": "original", "recipe": {"snapshots": []}}, {"based_on": "fast"})
# A dry run that leaves everything as a real run would. So does `--touch`, but it sleeps a tenth of a second per job.
RECORD = """
import os
import sys
from pathlib import Path

from snakemake import cli, dag, io

async def record(plan):
    for job in plan.jobs:
        for output in map(Path, job.output):
            output.parent.mkdir(parents=True, exist_ok=True)
        for output in job.output:
            Path(output).mkdir(exist_ok=True) if io.is_flagged(output, "directory") else Path(output).touch()
        await plan.workflow.persistence.finished(job)
    # All of the same age: a folder is as old as the last change in it.
    for path in {path for job in plan.jobs for path in job.output}:
        os.utime(path, (0, os.stat("workflow/Snakefile").st_mtime))

dag.DAG.check_incomplete = record
sys.exit(cli.main())
"""
# What happens whenever a job of a run ends, ten times, without a run: which of the ready jobs are next?
CHOICES = 10
CHOOSE = f"""
import os
import sys
import time

from snakemake import cli
from snakemake.scheduling.job_scheduler import JobScheduler

def choose(scheduler):
    jobs = scheduler.open_jobs
    scheduler.workflow.async_run(scheduler.update_input_sizes(jobs))
    before = time.perf_counter(), sum(os.times()[:4])
    for _ in range({CHOICES}):
        scheduler._job_selector(jobs, scheduler.remaining_jobs, scheduler.resources, scheduler._input_sizes)
    print("chosen", len(jobs), sum(os.times()[:4]) - before[1], time.perf_counter() - before[0])
    return True

JobScheduler.schedule = choose
sys.exit(cli.main())
"""
MEASURES = ("processor_seconds", "seconds", "ms_per_job", "peak_mb", "rounds")
COLUMNS = ("patients", "trainings", "jobs", "what", *MEASURES)


def main() -> None:
    """Measure each size, print the table, and write it to `--output`."""
    arguments = _arguments()
    common, rows = circumstances(), []
    for patients, trainings in arguments.sizes:
        with TemporaryDirectory() as name:
            for row in measure(Path(name), (patients, trainings), arguments):
                rows.append({"patients": patients, "trainings": trainings, **row, **common})
                print("  ".join(f"{column} {rows[-1][column]}" for column in COLUMNS), flush=True)
        if arguments.output:
            write_tsv(arguments.output, (*COLUMNS, *common), rows)


def measure(folder: Path, size: tuple[int, int], arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of one size: a study's dry run before anything is made, a run with nothing to do, the choice of jobs."""
    study, shown = folder / "study", folder / "shown.txt"
    describe(study, *size, arguments.lot_size)
    dry_run = called(study, ["--dry-run"], shown, arguments.rounds)
    jobs = int(re.search(r"^total +(\d+)$", shown.read_text(encoding="utf-8"), re.MULTILINE)[1])
    called(study, ["--dry-run", "--quiet", "all"], shown, 1, ["-c", RECORD])
    nothing = called(study, [], shown, arguments.rounds)
    if "Nothing to be done" not in shown.read_text(encoding="utf-8"):
        raise AssertionError(f"the simulated study is not whole:\n{shown.read_text(encoding='utf-8')[-2000:]}")
    rows = [{"jobs": jobs, "what": what, **row} for what, row in (("dry run", dry_run), ("nothing to do", nothing))]
    for scheduler in arguments.schedulers:
        options = ["--forcerun", "unpack_patient", "--scheduler", scheduler, "--cores", "8"]
        called_once = called(study, options, shown, 1, ["-c", CHOOSE])
        line = re.search(r"^chosen (.+)$", shown.read_text(encoding="utf-8"), re.MULTILINE)[1].split()
        taken = {name: round(float(spent) / CHOICES, 4) for name, spent in zip(MEASURES[:2], line[1:], strict=True)}
        rows.append({"jobs": int(line[0]), "what": f"choice of jobs, {scheduler}", **called_once, **taken})
    return [{**row, "ms_per_job": round(1000 * row["processor_seconds"] / row["jobs"], 2)} for row in rows]


def describe(study: Path, patients: int, trainings: int, lot_size: int | None) -> None:
    """A copy of the workflow with an overlay, a patient sheet and an empty archive."""
    copy_workflow(study)
    sheet = "".join(f"p{number}\tdevelopment\t{SEQUENCES}\n" for number in range(patients))
    (study / "config/scale.tsv").write_text(f"patient\tcohort\tsequences\n{sheet}", encoding="utf-8")
    (study / "archive.zip").touch()
    experiments = {f"x{number}": RECIPES[number % len(RECIPES)] for number in range(trainings // FOLDS)}
    overlay = {
        "results": "results/scale",
        "patients": "config/scale.tsv",
        "lot_size": lot_size,
        "archives": {"development": {"path": "archive.zip", "sha256": None}},
        "experiments": experiments,
        "study": list(experiments),
    }
    (study / "config/scale.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")


def called(
    study: Path, options: list[str], shown: Path, rounds: int, program: Sequence[str] = ("-m", "snakemake")
) -> dict[str, Any]:
    """Median seconds and peak memory in MB of a call of Snakemake, whose output is in `shown`."""
    command = [sys.executable, *program, "--cores", "1", *options, "--configfile", "config/scale.yaml"]
    processor, seconds, peaks = [], [], []
    for _ in range(rounds):
        started = time.perf_counter()
        with shown.open("wb") as stream:
            process = subprocess.Popen(command, cwd=study, stdout=stream, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise AssertionError(f"{options}: ended with status {status}\n{shown.read_text(encoding='utf-8')[-3000:]}")
        seconds.append(time.perf_counter() - started)
        processor.append(usage.ru_utime + usage.ru_stime)
        peaks.append(usage.ru_maxrss / 1000)
    return {
        "processor_seconds": round(statistics.median(processor), 2),
        "seconds": round(statistics.median(seconds), 2),
        "peak_mb": round(max(peaks)),
        "rounds": rounds,
    }


def _size(text: str) -> tuple[int, int]:
    patients, trainings = text.split("x")
    return int(patients), int(trainings)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=_size, nargs="+", default=SIZES, help="patients x trainings, as in 20x300")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--lot-size", type=int, help="patients that a job prepares; default: as the workflow chooses")
    parser.add_argument(
        "--schedulers", nargs="*", default=(), help="measure how these choose among ready jobs, too: ilp, greedy"
    )
    parser.add_argument("--output", type=Path, help="a TSV to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
