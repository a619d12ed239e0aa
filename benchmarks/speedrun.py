"""The speedrun: the least computing until 3D Dice 0.90 on held-out T1 patients (docs/speedrun.md has the rules).

Prepares the sample, trains an entry's network once for each seed, each in a process of its own with two threads and
nothing beside it, scores it on patients 13, 33 and 39, and prints the entry's row.
"""

import argparse
import re
import shutil
import statistics
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from accuracy import run_sample
from prepare import ENVIRONMENT, ROOT, add_archive, circumstances, parse_with_archive
from training_step import as_training, configured, gflop_of, resolved, trainee_of

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.cards import read_card
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.settings import from_mapping
from chaosliver.network.job.gpus import choose_device
from chaosliver.network.numerics import has_bfloat16
from chaosliver.network.recipe import Recipe
from chaosliver.network.training import train_epoch
from chaosliver.study.experiments import Experiment, merge

RESULTS, THREADS, SEEDS, AIM = "results/speedrun", 2, (1, 2, 3), 0.90
SEQUENCE = "t1_in_phase"
CONFIGS = ("config.yaml", "sample.yaml")
# What the rules fix, so that no entry may set it.
FIXED = {"split": "held_out", "train_on": [SEQUENCE], "score_on": [SEQUENCE], "organ": "liver", "scores": "mask"}
SET_BY_RULES = (*FIXED, "seeds", "training_patients")
# A processor with AVX2 alone, as torch and oneDNN take it.
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
TOOK = re.compile(r"took ([\d.]+) s of processor time")


def main() -> None:
    """Run an entry, print its row, and add it to `--output`."""
    arguments = _arguments()
    entry, name = yaml.safe_load(arguments.entry.read_text(encoding="utf-8")), arguments.entry.stem
    if wrong := [key for key in SET_BY_RULES if key in entry]:
        sys.exit(f"{arguments.entry}: {', '.join(wrong)}: set by the rules of docs/speedrun.md. Leave it out")
    if name in configured(*CONFIGS)["experiments"]:
        sys.exit(f"{arguments.entry}: config/ has an experiment {name} already. Rename the file")
    precision = {"recipe": {"precision": "float32"}} if arguments.avx2 else {}
    settings = merge({**entry, **FIXED, "seeds": list(arguments.seeds)}, precision)
    overlay = {
        "results": RESULTS,
        "experiments": {name: settings},
        "study": [name],
        "training": {"threads": THREADS},
    }
    for folder in ("models", "checkpoints"):
        # What was trained before would be taken again, and cost nothing.
        shutil.rmtree(ROOT / RESULTS / folder / name, ignore_errors=True)
    # The networks by name, since Snakemake makes a deleted file again only where a target names it.
    targets = ["trained", f"{RESULTS}/tables/patients.tsv"]
    run_sample(overlay, arguments.archive, THREADS, targets, AVX2 if arguments.avx2 else None)
    row = row_of(name, resolved(overlay, *CONFIGS)[name], arguments.seeds)
    print("  ".join(f"{column} {value}" for column, value in row.items()))
    if arguments.output:
        row |= circumstances()
        rows = read_tsv(arguments.output) if arguments.output.exists() else []
        write_tsv(arguments.output, tuple(row), [*rows, row])


def row_of(name: str, experiment: Experiment, seeds: list[int]) -> dict[str, Any]:
    """The entry's row: means over seeds of the mean over patients, and of what the trainings took."""
    rows = [row for row in read_tsv(ROOT / RESULTS / "tables/patients.tsv") if row["experiment"] == name]
    by_seed = [[float(row["dice_3d"]) for row in rows if row["seed"] == str(seed)] for seed in seeds]
    dice = [statistics.mean(values) for values in by_seed]
    device = choose_device()
    in_bfloat16 = experiment.recipe["precision"] == "auto" and has_bfloat16(device)
    return {
        "entry": name,
        "reached": "yes" if statistics.mean(dice) >= AIM else "no",
        "mean_dice_3d": round(statistics.mean(dice), 4),
        "worst_dice_3d": round(min(dice), 4),
        "processor_seconds": round(statistics.mean(processor_seconds(name, seed) for seed in seeds), 1),
        "seconds": round(statistics.mean(wall_seconds(name, seed) for seed in seeds), 1),
        "tera_multiply_adds": round(tera_multiply_adds(experiment, training_slices(name, seeds[0])), 1),
        "device": device.type,
        "precision": "bfloat16" if in_bfloat16 else "float32",
        "seeds": len(seeds),
    }


def processor_seconds(name: str, seed: int) -> float:
    """The processor time of a training's whole process, from its log."""
    log = ROOT / RESULTS / f"logs/train/{name}/fold0_seed{seed}.log"
    return float(TOOK.findall(log.read_text(encoding="utf-8"))[-1])


def wall_seconds(name: str, seed: int) -> float:
    """How long a training's job took, by Snakemake."""
    (measured,) = read_tsv(ROOT / RESULTS / f"benchmarks/train/{name}/fold0_seed{seed}.tsv")
    return float(measured["s"])


def tera_multiply_adds(experiment: Experiment, slices: int) -> float:
    """Multiply-adds of a training on so many slices in units of 1e12, forward and backward, as torch counts them."""
    recipe = experiment.recipe
    early = from_mapping(Recipe, recipe).coarse_epochs
    gflop = (recipe["epochs"] - early) * gflop_of_slice(experiment, recipe["grid"])
    if early:
        gflop += early * gflop_of_slice(experiment, recipe["coarse_start"]["grid"])
    return gflop / 2 * (recipe["samples_per_epoch"] or slices) / 1e3


def gflop_of_slice(experiment: Experiment, grid: Mapping[str, Any]) -> float:
    """Floating-point operations of a training step, for each of its slices on a grid, in units of 1e9."""
    recipe = {**experiment.recipe, "grid": grid, "compile": False}
    trainee, batch = trainee_of(as_training(replace(experiment, recipe=recipe), THREADS))
    return gflop_of(lambda: train_epoch(trainee, batch, 1)) / len(batch.patients)


def training_slices(name: str, seed: int) -> int:
    """The slices that a network learned from, by its card."""
    card = read_card(ROOT / RESULTS / f"models/{name}/fold0_seed{seed}/card.json", ("train_on",))
    return sum(len(read_tsv(ROOT / RESULTS / f"masks/liver/{volume}.tsv")) for volume in card["train_on"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "entry", type=Path, help="a YAML file with an experiment's settings, as in benchmarks/speedruns"
    )
    add_archive(parser, f"the 14 patients, zip or unpacked folder of the CHAOS layout; by default ${ENVIRONMENT}")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="an entry has three; default: 1 2 3")
    parser.add_argument(
        "--avx2", action="store_true", help="compute as on a processor without AVX-512 and bfloat16, in float32"
    )
    parser.add_argument("--output", type=Path, help="a TSV to add the row to")
    return parse_with_archive(parser)


if __name__ == "__main__":
    main()
