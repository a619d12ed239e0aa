"""How long Snakemake plans for ever more patients and trainings, and in how much memory: dry run, and nothing to do.

A study is simulated in a copy of the workflow: its files are made empty and declared done with `--touch`, so that
Snakemake finds what it would find after a real run. Each call is a process of its own; the median of several is told.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from prepare import ROOT, circumstances

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.files import write_tsv

PARTS = ("Snakefile", "workflow", "config", "profiles", "envs")
FOLDS = 5
# Patients and trainings.
SIZES = ((20, 10), (200, 10), (2000, 10), (20, 100), (20, 300))
COLUMNS = ("patients", "trainings", "jobs", "what", "seconds", "peak_mb", "rounds")


def main() -> None:
    """Measure each size, print the table, and write it where `--output` says."""
    arguments = _arguments()
    rows = []
    for patients, trainings in arguments.sizes:
        with TemporaryDirectory() as name:
            study = Path(name) / "study"
            jobs = simulate(study, patients, trainings)
            works = {"dry run": ["--dry-run", "--forceall"], "nothing to do": []}
            for what, options in works.items():
                rows.append(
                    {
                        **{"patients": patients, "trainings": trainings, "jobs": jobs, "what": what},
                        **measured(study, options, arguments.rounds),
                    }
                )
                print("  ".join(f"{column} {rows[-1][column]}" for column in COLUMNS), flush=True)
    if arguments.output:
        common = circumstances()
        write_tsv(arguments.output, (*COLUMNS, *common), [{**row, **common} for row in rows])


def simulate(study: Path, patients: int, trainings: int) -> int:
    """Make a study whose files are all there, and empty; the number of its jobs."""
    study.mkdir()
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, study / part)
    sheet = "".join(f"p{number}\tdevelopment\tt1_in_phase\n" for number in range(patients))
    (study / "config/scale.tsv").write_text(f"patient\tcohort\tsequences\n{sheet}", encoding="utf-8")
    (study / "archive.zip").touch()
    experiments = {f"x{number}": {"threshold": 0.5} for number in range(trainings // FOLDS)}
    overlay = {
        "results": "results/scale",
        "patients": "config/scale.tsv",
        "archives": {"development": {"path": "archive.zip", "sha256": None}},
        "experiments": experiments,
        "study": list(experiments),
    }
    (study / "config/scale.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    for line in called(study, ["--summary"]).splitlines():
        path = study / line.split("\t")[0]
        if "results/" in line:
            _make(path)
    done = called(study, ["--touch"])
    if "Nothing to be done" not in called(study, []):
        raise AssertionError(f"the simulated study is not whole:\n{done[-2000:]}")
    return _jobs(study)


def measured(study: Path, options: list[str], rounds: int) -> dict[str, Any]:
    """Median seconds and largest memory in MB of a call."""
    seconds, peaks = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        process = subprocess.Popen(_command(options), cwd=study, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise AssertionError(f"{options}: ended with status {status}")
        seconds.append(time.perf_counter() - started)
        peaks.append(usage.ru_maxrss / 1000)
    return {"seconds": round(statistics.median(seconds), 2), "peak_mb": round(max(peaks)), "rounds": rounds}


def called(study: Path, options: list[str]) -> str:
    """What a call of Snakemake prints."""
    ran = subprocess.run(
        _command(options), cwd=study, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if ran.returncode:
        raise AssertionError(ran.stdout[-3000:])
    return ran.stdout


def _jobs(study: Path) -> int:
    shown = called(study, ["--dry-run", "--forceall"])
    return next(int(line.split()[1]) for line in shown.splitlines() if line.startswith("total "))


def _make(path: Path) -> None:
    """An empty file, or a folder where the name has no suffix."""
    if path.suffix:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    else:
        path.mkdir(parents=True, exist_ok=True)


def _command(options: list[str]) -> list[str]:
    return [sys.executable, "-m", "snakemake", "--cores", "1", *options, "--configfile", "config/scale.yaml"]


def _size(text: str) -> tuple[int, int]:
    patients, trainings = text.split("x")
    return int(patients), int(trainings)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=_size, nargs="+", default=SIZES, help="patients x trainings, as in 20x300")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--output", type=Path, help="a TSV to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
