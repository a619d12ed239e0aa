"""Accuracy after trainings of given lengths, on real patients that they never saw: the sample study's own experiments.

Runs the workflow with config/sample.yaml in results/accuracy, where finished jobs are not run again. The experiments
named by minutes take that long on two idle cores with bfloat16; each row says how long its training took.
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from prepare import ENVIRONMENT, ROOT, add_archive, circumstances, parse_with_archive

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.files import read_tsv, write_tsv

RESULTS = "results/accuracy"
FIGURES = (
    *("mean_dice_all_slices", "mean_dice_organ_slices", "dice_3d"),
    *("ravd_percent", "assd_mm", "hd95_mm", "mssd_mm", "nsd", "challenge_score"),
)
COLUMNS = ("experiment", "fold", "seed", "patient", "sequence", *FIGURES, "training_minutes", "mean_cores_used")


def main() -> None:
    """Run the experiments, print their means, and write a row for each patient to `--output`."""
    arguments = _arguments()
    settings = {"results": RESULTS, "study": arguments.experiments, "training": {"threads": arguments.threads}}
    run_sample(settings, arguments.archive, arguments.cores, ["all"])
    rows = [with_time(row) for row in read_tsv(ROOT / RESULTS / "tables/patients.tsv")]
    for experiment in arguments.experiments:
        own = [row for row in rows if row["experiment"] == experiment]
        print(experiment, f"{len(own)} patients", *(f"{figure} {spread(own, figure)}" for figure in FIGURES), sep="  ")
    if arguments.output:
        common = circumstances()
        write_tsv(arguments.output, (*COLUMNS, *common), [{**row, **common} for row in rows])


def run_sample(
    settings: Mapping[str, Any],
    archive: Path,
    cores: int,
    targets: Sequence[str],
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run the workflow on the sample with `settings` over its own, and variables beside those of this process."""
    with TemporaryDirectory() as name:
        overlay = Path(name) / "overlay.yaml"
        overlay.write_text(yaml.safe_dump(dict(settings)), encoding="utf-8")
        # A training counts as one GPU, even without one.
        at_once = f"gpu={cores // settings['training']['threads']}"
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--resources", at_once]
        config = ["--configfile", "config/sample.yaml", str(overlay), "--quiet", "rules", "--"]
        whole = {**os.environ, ENVIRONMENT: str(archive.resolve()), **(environment or {})}
        subprocess.run([*command, *config, *targets], cwd=ROOT, env=whole, check=True)


def with_time(row: dict[str, str]) -> dict[str, Any]:
    """A patient's row, with the minutes of its network's training and the mean number of cores that it used."""
    run = f"{row['experiment']}/fold{row['fold']}_seed{row['seed']}.tsv"
    (measured,) = read_tsv(ROOT / RESULTS / "benchmarks/train" / run)
    minutes, cores = float(measured["s"]) / 60, float(measured["mean_load"]) / 100
    return {**row, "training_minutes": minutes, "mean_cores_used": cores}


def spread(rows: list[dict[str, Any]], figure: str) -> str:
    """Mean, standard deviation and range over the patients."""
    values = [float(row[figure]) for row in rows]
    deviation = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{deviation} ({min(values):.3f} to {max(values):.3f})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_archive(parser, f"the 14 patients, zip or unpacked folder of the CHAOS layout; by default ${ENVIRONMENT}")
    parser.add_argument(
        "--experiments",
        nargs="+",
        default=["fast_5_minutes", "fast_10_minutes", "fast_20_minutes", "fast_60_minutes", "original_10_minutes"],
        help="of config/sample.yaml; default: %(default)s",
    )
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="default: all (%(default)s)")
    parser.add_argument(
        "--threads",
        type=int,
        default=2,
        help="of a training; as many run at once as there are cores; default: %(default)s",
    )
    parser.add_argument("--output", type=Path, help="a TSV to write")
    arguments = parse_with_archive(parser)
    if not 0 < arguments.threads <= arguments.cores:
        parser.error(f"--threads {arguments.threads}: give from 1 to {arguments.cores}, the cores")
    return arguments


if __name__ == "__main__":
    main()
