"""The study's tidy tables: all slices, all patients, and the statistics of each experiment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ..base.columns import EXPERIMENT_COLUMNS, GROUP, MEASURES, PATIENT_COLUMNS, SLICE_COLUMNS, STATISTICS
from ..base.errors import InputError
from ..base.files import read_tsv, write_text, write_tsv
from ..measure.frames import average_over_seeds, read_frames, records_of
from ..measure.patient_statistics import mean_interval
from .summary import summary_text

# What of a slice the table of experiments is made of.
USED_OF_SLICES = (*GROUP, "patient", "stem", "reference_mm2", "dice")


def collect_tables(
    *,
    slices: list[Path],
    patients: list[Path],
    folds_per_draw: dict[str, int],
    slices_table: Path,
    patients_table: Path,
    experiments_table: Path,
    summary: Path,
) -> None:
    """Join the runs' tables of slices and of patients, and write the table of experiments and its short text form.

    `folds_per_draw` says of each experiment how many folds in turn are of one draw. Raises InputError where a patient
    is scored twice under one experiment, seed and draw.
    """
    # One run's rows at a time: those of thousands of patients would take gigabytes.
    each_slice, each_patient = read_frames(slices, USED_OF_SLICES), read_frames(patients, PATIENT_COLUMNS)
    experiments = summarise(each_slice, each_patient, folds_per_draw)
    for joined, tables, columns in (
        (slices_table, slices, SLICE_COLUMNS),
        (patients_table, patients, PATIENT_COLUMNS),
    ):
        write_tsv(joined, columns, (row for table in tables for row in read_tsv(table, columns)))
    write_tsv(experiments_table, EXPERIMENT_COLUMNS, records_of(experiments))
    write_text(summary, summary_text(experiments))


def summarise(slices: pd.DataFrame, patients: pd.DataFrame, folds_per_draw: Mapping[str, int]) -> pd.DataFrame:
    """One row per experiment, cohort and sequence with `EXPERIMENT_COLUMNS`, in the order of the rows given.

    The statistics are over patients, and the interval is the bootstrap's for the mean. `pooled_dice` is the mean over
    the slices of all patients, seeds and draws together, as the original study gave it. `empty_predictions` and
    `volumes_without_distance` count predicted volumes, of all seeds and draws: those without a voxel, and those with
    ground truth whose ASSD does not exist.
    """
    _refuse_repeats(patients, folds_per_draw)
    each_patient = average_over_seeds(patients).groupby(GROUP)
    each_slice = slices.groupby(GROUP)
    pooled = each_slice["dice"].mean().to_dict()
    rows = []
    for names, volumes in patients.groupby(GROUP, sort=False):
        row = dict(zip(GROUP, names, strict=True)) | _counts(volumes, each_slice.get_group(names))
        row["pooled_dice"] = pooled[names]
        for measure in MEASURES:
            values = _statistics_of(each_patient.get_group(names)[measure].dropna())
            row |= {f"{measure}_{name}": value for name, value in zip(STATISTICS, values, strict=True)}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(EXPERIMENT_COLUMNS))


def _counts(volumes: pd.DataFrame, slices: pd.DataFrame) -> dict[str, Any]:
    """What is counted over the volumes and slices of one group."""
    shown = slices.drop_duplicates([*GROUP, "patient", "stem"])
    return {
        "patients": volumes["patient"].nunique(),
        "slices": len(shown),
        "share_of_empty_slices": (shown["reference_mm2"].dropna() == 0).mean(),
        "empty_predictions": int((volumes["predicted_ml"] == 0).sum()),
        "volumes_without_distance": int((volumes["dice_3d"].notna() & volumes["assd_mm"].isna()).sum()),
    }


def _refuse_repeats(patients: pd.DataFrame, folds_per_draw: Mapping[str, int]) -> None:
    draws = [
        # The test cohort's fold is no number: all networks segment it together, once.
        int(fold) // folds_per_draw[experiment] if fold.isdigit() else fold
        for experiment, fold in zip(patients["experiment"], patients["fold"], strict=True)
    ]
    repeated = patients[patients.assign(draw=draws).duplicated([*GROUP, "patient", "seed", "draw"])]
    if not repeated.empty:
        row = repeated.iloc[0]
        raise InputError(
            f"experiment {row['experiment']}: patient {row['patient']}, {row['sequence']} is scored twice under seed "
            f"{row['seed']}. Give each run's table once, and hold out each patient in one fold of a draw"
        )


def _statistics_of(patients: pd.Series) -> tuple[float, ...]:
    """The values of `STATISTICS`; NaN for an interval of too few patients."""
    interval = mean_interval(patients.to_numpy(float)) or (float("nan"), float("nan"))
    return patients.mean(), patients.std(), patients.median(), patients.min(), patients.max(), *interval
