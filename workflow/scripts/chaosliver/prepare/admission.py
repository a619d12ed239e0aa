"""Who is admitted to the study: patients without errors, whose masks are theirs alone.

Reads tables only, so nothing that reads pixels is imported here.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..base.anatomy import SEQUENCES
from ..base.columns import AREAS, FINDING_COLUMNS, INVENTORY_COLUMNS
from ..base.errors import InputError
from ..base.files import read_tsv, write_tsv
from ..base.volumes import VolumeId
from ..base.wording import counted
from ..study.acceptance import ACCEPTABLE
from .findings import ACCEPTED, REMEDY, Finding, accept, error, log_findings, warning, with_severity

# Two people's masks of fewer pixels may be the same by chance: two of 2,000 phantoms had one in common.
TELLING_PIXELS = 50


def pair_slices(*, slices: Path, findings: Path, accepted: list[str], pairs: Path) -> None:
    """Write a patient's table of slices anew as `pairs`; the quality control shows the warnings, here they are logged.

    `accepted` are the flags that keep this patient from nothing. Raises InputError that lists every other error where
    there is one.
    """
    rows = read_tsv(slices, INVENTORY_COLUMNS)
    read = read_tsv(findings, FINDING_COLUMNS)
    found = accept(read, {row["patient"]: accepted for row in read})
    log_findings(with_severity(ACCEPTED, found), logging.INFO)
    log_findings(with_severity("warning", found), logging.INFO)
    if errors := with_severity("error", found):
        listed = "".join(f"\n  {finding['message']}" for finding in errors)
        count = counted(len(errors), "error")
        raise InputError(f"Patient {errors[0]['patient']} has {count} and is not admitted:{listed}\n{_remedy(errors)}")
    write_tsv(pairs, INVENTORY_COLUMNS, rows)


def check_cohort(
    *, slices: list[Path], findings: list[Path], accepted: Mapping[str, Collection[str]], checked: Path
) -> None:
    """Write the patients of a cohort, of whom none has an error and each has masks of its own.

    `slices` may hold further patients, with whose masks those of the cohort are compared. `accepted` are flags by
    patient. Raises InputError that lists every other error of every patient, with the file and the remedy.
    """
    rows = [row for path in slices for row in read_tsv(path, INVENTORY_COLUMNS)]
    found = [row for path in findings for row in read_tsv(path, FINDING_COLUMNS)]
    if errors := with_severity("error", accept([*found, *cross_check(rows)], accepted)):
        listed = "".join(f"\n  patient {finding['patient']}: {finding['message']}" for finding in errors)
        raise InputError(f"Nothing is trained while patients have errors:{listed}\n{_remedy(errors)}")
    patients = dict.fromkeys(row["patient"] for row in rows)
    write_tsv(checked, ("patient",), ({"patient": patient} for patient in patients))


def cross_check(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Findings (FINDING_COLUMNS) that only the rows of all patients show: the same mask in two of them.

    Each patient of such a pair gets one, since either may hold the wrong file. It is a warning where they share one
    mask of a few pixels, which among thousands of patients happens by chance.
    """
    # By mask, the file of each patient who has it.
    owners: dict[str, dict[str, str]] = defaultdict(dict)
    small: set[str] = set()
    for row in rows:
        if digest := row["ground_digest"]:
            owners[digest].setdefault(row["patient"], row["ground"])
            if _pixels(row) < TELLING_PIXELS:
                small.add(digest)
    # By pair of patients, the files of both.
    shared: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    # Those of them by chance: pairs whose masks are small.
    by_chance: set[tuple[str, str]] = set()
    for digest, files in owners.items():
        for patient, file in files.items():
            for other, other_file in files.items():
                if other != patient:
                    shared[patient, other].append((file, other_file))
                    if digest in small:
                        by_chance.add((patient, other))
    return [
        _shared_mask(pair, files, pair in by_chance and len(files) == 1)._asdict() for pair, files in shared.items()
    ]


def _shared_mask(pair: tuple[str, str], files: Sequence[tuple[str, str]], by_chance: bool) -> Finding:
    """The finding of a patient whose masks another one has too."""
    (patient, other), (file, other_file) = pair, files[0]
    volume, flag = VolumeId(_sequence_of(file), patient), "mask-of-another-patient"
    message = f"the mask equals that of patient {other} ({other_file}); {counted(len(files), 'mask')} in common"
    if by_chance:
        return warning(volume, file, flag, f"{message}, of less than {TELLING_PIXELS} pixels: perhaps by chance")
    return error(volume, file, flag, f"{message}: one of the two is misplaced")


def _pixels(row: Mapping[str, Any]) -> float:
    """How many pixels the organs of a slice cover."""
    area = sum(float(row[column] or 0) for column in AREAS)
    return area / (float(row["row_spacing_mm"]) * float(row["column_spacing_mm"]))


def _remedy(errors: Iterable[Mapping[str, Any]]) -> str:
    """What to do about errors, some of which the configuration may accept."""
    flags: dict[str, dict[str, None]] = defaultdict(dict)
    for row in errors:
        if row["flag"] in ACCEPTABLE:
            flags[row["patient"]][row["flag"]] = None
    if not flags:
        return REMEDY
    accepting = ", ".join(f'"{patient}": [{", ".join(named)}]' for patient, named in flags.items())
    return f"{REMEDY} Masks that you have looked at and find right are accepted by accept_findings: {{{accepting}}}"


def _sequence_of(ground: str) -> str:
    """The first sequence whose ground truth lies in the folder of this file."""
    return next(name for name, where in SEQUENCES.items() if ground.startswith(f"{where.ground}/"))
