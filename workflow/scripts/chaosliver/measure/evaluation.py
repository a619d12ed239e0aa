"""From the files of a run's predictions and of the ground truth to its tables of slices and of patients."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..base.columns import PATIENT_COLUMNS, PREDICTION_COLUMNS, SLICE_COLUMNS
from ..base.errors import InputError
from ..base.files import read_tsv, write_tsv
from ..base.indexes import read_index
from ..base.png import FULL_SCALE_8BIT, read_png
from ..base.slicefiles import read_binary
from ..base.volumes import VolumeId
from ..base.wording import first_few
from .scores import Volume, patient_scores, slice_scores

GEOMETRY_COLUMNS = ("position_mm", "row_spacing_mm", "column_spacing_mm", "slice_distance_mm", "rows", "columns")
PAIR_COLUMNS = ("patient", "sequence", "stem", "ground", *GEOMETRY_COLUMNS)
# So many slices are named in a message.
NAMED = 3

Rows = Sequence[Mapping[str, str]]


def evaluate(
    *,
    prediction_index: Path,
    mask_indexes: list[Path],
    pairs: list[Path],
    logit_index: Path | None,
    labels: Mapping[str, str],
    tolerance_mm: float,
    slices: Path,
    patients: Path,
) -> None:
    """Score one run of an experiment and write its tables `slices` and `patients`.

    Each index describes the folder beside it. `mask_indexes` (of one organ) and `pairs` are those of every patient
    predicted; `labels` holds experiment, fold and seed; `tolerance_mm` is that of the surface Dice. A sequence without
    ground truth gets areas and volumes of the prediction only. With `logit_index`, Dice is that of the grey values
    there.

    Raises InputError where a slice or volume has a prediction but no mask or the reverse, or where sizes differ.
    """
    predicted = _read_by_volume(prediction_index)
    grey = _read_by_volume(logit_index) if logit_index else {}
    admitted = _by_volume(row for table in pairs for row in read_tsv(table, PAIR_COLUMNS))
    masks = {VolumeId.of_index(index): index for index in mask_indexes}
    _refuse_unmatched(prediction_index, predicted, admitted, masks)
    slice_rows, patient_rows = [], []
    for volume_id, listed in predicted.items():
        expected = sorted(admitted[volume_id], key=lambda row: float(row["position_mm"]))
        volume = _read_volume(
            expected,
            prediction=_files(expected, listed, prediction_index, "prediction"),
            reference=_mask_files(volume_id, expected, masks) if _has_ground_truth(volume_id, expected) else None,
            grey=_files(expected, grey.get(volume_id, []), logit_index, "prediction") if logit_index else None,
        )
        named = {**labels, "cohort": listed[0]["cohort"], "patient": volume_id.patient, "sequence": volume_id.sequence}
        scored = slice_scores(volume)
        slice_rows += [{**named, **row} for row in scored]
        patient_rows.append({**named, **patient_scores(volume, scored, tolerance_mm)})
    write_tsv(slices, SLICE_COLUMNS, slice_rows)
    write_tsv(patients, PATIENT_COLUMNS, patient_rows)


def _read_by_volume(index: Path) -> dict[VolumeId, list[dict[str, str]]]:
    return _by_volume(read_index(index, index.with_suffix(""), PREDICTION_COLUMNS))


def _by_volume(rows: Iterable[dict[str, str]]) -> dict[VolumeId, list[dict[str, str]]]:
    volumes: dict[VolumeId, list[dict[str, str]]] = {}
    for row in rows:
        volumes.setdefault(VolumeId(row["sequence"], row["patient"]), []).append(row)
    return volumes


def _refuse_unmatched(
    prediction_index: Path,
    predicted: Mapping[VolumeId, Rows],
    admitted: Mapping[VolumeId, Rows],
    masks: Mapping[VolumeId, Path],
) -> None:
    if unknown := sorted(predicted.keys() - admitted.keys()):
        raise InputError(
            f"{prediction_index}: predicts {_named(unknown[0])}, which no table of admitted slices lists. "
            "Predict anew, or give that patient's pairs.tsv"
        )
    if missing := sorted(masks.keys() - predicted.keys()):
        raise InputError(
            f"{prediction_index}: lacks {_named(missing[0])}, whose masks {masks[missing[0]]} lists. "
            "Delete this index and run again"
        )


def _has_ground_truth(volume_id: VolumeId, expected: Rows) -> bool:
    without = [row["stem"] for row in expected if not row["ground"]]
    if without and len(without) < len(expected):
        raise InputError(
            f"{_named(volume_id)}: some slices have ground truth, but {first_few(without, NAMED)} none. "
            "A volume cannot be scored in part: complete the ground truth, or leave the sequence out of the sheet"
        )
    return not without


def _mask_files(volume_id: VolumeId, expected: Rows, masks: Mapping[VolumeId, Path]) -> list[Path]:
    if volume_id not in masks:
        raise InputError(
            f"no index of masks was given for {_named(volume_id)}. Extract its masks, and give their index"
        )
    index = masks[volume_id]
    listed = [{**row, "stem": Path(row["file"]).stem} for row in read_index(index, index.with_suffix(""))]
    return _files(expected, listed, index, "mask")


def _files(expected: Rows, listed: Rows, index: Path, kind: str) -> list[Path]:
    """The listed file of each expected slice; an error names those missing, superfluous or listed twice."""
    files = {row["stem"]: index.with_suffix("") / row["file"] for row in listed}
    wanted = [row["stem"] for row in expected]
    for stems, problem in (
        (sorted(set(wanted) - files.keys()), f"lacks the {kind} of"),
        (sorted(files.keys() - set(wanted)), f"has a {kind} of what is no admitted slice:"),
        (["a slice listed twice"] * (len(listed) - len(files)), "holds"),
    ):
        if stems:
            volume = _named(VolumeId(expected[0]["sequence"], expected[0]["patient"]))
            raise InputError(
                f"{index}: {problem} {first_few(stems, NAMED)} ({volume}). Delete this index and run again"
            )
    return [files[stem] for stem in wanted]


def _read_volume(
    expected: Rows, *, prediction: Sequence[Path], reference: Sequence[Path] | None, grey: Sequence[Path] | None
) -> Volume:
    first = expected[0]
    shape = int(first["rows"]), int(first["columns"])
    return Volume(
        stems=[row["stem"] for row in expected],
        reference=None if reference is None else np.stack([read_binary(file, shape) for file in reference]),
        prediction=np.stack([read_binary(file, shape) for file in prediction]),
        positions_mm=[float(row["position_mm"]) for row in expected],
        spacing_mm=(float(first["row_spacing_mm"]), float(first["column_spacing_mm"])),
        slice_distance_mm=float(first["slice_distance_mm"]),
        grey=None if grey is None else np.stack([read_png(file) / FULL_SCALE_8BIT for file in grey]),
    )


def _named(volume: VolumeId) -> str:
    return f"patient {volume.patient}, {volume.sequence}"
