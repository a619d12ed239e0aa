"""Memory and speed of reading a training's slices, kept in memory or streamed, for growing numbers of patients.

The data are simulated: the folders of all patients are links to a few volumes of random slices, so that 10,000 patients
take no disk space. Each number of patients is read in a process of its own, whose peak memory is reported.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml
from prepare import ROOT, circumstances

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from chaosliver.base.columns import PLACE
from chaosliver.base.files import write_tsv
from chaosliver.base.indexes import write_index
from chaosliver.base.png import write_png
from chaosliver.base.settings import from_mapping
from chaosliver.network.batches import SliceStream, load_slices
from chaosliver.network.recipe import Recipe
from chaosliver.prepare.samples import list_samples

SLICES, SIZE, VOLUMES = 30, 256, 4
GRID = {"rows": 160, "columns": 224, "spacing_mm": 1.8}
RECIPE = {"grid": GRID, "context": 1, "normalisation": "volume", "targets": "binary"}
BATCHES, BATCH_SIZE = 100, 8
EVERYTHING, NOTHING = 10**15, 0
COLUMNS = ("patients", "slices", "way", "peak_mb", "data_mb", "seconds_to_open", "slices_per_second")


def main() -> None:
    """Measure, print the table, and write it to `--output`; or, as a process of its own, read one set."""
    arguments = _arguments()
    if arguments.read:
        print(json.dumps(read(arguments.read, arguments.way, arguments.threads)))
        return
    rows = []
    for patients in arguments.patients:
        with TemporaryDirectory() as name:
            simulate(Path(name), patients)
            # Sets that do not fit into memory are only streamed.
            for way in ("held", "streamed") if patients <= arguments.hold_up_to else ("streamed",):
                rows.append({"patients": patients, **measured(Path(name), way, arguments.threads)})
                print("  ".join(f"{column} {rows[-1][column]}" for column in COLUMNS), flush=True)
    if arguments.output:
        common = circumstances()
        write_tsv(arguments.output, (*COLUMNS, *common), [{**row, **common} for row in rows])


def simulate(folder: Path, patients: int) -> None:
    """Indexes of this number of patients, whose folders are links to VOLUMES volumes of images and masks."""
    draw = np.random.default_rng(1)
    place = {"low": 0, "high": 255, "row_spacing_mm": 1.5, "column_spacing_mm": 1.5}
    place |= {"rows": SIZE, "columns": SIZE}
    rows = [{"file": f"s{number:02d}.png", **place, "position_mm": 9 * number} for number in range(SLICES)]
    for kind in ("png/8bit", "masks/liver"):
        for volume in range(VOLUMES):
            own = folder / "volumes" / kind / str(volume)
            for row in rows:
                plane = draw.integers(0, 256, (SIZE, SIZE), np.uint8)
                write_png(own / row["file"], plane if kind == "png/8bit" else (plane > 250) * np.uint8(255))
            write_index(own.with_suffix(".tsv"), own, rows, PLACE)
        tree = folder / kind / "t1_in_phase"
        tree.mkdir(parents=True)
        for patient in range(patients):
            own = folder / "volumes" / kind / str(patient % VOLUMES)
            (tree / f"p{patient}").symlink_to(own)
            (tree / f"p{patient}.tsv").symlink_to(own.with_suffix(".tsv"))


def measured(folder: Path, way: str, threads: int) -> dict[str, Any]:
    """What a process reports that reads the set in this way."""
    command = [sys.executable, __file__, "--read", str(folder), "--way", way, "--threads", str(threads)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def read(folder: Path, way: str, threads: int) -> dict[str, Any]:
    """Open the set and read batches of slices drawn at random."""
    images, masks = (sorted((folder / kind / "t1_in_phase").glob("*.tsv")) for kind in ("png/8bit", "masks/liver"))
    before, started = _peak_mb(), time.perf_counter()
    samples = list_samples(images, masks)
    slices = load_slices(samples, _recipe(), EVERYTHING if way == "held" else NOTHING, threads)
    opened = time.perf_counter()
    draw = np.random.default_rng(1)
    batches = [draw.integers(0, len(samples), BATCH_SIZE) for _ in range(BATCHES)]
    count = sum(len(planes) for planes, _ in slices.read(batches))
    seconds = time.perf_counter() - opened
    if isinstance(slices, SliceStream) != (way == "streamed"):
        raise AssertionError(f"the slices were not {way}")
    return {
        "slices": len(samples),
        "way": way,
        "peak_mb": round(_peak_mb()),
        "data_mb": round(_peak_mb() - before),
        "seconds_to_open": round(opened - started, 1),
        "slices_per_second": round(count / seconds),
    }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _recipe() -> Recipe:
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    return from_mapping(Recipe, {**config["baseline"]["recipe"], **RECIPE})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--patients", type=int, nargs="+", default=[20, 100, 1000, 10000])
    parser.add_argument("--hold-up-to", type=int, default=1000, help="patients; default: %(default)s")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: all cores (%(default)s)")
    parser.add_argument("--output", type=Path, help="a TSV to write")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--way", choices=("held", "streamed"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
