"""Everything of this project that only a GPU can show, in one run of under 20 minutes, without a network.

Each check passes, fails, or is not tried, with the reason; the figures that it measured stand beside it. `--small`
takes tiny networks and images: it tries the checks themselves, on any device, and its speeds mean nothing.
"""

import argparse
import copy
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from prepare import ENVIRONMENT, ROOT, circumstances
from torch.nn.functional import avg_pool2d
from training_step import SIDE, gflop_of, matrix_product, repeatable, settings_of, trainee_of

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.settings import from_mapping
from chaosliver.network.batches import SliceSet
from chaosliver.network.job.gpus import choose_device, claim, claimed_device
from chaosliver.network.job.memory import memory_advice
from chaosliver.network.numerics import Numerics, has_bfloat16, set_tf32, to_device
from chaosliver.network.prediction import answers_of, for_inference
from chaosliver.network.recipe import Recipe, TrainingSettings
from chaosliver.network.training import Callbacks, Trainee, train_epoch, train_network
from chaosliver.prepare.samples import Leaks
from chaosliver.study.experiments import merge

COLUMNS = ("check", "result", "what", "value", "unit", "bar", "note")
SMALL = {"network": {"channels": 4, "depth": 2}, "recipe": {"grid": {"rows": 32, "columns": 48}}}
# Batch sizes of the original network, with the gigabytes that the original study measured for each.
ORIGINAL_GB = {4: 4.0, 16: 9.1}
TRAINED_EPOCHS, FALLS_TO = 20, 0.7
SHARE_OF_PEAK = 0.40
# Largest difference between probabilities: float32 on both devices, and the fastest precision against float32.
SAME_IN_FLOAT32, SAME_IN_HALF = 1e-3, 0.05
EXACT_PRODUCT, TF32_PRODUCT = 1e-5, 1e-2
LOADER_AT_LEAST = 1.2
BATCHES = 4
SECONDS_TO_090 = 60.0
MORE_THAN_ANYONE_HAS = 1 << 60


class Said(NamedTuple):
    """A figure that a check measured; where it has a bar, `met` says whether it was met."""

    what: str
    value: float | str
    unit: str = ""
    bar: str = ""
    met: bool = True


class NotTriedError(Exception):
    """A check needs what this machine has not; the message says what."""


class Machine(NamedTuple):
    """The device that is checked, the threads of the CPU, and whether networks and images are tiny."""

    device: torch.device
    threads: int
    small: bool

    def settings(self, experiment: str, **recipe: Any) -> dict[str, Any]:
        """What a training of an experiment takes, with other settings of its recipe."""
        settings = settings_of(experiment, self.threads)
        settings = merge(settings, SMALL) if self.small else settings
        return merge(settings, {"recipe": recipe})

    def only_cuda(self) -> None:
        """Raise NotTriedError where there is no GPU of CUDA."""
        if self.device.type != "cuda":
            raise NotTriedError(f"needs CUDA, and the device is {self.device.type}")


Check = Callable[[Machine], Iterator[Said]]


def main() -> None:
    """Run the checks, print what they said, and write it to `--output`; 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", action="store_true", help="tiny networks and images: tries the checks themselves")
    parser.add_argument("--only", nargs="+", choices=list(CHECKS), default=list(CHECKS), help="default: all")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: all cores (%(default)s)")
    parser.add_argument("--output", type=Path, help="a TSV to write")
    arguments = parser.parse_args()
    machine = Machine(choose_device(), arguments.threads, arguments.small)
    common = {**card_of(machine.device), **circumstances()}
    print(", ".join(f"{name} {value}" for name, value in common.items()))
    rows = []
    for name in arguments.only:
        start = time.perf_counter()
        for row in rows_of(name, machine):
            print("  ".join(str(row[column]) for column in COLUMNS if row[column] != ""), flush=True)
            rows.append({**row, **common})
        print(f"{name} took {time.perf_counter() - start:.0f} s", flush=True)
    if arguments.output:
        write_tsv(arguments.output, (*COLUMNS, *common), rows)
    sys.exit(any(row["result"] == "failed" for row in rows))


def rows_of(name: str, machine: Machine) -> Iterator[dict[str, Any]]:
    """A check's rows: one for each figure, or one that says why there is none."""
    row = {**dict.fromkeys(COLUMNS, ""), "check": name}
    try:
        for said in CHECKS[name](machine):
            result = "passed" if said.met else "failed"
            yield {**row, "result": result, "what": said.what, "value": said.value, "unit": said.unit, "bar": said.bar}
    except NotTriedError as error:
        yield {**row, "result": "not tried", "note": str(error)}
    except Exception as error:  # The others are still to be tried.
        yield {**row, "result": "failed", "note": f"{type(error).__name__}: {error}".splitlines()[0]}
    finally:
        torch.use_deterministic_algorithms(False)
        if machine.device.type == "cuda":
            torch.cuda.empty_cache()


def card_of(device: torch.device) -> dict[str, str]:
    """The card, its driver and the versions that compute on it."""
    card, driver = "none", "none"
    if device.type == "cuda":
        card = torch.cuda.get_device_name(device)
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False) if shutil.which(asked[0]) else None
        driver = said.stdout.splitlines()[0] if said and said.stdout else "unknown"
    return {
        "card": card,
        "driver": driver,
        "torch": torch.__version__,
        "cuda": torch.version.cuda or "none",
        "python": platform.python_version(),
    }


def check_precisions(machine: Machine) -> Iterator[Said]:
    """In each precision the loss falls: float32, bfloat16, and float16 with a scaler."""
    kinds: dict[str, torch.dtype | None] = {"float32": None, "float16 with scaler": torch.float16}
    if machine.device.type != "cuda" or has_bfloat16(machine.device):
        kinds["bfloat16"] = torch.bfloat16
    for kind, dtype in kinds.items():
        trainee, slices = learnable(
            machine, machine.settings("fast", transforms="none", warmup_epochs=0, learning_rate=0.01)
        )
        scaler = torch.amp.GradScaler(machine.device.type, enabled=dtype is torch.float16)
        trainee = trainee._replace(numerics=Numerics(machine.device, dtype, scaler))
        losses = [train_epoch(trainee, slices, 1) for _ in range(TRAINED_EPOCHS)]
        fallen = losses[-1] / losses[0]
        what = f"loss after {TRAINED_EPOCHS} epochs in {kind}"
        yield Said(what, fallen, "of the first", f"<= {FALLS_TO}", fallen <= FALLS_TO)


def check_tf32(machine: Machine) -> Iterator[Said]:
    """Products of float32 are exact where that was asked for, and through TF32 for `auto`."""
    left, right = (torch.randn(512, 512, dtype=torch.float64) for _ in range(2))
    exact = left @ right
    for precision, bar in (("float32", EXACT_PRODUCT), ("auto", TF32_PRODUCT)):
        set_tf32(machine.device, precision)
        found = (left.float().to(machine.device) @ right.float().to(machine.device)).cpu().double()
        error = ((found - exact).abs().max() / exact.abs().max()).item()
        yield Said(f"error of a product, {precision}", error, "of its largest value", f"<= {bar:g}", error <= bar)
    machine.only_cuda()
    used = torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32
    yield Said("TF32 for auto", str(used), bar="True", met=used)


def check_layouts(machine: Machine) -> Iterator[Said]:
    """The memory layout that the rule takes is the faster one, and both give the same."""
    trainee, slices = trainee_of(machine.settings("original", batch_size=4, precision="auto"))
    images = to_device(torch.from_numpy(slices.images[:, None]), machine.device)
    seconds, answers = {}, {}
    for layout in (torch.channels_last, torch.contiguous_format):
        network = copy.deepcopy(trainee.network).eval().to(memory_format=layout)
        given = images.contiguous(memory_format=layout)
        with torch.inference_mode(), trainee.numerics.autocast():
            answers[layout] = torch.sigmoid(network(given).float())
            seconds[layout] = seconds_of(lambda network=network, given=given: network(given), machine.device)
    ratio = seconds[torch.contiguous_format] / seconds[torch.channels_last]
    apart = (answers[torch.channels_last] - answers[torch.contiguous_format]).abs().max().item()
    yield Said("channels first over channels last, forward", ratio, "times the seconds")
    yield Said("layout by rule", str(trainee.numerics.layout_of(trainee.network)))
    yield Said("probabilities apart", apart, bar=f"<= {SAME_IN_HALF}", met=apart <= SAME_IN_HALF)


def check_pinned_memory(machine: Machine) -> Iterator[Said]:
    """What is copied from pinned memory arrives whole, and how fast."""
    values = torch.arange(1 << (12 if machine.small else 26), dtype=torch.float32)
    for _ in range(3):
        arrived = bool((to_device(values, machine.device).cpu() == values).all())
        yield Said("all values arrived", str(arrived), bar="True", met=arrived)
    machine.only_cuda()
    pinned = values.pin_memory()
    for kind, tensor in (("pinned", pinned), ("pageable", values)):
        seconds = seconds_of(lambda tensor=tensor: tensor.to(machine.device, non_blocking=True), machine.device)
        yield Said(f"copying {kind} memory", values.nbytes / seconds / 1e9, "GB/s")


def check_compile(machine: Machine) -> Iterator[Said]:
    """A compiled network gives what the network gives, after how long, and how much faster."""
    if not (shutil.which("g++") or shutil.which("c++")):
        raise NotTriedError("needs a C++ compiler")
    trainee, slices = trainee_of(machine.settings("fast", compile=True))
    images = to_device(torch.from_numpy(slices.images[slices.neighbours]), machine.device)
    images = images.contiguous(memory_format=trainee.numerics.layout_of(trainee.network))
    trainee.network.eval()
    with torch.no_grad(), trainee.numerics.autocast():
        start = time.perf_counter()
        compiled = torch.sigmoid(trainee.forward(images).float())
        yield Said("first call of the compiled network", time.perf_counter() - start, "s")
        plain = torch.sigmoid(trainee.network(images).float())
        both = [
            seconds_of(lambda call=call: call(images), machine.device) for call in (trainee.network, trainee.forward)
        ]
    apart = (compiled - plain).abs().max().item()
    yield Said("probabilities apart", apart, bar=f"<= {SAME_IN_HALF}", met=apart <= SAME_IN_HALF)
    yield Said("plain over compiled, forward", both[0] / both[1], "times the seconds")


def check_out_of_memory(machine: Machine) -> Iterator[Said]:
    """Memory that does not suffice ends in the advice what to lower, and the card goes on computing."""
    trainee, slices = trainee_of(machine.settings("original"))
    size, said = trainee.recipe.batch_size, "nothing"
    try:
        with memory_advice(trainee.recipe), little_memory(machine.device):
            if machine.device.type == "cuda":
                train_epoch(trainee, slices, 1)
            else:
                torch.empty(MORE_THAN_ANYONE_HAS, dtype=torch.uint8)
    except InputError as error:
        said = str(error)
    met = said.startswith("out of memory (") and f"lower recipe.batch_size from {size} to {size // 2}" in said
    yield Said("told", said.rpartition("): ")[2], bar="lower recipe.batch_size", met=met)
    finite = bool(np.isfinite(train_epoch(trainee, slices, 1)))
    yield Said("the next training step is a finite one", str(finite), bar="True", met=finite)


@contextmanager
def little_memory(device: torch.device) -> Iterator[None]:
    """A context in which this process may use a thousandth of the card's memory."""
    if device.type != "cuda":
        yield
        return
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.001, device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def check_locks(machine: Machine) -> Iterator[Said]:
    """Jobs at the same time hold different cards; a card is free again when its job ends, or is killed."""
    cards = torch.cuda.device_count() if machine.device.type == "cuda" else 0
    names = [f"card {number}" for number in range(max(2, cards))]
    with tempfile.TemporaryDirectory() as folder:
        with claim(names, Path(folder)) as first, claim(names, Path(folder)) as second:
            yield Said("two jobs hold", f"{first} and {second}", bar="0 and 1", met=(first, second) == (0, 1))
        with claim(names, Path(folder)) as again:
            yield Said("after both ended, a third holds", again, bar="0", met=again == 0)
    if cards < 2:
        raise NotTriedError(f"locks of real cards need two, and there are {cards}")
    context = get_context("spawn")
    held, done = context.Queue(), context.Event()
    jobs = [context.Process(target=hold_card, args=(held, done)) for _ in range(2)]
    for job in jobs:
        job.start()
    found = sorted(held.get(timeout=120) for _ in jobs)
    done.set()
    for job in jobs:
        job.join()
    yield Said("two processes hold the cards", f"{found[0]} and {found[1]}", bar="two", met=found[0] != found[1])


def hold_card(held: Any, done: Any) -> None:
    """A process that holds a card until it may go."""
    with claimed_device(1) as device:
        held.put(str(device))
        done.wait(120)


def check_repeatable(machine: Machine) -> Iterator[Said]:
    """Two trainings of the same seed give the same weights, bit by bit, and another seed gives others."""
    for experiment in ("fast", "original"):
        first, second, other = (trained_weights(machine, experiment, seed) for seed in (1, 1, 2))
        same = all(torch.equal(first[name], second[name]) for name in first)
        yield Said(f"{experiment}, twice with a seed: the same weights", str(same), bar="True", met=same)
        differ = any(not torch.equal(first[name], other[name]) for name in first)
        yield Said(f"{experiment}, with another seed: other weights", str(differ), bar="True", met=differ)


def trained_weights(machine: Machine, experiment: str, seed: int) -> dict[str, torch.Tensor]:
    """The weights after two epochs on a few slices."""
    recipe = {"epochs": 2, "warmup_epochs": 0, "batch_size": 2, "choose": "last", "snapshots": []}
    settings = machine.settings(experiment, **recipe)
    slices = learnable(machine, settings)[1]
    typed = TrainingSettings(
        network=settings["network"],
        recipe=from_mapping(Recipe, settings["recipe"]),
        keep_originals=False,
        leaks=Leaks(copies=0, validation_slices=0, seed=0),
        seed=seed,
        threads=machine.threads,
        code="",
    )
    return train_network(typed, slices, None, machine.device, Callbacks()).best


def check_against_cpu(machine: Machine) -> Iterator[Said]:
    """The same weights give the same probabilities on the CPU and on the device."""
    for experiment in ("fast", "original"):
        trainee, slices = trainee_of(machine.settings(experiment, batch_size=2))
        inputs = slices.images[slices.neighbours]
        network, cpu = copy.deepcopy(trainee.network).cpu().float(), torch.device("cpu")
        exact = replace(trainee.recipe, precision="float32")
        set_tf32(machine.device, "float32")
        reference = answers_of([for_inference(network, cpu, "float32")], inputs, exact, cpu)
        for recipe, bar in ((exact, SAME_IN_FLOAT32), (replace(exact, precision="auto"), SAME_IN_HALF)):
            set_tf32(machine.device, recipe.precision)
            ours = [for_inference(network, machine.device, recipe.precision)]
            apart = float(np.abs(answers_of(ours, inputs, recipe, machine.device) - reference).max())
            what = f"{experiment}: probabilities apart from the CPU's in float32, {recipe.precision}"
            yield Said(what, apart, bar=f"<= {bar:g}", met=apart <= bar)


def check_original(machine: Machine) -> Iterator[Said]:
    """The original network at full size: images per second, share of the peak, and memory beside the original's."""
    on_cuda = machine.device.type == "cuda"
    for batch, gigabytes in ORIGINAL_GB.items():
        trainee, slices = trainee_of(machine.settings("original", batch_size=batch))
        step = repeatable(train_epoch, trainee, slices, 1)
        if on_cuda:
            torch.cuda.reset_peak_memory_stats(machine.device)
        gflop, seconds = gflop_of(step), seconds_of(step, machine.device)
        yield Said(f"training at batch {batch}", batch / seconds, "images/s")
        if on_cuda:
            used = torch.cuda.max_memory_allocated(machine.device) / 1e9
            yield Said(f"memory at batch {batch}", used, "GB", f"<= {gigabytes}, the original's", used <= gigabytes)
        dtype = trainee.numerics.autocast_dtype or torch.float32
        product = matrix_product(machine.device, dtype, time.perf_counter)
        peak = max(2 * SIDE**3 / 1e9 / product() for _ in range(1 if machine.small else 5))
        share, aimed = gflop / seconds / peak, on_cuda and batch == max(ORIGINAL_GB)
        yield Said(f"peak in a product of {dtype}", peak, "GFLOP/s")
        bar, met = (f">= {SHARE_OF_PEAK}", share >= SHARE_OF_PEAK) if aimed else ("", True)
        yield Said(f"share of it in training at batch {batch}", share, bar=bar, met=met)


def check_loader(machine: Machine) -> Iterator[Said]:
    """Slices are read faster than the network trains on them."""
    for experiment in ("fast", "original"):
        trainee, slices = learnable(machine, machine.settings(experiment))
        batches = np.array_split(np.arange(len(slices.patients)), BATCHES)
        training = seconds_of(partial(train_epoch, trainee, slices, 1), machine.device)
        reading = seconds_of(lambda slices=slices, batches=batches: list(slices.read(batches)), torch.device("cpu"))
        # Of tiny images, neither says anything.
        met = machine.small or training >= LOADER_AT_LEAST * reading
        ratio = training / reading
        yield Said(f"{experiment}: slices read over slices trained", ratio, bar=f">= {LOADER_AT_LEAST}", met=met)


def check_prediction(machine: Machine) -> Iterator[Said]:
    """Slices per second in prediction."""
    for experiment in ("fast", "original"):
        trainee, slices = learnable(machine, machine.settings(experiment))
        inputs, recipe = slices.images[slices.neighbours], trainee.recipe
        networks = [for_inference(trainee.network, machine.device, recipe.precision)]
        seconds = seconds_of(partial(answers_of, networks, inputs, recipe, machine.device), machine.device)
        yield Said(f"{experiment}: prediction", len(inputs) / seconds, "slices/s")


def check_speedrun(machine: Machine) -> Iterator[Said]:
    """The fast network's seconds until a 3D Dice of 0.90 on patients that it never saw."""
    if ENVIRONMENT not in os.environ:
        raise NotTriedError(f"needs the 14 patients: set ${ENVIRONMENT}")
    machine.only_cuda()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "row.tsv"
        entry = str(ROOT / "benchmarks/speedruns/ours.yaml")
        command = [sys.executable, str(ROOT / "benchmarks/speedrun.py"), entry, "--seeds", "1", "--output", str(table)]
        subprocess.run(command, check=True)
        (row,) = read_tsv(table)
    dice, seconds = float(row["mean_dice_3d"]), float(row["seconds"])
    yield Said("3D Dice on 13, 33 and 39", dice, bar=">= 0.90", met=dice >= 0.90)
    met = seconds <= SECONDS_TO_090
    yield Said("its training, with the start of the process", seconds, "s", f"<= {SECONDS_TO_090:g}", met)


def learnable(machine: Machine, settings: dict[str, Any]) -> tuple[Trainee, SliceSet]:
    """A network, and some batches of slices whose organ is what is brighter than its surroundings."""
    trainee, _ = trainee_of(settings)
    recipe, organs = trainee.recipe, settings["organs"]
    number = BATCHES * recipe.batch_size
    noise = torch.randn(number, 1, recipe.grid.rows, recipe.grid.columns, generator=torch.Generator().manual_seed(1))
    smooth = avg_pool2d(noise, 9, 1, 4, count_include_pad=False)[:, 0].numpy()
    masks = np.repeat((smooth > 0.1)[:, None], organs, axis=1).astype(np.uint8)
    rows = np.arange(number)
    neighbours = np.clip(rows[:, None] + np.arange(-recipe.context, recipe.context + 1), 0, number - 1)
    names = np.full(number, "1")
    return trainee, SliceSet(smooth * 5, masks, names, names, neighbours)


def seconds_of(work: Callable[[], object], device: torch.device, rounds: int = 5) -> float:
    """The median of the seconds of several calls, after one that warms up."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


CHECKS: dict[str, Check] = {
    "precisions": check_precisions,
    "tf32": check_tf32,
    "layouts": check_layouts,
    "pinned_memory": check_pinned_memory,
    "compile": check_compile,
    "out_of_memory": check_out_of_memory,
    "locks": check_locks,
    "repeatable": check_repeatable,
    "against_cpu": check_against_cpu,
    "original": check_original,
    "loader": check_loader,
    "prediction": check_prediction,
    "speedrun": check_speedrun,
}

if __name__ == "__main__":
    main()
