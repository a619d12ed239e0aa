"""The study's tables as pages to read and sort in the report."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from ..base.anatomy import SEQUENCES
from ..base.columns import EXPERIMENT_COLUMNS, TEXT_COLUMNS
from ..base.files import read_json, read_tsv
from .pages import Cell, sortable_table, write_page
from .printed import (
    EXPERIMENT_HEADINGS,
    NOTE,
    PRINTED,
    STATISTICS_NOTE,
    cell,
    share_of_empty_slices,
    title_of,
)

MATRIX_HEADINGS = ("Experiment", "Trained on", "Scored on", "Cohort", "Seen in training", "Patients")
SORTED = "Click on a heading to sort, again to turn the order round."
DIGITS = 4
# Columns whose text may look like a number or a sequence.
NAMES = TEXT_COLUMNS - {"sequence", "measure"} | {"file", "message"}


class PlainPage(NamedTuple):
    """A page that shows a table with its own columns, and what stands above it."""

    title: str
    note: str


PLAIN_PAGES = {
    "comparisons": PlainPage("Paired comparisons", "Differences are experiment minus baseline."),
    "patients": PlainPage("Patients", "Each held-out patient once by experiment, sequence, draw and seed."),
    "trainings": PlainPage("Trainings", "Optimism is validation minus test."),
    "prices": PlainPage("Prices of the published errors", "Differences are corrected minus published."),
    "verdicts": PlainPage("Verdicts of the plan", "Differences in 3D Dice are experiment minus against."),
    "variances": PlainPage(
        "Spread of patients, draws and seeds",
        "Standard deviations of the 3D Dice between patients, draws of folds, and seeds.",
    ),
    "findings": PlainPage("Findings of quality control", "What was found, file by file, and how severe it is."),
}


def show_tables(*, tables: Mapping[str, Path], pages: Mapping[str, Path]) -> None:
    """Write each of the `pages` (experiments, cross_sequence, provenance, and those of PLAIN_PAGES) from its table.

    Both are by name. Raises InputError where a table is missing.
    """
    special = {
        "experiments": write_experiments_page,
        "cross_sequence": write_matrix_page,
        "provenance": write_provenance_page,
    }
    for name, page in pages.items():
        if name in special:
            special[name](tables[name], page)
        else:
            write_plain_page(tables[name], page, PLAIN_PAGES[name])


def write_experiments_page(table: Path, page: Path) -> None:
    """The table of experiments as a paper prints it: mean and SD, interval, median and range in each cell."""
    rows = [
        [
            *(row["experiment"], row["cohort"], title_of(row["sequence"]), row["patients"]),
            *(share_of_empty_slices(row), row["volumes_without_distance"]),
            *(cell(row, measure) for measure in PRINTED),
        ]
        for row in read_tsv(table, EXPERIMENT_COLUMNS)
    ]
    _write(page, "Experiments", NOTE, [*EXPERIMENT_HEADINGS, *_headings(PRINTED)], rows)


def write_matrix_page(table: Path, page: Path) -> None:
    """How well networks trained on some sequences segment each sequence, by every measure of the table."""
    matrix = read_tsv(table)
    measures = [measure for measure in PRINTED if matrix and f"{measure}_mean" in matrix[0]]
    rows = [
        [
            *(row["experiment"], _text(row["train_on"]), _text(row["score_on"])),
            *(row["cohort"], row["seen_in_training"], row["patients"]),
            *(cell(row, measure) for measure in measures),
        ]
        for row in matrix
    ]
    _write(page, "Training by scored sequence", f"{STATISTICS_NOTE}.", [*MATRIX_HEADINGS, *_headings(measures)], rows)


def write_provenance_page(provenance: Path, page: Path) -> None:
    """Where the tables come from: every entry of the JSON file with the names that lead to it."""
    entries = _entries(read_json(provenance))
    note = "SHA-256 of tables, configuration, code, archives, data and weights; versions of the packages."
    _write(page, "Provenance of the tables", note, ["what", "of", "is"], entries)


def write_plain_page(table: Path, page: Path, shown: PlainPage) -> None:
    """A table with its own columns, numbers rounded to DIGITS significant digits."""
    rows = read_tsv(table)
    heads = [column.replace("_", " ") for column in rows[0]] if rows else []
    cells = [[value if column in NAMES else _text(value) for column, value in row.items()] for row in rows]
    _write(page, shown.title, shown.note, heads, cells)


def _write(page: Path, title: str, note: str, heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    write_page(page, title, [f"<p>{escape(note)} {SORTED}</p>", sortable_table(heads, rows)])


def _headings(measures: Iterable[str]) -> list[str]:
    return [PRINTED[measure].heading for measure in measures]


def _text(value: str) -> str:
    """A value in words: the titles of sequences and measures, and numbers with DIGITS significant digits."""
    if value in PRINTED:
        return PRINTED[value].heading
    if all(name in SEQUENCES for name in value.split("+")):
        return " + ".join(title_of(name) for name in value.split("+"))
    if "." not in value:
        return value
    try:
        return f"{float(value):.{DIGITS}g}"
    except ValueError:
        return value


def _entries(found: Mapping[str, Any], path: Sequence[str] = ()) -> list[list[str]]:
    rows = []
    for key, value in found.items():
        if isinstance(value, Mapping):
            rows += _entries(value, [*path, key])
        else:
            what, *others = [*path, key]
            rows.append([what.replace("_", " "), " ".join(others), "none" if value is None else str(value)])
    return rows
