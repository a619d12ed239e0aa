"""A training step: this project's and the original script's loop, side by side, and its share of the machine's peak.

Both train the original network (64 to 1024 channels) on the same batch of random numbers, since the time does not
depend on their values. The peak is what a product of two 4096 x 4096 matrices reaches in the same run, in the data type
that autocast uses for convolutions. They are measured alternately, in several rounds; the medians are compared.
"""

import argparse
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from prepare import ROOT, circumstances
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.files import write_tsv
from chaosliver.base.settings import from_mapping
from chaosliver.network import training
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.batches import SliceSet
from chaosliver.network.job.gpus import choose_device
from chaosliver.network.numerics import numerics_for, set_tf32
from chaosliver.network.recipe import Recipe
from chaosliver.study.configuration import read_schema
from chaosliver.study.experiments import Experiment, merge, resolve_experiments

SIDE, TRIES = 4096, 5
ORIGINAL = "original network: original's loop"
OURS = "original network: this project"
FAST = "fast network: this project"

Clock = Callable[[], float]
Times = dict[str, list[float]]


def main() -> None:
    """Measure, print the table, and write it to `--output`."""
    arguments = arguments_of(__doc__, precision=True)
    works, batches, device, dtype = works_of(arguments.threads, arguments.precision)
    gflop = {what: gflop_of(work) for what, work in works.items()}
    peak = matrix_product(device, dtype, arguments.clock)
    load = load_average()
    times = in_turn({**works, "peak": peak}, arguments.rounds, arguments.clock)
    best = 2 * SIDE**3 / 1e9 / min(times["peak"])
    print(f"{device.type}, {torch.get_num_threads()} threads, {dtype}: peak {best:.0f} GFLOP/s; load average {load}")
    rows = []
    for what in works:
        seconds = statistics.median(times[what])
        rows.append(
            {
                "what": what,
                "seconds": seconds,
                "images_per_second": batches[what] / seconds,
                "ratio_to_original": "" if what == FAST else ratio(times, ORIGINAL, what),
                "gflop": round(gflop[what], 1),
                "share_of_peak": round(gflop[what] / seconds / best, 3),
            }
        )
    finish(rows, arguments, load)


def works_of(
    threads: int, precision: str
) -> tuple[dict[str, Callable[[], object]], dict[str, int], torch.device, torch.dtype]:
    """One step of each by name, images per step by name, the device, and the type of its convolutions."""
    ours, batches = {}, {}
    for what, experiment in ((OURS, "original"), (FAST, "fast")):
        settings = merge(settings_of(experiment, threads), {"recipe": {"precision": precision}})
        trainee, slices = trainee_of(settings)
        ours[what] = repeatable(training.train_epoch, trainee, slices, 1)
        batches[what] = settings["recipe"]["batch_size"]
    settings = settings_of("original", threads)
    device = choose_device()
    images, masks = (torch.from_numpy(part) for part in random_batch(settings))
    original = original_step(build_network(settings["network"]).to(device), images, masks, device)
    dtype = numerics_for(device, precision).autocast_dtype or torch.float32
    return {ORIGINAL: original, **ours}, {ORIGINAL: len(images), **batches}, device, dtype


def settings_of(experiment: str, threads: int) -> dict[str, Any]:
    """Network, recipe, seed and threads of an experiment of config/config.yaml, as a training takes them."""
    return as_training(resolved({"study": [experiment]}, "config.yaml")[experiment], threads)


def as_training(experiment: Experiment, threads: int) -> dict[str, Any]:
    """Network, recipe, seed, threads and number of organs of an experiment."""
    network, recipe = dict(experiment.network), dict(experiment.recipe)
    organs = 1 + len(experiment.other_organs)
    return {"network": network, "recipe": recipe, "seed": 1, "threads": threads, "organs": organs}


def resolved(overlay: Mapping[str, Any], *files: str) -> dict[str, Experiment]:
    """The experiments of a study by name, from `files` of config/ and an overlay, complete and checked."""
    config = merge(configured(*files), overlay)
    return resolve_experiments(config, read_schema(ROOT / "workflow/schemas/config.schema.yaml"))


def configured(*files: str) -> dict[str, Any]:
    """What `files` of config/ say together, a later one over those before."""
    config: dict[str, Any] = {}
    for name in files:
        config = merge(config, yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8")))
    return config


def trainee_of(settings: Mapping[str, Any]) -> tuple[training.Trainee, SliceSet]:
    """A network ready to be trained by this project, and one batch of slices."""
    training.make_repeatable(settings["seed"], settings["threads"])
    images, masks = random_batch(settings)
    # Each slice is its own neighbour: it takes the same time as three different slices.
    neighbours = np.repeat(np.arange(len(images))[:, None], 2 * settings["recipe"]["context"] + 1, axis=1)
    names = np.full(len(images), "1")
    slices = SliceSet(images[:, 0], masks.astype(np.uint8), names, names, neighbours)
    device, recipe = choose_device(), from_mapping(Recipe, settings["recipe"])
    set_tf32(device, recipe.precision)
    return training.make_trainee(settings["network"], recipe, settings["organs"], device), slices


def random_batch(settings: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Images [batch, 1, rows, columns] and masks [batch, organs, rows, columns], float32."""
    grid, draw = settings["recipe"]["grid"], np.random.default_rng(settings["seed"])
    shape = (settings["recipe"]["batch_size"], 1, grid["rows"], grid["columns"])
    images = draw.normal(size=shape).astype(np.float32)
    masks = np.repeat(draw.random(shape) > 0.9, settings["organs"], axis=1).astype(np.float32)
    return images, masks


def repeatable(work: Callable[..., object], *given: object) -> Callable[[], object]:
    """`work` with torch's deterministic algorithms, which this project uses and the original does not."""

    def run() -> None:
        torch.use_deterministic_algorithms(True)
        work(*given)
        torch.use_deterministic_algorithms(False)

    return run


def original_step(
    network: nn.Module, images: torch.Tensor, masks: torch.Tensor, device: torch.device
) -> Callable[[], object]:
    """The original script's step, rewritten from its description: float32, channels first, Adam, BCE on logits."""
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    criterion = nn.BCEWithLogitsLoss()

    def step() -> float:
        network.train()
        optimiser.zero_grad()
        loss = criterion(network(images.to(device)), masks.to(device))
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


def gflop_of(work: Callable[[], object]) -> float:
    """Multiplications and additions of one call, forward and backward, in units of 1e9; it warms up as well."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 1e9


def matrix_product(device: torch.device, dtype: torch.dtype, clock: Clock) -> Callable[[], float]:
    """A function that returns the seconds of the fastest of several products of two large matrices."""
    left, right = (torch.randn(SIDE, SIDE, device=device).to(dtype) for _ in range(2))

    def seconds() -> float:
        start = clock()
        left @ right
        if device.type == "cuda":
            torch.cuda.synchronize()
        return clock() - start

    return lambda: min(seconds() for _ in range(TRIES))


def in_turn(works: Mapping[str, Callable[[], object]], rounds: int, clock: Clock) -> Times:
    """Seconds of each function by round, or the seconds that it returns; every other round runs in reverse order."""
    times: Times = defaultdict(list)
    for number in range(rounds):
        for what in reversed(works) if number % 2 else works:
            start = clock()
            said = works[what]()
            times[what].append(said if what == "peak" else clock() - start)
    return times


def ratio(times: Times, reference: str, what: str) -> float:
    """How many times faster than the reference, by medians."""
    return round(statistics.median(times[reference]) / statistics.median(times[what]), 2)


def finish(rows: list[dict[str, Any]], arguments: argparse.Namespace, load: str) -> None:
    """Print the rows, and write them with how they were measured."""
    for line in lines_of(rows):
        print(line)
    if arguments.output:
        common = {
            "rounds": arguments.rounds,
            "threads": arguments.threads,
            "clock": "processor time" if arguments.clock is time.process_time else "wall clock",
            "load_average": load,
            **circumstances(),
        }
        write_tsv(arguments.output, (*rows[0], *common), [{**row, **common} for row in rows])


def lines_of(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The rows as a table for a terminal."""
    yield "  ".join(f"{name:>34}" if name == "what" else f"{name:>17}" for name in rows[0])
    for row in rows:
        yield "  ".join(
            f"{value:>34}" if name == "what" else f"{value:>17.3f}" if value != "" else f"{'':>17}"
            for name, value in row.items()
        )


def load_average() -> str:
    """Mean number of processes running or waiting in the minute before this run: other work slows this one."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def arguments_of(text: str, precision: bool = False) -> argparse.Namespace:
    """The arguments of the command line, with the precision if the benchmark has that option."""
    parser = argparse.ArgumentParser(description=text.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: all cores (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument(
        "--processor-time",
        dest="clock",
        action="store_const",
        const=time.process_time,
        default=time.perf_counter,
        help="count the processor's seconds, not the clock's: with --threads 1 on a machine that is busy otherwise",
    )
    if precision:
        parser.add_argument(
            "--precision",
            choices=["auto", "float32"],
            default="auto",
            help="recipe.precision here: float32 is what a machine without bfloat16 does; default: auto",
        )
    parser.add_argument("--output", type=Path, help="a TSV to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
