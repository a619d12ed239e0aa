"""Patients of a large cohort prepared in lots: who is in which, and which lists stand for which files.

A patient's files lie where they would lie without lots, and have the same bytes. What changes is on what jobs depend:
on <results>/lots/<step>/<lot>.tsv, the list of what a lot's job made, in place of the files of each patient.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from ..base.errors import InputError
from ..base.lots import FOLDER
from .patients import COHORTS, Patient, patients_in

# Below so many patients each is prepared alone; more are prepared in about so many lots, of so many patients at most.
FEWEST, LOTS, LARGEST = 100, 50, 200
# The steps that make files of one patient each, and how these end.
ENDINGS = {
    "raw": ("tsv", "listed.tsv"),
    "inventory": ("slices.tsv", "findings.tsv", "pairs.tsv"),
    "masks": ("tsv",),
    "png": ("tsv",),
}

Named = Mapping[str, Sequence[str] | str]


def lots_of(patients: Mapping[str, Patient], size: int | None) -> dict[str, list[str]]:
    """The patients of each lot, by its name, in the sheet's order; no lots where each patient is prepared alone.

    `size` is the config's `lot_size`, null for one that suits the number of patients.
    """
    if size is None:
        size = 1 if len(patients) < FEWEST else min(LARGEST, -(-len(patients) // LOTS))
    if size == 1:
        return {}
    return {
        f"{cohort}_{first // size + 1:04d}": own[first : first + size]
        for cohort in COHORTS
        for own in [patients_in(patients, cohort)]
        for first in range(0, len(own), size)
    }


def check_layout(results: str, lots: Mapping[str, Any]) -> None:
    """Raise InputError where patients were prepared in lots before and would be alone now: nobody looks at the lists.

    Files that were made in lots are not known to be stale or not without them.
    """
    if not lots and Path(results, FOLDER).is_dir():
        raise InputError(
            f"config key lot_size: {results} was prepared in lots of patients, and now each patient would be prepared "
            f"alone. Set lot_size to 2 or more to go on in lots, or delete {FOLDER}, raw, inventory, masks and png in "
            f"{results} to prepare all anew; networks that were trained stay"
        )


def files_in_short(files: Named) -> dict[str, Any]:
    """Files of patients by name, as few words: `base.lots.files_in_full` takes them.

    Snakemake keeps the parameters of each job beside each of its outputs, and a training of thousands of patients
    reads tens of thousands of files.
    """
    patients: dict[str, int] = {}
    named = {}
    for name, paths in files.items():
        groups = []
        parts = [_parts(path) for path in _several(paths)]
        for (before, after), own in groupby(parts, key=lambda part: (part[0], part[2])):
            together = " ".join(patient for _, patient, _ in own)
            groups.append([before, after, patients.setdefault(together, len(patients))])
        named[name] = groups
    return {"patients": list(patients), "files": named}


class Lists:
    """The lists of lots that stand for the files of their patients."""

    def __init__(self, results: str, lots: Mapping[str, Sequence[str]]) -> None:
        self._results = results
        self._lot_of = {patient: lot for lot, patients in lots.items() for patient in patients}

    def of_patients(self, files: Named) -> dict[str, Sequence[str] | str]:
        """Those of the files by name that are each of one patient, prepared in a lot."""
        first = {name: next(iter(_several(paths)), "") for name, paths in files.items()}
        return {name: files[name] for name, path in first.items() if self._list_of(path) != path}

    def in_place_of(self, files: Named) -> dict[str, Sequence[str] | str]:
        """The files by name that a job depends on: lists in place of patients' files, each once."""
        own = self.of_patients(files)
        return {name: self.lists_of(paths) if name in own else paths for name, paths in files.items()}

    def lists_of(self, paths: Iterable[str] | str) -> list[str]:
        """The lists in place of patients' files, each once; other files as they are."""
        return list(dict.fromkeys(map(self._list_of, _several(paths))))

    def _list_of(self, path: str) -> str:
        """The list in place of a patient's file; another file as it is."""
        if not self._lot_of or not path.startswith(f"{self._results}/"):
            return path
        below = path[len(self._results) + 1 :]
        folder, _, name = below.rpartition("/")
        patient, _, ending = name.partition(".")
        if ending not in ENDINGS.get(folder.partition("/")[0], ()) or patient not in self._lot_of:
            return path
        return f"{self._results}/{FOLDER}/{'pairs' if ending == 'pairs.tsv' else folder}/{self._lot_of[patient]}.tsv"


def _several(paths: Iterable[str] | str) -> Iterable[str]:
    """A rule's input may be one file."""
    return [paths] if isinstance(paths, str) else paths


def _parts(path: str) -> tuple[str, str, str]:
    """What stands before the patient's name in a path, the name, and what stands behind it."""
    folder, slash, name = path.rpartition("/")
    patient, dot, ending = name.partition(".")
    return f"{folder}{slash}", patient, f"{dot}{ending}"
