"""Tables, statistics and figures of a large cohort: time, peak memory and size, from simulated scores.

Draws the tables of slices and patients of every run, then calls each step that reads them in a process of its own.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from prepare import ROOT, circumstances

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.columns import PATIENT_COLUMNS, SLICE_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.figures.along_liver import plot_along_liver
from chaosliver.figures.dice import plot_dice
from chaosliver.figures.volumes import plot_volumes
from chaosliver.measure.paired_comparisons import compare_experiments
from chaosliver.measure.verdicts import judge_contrasts
from chaosliver.tables.collect import collect_tables
from chaosliver.tables.tablepages import PLAIN_PAGES, write_plain_page

FOLDS, SLICES, SPACING_MM = 5, 30, 8.0
COLUMNS = ("patients", "experiments", "step", "processor_seconds", "peak_mb", "made_mb")
SEQUENCE = "t1_in_phase"


def names_of(experiments: int) -> list[str]:
    """The names of the experiments."""
    return [f"x{number}" for number in range(experiments)]


def collect(folder: Path, names: list[str]) -> None:
    """All runs' tables into one."""
    runs = [f"{name}_{fold}" for name in names for fold in range(FOLDS)]
    made = {name: folder / f"{name}.tsv" for name in ("slices_table", "patients_table", "experiments_table")}
    collect_tables(
        slices=[folder / f"{run}.slices.tsv" for run in runs],
        patients=[folder / f"{run}.patients.tsv" for run in runs],
        folds_per_draw=dict.fromkeys(names, FOLDS),
        **made,
        summary=folder / "summary.txt",
    )


def compare(folder: Path, names: list[str]) -> None:
    """Each experiment with the first."""
    pairs = [(name, names[0]) for name in names[1:]]
    table = folder / "patients_table.tsv"
    compare_experiments(patients_table=table, pairs=pairs, comparisons_table=folder / "comparisons.tsv")


def judge(folder: Path, names: list[str]) -> None:
    """Nine contrasts."""
    contrasts = [
        {"question": name, "experiment": name, "against": names[0], "sequence": SEQUENCE} for name in names[1:10]
    ]
    made = {"verdicts_table": folder / "verdicts.tsv", "variances_table": folder / "variances.tsv"}
    judge_contrasts(patients_table=folder / "patients_table.tsv", contrasts=contrasts, margin=0.02, **made)


def show_patients(folder: Path, names: list[str]) -> None:
    """The page of all patients."""
    write_plain_page(folder / "patients_table.tsv", folder / "patients.html", PLAIN_PAGES["patients"])


def drawing(draw: Callable[..., None], table: str) -> Callable[[Path, list[str]], None]:
    """A figure of all experiments."""

    def step(folder: Path, names: list[str]) -> None:
        pictures = {kind: folder / f"{draw.__name__}.{kind}" for kind in ("png", "svg")}
        draw(**{table: folder / f"{table}.tsv"}, experiments=names, organs={}, **pictures)

    return step


STEPS = {
    "collect_tables": collect,
    "compare_experiments": compare,
    "judge_contrasts": judge,
    "page of patients": show_patients,
    "plot_dice": drawing(plot_dice, "patients_table"),
    "plot_volumes": drawing(plot_volumes, "patients_table"),
    "plot_along_liver": drawing(plot_along_liver, "slices_table"),
}


def main() -> None:
    """Measure each step, print the table, and write it to `--output`."""
    arguments = _arguments()
    names = names_of(arguments.experiments)
    if arguments.step:
        STEPS[arguments.step](arguments.folder, names)
        return
    common, rows = circumstances(), []
    with TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder, arguments.patients, names)
        for step in STEPS:
            rows.append({"patients": arguments.patients, "experiments": arguments.experiments, "step": step})
            rows[-1] |= measured(folder, step, arguments.experiments)
            print("  ".join(f"{column} {rows[-1][column]}" for column in COLUMNS), flush=True)
    if arguments.output:
        write_tsv(arguments.output, (*COLUMNS, *common), [{**row, **common} for row in rows])


def measured(folder: Path, step: str, experiments: int) -> dict[str, Any]:
    """Processor time and peak memory of a step in a process of its own, and the size of what it made."""
    started = time.time()
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder), "--experiments", str(experiments)]
    _, status, usage = os.wait4(subprocess.Popen(command).pid, 0)
    if status:
        raise AssertionError(f"{step}: ended with status {status}")
    made = sum(path.stat().st_size for path in folder.iterdir() if path.stat().st_mtime >= started)
    return {
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mb": round(usage.ru_maxrss / 1000),
        "made_mb": round(made / 1e6, 1),
    }


def simulate(folder: Path, patients: int, names: list[str]) -> None:
    """The tables of slices and of patients of every run."""
    draw = np.random.default_rng(1)
    for name in names:
        for fold in range(FOLDS):
            labels = {"experiment": name, "fold": fold, "seed": 1, "cohort": "development", "sequence": SEQUENCE}
            slice_rows, patient_rows = [], []
            for patient in range(fold, patients, FOLDS):
                dice = draw.beta(30, 4, SLICES)
                own = labels | {"patient": patient}
                for number, value in enumerate(dice):
                    place = {"stem": f"s{number}", "position_mm": number * SPACING_MM, "scores": "mask"}
                    areas = {"reference_mm2": 9000.0, "predicted_mm2": 9000.0 * value}
                    slice_rows.append(own | place | areas | {"dice": value, "dice_of_mask": value})
                mean = float(dice.mean())
                measures = dict.fromkeys(PATIENT_COLUMNS[8:], mean) | {"slices": SLICES, "slices_with_organ": SLICES}
                patient_rows.append(own | measures | {"reference_ml": 1500.0, "predicted_ml": 1500.0 * mean})
            write_tsv(folder / f"{name}_{fold}.slices.tsv", SLICE_COLUMNS, slice_rows)
            write_tsv(folder / f"{name}_{fold}.patients.tsv", PATIENT_COLUMNS, patient_rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--patients", type=int, default=2000, help="default: %(default)s")
    parser.add_argument("--experiments", type=int, default=10, help="default: %(default)s")
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help="a TSV to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
