"""The study's tidy tables, and one that a terminal shows."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..base.columns import (
    EXPERIMENT_COLUMNS,
    GROUP,
    MEASURES,
    PATIENT_COLUMNS,
    SLICE_COLUMNS,
    STATISTICS,
)
from ..base.errors import InputError
from ..base.files import read_tsv, write_text, write_tsv
from ..measure.frames import average_over_seeds, records_of, typed
from ..measure.patient_statistics import mean_interval
from .printed import NOTHING, title_of

SUMMARY_HEADS = (
    ("experiment", "", ""),
    ("cohort", "", ""),
    ("sequence", "", ""),
    ("pa-", "tients", ""),
    ("slices", "without", "organ"),
    ("Dice,", "all", "slices"),
    ("Dice,", "organ", "slices"),
    ("Dice 3D,", "mean ± SD", ""),
    ("ASSD", "mm", ""),
    ("MSSD", "mm", ""),
    ("no", "ASSD", ""),
)
LEFT_ALIGNED = 3
SUMMARY_NOTE = """\
Means over patients (seeds of one patient averaged first). All slices: a slice with neither reference nor prediction
counts as Dice 1, so slices without organ lift that figure. ASSD and MSSD leave out volumes whose prediction has no
surface, as an empty one: the last column counts them.
"""


def collect_tables(
    *,
    slices: list[Path],
    patients: list[Path],
    slices_table: Path,
    patients_table: Path,
    experiments_table: Path,
    summary: Path,
) -> None:
    """Join the runs' tables of slices and of patients, and write the table of experiments and its short text form.

    Raises InputError where a patient is scored twice under one experiment and seed.
    """
    slice_rows = [row for table in slices for row in read_tsv(table, SLICE_COLUMNS)]
    patient_rows = [row for table in patients for row in read_tsv(table, PATIENT_COLUMNS)]
    experiments = summarise(typed(slice_rows, SLICE_COLUMNS), typed(patient_rows, PATIENT_COLUMNS))
    write_tsv(slices_table, SLICE_COLUMNS, slice_rows)
    write_tsv(patients_table, PATIENT_COLUMNS, patient_rows)
    write_tsv(experiments_table, EXPERIMENT_COLUMNS, records_of(experiments))
    write_text(summary, summary_text(experiments))


def summarise(slices: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """One row per experiment, cohort and sequence with `EXPERIMENT_COLUMNS`, in the order of the rows given.

    The statistics are over patients, and the interval is the bootstrap's for the mean. `pooled_dice` is the mean over
    the slices of all patients and seeds together, as the original study gave it. `empty_predictions` and
    `volumes_without_distance` count predicted volumes, of all seeds: those without a voxel, and those with ground
    truth whose ASSD does not exist.
    """
    _refuse_repeats(patients)
    rows = []
    each_patient = average_over_seeds(patients).groupby(GROUP, sort=False)
    pooled = slices.groupby(GROUP, sort=False)["dice"].mean()
    each_slice = slices.drop_duplicates([*GROUP, "patient", "stem"]).groupby(GROUP, sort=False)
    for names, volumes in patients.groupby(GROUP, sort=False):
        group, shown = each_patient.get_group(names), each_slice.get_group(names)
        referenced = shown["reference_mm2"].dropna()
        row = dict(zip(GROUP, names, strict=True)) | {
            "patients": len(group),
            "slices": len(shown),
            "share_of_empty_slices": (referenced == 0).mean(),
            "empty_predictions": int((volumes["predicted_ml"] == 0).sum()),
            "volumes_without_distance": int((volumes["dice_3d"].notna() & volumes["assd_mm"].isna()).sum()),
            "pooled_dice": pooled[names],
        }
        for measure in MEASURES:
            values = _statistics_of(group[measure].dropna())
            row |= {f"{measure}_{name}": value for name, value in zip(STATISTICS, values, strict=True)}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(EXPERIMENT_COLUMNS))


def summary_text(experiments: pd.DataFrame) -> str:
    """The table of experiments as aligned text for a terminal of 120 columns, with a note on how to read it."""
    cells = [list(line) for line in zip(*SUMMARY_HEADS, strict=True)]
    cells += [_summary_cells(row) for row in experiments.to_dict("records")]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_aligned(line, widths) for line in cells]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    heads = len(SUMMARY_HEADS[0])
    return "\n".join([*lines[:heads], rule, *lines[heads:], "", SUMMARY_NOTE])


def _refuse_repeats(patients: pd.DataFrame) -> None:
    key = [*GROUP, "patient", "seed"]
    repeated = patients[patients.duplicated(key)]
    if not repeated.empty:
        row = repeated.iloc[0]
        raise InputError(
            f"experiment {row['experiment']}: patient {row['patient']}, {row['sequence']} is scored twice under seed "
            f"{row['seed']}. Give each run's table once, and hold out each patient in one fold"
        )


def _statistics_of(patients: pd.Series) -> tuple[float, ...]:
    """The values of `STATISTICS`; NaN for an interval of too few patients."""
    interval = mean_interval(patients.to_numpy(float)) or (float("nan"), float("nan"))
    return patients.mean(), patients.std(), patients.median(), patients.min(), patients.max(), *interval


def _summary_cells(row: dict[str, object]) -> list[str]:
    spread = _number(row["dice_3d_sd"], 3)
    return [
        str(row["experiment"]),
        str(row["cohort"]),
        title_of(str(row["sequence"])),
        str(row["patients"]),
        _number(row["share_of_empty_slices"], 0, percent=True),
        _number(row["mean_dice_all_slices_mean"], 3),
        _number(row["mean_dice_organ_slices_mean"], 3),
        _number(row["dice_3d_mean"], 3) + (f" ± {spread}" if spread != NOTHING else ""),
        _number(row["assd_mm_mean"], 2),
        _number(row["mssd_mm_mean"], 1),
        str(row["volumes_without_distance"]),
    ]


def _number(value: object, digits: int, *, percent: bool = False) -> str:
    if pd.isna(value):
        return NOTHING
    return f"{value:.{digits}%}" if percent else f"{value:.{digits}f}"


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if place < LEFT_ALIGNED else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()
