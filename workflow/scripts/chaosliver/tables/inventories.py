"""The inventories of all patients as one table: a row per patient and sequence."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..base.anatomy import ORGANS, SEQUENCES
from ..base.columns import AREAS, VOLUME_COLUMNS
from ..base.patient_order import natural
from ..base.volumes import VolumeId

Row = Mapping[str, str]

# The same for all slices of a sequence.
SHARED = ("rows", "columns", "row_spacing_mm", "column_spacing_mm", "slice_distance_mm", "echo_time_ms")


def by_volume(rows: Iterable[Row]) -> defaultdict[VolumeId, list[Row]]:
    """Rows of slices or of findings by their patient's sequence."""
    volumes: defaultdict[VolumeId, list[Row]] = defaultdict(list)
    for row in rows:
        volumes[VolumeId(row["sequence"], row["patient"])].append(row)
    return volumes


def in_order(volumes: Iterable[VolumeId]) -> list[VolumeId]:
    """Volumes by patient, and each patient's in the order of `SEQUENCES`."""
    order = list(SEQUENCES)
    return sorted(volumes, key=lambda volume: (natural(volume.patient), order.index(volume.sequence)))


def summarise_inventories(slices: Iterable[Row], findings: Iterable[Row]) -> list[dict[str, Any]]:
    """One row (VOLUME_COLUMNS) per patient and sequence, also where no slice could be read.

    The volume of an organ is its area in all slices times the usual distance between slices, in mL; gaps are not
    filled.
    """
    slices_of, findings_of = by_volume(slices), by_volume(findings)
    return [
        dict.fromkeys(VOLUME_COLUMNS)
        | {"patient": volume.patient, "sequence": volume.sequence}
        | _counts(slices_of[volume], findings_of[volume])
        | (_measures(slices_of[volume]) if slices_of[volume] else {})
        for volume in in_order({*slices_of, *findings_of})
    ]


def _counts(slices: Sequence[Row], findings: Sequence[Row]) -> dict[str, int]:
    severities = [finding["severity"] for finding in findings]
    counts = {"errors": "error", "warnings": "warning", "accepted": "accepted"}
    return {"slices": len(slices)} | {column: severities.count(severity) for column, severity in counts.items()}


def _measures(slices: Sequence[Row]) -> dict[str, Any]:
    """Lattice, grey range and volumes of the slices of one sequence, of which there is at least one."""
    row: dict[str, Any] = {column: slices[0][column] for column in SHARED}
    row["minimum"] = min(int(each["minimum"]) for each in slices)
    row["maximum"] = max(int(each["maximum"]) for each in slices)
    masked = [each for each in slices if each["liver_mm2"]]
    if masked:
        row["slices_with_liver"] = sum(float(each["liver_mm2"]) > 0 for each in masked)
        distance = float(slices[0]["slice_distance_mm"] or 0)
        for organ, area in zip(ORGANS, AREAS, strict=True):
            row[f"{organ}_ml"] = sum(float(each[area]) for each in masked) * distance / 1000
    return row
