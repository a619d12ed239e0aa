"""The patient sheet: who takes part, in which cohort, with which sequences."""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ..base import columns
from ..base.anatomy import SEQUENCES
from ..base.errors import InputError
from ..base.files import read_tsv
from ..base.wording import known

COHORTS = ("development", "test")


class Patient(NamedTuple):
    """A row of the patient sheet."""

    cohort: str
    sequences: tuple[str, ...]


def read_sheet(path: Path, cohorts: Collection[str]) -> dict[str, Patient]:
    """Patients by name, in the sheet's order. `cohorts` are those that have an archive.

    Raises InputError that names the sheet, the patient and what is wrong.
    """
    patients: dict[str, Patient] = {}
    folded: dict[str, str] = {}
    for row in read_tsv(path, columns.SHEET_COLUMNS):
        if row["patient"] in patients:
            raise InputError(
                f"{path}: patient {row['patient']} stands there twice. Give each patient one row and one cohort; where "
                "both archives have a patient of that number, rename the folder in one of them"
            )
        if (other := folded.setdefault((row["patient"] or "").casefold(), row["patient"])) != row["patient"]:
            raise InputError(
                f"{path}: patients {other} and {row['patient']} have the same name but for capitals, and would share a "
                "folder on some disks. Rename one"
            )
        sequences = tuple(part.strip() for part in (row["sequences"] or "").split(",") if part.strip())
        for problem in _problems(row, sequences, cohorts):
            raise InputError(f"{path}: patient {problem}")
        patients[row["patient"]] = Patient(row["cohort"], tuple(name for name in SEQUENCES if name in sequences))
    if not patients:
        raise InputError(f"{path}: lists no patient. Add a line for each, with a name, a cohort and sequences")
    return patients


def patients_in(patients: Mapping[str, Patient], cohort: str) -> list[str]:
    """The names of a cohort's patients, in the sheet's order."""
    return [name for name, patient in patients.items() if patient.cohort == cohort]


def _problems(row: Mapping[str, str], sequences: Collection[str], cohorts: Collection[str]) -> Iterable[str]:
    """What is wrong with a row, the patient's name first."""
    # A cell is None where its row ends before it.
    name, cohort = row["patient"] or "", row["cohort"]
    if unknown := [str(column or "(none)") for column in row if column not in columns.SHEET_COLUMNS]:
        yield f"{name} has cells in unknown columns: {', '.join(unknown)}"
    if not re.fullmatch("[A-Za-z0-9_-]{1,100}", name):
        yield f"{name!r} must be named by letters A to Z, digits, - and _ alone, 100 at most"
    if cohort not in COHORTS:
        yield f"{name} has the cohort {cohort!r}. {known(COHORTS)}"
    if cohort not in cohorts:
        yield f"{name} is of the {cohort} cohort, but archives.{cohort} is not configured"
    if not sequences or not set(sequences) <= set(SEQUENCES):
        yield f"{name} has the sequences {row['sequences']!r}. {known(SEQUENCES)}"
