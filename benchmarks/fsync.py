"""What it costs to force the files of an index to disk, one after another and as `force_to_disk` does."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from prepare import ROOT, circumstances

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.files import _sync, force_to_disk, write_tsv

COLUMNS = ("files", "bytes_each", "way", "median_seconds", "rounds", "command", "date", "commit", "machine")
BYTES_EACH = 20_000


def one_after_another(folder: Path, names: list[str]) -> None:
    """Wait for each file by itself."""
    for name in names:
        _sync(folder / name)


def nothing(folder: Path, names: list[str]) -> None:
    """Wait for nothing: the bytes reach the disk some time later."""


WAYS = {"not at all": nothing, "one after another": one_after_another, "several at a time": force_to_disk}


def measure(way: Callable[[Path, list[str]], None], files: int) -> float:
    """Seconds to write and force to disk so many files."""
    draw = np.random.default_rng(1)
    # Not in /tmp, which may be memory.
    with TemporaryDirectory(dir=ROOT) as folder:
        names = [f"{number}.png" for number in range(files)]
        began = time.perf_counter()
        for name in names:
            Path(folder, name).write_bytes(draw.bytes(BYTES_EACH))
        way(Path(folder), names)
        return time.perf_counter() - began


def main() -> None:
    """Measure each way for a volume and for a fold's augmented slices, and write a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=ROOT / "docs/measurements/fsync.tsv")
    chosen = parser.parse_args()
    rows = []
    for files in (40, 2000):
        # In turns, since other work on the disk comes and goes.
        taken = [{name: measure(way, files) for name, way in WAYS.items()} for _ in range(chosen.rounds)]
        for name in WAYS:
            seconds = statistics.median(each[name] for each in taken)
            rows.append({"files": files, "bytes_each": BYTES_EACH, "way": name, "median_seconds": round(seconds, 3)})
            rows[-1] |= {"rounds": chosen.rounds, **circumstances()}
            print(f"{files} files, {name}: {seconds:.3f} s", flush=True)
    write_tsv(chosen.output, COLUMNS, rows)


if __name__ == "__main__":
    main()
