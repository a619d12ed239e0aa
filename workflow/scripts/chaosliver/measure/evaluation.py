"""From a run's predictions and the ground truth to one row per slice and one per patient."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..base.columns import MEASURES, PATIENT_COLUMNS, PREDICTION_COLUMNS, SLICE_COLUMNS
from ..base.errors import InputError
from ..base.files import read_tsv, write_tsv
from ..base.indexes import read_index
from ..base.png import read_png
from ..base.slicefiles import read_binary
from .metrics import dice, score_volume, soft_dice

GEOMETRY_COLUMNS = ("position_mm", "row_spacing_mm", "column_spacing_mm", "slice_distance_mm", "rows", "columns")
PAIR_COLUMNS = ("patient", "sequence", "stem", "ground", *GEOMETRY_COLUMNS)
SEVERAL = 3
# The original study's script rounds the Dice of each slice to so many decimals.
LOGIT_DECIMALS = 3

Row = dict[str, Any]


class Volume(NamedTuple):
    """A patient's sequence: boolean masks (slices, rows, columns) in order of position, and where they lie in mm.

    `reference` is None where there is no ground truth.
    """

    stems: list[str]
    reference: np.ndarray | None
    prediction: np.ndarray
    positions_mm: list[float]
    spacing_mm: tuple[float, float]
    slice_distance_mm: float
    # What is scored by Dice in place of `prediction`, from 0 to 1.
    grey: np.ndarray | None = None


def evaluate(
    predictions: Path,
    prediction_index: Path,
    masks: Path,
    mask_indexes: Iterable[Path],
    pairs: Iterable[Path],
    run: Mapping[str, str],
    slices: Path,
    patients: Path,
    logit_index: Path | None = None,
) -> None:
    """Score one run of an experiment and write its tables of slices and of patients.

    `predictions` is the folder that `prediction_index` describes, `masks` the organ's folder, `mask_indexes` and
    `pairs` those of every patient predicted; `run` holds experiment, fold and seed. A sequence without ground
    truth gets areas and volumes of the prediction only. With `logit_index`, of grey values in the folder beside it,
    Dice is that of these.

    Raises InputError where a slice or volume has a prediction but no mask or the reverse, or where sizes differ.
    """
    predicted = _by_volume(read_index(prediction_index, predictions, PREDICTION_COLUMNS))
    admitted = _by_volume(row for table in pairs for row in read_tsv(table, PAIR_COLUMNS))
    indexes = {(index.stem, index.parent.name): index for index in mask_indexes}
    _refuse_unmatched(prediction_index, predicted, admitted, indexes)
    grey = _by_volume(read_index(logit_index, logit_index.with_suffix(""), PREDICTION_COLUMNS)) if logit_index else {}
    slice_rows, patient_rows = [], []
    for (patient, sequence), listed in predicted.items():
        expected = sorted(admitted[patient, sequence], key=lambda row: float(row["position_mm"]))
        files = _files_by_stem(listed, expected, prediction_index, predictions, "prediction")
        truth = None
        if _has_ground_truth(expected):
            truth = _masks_by_stem(masks, indexes.get((patient, sequence)), expected)
        volume = _read_volume(expected, files, truth)
        if logit_index:
            logits = logit_index.with_suffix("")
            files = _files_by_stem(grey[patient, sequence], expected, logit_index, logits, "prediction")
            volume = volume._replace(grey=np.stack([read_png(files[stem]) / 255 for stem in volume.stems]))
        named = {**run, "cohort": listed[0]["cohort"], "patient": patient, "sequence": sequence}
        scored = slice_scores(volume)
        slice_rows += [{**named, **row} for row in scored]
        patient_rows.append({**named, **patient_scores(volume, scored)})
    write_tsv(slices, SLICE_COLUMNS, slice_rows)
    write_tsv(patients, PATIENT_COLUMNS, patient_rows)


def slice_scores(volume: Volume) -> list[Row]:
    """Stem, position, areas in mm2 and Dice of each slice; reference and Dice are None without ground truth.

    `dice` is of the grey logits where there are some, rounded as the original study did, and else of the mask.
    """
    pixel_mm2 = volume.spacing_mm[0] * volume.spacing_mm[1]
    rows = []
    for number, stem in enumerate(volume.stems):
        found = volume.prediction[number]
        wanted = None if volume.reference is None else volume.reference[number]
        of_mask = None if wanted is None else dice(wanted, found)
        rows.append(
            {
                "stem": stem,
                "position_mm": volume.positions_mm[number],
                "reference_mm2": None if wanted is None else np.count_nonzero(wanted) * pixel_mm2,
                "predicted_mm2": np.count_nonzero(found) * pixel_mm2,
                "scores": "mask" if volume.grey is None else "logits",
                "dice": of_mask if wanted is None or volume.grey is None else _dice_of_logits(volume, number),
                "dice_of_mask": of_mask,
            }
        )
    return rows


def patient_scores(volume: Volume, scored: Sequence[Row]) -> Row:
    """The patient's measures, from the volume and its `slice_scores`.

    A slice's volume in mL is its area times the distance of neighbouring slices.
    """
    ml_per_mm2 = volume.slice_distance_mm / 1000
    row: Row = {"slices": len(scored), "predicted_ml": ml_per_mm2 * sum(row["predicted_mm2"] for row in scored)}
    if volume.reference is None:
        return {**row, **dict.fromkeys((*MEASURES, "slices_with_organ", "reference_ml"))}
    with_organ = [row["dice"] for row in scored if row["reference_mm2"] > 0]
    measured = score_volume(volume.reference, volume.prediction, volume.positions_mm, volume.spacing_mm)
    return {
        **row,
        "slices_with_organ": len(with_organ),
        "mean_dice_all_slices": _mean([row["dice"] for row in scored]),
        "mean_dice_organ_slices": _mean(with_organ),
        "dice_3d": measured.dice if volume.grey is None else soft_dice(volume.reference, volume.grey),
        "ravd_percent": measured.ravd_percent,
        "assd_mm": measured.assd_mm,
        "mssd_mm": measured.mssd_mm,
        "challenge_score": measured.challenge_score,
        "reference_ml": ml_per_mm2 * sum(row["reference_mm2"] for row in scored),
    }


def _dice_of_logits(volume: Volume, number: int) -> float:
    return round(soft_dice(volume.reference[number], volume.grey[number]), LOGIT_DECIMALS)


def _by_volume(rows: Iterable[dict[str, str]]) -> dict[tuple[str, str], list[dict[str, str]]]:
    volumes: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        volumes.setdefault((row["patient"], row["sequence"]), []).append(row)
    return volumes


def _refuse_unmatched(
    prediction_index: Path,
    predicted: Mapping[tuple[str, str], Any],
    admitted: Mapping[tuple[str, str], Any],
    indexes: Mapping[tuple[str, str], Path],
) -> None:
    for patient, sequence in sorted(predicted.keys() - admitted.keys()):
        raise InputError(
            f"{prediction_index}: predicts patient {patient}, {sequence}, which no table of admitted slices lists. "
            "Predict anew, or give that patient's pairs.tsv"
        )
    for patient, sequence in sorted(indexes.keys() - predicted.keys()):
        raise InputError(
            f"{prediction_index}: lacks patient {patient}, {sequence}, whose masks {indexes[patient, sequence]} lists. "
            "Delete this index and run again"
        )


def _has_ground_truth(expected: Sequence[Mapping[str, str]]) -> bool:
    without = [row["stem"] for row in expected if not row["ground"]]
    if without and len(without) < len(expected):
        patient, sequence = expected[0]["patient"], expected[0]["sequence"]
        raise InputError(
            f"patient {patient}, {sequence}: some slices have ground truth, but {_some(without)} none. "
            "A volume cannot be scored in part: complete the ground truth, or leave the sequence out of the sheet"
        )
    return not without


def _masks_by_stem(masks: Path, index: Path | None, expected: Sequence[Mapping[str, str]]) -> dict[str, Path]:
    patient, sequence = expected[0]["patient"], expected[0]["sequence"]
    if index is None:
        raise InputError(f"{masks}: no index of masks was given for patient {patient}, {sequence}")
    folder = masks / sequence / patient
    listed = [{**row, "stem": Path(row["file"]).stem} for row in read_index(index, folder)]
    return _files_by_stem(listed, expected, index, folder, "mask")


def _files_by_stem(
    listed: Sequence[Mapping[str, str]], expected: Sequence[Mapping[str, str]], index: Path, folder: Path, kind: str
) -> dict[str, Path]:
    """The listed file of each expected stem; an error names what is missing, superfluous or listed twice."""
    patient, sequence = expected[0]["patient"], expected[0]["sequence"]
    files = {row["stem"]: folder / row["file"] for row in listed}
    wanted = {row["stem"] for row in expected}
    for stems, problem in (
        (sorted(wanted - files.keys()), f"lacks the {kind} of"),
        (sorted(files.keys() - wanted), f"has a {kind} of what is no admitted slice:"),
        (["a slice listed twice"] * (len(listed) - len(files)), "holds"),
    ):
        if stems:
            raise InputError(
                f"{index}: {problem} {_some(stems)} (patient {patient}, {sequence}). Delete this index and run again"
            )
    return files


def _read_volume(
    expected: Sequence[Mapping[str, str]], files: Mapping[str, Path], truth: Mapping[str, Path] | None
) -> Volume:
    first = expected[0]
    shape = int(first["rows"]), int(first["columns"])
    stems = [row["stem"] for row in expected]
    return Volume(
        stems=stems,
        reference=None if truth is None else np.stack([read_binary(truth[stem], shape) for stem in stems]),
        prediction=np.stack([read_binary(files[stem], shape) for stem in stems]),
        positions_mm=[float(row["position_mm"]) for row in expected],
        spacing_mm=(float(first["row_spacing_mm"]), float(first["column_spacing_mm"])),
        slice_distance_mm=float(first["slice_distance_mm"]),
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _some(names: Sequence[str]) -> str:
    further = len(names) - SEVERAL
    return ", ".join(names[:SEVERAL]) + (f" and {further} more" if further > 0 else "")
