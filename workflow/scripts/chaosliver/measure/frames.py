"""Tables of text as pandas frames, and a patient's mean over seeds and draws."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..base.columns import GROUP, MEASURES, TEXT_COLUMNS
from ..base.files import read_tsv


def read_frame(table: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The `columns` of a table, with types. Raises InputError where the file or a column is missing."""
    return typed(read_tsv(table, columns), columns)


def read_frames(tables: Sequence[Path], columns: Sequence[str]) -> pd.DataFrame:
    """The `columns` of several tables, one below the other. Raises InputError as `read_frame` does."""
    frames = [read_frame(table, columns) for table in tables]
    return pd.concat(frames, ignore_index=True) if frames else typed([], columns)


def typed(rows: Sequence[dict[str, str]], columns: Sequence[str]) -> pd.DataFrame:
    """Rows of text as a frame: names stay text (a patient may be called 08), all else becomes a number or NaN."""
    frame = pd.DataFrame(rows, columns=list(columns))
    for column in set(columns) - TEXT_COLUMNS:
        frame[column] = pd.to_numeric(frame[column])
    return frame


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as they are written to a table: None where it holds NaN."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(column): value for column, value in row.items()} for row in rows]


def average_over_seeds(patients: pd.DataFrame, columns: Sequence[str] = MEASURES) -> pd.DataFrame:
    """One row per experiment, cohort, sequence and patient with the mean of each of `columns` over the seeds and draws.

    They are replicates of one patient's result, not further patients. A measure that is undefined under some of them is
    the mean of the others.
    """
    return patients.groupby([*GROUP, "patient"], sort=False)[list(columns)].mean().reset_index()
