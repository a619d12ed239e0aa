"""Reading an entry back: what it holds, and all that is wrong with it or missing."""

import logging
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from ..acquire.zips import UNREADABLE, refuse_bomb, refuse_harmful
from ..base.entryfiles import FOLDERS, LIVER, TASK, TEMPLATE, TEST_PATIENTS, Results, place_of
from ..base.errors import InputError
from ..base.files import read_tsv
from ..base.patient_order import natural
from ..base.png import GREY, read_header
from ..base.wording import counted, first_few, size_of

GEOMETRY = ("patient", "sequence", "rows", "columns", "row_spacing_mm", "column_spacing_mm", "slice_distance_mm")
REMEDY = "Make the zip anew"
# A whole entry has some 3,000 results of some kB.
MEMBER_BYTES_AT_MOST, TOTAL_BYTES_AT_MOST, RATIO_AT_MOST = 64 << 20, 8 << 30, 200


class Expected(NamedTuple):
    """What the DICOM images of a volume demand of its results, and the volume of a voxel in mL."""

    slices: int
    shape: tuple[int, int]
    voxel_ml: float


class Checked(NamedTuple):
    """What a zip holds, a row per volume (columns.SUBMISSION_COLUMNS but the experiment), and messages on it.

    What is `wrong` spoils the entry, what is `missing` makes it incomplete, and what is `odd` deserves a look.
    """

    rows: list[dict[str, Any]]
    wrong: list[str]
    missing: list[str]
    odd: list[str]


def expected_of(pairs: Iterable[Path]) -> dict[Results, Expected]:
    """The volumes of the patients whose tables of slices these are, in the sequences that the challenge asks for."""
    volumes: dict[Results, list[dict[str, str]]] = defaultdict(list)
    folders = {sequence: folder for folder, sequence in FOLDERS.items()}
    for row in (row for table in pairs for row in read_tsv(table, GEOMETRY)):
        if row["sequence"] in folders:
            volumes[Results(row["patient"], folders[row["sequence"]])].append(row)
    return {results: _expected(rows) for results, rows in volumes.items()}


def check_entry(path: Path, expected: Mapping[Results, Expected]) -> Checked:
    """What the zip at `path` holds, and everything that is wrong with it, missing or odd.

    Raises InputError where it cannot be opened as a zip, or where unpacking it could do harm.
    """
    with _opened(path) as archive:
        refuse_harmful(path, archive.infolist(), REMEDY)
        if sizes := {entry.filename: entry.file_size for entry in archive.infolist()}:
            limits = {"member_bytes": MEMBER_BYTES_AT_MOST, "total_bytes": TOTAL_BYTES_AT_MOST, "ratio": RATIO_AT_MOST}
            refuse_bomb(path, sizes, **limits)
        return _check(archive, expected)


def check_submission(*, submission_zip: Path, pairs: list[Path]) -> None:
    """Check any zip against the test cohort's tables of admitted slices, `pairs`.

    Raises InputError that lists all that is wrong or missing.
    """
    checked = check_entry(submission_zip, expected_of(pairs))
    for message in checked.odd:
        logging.warning("%s", message)
    if faults := [*checked.wrong, *checked.missing]:
        listed = "".join(f"\n  {fault}" for fault in faults)
        raise InputError(f"{submission_zip}: is not an entry to send:{listed}")
    say_complete(submission_zip, checked)


def say_complete(path: Path, checked: Checked) -> None:
    """Say that an entry is complete, and what is in it."""
    volumes = counted(len(checked.rows), "volume")
    logging.getLogger("progress").info("%s: a complete entry for %s, with the liver of %s", path, TASK, volumes)


def _opened(path: Path) -> zipfile.ZipFile:
    if not path.is_file():
        raise InputError(f"{path}: no such zip file. Correct the path")
    try:
        return zipfile.ZipFile(path)
    except UNREADABLE as error:
        raise InputError(f"{path}: not a zip file, or one cut short ({error}). {REMEDY}") from None


def _expected(rows: list[dict[str, str]]) -> Expected:
    first = rows[0]
    mm = [float(first[key] or "nan") for key in ("row_spacing_mm", "column_spacing_mm", "slice_distance_mm")]
    return Expected(len(rows), (int(first["rows"]), int(first["columns"])), float(np.prod(mm)) / 1000)


def _check(archive: zipfile.ZipFile, expected: Mapping[Results, Expected]) -> Checked:
    names = archive.namelist()
    volumes, others, strange = _arranged(names)
    checked = Checked([], [], list(_missing(names, volumes, expected)), [])
    if strange:
        asked = f"has files that the challenge does not ask for: {first_few(strange)}. Leave them out"
        checked.wrong.append(asked)
    if others:
        checked.odd.append(f"{counted(others, 'file')} of tasks other than {TASK}: not checked")
    for results in sorted(volumes, key=lambda results: (natural(results.patient), results.folder)):
        row, wrong = _check_volume(archive, results, volumes[results], expected.get(results))
        checked.rows.append(row)
        checked.wrong.extend(f"{results.path}: {message}" for message in wrong)
        checked.odd.extend(f"{results.path}: {message}" for message in _oddities(results, row, expected))
    return checked


def _arranged(names: Iterable[str]) -> tuple[dict[Results, set[int]], int, list[str]]:
    """The numbers of the results by volume, how many files are other tasks', and all other files."""
    volumes: dict[Results, set[int]] = defaultdict(set)
    others, strange = 0, []
    for name in (name for name in names if not name.endswith("/")):
        if (place := place_of(name)) and name == place[0].file(place[1]):
            volumes[place[0]].add(place[1])
        elif name.split("/")[0] in set(TEMPLATE) - {TASK} and name.endswith(".png"):
            others += 1
        else:
            strange.append(name)
    return volumes, others, strange


def _missing(names: Iterable[str], volumes: Collection[Results], expected: Collection[Results]) -> Iterator[str]:
    """What a complete entry has besides, with the remedy."""
    if absent := sorted(set(TEMPLATE) - {name.split("/")[0] for name in names}):
        yield f"lacks the folder {', '.join(absent)} of the challenge's template. Add it, empty"
    for folder in FOLDERS:
        lacking = [patient for patient in TEST_PATIENTS if Results(patient, folder) not in volumes]
        unknown = [patient for patient in lacking if Results(patient, folder) not in expected]
        if segmentable := [patient for patient in lacking if patient not in unknown]:
            yield (
                f"lacks {folder} of {_patients(segmentable)}. Name an experiment that is scored on {FOLDERS[folder]} "
                f"in submission.{folder}"
            )
        if unknown:
            yield (
                f"lacks {folder} of {_patients(unknown)}, which the patient sheet does not have. Add them with the "
                f"sequence {FOLDERS[folder]}, as in config/submission_patients.tsv"
            )


def _patients(names: list[str]) -> str:
    return f"{'patient' if len(names) == 1 else 'patients'} {', '.join(names)}"


def _oddities(results: Results, row: Mapping[str, Any], expected: Collection[Results]) -> Iterator[str]:
    if not row["liver_voxels"]:
        yield "no liver in any slice. Look at the images before you send this"
    if results.patient not in TEST_PATIENTS:
        yield f"{results.patient} is none of the challenge's test patients"
    elif results not in expected:
        yield "the patient sheet does not have this volume, so the number and size of its slices are not checked"


def _check_volume(
    archive: zipfile.ZipFile, results: Results, numbers: set[int], expected: Expected | None
) -> tuple[dict[str, Any], list[str]]:
    """The row of a volume, and what is wrong with its results."""
    wrong = list(_misnumbered(numbers, expected))
    faults: dict[str, list[str]] = defaultdict(list)
    areas, shapes = [], []
    for number in sorted(numbers):
        name = results.file(number)
        pixels, fault = _read(archive, name)
        if pixels is not None:
            areas.append(int(np.count_nonzero(pixels == LIVER)))
            shapes.append(pixels.shape)
            fault = fault or _fault_of(pixels, expected.shape if expected else shapes[0])
        if fault:
            faults[fault].append(name.rpartition("/")[2])
    wrong += [f"{first_few(files)}: {fault}" for fault, files in faults.items()]
    rows, columns = shapes[0] if shapes else (None, None)
    row = {
        "patient": results.patient,
        "sequence": results.sequence,
        "slices": len(numbers),
        "rows": rows,
        "columns": columns,
        "slices_with_liver": sum(area > 0 for area in areas),
        "liver_voxels": sum(areas),
        "liver_ml": sum(areas) * expected.voxel_ml if expected else None,
    }
    return row, wrong


def _misnumbered(numbers: set[int], expected: Expected | None) -> Iterator[str]:
    count = expected.slices if expected else max(numbers) + 1
    if lacking := sorted(set(range(count)) - numbers):
        yield f"lacks the result of slice {first_few(lacking)}: they are numbered from 000 without a gap"
    if surplus := sorted(numbers - set(range(count))):
        yield f"has a result of slice {first_few(surplus)}, but the DICOM series has {counted(count, 'slice')}"


def _read(archive: zipfile.ZipFile, name: str) -> tuple[np.ndarray | None, str]:
    """The pixels of a PNG, uint8 [rows, columns], and what is wrong with the file; None where it cannot be read."""
    try:
        data = archive.read(name)
    except (*UNREADABLE, zlib.error, EOFError):
        return None, "damaged in the zip"
    header = read_header(data)
    if header and (header.bits, header.colour) != (8, GREY):
        return None, "not 8-bit grey"
    if header and header.is_huge:
        return None, f"{size_of((header.rows, header.columns))} pixels by its header, far more than any slice"
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if header else None
    return pixels, "" if pixels is not None else "no readable PNG"


def _fault_of(pixels: np.ndarray, shape: tuple[int, ...]) -> str:
    if pixels.shape != shape:
        return f"{size_of(pixels.shape)} pixels, where the image has {size_of(shape)}"
    others = sorted({*np.unique(pixels).tolist()} - {0, LIVER})
    return f"grey values other than 0 and {LIVER}: {first_few(others)}" if others else ""
