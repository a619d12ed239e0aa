"""The study's tables as pages to read and sort in the report."""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..base.anatomy import SEQUENCES
from ..base.columns import EXPERIMENT_COLUMNS, TEXT_COLUMNS
from ..base.files import read_tsv
from .pages import Cell, sortable_table, write_page
from .publication import NOTE, PRINTED, cell, share

EXPERIMENT_HEADS = ("Experiment", "Cohort", "Sequence", "Patients", "Slices without organ", "Without ASSD")
MATRIX_HEADS = ("Experiment", "Trained on", "Scored on", "Cohort", "Seen in training", "Patients")
SORTED = "Click on a heading to sort, again to turn the order round."
DIGITS = 4
# Columns whose text may look like a number or a sequence.
NAMES = TEXT_COLUMNS - {"sequence", "measure"} | {"file", "message"}


def write_experiments_page(table: Path, page: Path) -> None:
    """The table of experiments as a paper prints it: mean and SD, interval, median and range in each cell."""
    rows = [
        [
            *(row["experiment"], row["cohort"], _text(row["sequence"]), row["patients"]),
            *(share(row), row["volumes_without_distance"]),
            *(cell(row, measure) for measure in PRINTED),
        ]
        for row in read_tsv(table, EXPERIMENT_COLUMNS)
    ]
    _write(page, "Experiments", NOTE, [*EXPERIMENT_HEADS, *_titles(PRINTED)], rows)


def write_matrix_page(table: Path, page: Path) -> None:
    """What networks trained on some sequences are worth on each, by every measure."""
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
    note = "Mean ± standard deviation, [95 % bootstrap interval of the mean], median (range), over patients."
    _write(page, "Training by scored sequence", note, [*MATRIX_HEADS, *_titles(measures)], rows)


def write_comparisons_page(table: Path, page: Path) -> None:
    """Each experiment against what it is compared with, by cohort, sequence and measure."""
    _write_plain(page, table, "Paired comparisons", "Differences are experiment minus baseline.")


def write_patients_page(table: Path, page: Path) -> None:
    """Every held-out patient, by experiment, sequence and seed."""
    _write_plain(page, table, "Patients", "Each held-out patient once by experiment, sequence and seed.")


def write_trainings_page(table: Path, page: Path) -> None:
    """Every training: what it learned from, the epoch taken, and validation beside held-out Dice."""
    _write_plain(page, table, "Trainings", "Optimism is validation minus test.")


def write_prices_page(table: Path, page: Path) -> None:
    """What each error of a published study is worth."""
    _write_plain(page, table, "Prices of the published errors", "Differences are put right minus as published.")


def write_findings_page(table: Path, page: Path) -> None:
    """What quality control found, file by file."""
    _write_plain(page, table, "Findings of quality control", "What was found, file by file, and how grave it is.")


def write_provenance_page(provenance: Path, page: Path) -> None:
    """Where the tables come from: every entry of the JSON file, its place in it spelled out."""
    entries = _entries(json.loads(provenance.read_text(encoding="utf-8")))
    note = "SHA-256 of tables, configuration, code, archives, data and weights; versions of the packages."
    _write(page, "Provenance of the tables", note, ["what", "of", "is"], entries)


def _write(page: Path, title: str, note: str, heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    write_page(page, title, [f"<p>{escape(note)} {SORTED}</p>", sortable_table(heads, rows)])


def _write_plain(page: Path, table: Path, title: str, note: str) -> None:
    """A table with its own columns, numbers rounded to `DIGITS` significant digits."""
    rows = read_tsv(table)
    heads = [column.replace("_", " ") for column in rows[0]] if rows else []
    shown = [[value if column in NAMES else _text(value) for column, value in row.items()] for row in rows]
    _write(page, title, note, heads, shown)


def _titles(measures: Iterable[str]) -> list[str]:
    return [PRINTED[measure][0] for measure in measures]


def _text(value: str) -> str:
    """A value as a reader wants it: titles of sequences and measures, and no more digits than mean anything."""
    if value in PRINTED:
        return PRINTED[value][0]
    if all(name in SEQUENCES for name in value.split("+")):
        return " + ".join(SEQUENCES[name].title for name in value.split("+"))
    if "." not in value and "e" not in value:
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
