"""The table of all inventories: counts, lattice, grey range and organ volumes of each patient's sequence."""

from typing import Any

import pytest

from chaosliver.base.columns import INVENTORY_COLUMNS, VOLUME_COLUMNS
from chaosliver.base.volumes import VolumeId
from chaosliver.tables.inventories import by_volume, in_order, summarise_inventories

# Areas in mm² of the four organs in two slices.
AREAS = {"liver_mm2": (0, 2000), "right_kidney_mm2": (300, 10), "left_kidney_mm2": (0, 0), "spleen_mm2": (70, 80)}


def slice_row(patient: str, sequence: str, number: int, **changes: Any) -> dict[str, str]:
    row: dict[str, Any] = dict.fromkeys(INVENTORY_COLUMNS, "") | {"patient": patient, "sequence": sequence}
    row |= {"rows": 320, "columns": 256, "row_spacing_mm": 1.5, "column_spacing_mm": 1.25, "slice_distance_mm": 9.0}
    row |= {"echo_time_ms": 4.6, "minimum": 9 - number, "maximum": 98 + number}
    row |= {area: values[number] for area, values in AREAS.items()}
    return {column: str(value) for column, value in (row | changes).items()}


def finding(patient: str, sequence: str, severity: str) -> dict[str, str]:
    return {"patient": patient, "sequence": sequence, "severity": severity}


def test_rows_are_gathered_by_patient_and_sequence() -> None:
    rows = [slice_row(patient, sequence, 0) for patient in "12" for sequence in ("t2_spir", "t1_in_phase")]
    rows.append(slice_row("1", "t2_spir", 1))
    volumes = by_volume(rows)
    assert len(volumes) == 4
    assert volumes[VolumeId("t2_spir", "1")] == [rows[0], rows[4]]


def test_volumes_stand_by_number_of_the_patient_and_by_sequence() -> None:
    names = [("t2_spir", "10"), ("t2_spir", "9"), ("t1_in_phase", "10"), ("t1_out_of_phase", "9"), ("t1_in_phase", "9")]
    assert [str(volume) for volume in in_order(VolumeId(*name) for name in names)] == [
        *("t1_in_phase/9", "t1_out_of_phase/9", "t2_spir/9", "t1_in_phase/10", "t2_spir/10"),
    ]


def test_a_row_sums_up_the_slices_of_a_volume() -> None:
    slices = [slice_row("7", "t2_spir", number) for number in (0, 1)]
    (row,) = summarise_inventories(slices, [finding("7", "t2_spir", "warning")])
    assert list(row) == list(VOLUME_COLUMNS)
    assert row == {
        **{"patient": "7", "sequence": "t2_spir", "slices": 2, "slices_with_liver": 1},
        **{"rows": "320", "columns": "256", "row_spacing_mm": "1.5", "column_spacing_mm": "1.25"},
        **{"slice_distance_mm": "9.0", "echo_time_ms": "4.6", "minimum": 8, "maximum": 99},
        # mm² times 9 mm, in mL.
        **{"liver_ml": 18.0, "right_kidney_ml": 2.79, "left_kidney_ml": 0.0, "spleen_ml": pytest.approx(1.35)},
        **{"errors": 0, "warnings": 1, "accepted": 0},
    }


def test_each_volume_has_its_own_slices_and_findings() -> None:
    slices = [slice_row("10", "t1_in_phase", 0), slice_row("2", "t2_spir", 1), slice_row("2", "t2_spir", 0)]
    findings = [finding("2", "t2_spir", severity) for severity in ("error", "warning", "error", "accepted")]
    findings.append(finding("2", "t1_in_phase", "error"))
    rows = summarise_inventories(slices, findings)
    shown = [
        tuple(row[key] for key in ("patient", "sequence", "slices", "errors", "warnings", "accepted")) for row in rows
    ]
    assert shown == [
        ("2", "t1_in_phase", 0, 1, 0, 0),
        ("2", "t2_spir", 2, 2, 1, 1),
        ("10", "t1_in_phase", 1, 0, 0, 0),
    ]


def test_a_volume_without_a_readable_slice_has_counts_alone() -> None:
    (row,) = summarise_inventories([], [finding("2", "t2_spir", "error")])
    known = {key: value for key, value in row.items() if value is not None}
    assert known == {"patient": "2", "sequence": "t2_spir", "slices": 0, "errors": 1, "warnings": 0, "accepted": 0}


def test_slices_without_ground_truth_have_no_volumes() -> None:
    nothing = dict.fromkeys(AREAS, "")
    (row,) = summarise_inventories([slice_row("1", "t2_spir", 0, **nothing)], [])
    assert (row["slices"], row["slices_with_liver"], row["liver_ml"], row["minimum"]) == (1, None, None, 9)
    (row,) = summarise_inventories([slice_row("1", "t2_spir", 0, **nothing), slice_row("1", "t2_spir", 1)], [])
    assert (row["slices"], row["slices_with_liver"], row["liver_ml"]) == (2, 1, 18.0)


def test_a_liver_of_one_small_pixel_counts() -> None:
    (row,) = summarise_inventories([slice_row("1", "t2_spir", 0, liver_mm2=0.8)], [])
    assert (row["slices_with_liver"], row["liver_ml"]) == (1, pytest.approx(0.0072))


def test_a_single_slice_has_no_distance_and_no_volume() -> None:
    (row,) = summarise_inventories([slice_row("1", "t2_spir", 1, slice_distance_mm="")], [])
    assert (row["slice_distance_mm"], row["liver_ml"]) == ("", 0.0)
