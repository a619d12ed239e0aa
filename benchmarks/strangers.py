"""How often a slice of another patient, or one turned over, is found by what it shows, its header being sound.

Each slice of each patient is replaced once by that of another with the same matrix, at the same height of the stack and
on the same scale of greys; the other patients take turns. Blank slices are left out.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from prepare import ENVIRONMENT, add_archive, circumstances, prepare

from chaosliver.acquire.archive import open_archive, sequences_by_patient
from chaosliver.base.files import write_tsv
from chaosliver.prepare.contents import is_blank
from chaosliver.prepare.dicom import read_slice
from chaosliver.prepare.strangers import find_strangers

SEQUENCES = ("t1_in_phase", "t2_spir")
# Only so many slices on either side are looked at, which takes a fifth of the time.
NEAR = 3
COLUMNS = ("sequence", "slice", "where", "slices", "found", "share")


class Stack(NamedTuple):
    """A patient's slices [slices, rows, columns] in order of place, their places and spacing in mm, and their white."""

    pixels: np.ndarray
    places: list[float]
    spacing: tuple[float, float]
    white: float


def main() -> None:
    """Measure, print the table, and write it to `--output`."""
    arguments = _arguments()
    rows = []
    for sequence in SEQUENCES:
        stacks = [read_stack(arguments.archive, patient, sequence) for patient in patients_of(arguments.archive)]
        for name, change in {"its own": _own, "another patient's": _others, "upside down": _turned}.items():
            rows += list(measure(stacks, change, {"sequence": sequence, "slice": name}))
    for row in rows:
        print("  ".join(f"{column} {row[column]}" for column in COLUMNS))
    if arguments.output:
        common = circumstances()
        write_tsv(arguments.output, (*COLUMNS, *common), [{**row, **common} for row in rows])


def patients_of(archive: Path) -> list[str]:
    """The patients of an archive."""
    with open_archive(archive) as opened:
        return list(sequences_by_patient(opened))


def read_stack(archive: Path, patient: str, sequence: str) -> Stack:
    """The slices of a patient that hold an image."""
    with TemporaryDirectory() as name:
        prepared, _ = prepare(archive, patient, sequence, Path(name))
        slices = [read_slice(image) for _, image, _ in prepared.slices]
    filled = [each for each in slices if not is_blank(each.pixels)]
    pixels = np.stack([each.pixels for each in filled])
    return Stack(pixels, [each.position_mm for each in filled], filled[0].spacing, float(np.percentile(pixels, 99.5)))


def measure(
    stacks: list[Stack], change: Callable[..., np.ndarray | None], named: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """How often a slice that was changed is found, within the stack and at its ends."""
    counts = {"within": [0, 0], "first or last": [0, 0]}
    for own, stack in enumerate(stacks):
        last = len(stack.pixels) - 1
        for number in range(last + 1):
            put = change(stacks, own, number)
            if put is None:
                continue
            near = slice(max(number - NEAR, 0), number + NEAR + 1)
            changed = stack.pixels[near].copy()
            changed[number - near.start] = put
            where = "within" if 0 < number < last else "first or last"
            counts[where][0] += 1
            counts[where][1] += number - near.start in find_strangers(changed, stack.places[near], stack.spacing)
    for where, (slices, found) in counts.items():
        yield {**named, "where": where, "slices": slices, "found": found, "share": found / slices}


def _own(stacks: list[Stack], own: int, number: int) -> np.ndarray:
    pixels: np.ndarray = stacks[own].pixels[number]
    return pixels


def _turned(stacks: list[Stack], own: int, number: int) -> np.ndarray:
    pixels: np.ndarray = stacks[own].pixels[number][::-1]
    return pixels


def _others(stacks: list[Stack], own: int, number: int) -> np.ndarray | None:
    """The slice of another patient at the same height, times what makes the whites of both equal."""
    stack = stacks[own]
    others = [each for each in stacks if each is not stack and each.pixels.shape[1:] == stack.pixels.shape[1:]]
    if not others:
        return None
    other = others[number % len(others)]
    height = number / (len(stack.pixels) - 1)
    put = other.pixels[round(height * (len(other.pixels) - 1))] * (stack.white / other.white)
    return np.rint(np.minimum(put, np.iinfo(np.uint16).max)).astype(np.uint16)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_archive(parser, f"the patients' DICOM, zip or unpacked folder of the CHAOS layout; by default ${ENVIRONMENT}")
    parser.add_argument("--output", type=Path, help="a TSV to write")
    arguments = parser.parse_args()
    if not arguments.archive:
        sys.exit(f"name the archive, or set {ENVIRONMENT}")
    return arguments


if __name__ == "__main__":
    main()
