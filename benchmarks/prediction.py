"""Prediction of a volume: this project and the original's loop over single slices, side by side.

Both apply the original network (64 to 1024 channels), with the same weights, to the same random slices. First it is
checked that their probabilities agree. The two are measured alternately, in several rounds; the medians are compared.
"""

import statistics
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from training_step import arguments_of, finish, in_turn, load_average, ratio, settings_of

from chaosliver.base.settings import from_mapping
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.job.gpus import choose_device
from chaosliver.network.numerics import set_tf32
from chaosliver.network.prediction import answers_of, for_inference
from chaosliver.network.recipe import Recipe

SLICES = 12
ORIGINAL, OURS = "original's loop", "this project"
# How much bfloat16 may change a probability.
TOLERANCE = 0.02


def main() -> None:
    """Measure, print the table, and write it to `--output`."""
    arguments = arguments_of(__doc__)
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    settings = settings_of("original", arguments.threads)
    grid = settings["recipe"]["grid"]
    slices = np.random.default_rng(1).normal(size=(SLICES, 1, grid["rows"], grid["columns"])).astype(np.float32)
    device = choose_device()
    original, ours = (build_network(settings["network"]).to(device).eval() for _ in range(2))
    ours.load_state_dict(original.state_dict())
    recipe = from_mapping(Recipe, settings["recipe"])
    set_tf32(device, recipe.precision)
    ours = for_inference(ours, device, recipe.precision)
    works: dict[str, Callable[[], np.ndarray]] = {
        ORIGINAL: lambda: one_by_one(original, slices, device),
        OURS: lambda: answers_of([ours], slices, recipe, device),
    }
    difference = np.abs(works[OURS]() - works[ORIGINAL]()).max()
    if not difference < TOLERANCE:
        raise AssertionError(f"the probabilities differ by up to {difference}")
    load = load_average()
    times = in_turn(works, arguments.rounds, arguments.clock)
    medians = {what: statistics.median(times[what]) for what in works}
    print(f"{device.type}, {torch.get_num_threads()} threads; load average {load}")
    rows = [
        {
            "what": what,
            "seconds_per_slice": medians[what] / SLICES,
            "slices_per_second": SLICES / medians[what],
            "ratio_to_original": ratio(times, ORIGINAL, what),
        }
        for what in works
    ]
    finish(rows, arguments, load)


def one_by_one(network: nn.Module, slices: np.ndarray, device: torch.device) -> np.ndarray:
    """The original script's loop, rewritten from its description: float32, channels first, slice by slice."""
    found = []
    for image in slices:
        with torch.no_grad():
            logits = network(torch.from_numpy(image).unsqueeze(0).to(device))
        found.append(torch.sigmoid(logits).cpu().numpy()[0, 0])
    return np.stack(found)


if __name__ == "__main__":
    main()
