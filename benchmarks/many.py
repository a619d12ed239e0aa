"""A real run of thousands of phantom patients: drawn, prepared in lots, trained on, scored, tabulated and drawn.

The network is tiny and trains for a few steps: what is measured is the workflow. Each stage is a call of its own.
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
from prepare import ROOT, circumstances, copy_workflow

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.files import write_tsv

STAGES = ("prepared", "trained", "evaluated", "all")
COLUMNS = ("patients", "stage", "seconds", "processor_seconds", "patients_per_minute", "largest_process_mb", "disk_gb")
TINY = {
    "based_on": "fast",
    "split": "held_out",
    "network": {"channels": 4, "depth": 2},
    "recipe": {"grid": {"rows": 32, "columns": 48, "spacing_mm": 8.0}, "epochs": 2, "samples_per_epoch": 400},
}


def main() -> None:
    """Run each stage, print its row, and write the table to `--output`."""
    arguments = _arguments()
    common, rows = circumstances(), []
    with TemporaryDirectory(dir=arguments.folder) as name:
        study = make_study(Path(name) / "study", arguments.patients)
        for stage in STAGES:
            rows.append({"patients": arguments.patients, "stage": stage} | run(study, stage, arguments))
            print("  ".join(f"{column} {rows[-1][column]}" for column in COLUMNS), flush=True)
            if arguments.output:
                write_tsv(arguments.output, (*COLUMNS, *common), [{**row, **common} for row in rows])


def make_study(study: Path, patients: int) -> Path:
    """A copy of the workflow with an overlay and a sheet of patients, each with one sequence."""
    copy_workflow(study)
    sheet = "".join(f"{number}\tdevelopment\tt1_in_phase\n" for number in range(1, patients + 1))
    (study / "config/many.tsv").write_text(f"patient\tcohort\tsequences\n{sheet}", encoding="utf-8")
    overlay = {
        "results": "results/many",
        "patients": "config/many.tsv",
        "archives": {"development": {"phantom": {"seed": 1}}},
        "splits": {"held_out": {"test": max(1, patients // 10), "validation": 0, "seed": 1}},
        "experiments": {"tiny": TINY},
        "study": ["tiny"],
        "training": {"threads": 1},
    }
    (study / "config/many.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return study


def run(study: Path, stage: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """What a call for one stage took: the disk's bytes are those of the study after it."""
    command = [sys.executable, "-m", "snakemake", "--cores", str(arguments.cores), "--resources", "gpu=1"]
    command += ["--configfile", "config/many.yaml", "--", stage]
    started = time.perf_counter()
    with (study / f"{stage}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=study, stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise AssertionError((study / f"{stage}.log").read_text(encoding="utf-8")[-3000:])
    held = sum(path.stat().st_size for path in (study / "results").rglob("*") if path.is_file())
    return {
        "seconds": round(seconds),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime),
        "patients_per_minute": round(60 * arguments.patients / seconds),
        "largest_process_mb": round(usage.ru_maxrss / 1000),
        "disk_gb": round(held / 1e9, 2),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--patients", type=int, default=2000, help="default: %(default)s")
    parser.add_argument("--cores", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, help="where the study is made; default: the system's temporary folder")
    parser.add_argument("--output", type=Path, help="a TSV to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
