"""A small made-up study and rows of its tables, which the tests of pages share."""

import copy
import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chaosliver.base.columns import EXPERIMENT_COLUMNS, VERDICT_COLUMNS, VOLUME_COLUMNS
from chaosliver.tables.deviations import ORIGINAL
from chaosliver.tables.studyfacts import Tables

T1, T2 = "t1_in_phase", "t2_spir"
# Of six patients.
DICE = (0.81, 0.86, 0.88, 0.9, 0.92, 0.93)


def experiment(**changes):
    plain = {**copy.deepcopy(ORIGINAL), "encoding": "drawn", "split": "folds", "seeds": [1], "snapshot": None}
    plain |= {"augmentation": "none"}
    recipe = {**plain["recipe"], **changes.pop("recipe", {})}
    return {**plain, **changes, "recipe": recipe}


def study_of(**changes):
    """Six patients of CHAOS, one experiment, one seed, one draw, no test cohort, no contrasts."""
    return {
        "patients": {str(number): ["development", [T1]] for number in range(1, 7)},
        "phantom": False,
        "surface_tolerance_mm": 3.5,
        "analysis": {"margin": 0.03, "contrasts": []},
        "encodings": {"drawn": {"bits": 8, "scaling": "drawn", "brightest_to_zero": False}},
        "splits": {"folds": {"folds": 3, "validation": 0, "seed": 1}},
        "augmentations": {},
        "experiments": {"plain": experiment()},
    } | changes


def result(name="plain", cohort="development", values=DICE, **changes):
    """A row of the table of experiments whose 3D Dice is that of the values."""
    row = dict.fromkeys(EXPERIMENT_COLUMNS, "") | {"experiment": name, "cohort": cohort, "sequence": T1}
    row |= {"patients": len(values), "slices": 180, "share_of_empty_slices": 0.25, "empty_predictions": 0}
    row |= {"volumes_without_distance": 0, "dice_3d_mean": statistics.mean(values)}
    row |= {"dice_3d_sd": statistics.stdev(values), "dice_3d_median": statistics.median(values)}
    row |= {"dice_3d_min": min(values), "dice_3d_max": max(values), "dice_3d_ci_low": 0.85, "dice_3d_ci_high": 0.92}
    return row | changes


def verdict(**changes):
    return dict.fromkeys(VERDICT_COLUMNS, "") | {"question": "dropout", "verdict": "undecided"} | changes


def volume(patient, slices, spacing=1.5):
    row = dict.fromkeys(VOLUME_COLUMNS, 0) | {"patient": patient, "sequence": T1, "slices": slices}
    row |= {"rows": 256, "columns": 256, "row_spacing_mm": spacing, "column_spacing_mm": spacing}
    return row | {"slice_distance_mm": 5.5}


def tables_of(**changes):
    card = {"chosen_epoch": 79, "threads": 4, "versions": {"torch": "2.13.0"}}
    text = [{key: str(value) for key, value in result().items()}]
    volumes = [{key: str(value) for key, value in volume("1", 21).items()}]
    return Tables(text, [], volumes, [], [("plain", card)], {"plain": 1234})._replace(**changes)


def write_header(path: Path, header: Mapping[str, Any]) -> Path:
    """A safetensors file that has a header and no tensors."""
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    return path
