"""CPU time of Snakemake itself while jobs wait for a GPU, by its limit on the rate of new jobs.

Runs a workflow of quick jobs and of trainings that only sleep, one training at a time (`gpu: 1`). After a look for jobs
that can start, Snakemake looks again when the span of its limit has passed, and each job that ends starts another such
series: the looks of all jobs that ever ended go on while others wait.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from prepare import ROOT, circumstances

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.files import write_tsv

# Snakemake's own limit, and that of profiles/default.
LIMITS = ("100/1s", "1000/10s")
COLUMNS = ("limit", "quick_jobs", "trainings", "processor_seconds", "seconds", "command", "date", "commit", "machine")
SNAKEFILE = """
rule all:
    input: expand("quick/{{n}}", n=range({quick})), expand("trained/{{n}}", n=range({trainings}))

rule quick:
    output: "quick/{{n}}"
    priority: 1
    shell: "touch {{output}}"

rule train:
    output: "trained/{{n}}"
    resources: gpu=1
    shell: "sleep {seconds}; touch {{output}}"
"""


def main() -> None:
    """Run the workflow under each limit, and write a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", type=int, default=250, help="jobs that end at once")
    parser.add_argument("--trainings", type=int, default=40, help="jobs that wait for the GPU")
    parser.add_argument("--seconds", type=float, default=3, help="how long a training sleeps")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/measurements/waiting.tsv")
    chosen = parser.parse_args()
    rows = []
    for limit in LIMITS:
        processor, elapsed = measure(limit, chosen)
        rows.append({"limit": limit, "quick_jobs": chosen.quick, "trainings": chosen.trainings})
        rows[-1] |= {"processor_seconds": round(processor, 1), "seconds": round(elapsed, 1), **circumstances()}
        print(f"{limit}: {processor:.1f} s of processor time in {elapsed:.1f} s", flush=True)
    write_tsv(chosen.output, COLUMNS, rows)


def measure(limit: str, chosen: argparse.Namespace) -> tuple[float, float]:
    """CPU time of Snakemake alone, without its jobs, and the elapsed time of the whole run, in seconds."""
    with TemporaryDirectory() as folder:
        Path(folder, "Snakefile").write_text(SNAKEFILE.format(**vars(chosen)), encoding="utf-8")
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--resources", "gpu=1", "--scheduler", "greedy"]
        command += ["--quiet", "all", "--max-jobs-per-timespan", limit]
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=folder)
        processor = 0.0
        while process.poll() is None:
            processor = processor_seconds(process.pid)
            time.sleep(0.2)
        if process.returncode:
            raise SystemExit(f"snakemake ended with {process.returncode}")
        return processor, time.monotonic() - started


def processor_seconds(process: int) -> float:
    """User and system time of a process so far (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
