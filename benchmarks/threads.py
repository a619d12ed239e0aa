"""Trainings of one and two threads on a busy machine: threads that spin while they wait, sleep, or spin briefly.

The `fast` network is trained on random numbers in processes of their own, alternately and in several rounds, while so
many other processes keep the processor busy. The medians are compared.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prepare import ROOT, circumstances

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.files import write_tsv

# How threads wait: as GNU's OpenMP does of itself, by sleeping, and as the workflow sets it.
WAITING = {
    "spin": {},
    "sleep": {"OMP_WAIT_POLICY": "PASSIVE"},
    "spin briefly": {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "3000"},
}
# The threads of a training, and how they wait.
WAYS = ((1, "spin"), *((2, waiting) for waiting in WAITING))
FIGURES = ("busy_processes", "threads", "waiting", "slices_per_second", "slices_per_processor_second", "rounds")


def main() -> None:
    """Measure, print the table, and write it to `--output`; or train, in a process of its own."""
    arguments = _arguments()
    if arguments.worker:
        print(*train(arguments.worker, arguments.seconds))
        return
    rates = defaultdict(list)
    for _ in range(arguments.rounds):
        for busy in arguments.busy:
            with busy_processes(busy):
                for threads, waiting in WAYS:
                    rates[busy, threads, waiting].append(measure(threads, waiting, arguments.seconds))
    common = circumstances()
    rows = []
    for measured, pairs in rates.items():
        medians = [round(statistics.median(values), 2) for values in zip(*pairs, strict=True)]
        rows.append(dict(zip(FIGURES, (*measured, *medians, arguments.rounds), strict=True)) | common)
        print("  ".join(f"{rows[-1][name]!s:>12}" for name in FIGURES), flush=True)
    if arguments.output:
        write_tsv(arguments.output, (*FIGURES, *common), rows)


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """So many processes that compute without pause."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure(threads: int, waiting: str, seconds: float) -> tuple[float, float]:
    """Slices per second, and per second of processor time, of a training in a process of its own."""
    unset = {name: value for name, value in os.environ.items() if name not in WAITING["spin briefly"]}
    command = [sys.executable, __file__, "--worker", str(threads), "--seconds", str(seconds)]
    done = subprocess.run(command, env={**unset, **WAITING[waiting]}, check=True, capture_output=True, text=True)
    per_second, per_processor_second = map(float, done.stdout.split())
    return per_second, per_processor_second


def train(threads: int, seconds: float) -> tuple[float, float]:
    """Train for so long, after a step that is not counted."""
    # The runtime reads its environment when torch is imported.
    from training_step import settings_of, trainee_of

    from chaosliver.network.training import train_epoch

    trainee, slices = trainee_of(settings_of("fast", threads))
    train_epoch(trainee, slices, 1)
    started, used, passed = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - started < seconds:
        train_epoch(trainee, slices, 1)
        passed += len(slices.patients)
    return passed / (time.perf_counter() - started), passed / (time.process_time() - used)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 2, 4], help="other processes; default: %(default)s")
    parser.add_argument("--seconds", type=float, default=12, help="of each training; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--output", type=Path, help="a TSV to write")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
