"""Masks and PNG of one patient's sequence: this project, the bare work and the original study's way, side by side.

The bare work is the unavoidable part: decode, threshold or scale, write. This project also checks the files against
their index, stops at damaged ones, reads back what it wrote, and writes an index. The original study tested every pixel
of a mask in a Python loop, and drew the images with matplotlib. All three are measured alternately, in several rounds;
the medians are compared.
"""

import argparse
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import pydicom
import yaml
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from chaosliver.acquire.archive import open_archive, sequences_by_patient, unpack_patient
from chaosliver.acquire.phantom import draw_archive
from chaosliver.base.anatomy import ORGANS, SEQUENCES
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.settings import from_mapping
from chaosliver.prepare.admission import pair_slices
from chaosliver.prepare.images import Encoding, convert_images
from chaosliver.prepare.inventory import inventory_patient
from chaosliver.prepare.masks import extract_masks

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = "CHAOS_SAMPLE_ARCHIVE"
# What a copy of the workflow consists of.
WORKFLOW = ("Snakefile", "workflow", "config", "profiles", "envs")
COLUMNS = ("what", "seconds_per_slice", "ratio_to_bare", "rounds", "command", "date", "commit", "machine")
OURS, BARE, ORIGINAL = "this project", "bare work", "original's way"
TASKS = ("masks", "PNG 8 bit", "PNG 16 bit")
ORGAN = "liver"

Work = Callable[[Path], object]
Times = dict[tuple[str, str], list[float]]


@dataclass(frozen=True)
class Prepared:
    """One patient's sequence, unpacked and checked: its tables, and (stem, image, ground truth) of each slice."""

    pairs: Path
    raw_index: Path
    sequence: str
    slices: list[tuple[str, Path, Path]]


def main() -> None:
    """Measure, print the table, and write it to `--output`."""
    arguments = _arguments()
    with TemporaryDirectory() as name:
        folder = Path(name)
        try:
            prepared, patient = prepare(arguments.archive, arguments.patient, arguments.sequence, folder)
        except InputError as error:
            sys.exit(str(error))
        works = works_of(prepared)
        check(works, folder / "check")
        times = measure(works, folder / "round", arguments.rounds, arguments.loop_rounds)
    rows = list(rows_of(times, len(prepared.slices)))
    source = arguments.archive or "a phantom"
    print(f"{source}: patient {patient}, {SEQUENCES[prepared.sequence].title}, {len(prepared.slices)} slices")
    print(f"{'':30} {'ms per slice':>12} {'x bare work':>12} {'rounds':>7}")
    for row in rows:
        print(
            f"{row['what']:30} {1000 * row['seconds_per_slice']:12.2f} {row['ratio_to_bare']:12.2f} {row['rounds']:7}"
        )
    if arguments.output:
        write_tsv(arguments.output, COLUMNS, [{**row, **circumstances()} for row in rows])


def prepare(archive: Path | None, patient: str | None, sequence: str, folder: Path) -> tuple[Prepared, str]:
    """Unpack one patient into `folder` and check it, as the workflow does; without an archive, draw a phantom.

    `patient` defaults to the archive's first. Raises InputError where the patient is not there or has errors.
    """
    if archive is None:
        archive = folder / "phantom.zip"
        draw_archive(archive, ["1"], seed=1)
    if patient is None:
        with open_archive(archive) as opened:
            patient = next(iter(sequences_by_patient(opened)), "1")
    raw = folder / "raw" / patient
    tables = {name: folder / f"{name}.tsv" for name in ("slices", "findings", "pairs")}
    raw_index = raw.with_name(f"{patient}.tsv")
    listed = folder / "listed.tsv"
    wanted = {"patient": patient, "sequences": [sequence], "ground_truth": True, "listed": listed}
    unpack_patient(archive=archive, cohort="development", folder=raw, index=raw_index, **wanted)
    inventory_patient(raw_index=raw_index, slices=tables["slices"], findings=tables["findings"], **wanted)
    pair_slices(**tables, accepted=[])
    slices = [(row["stem"], raw / row["image"], raw / row["ground"]) for row in read_tsv(tables["pairs"])]
    return Prepared(tables["pairs"], raw_index, sequence, slices), patient


def works_of(prepared: Prepared) -> dict[tuple[str, str], Work]:
    """The functions that are compared, by task and by implementation: each fills the folder that it is given."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    eight, sixteen = config["encodings"]["8bit"], config["encodings"]["16bit"]
    sources = {"pairs": prepared.pairs, "raw_index": prepared.raw_index, "sequence": prepared.sequence}

    def mask(folder: Path) -> None:
        extract_masks(**sources, grey_range=ORGANS[ORGAN], folder=folder, index=folder.with_suffix(".tsv"))

    def convert(encoding: dict[str, Any], folder: Path) -> None:
        settings = from_mapping(Encoding, encoding)
        convert_images(**sources, settings=settings, folder=folder, index=folder.with_suffix(".tsv"))

    return {
        ("masks", OURS): mask,
        ("masks", BARE): lambda folder: bare_masks(prepared, folder),
        ("masks", ORIGINAL): lambda folder: looped_masks(prepared, folder),
        ("PNG 8 bit", OURS): lambda folder: convert(eight, folder),
        ("PNG 8 bit", BARE): lambda folder: bare_8bit(prepared, folder, eight["percentiles"]),
        ("PNG 8 bit", ORIGINAL): lambda folder: drawn_8bit(prepared, folder),
        ("PNG 16 bit", OURS): lambda folder: convert(sixteen, folder),
        ("PNG 16 bit", BARE): lambda folder: bare_16bit(prepared, folder),
    }


def bare_masks(prepared: Prepared, folder: Path) -> None:
    """Read, threshold, write."""
    folder.mkdir()
    for stem, _, ground in prepared.slices:
        levels = cv2.imread(str(ground), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(folder / f"{stem}.png"), cv2.inRange(levels, *ORGANS[ORGAN]))


def bare_8bit(prepared: Prepared, folder: Path, percentiles: list[float]) -> None:
    """Decode, find the volume's window, scale, write."""
    folder.mkdir()
    volume = np.stack([pydicom.dcmread(image).pixel_array for _, image, _ in prepared.slices])
    # Python numbers leave the pixels in single precision.
    low, high = np.percentile(volume, percentiles).tolist()
    for (stem, _, _), pixels in zip(prepared.slices, volume, strict=True):
        scaled = np.clip((pixels.astype(np.float32) - low) * (255 / (high - low)), 0, 255)
        cv2.imwrite(str(folder / f"{stem}.png"), np.rint(scaled).astype(np.uint8))


def bare_16bit(prepared: Prepared, folder: Path) -> None:
    """Decode, write."""
    folder.mkdir()
    for stem, image, _ in prepared.slices:
        cv2.imwrite(str(folder / f"{stem}.png"), pydicom.dcmread(image).pixel_array)


def looped_masks(prepared: Prepared, folder: Path) -> None:
    """The original study's way: test one pixel after the other."""
    folder.mkdir()
    low, high = ORGANS[ORGAN]
    for stem, _, ground in prepared.slices:
        mask = cv2.imread(str(ground), cv2.IMREAD_GRAYSCALE)
        for row in range(mask.shape[0]):
            for column in range(mask.shape[1]):
                mask[row, column] = 255 if low <= mask[row, column] <= high else 0
        cv2.imwrite(str(folder / f"{stem}.png"), mask)


def drawn_8bit(prepared: Prepared, folder: Path) -> None:
    """The original study's way: set the largest value to 0, and draw the rest with matplotlib on 256 x 256 pixels."""
    folder.mkdir()
    figure = Figure(figsize=(2.56, 2.56), dpi=100)
    for stem, image, _ in prepared.slices:
        pixels = pydicom.dcmread(image).pixel_array.copy()
        # Real archives have slices that are black throughout, at which the original would fail.
        white = max(pixels[pixels < pixels.max()], default=0)
        pixels[pixels > white] = 0
        figure.clear()
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(pixels / 65535, "gray", interpolation="nearest")
        axes.axis("off")
        figure.savefig(folder / f"{stem}.png")


def check(works: dict[tuple[str, str], Work], folder: Path) -> None:
    """Run this project's and the bare work once, untimed, and check that they give the same pixels."""
    folder.mkdir()
    for task in TASKS:
        ours, bare = folder / f"{task} ours", folder / f"{task} bare"
        works[task, OURS](ours)
        works[task, BARE](bare)
        for path in bare.iterdir():
            pixels = [cv2.imread(str(name), cv2.IMREAD_UNCHANGED) for name in (path, ours / path.name)]
            if not np.array_equal(*pixels):
                raise AssertionError(f"{task}: {path.name} differs between this project and the bare work")


def measure(works: dict[tuple[str, str], Work], folder: Path, rounds: int, loop_rounds: int) -> Times:
    """Seconds of each function by round; every other round runs in reverse order, so that none is always first."""
    times: Times = defaultdict(list)
    for number in range(rounds):
        for key in sorted(works, reverse=bool(number % 2)):
            if key[1] == ORIGINAL and number >= loop_rounds:
                continue
            folder.mkdir()
            start = time.perf_counter()
            works[key](folder / "made")
            times[key].append(time.perf_counter() - start)
            shutil.rmtree(folder)
    return times


def rows_of(times: Times, slices: int) -> Iterator[dict[str, Any]]:
    """Medians per task, and their sum over the tasks that both implementations have."""
    medians = {key: statistics.median(seconds) / slices for key, seconds in times.items()}
    for task in TASKS:
        for who in (OURS, BARE, ORIGINAL):
            if (task, who) in medians:
                yield _row(f"{task}: {who}", medians[task, who], medians[task, BARE], len(times[task, who]))
    bare = sum(medians[task, BARE] for task in TASKS)
    for who in (OURS, BARE):
        yield _row(f"all three: {who}", sum(medians[task, who] for task in TASKS), bare, len(times["masks", who]))


def _row(what: str, seconds: float, bare: float, rounds: int) -> dict[str, Any]:
    return {"what": what, "seconds_per_slice": seconds, "ratio_to_bare": round(seconds / bare, 2), "rounds": rounds}


def circumstances() -> dict[str, str]:
    """Command, date, commit and machine of this run."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    described = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "command": shlex.join(["python", *sys.argv]),
        "date": date.today().isoformat(),
        "commit": described or "unknown",
        "machine": f"{_processor()}, {os.cpu_count()} cores",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown processor")


def add_archive(parser: argparse.ArgumentParser, words: str) -> None:
    """Add the argument for the archive, with the environment variable as its default; `words` explain it."""
    default = os.environ.get(ENVIRONMENT)
    parser.add_argument("archive", nargs="?", type=Path, default=Path(default) if default else None, help=words)


def parse_with_archive(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The arguments of a benchmark that needs an archive; ends with a message where none is named."""
    arguments = parser.parse_args()
    if arguments.archive is None:
        parser.error(f"name the archive, or set ${ENVIRONMENT}")
    return arguments


def copy_workflow(study: Path) -> None:
    """A copy of the workflow in a new folder, for a study of its own."""
    study.mkdir()
    for part in WORKFLOW:
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, study / part)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_archive(
        parser, f"zip or unpacked folder of the CHAOS layout; by default ${ENVIRONMENT}, else a phantom is drawn"
    )
    parser.add_argument("--patient", help="by default the archive's first")
    parser.add_argument("--sequence", choices=list(SEQUENCES), default="t1_in_phase")
    parser.add_argument("--rounds", type=_positive, default=15, help="default: %(default)s")
    parser.add_argument("--loop-rounds", type=_positive, default=3, help="of the original's way; default: %(default)s")
    parser.add_argument("--output", type=Path, help="a TSV to write")
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


if __name__ == "__main__":
    main()
