"""Time of a training step by memory layout of weights and images: channels first or last, network by network.

The rule in `numerics.Numerics.layout_of` is based on this. On a CPU with AVX-512, ONEDNN_MAX_CPU_ISA=AVX2 and
ATEN_CPU_CAPABILITY=avx2 make torch compute as on one without. The layouts are measured alternately, in several rounds;
the medians are compared.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from prepare import circumstances
from training_step import in_turn, lines_of, load_average, random_batch, settings_of

from chaosliver.base.files import write_tsv
from chaosliver.base.settings import from_mapping
from chaosliver.network import training
from chaosliver.network.job.gpus import choose_device
from chaosliver.network.numerics import Numerics, make_repeatable, numerics_for, set_tf32
from chaosliver.network.recipe import Recipe
from chaosliver.study.experiments import merge

LAYOUTS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}
SMALL = {"recipe": {"grid": {"rows": 128, "columns": 128}}}
# An experiment of config/config.yaml, and the settings changed in it: the original's network, narrower ones, others.
CASES = {
    "unet, 64 channels": ("original", {}),
    "unet, 32 channels": ("original", {"network": {"channels": 32}}),
    "unet, 16 channels, 128 x 128": ("original", merge(SMALL, {"network": {"channels": 16}})),
    "fast": ("fast", {}),
    "denseunet65": ("original", {"network": {"name": "denseunet65", "dropout": 0.2}}),
}


class InLayout(Numerics):
    """Numerics with a given memory layout."""

    layout: torch.memory_format

    def layout_of(self, network: torch.nn.Module) -> torch.memory_format:
        """The given layout, whatever the network."""
        return self.layout


def main() -> None:
    """Measure, print the table, and write it to `--output`."""
    arguments = _arguments()
    rows, load = [], load_average()
    for network in arguments.networks:
        works = {layout: step_of(network, arguments.precision, layout, arguments.threads) for layout in LAYOUTS}
        for work in works.values():
            work()
        times = in_turn(works, arguments.rounds, time.process_time)
        rows += [
            {"network": network, "layout": layout, "seconds": statistics.median(times[layout])} for layout in LAYOUTS
        ]
    how = {
        "precision": arguments.precision,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "rounds": arguments.rounds,
        "threads": arguments.threads,
        "clock": "processor time",
        "load_average": load,
        **circumstances(),
    }
    for line in lines_of([{"what": f"{row['network']}: {row['layout']}", "seconds": row["seconds"]} for row in rows]):
        print(line)
    if arguments.output:
        write_tsv(arguments.output, (*rows[0], *how), [{**row, **how} for row in rows])


def step_of(network: str, precision: str, layout: str, threads: int) -> Callable[[], Any]:
    """A training step of one of CASES on random numbers."""
    experiment, changes = CASES[network]
    settings = _settings(experiment, changes, precision, threads)
    make_repeatable(settings["seed"], threads)
    images, masks = (torch.from_numpy(part) for part in random_batch(settings))
    images = images.repeat(1, 2 * settings["recipe"]["context"] + 1, 1, 1)
    device = choose_device()
    numerics = InLayout(*numerics_for(device, precision))
    numerics.layout = LAYOUTS[layout]
    set_tf32(device, precision)
    recipe = from_mapping(Recipe, settings["recipe"])
    trainee = training.make_trainee(settings["network"], recipe, settings["organs"], device)._replace(numerics=numerics)
    trainee.network.to(memory_format=LAYOUTS[layout]).train()
    return lambda: training._step(trainee, images, masks)


def _settings(experiment: str, changes: Mapping[str, Any], precision: str, threads: int) -> dict[str, Any]:
    settings = merge(settings_of(experiment, threads), {**changes, "recipe": changes.get("recipe", {})})
    settings["recipe"] = {**settings["recipe"], "precision": precision}
    if "name" in changes.get("network", {}):
        settings["network"] = changes["network"]
    return settings


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", nargs="+", choices=CASES, default=list(CASES), help="default: all")
    parser.add_argument("--precision", choices=["auto", "float32"], default="float32", help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--output", type=Path, help="a TSV to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
