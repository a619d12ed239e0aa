"""Patients prepared in lots: what one job makes for many, and where later jobs find a patient's files.

A lot's job makes for each of its patients the files that a job for that patient alone would make, and last a list of
them with their SHA-256. Later jobs depend on the lists, of which there are few, and check what they read against them.
"""

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from .columns import LOT_COLUMNS
from .errors import InputError
from .files import read_tsv, sha256_of, write_tsv
from .wording import counted, first_few

FOLDER = "lots"
STEPS = ("raw", "inventory", "pairs", "masks", "png")


class Lot(NamedTuple):
    """What a lot's job reads and makes.

    `patients` has the arguments of each patient's own. `reads` and `makes` are names of files by argument, with
    `{patient}` in them; `lists` are the lists of the lots that made the former, `list` is that of the latter.
    """

    patients: Mapping[str, Mapping[str, Any]]
    reads: Mapping[str, str]
    makes: Mapping[str, str]
    lists: Sequence[str]
    list: Path


def files_in_full(short: Mapping[str, Any]) -> dict[str, list[str]]:
    """The files by name that `study.lots.files_in_short` wrote in short."""
    patients = [text.split() for text in short["patients"]]
    return {
        name: [f"{before}{patient}{after}" for before, after, which in groups for patient in patients[which]]
        for name, groups in short["files"].items()
    }


def check_listed(lists: Iterable[str], files: Iterable[str]) -> None:
    """Raise InputError that names the first of `files` that is missing, or is not as its lot's list says."""
    listed: dict[Path, tuple[Path, str]] = {}
    for path in map(Path, dict.fromkeys(lists)):
        root = _results_of(path)
        listed |= {root / row["file"]: (path, row["sha256"]) for row in read_tsv(path, LOT_COLUMNS)}
    for file in map(Path, files):
        if file not in listed:
            raise InputError(f"{file}: is in no list of a lot. Delete {FOLDER}/ in the results, and run again")
        if fault := _fault(file, *listed[file]):
            raise InputError(fault)


def problems_of_lot(path: Path) -> Iterator[str]:
    """A message for each file of a lot's list that is missing or altered."""
    for row in read_tsv(path, LOT_COLUMNS):
        if fault := _fault(_results_of(path) / row["file"], path, row["sha256"]):
            yield fault


def _fault(file: Path, made_by: Path, digest: str) -> str:
    """What is wrong with a file that a list names; empty where nothing is."""
    remedy = f"Make the lot anew with: rm {made_by} && snakemake --cores 1 {made_by}"
    if not file.is_file():
        return f"{file}: is missing, but {made_by} lists it. {remedy}"
    if sha256_of(file) != digest:
        return f"{file}: its content differs from what {made_by} lists. {remedy}"
    return ""


def make_lot(lot: Lot, make: Callable[[Mapping[str, Any]], None]) -> None:
    """Call `make` with the arguments of each patient of a lot, by name, then write the list of what was made.

    Raises InputError, after all patients were tried, where some cannot be prepared.
    """
    failed, rows = [], []
    check_listed(lot.lists, [path.format(patient=patient) for patient in lot.patients for path in lot.reads.values()])
    for patient, own in lot.patients.items():
        read, made = (
            {name: path.format(patient=patient) for name, path in of.items()} for of in (lot.reads, lot.makes)
        )
        for path in map(Path, made.values()):
            _remove(path)
        try:
            make({"patient": patient, **own, **read, **made})
        except InputError as error:
            logging.error("patient %s: %s", patient, error)
            failed.append(patient)
            continue
        rows += [_row(patient, path, _results_of(lot.list)) for path in map(Path, made.values()) if path.is_file()]
    if failed:
        raise InputError(
            f"{counted(len(failed), 'patient')} of {len(lot.patients)} cannot be prepared: {first_few(failed)}. "
            "What is wrong with each, and what to do, is said above"
        )
    write_tsv(lot.list, LOT_COLUMNS, rows)


def _row(patient: str, path: Path, results: Path) -> dict[str, str]:
    return {"patient": patient, "file": path.relative_to(results).as_posix(), "sha256": sha256_of(path)}


def _results_of(lot: Path) -> Path:
    """The folder of results in which a list <results>/lots/<step>/... lies; an encoding may be called lots, too."""
    return next(above.parent for below, above in pairwise(lot.parents) if above.name == FOLDER and below.name in STEPS)


def _remove(path: Path) -> None:
    """What an earlier run made there: a file of it that is made no more would stay."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
