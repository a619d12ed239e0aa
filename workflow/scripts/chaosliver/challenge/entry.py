"""From the predictions of the test cohort to the challenge's zip."""

import logging
import re
import stat
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from ..base.anatomy import SEQUENCES
from ..base.columns import FINDING_COLUMNS, PREDICTION_COLUMNS, SUBMISSION_COLUMNS
from ..base.entryfiles import LIVER, TASK, Results, template_folders
from ..base.errors import InputError
from ..base.files import read_tsv, write_atomically, write_tsv
from ..base.indexes import read_index
from ..base.patient_order import natural
from ..base.slicefiles import read_binary
from ..base.wording import first_few
from .checks import Checked, check_entry, expected_of, say_complete

# Findings of the inventory by which the numbers of results may differ from those of the challenge's ground truth.
RENUMBERING = ("gap", "name-order")
# So that the same masks give the same bytes. It is the first day that a zip can tell.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
UNIX = 3
# In capitals too.
DICOM_SUFFIX = ".dcm"

Masks = Mapping[Results, Sequence[Path]]


def make_submission(
    *,
    predictions: list[Path],
    folders: list[str],
    pairs: list[Path],
    findings: list[Path],
    raw_indexes: list[Path],
    archive: Path,
    contents: Path,
) -> None:
    """Write the zip that the challenge asks for, read it back, and write the table of what it holds.

    `predictions` are the indexes of the masks that go into `folders`, one for each; `pairs`, `findings` and
    `raw_indexes` are those of each patient of the test cohort. What a complete entry lacks, and what deserves a look,
    is logged. Raises InputError where a DICOM file has no mask, so that later slices would get another's number, and
    where the zip is not what the challenge asks for.
    """
    raw = {index.stem: [row["file"] for row in read_tsv(index, ("file",))] for index in raw_indexes}
    masks: dict[Results, list[Path]] = {}
    for folder, index in zip(folders, predictions, strict=True):
        masks |= _numbered(folder, index, raw)
    expected = expected_of(pairs)
    held: list[Checked] = []

    def write(partial: Path) -> None:
        write_entry(partial, masks)
        held.append(check_entry(partial, expected))
        if held[0].wrong:
            listed = "".join(f"\n  {message}" for message in held[0].wrong)
            raise InputError(f"{archive}: would not be what the challenge asks for, and was not written:{listed}")

    write_atomically(archive, write)
    experiments = {folder: index.parent.name for folder, index in zip(folders, predictions, strict=True)}
    _report(archive, held[0], _renumbering(findings, masks))
    write_tsv(contents, SUBMISSION_COLUMNS, _with_experiment(held[0], experiments))


def write_entry(path: Path, masks: Masks) -> None:
    """Write a zip with the folders of the challenge's template and the masks, in their order, as grey PNG."""
    with zipfile.ZipFile(path, "w") as archive:
        for folder in template_folders():
            archive.writestr(_member(folder, stat.S_IFDIR | 0o755), b"")
        for results in sorted(masks, key=lambda results: (natural(results.patient), results.folder)):
            for number, mask in enumerate(masks[results]):
                pixels = np.where(read_binary(mask), LIVER, 0).astype(np.uint8)
                data = cv2.imencode(".png", pixels)[1].tobytes()
                archive.writestr(_member(results.file(number), stat.S_IFREG | 0o644), data)


def slice_order(stem: str) -> tuple[list[str | int], str]:
    """Sort key of the slices: by the numbers in their names, so that IMG-9 comes before IMG-10."""
    parts = re.split(r"(\d+)", stem, flags=re.ASCII)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)], stem


def _member(name: str, mode: int) -> zipfile.ZipInfo:
    # Not compressed again, which saves little and gives other bytes with another zlib.
    member = zipfile.ZipInfo(name, TIMESTAMP)
    member.create_system, member.external_attr = UNIX, mode << 16
    return member


def _numbered(folder: str, index: Path, raw: Mapping[str, Sequence[str]]) -> dict[Results, list[Path]]:
    """The masks of an index that go into `folder`, in the order of the slices' names."""
    masks: dict[Results, dict[str, Path]] = {}
    below = index.with_suffix("")
    for row in read_index(index, below, PREDICTION_COLUMNS):
        results = Results(row["patient"], folder)
        if row["sequence"] == results.sequence:
            masks.setdefault(results, {})[row["stem"]] = below / row["file"]
    for results, by_stem in masks.items():
        _refuse_dropped(index, results, list(by_stem), raw.get(results.patient, ()))
    return {results: [found[stem] for stem in sorted(found, key=slice_order)] for results, found in masks.items()}


def _refuse_dropped(index: Path, results: Results, stems: Sequence[str], files: Iterable[str]) -> None:
    """Raise InputError where the masks are not one for each DICOM file of the series."""
    folder = SEQUENCES[results.sequence].images
    series = [Path(file) for file in files if file.rpartition("/")[0] == folder]
    images = [path.stem for path in series if path.suffix.lower() == DICOM_SUFFIX]
    if sorted(stems) != sorted(images):
        apart = first_few(sorted(set(stems) ^ set(images)) or images)
        raise InputError(
            f"{index}: patient {results.patient}, {SEQUENCES[results.sequence].title}: {apart} has a DICOM file or a "
            "mask, but not both, so that later slices would get another's number. Make the masks anew with: "
            f"rm {index} && snakemake --cores 1 {index}"
        )


def _renumbering(findings: Iterable[Path], masks: Masks) -> list[str]:
    """What the inventory found of these volumes by which the numbers of the slices may be other than meant."""
    volumes = {(results.patient, results.sequence): results for results in masks}
    rows = [row for table in findings for row in read_tsv(table, FINDING_COLUMNS) if row["flag"] in RENUMBERING]
    return [
        f"{volumes[row['patient'], row['sequence']].path}: {row['message']}. Results are numbered by the names of the "
        "DICOM files there are: see that the challenge counts the same"
        for row in rows
        if (row["patient"], row["sequence"]) in volumes
    ]


def _report(archive: Path, checked: Checked, numbering: Sequence[str]) -> None:
    for message in (*checked.odd, *numbering):
        logging.warning("%s", message)
    for message in checked.missing:
        logging.warning("not a complete entry for %s: %s", TASK, message)
    if not checked.missing:
        say_complete(archive, checked)


def _with_experiment(checked: Checked, experiments: Mapping[str, str]) -> list[dict[str, object]]:
    sequences = {Results("", folder).sequence: name for folder, name in experiments.items()}
    return [{**row, "experiment": sequences[row["sequence"]]} for row in checked.rows]
