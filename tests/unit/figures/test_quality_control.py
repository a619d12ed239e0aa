"""Quality control of a cohort: its tables, its picture, and the stop at a mask that two patients share."""

from pathlib import Path
from typing import Any

import cv2
import pytest

from chaosliver.base.columns import FINDING_COLUMNS, INVENTORY_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.figures.quality_control import quality_control
from chaosliver.prepare.admission import check_cohort


def slice_row(patient: str, sequence: str, number: int, *, place: float, **values: Any) -> dict[str, Any]:
    folder = "T2SPIR" if sequence == "t2_spir" else "T1DUAL"
    row: dict[str, Any] = {column: "" for column in INVENTORY_COLUMNS}
    row |= {"patient": patient, "sequence": sequence, "stem": f"IMG-{number:05d}", "position_mm": place}
    row |= {"image": f"{folder}/DICOM_anon/IMG-{number:05d}.dcm", "ground": f"{folder}/Ground/IMG-{number:05d}.png"}
    row |= {"rows": 96, "columns": 96, "row_spacing_mm": 4.0, "column_spacing_mm": 4.0, "slice_distance_mm": 9.0}
    row |= {"minimum": number, "maximum": 400 + number, "echo_time_ms": 4.6, "instance_number": number}
    row |= {"liver_mm2": 0.0, "right_kidney_mm2": 0.0, "left_kidney_mm2": 0.0, "spleen_mm2": 0.0}
    return row | values


def finding_row(patient: str, sequence: str, file: str, severity: str, flag: str) -> dict[str, str]:
    return dict(zip(FINDING_COLUMNS, (patient, sequence, file, severity, flag, f"{file}: {flag}"), strict=True))


def cohort() -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    rows, findings = [], []
    for patient in ("2", "10"):
        places = [0.0, 9.0, 18.0, 45.0]
        for number, place in enumerate(places, start=1):
            area = 2000.0 * number if number > 1 else 0.0
            given = {"place": place, "liver_mm2": area, "ground_digest": f"{patient}-{number}"}
            rows.append(slice_row(patient, "t1_in_phase", number, **given))
        findings.append(finding_row(patient, "t1_in_phase", rows[-1]["image"], "warning", "gap"))
    findings.append(finding_row("10", "t2_spir", "T2SPIR/DICOM_anon", "error", "no-file"))
    return rows, findings


def run(folder: Path, rows: list[dict[str, Any]], findings: list[dict[str, str]]) -> dict[str, Path]:
    patients = sorted({row["patient"] for row in (*rows, *findings)})
    for patient in patients:
        write_tsv(folder / f"{patient}.s.tsv", INVENTORY_COLUMNS, [row for row in rows if row["patient"] == patient])
        write_tsv(folder / f"{patient}.f.tsv", FINDING_COLUMNS, [row for row in findings if row["patient"] == patient])
    outputs = {name: folder / name for name in ("patients_table", "findings_table")} | {"picture": folder / "qc.png"}
    slices = [folder / f"{patient}.s.tsv" for patient in patients]
    quality_control(slices=slices, findings=[folder / f"{patient}.f.tsv" for patient in patients], **outputs)
    return outputs


def test_tables_sum_up_each_patient_and_sequence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outputs = run(tmp_path, *cohort())
    rows = read_tsv(outputs["patients_table"])
    assert [(row["patient"], row["sequence"]) for row in rows] == [
        ("2", "t1_in_phase"),
        ("10", "t1_in_phase"),
        ("10", "t2_spir"),
    ]
    first = rows[0]
    assert (first["slices"], first["slices_with_liver"], first["maximum"]) == ("4", "3", "404")
    # 4000 + 6000 + 8000 mm2, 9 mm apart.
    assert float(first["liver_ml"]) == pytest.approx(162.0)
    assert (first["errors"], first["warnings"]) == ("0", "1")
    assert (rows[2]["slices"], rows[2]["errors"], rows[2]["liver_ml"]) == ("0", "1", "")
    assert len(read_tsv(outputs["findings_table"], FINDING_COLUMNS)) == 3
    assert "patient 10, T2-SPIR: T2SPIR/DICOM_anon: no-file" in caplog.text


def test_the_picture_shows_something(tmp_path: Path) -> None:
    picture = cv2.imread(str(run(tmp_path, *cohort())["picture"]))
    assert min(picture.shape[:2]) > 300
    assert picture.std() > 5


def test_a_cohort_without_ground_truth_has_no_volumes(tmp_path: Path) -> None:
    rows = [
        slice_row("1", "t2_spir", number, place=9.0 * number, ground="", liver_mm2="", spleen_mm2="")
        for number in range(1, 5)
    ]
    row = read_tsv(run(tmp_path, rows, [])["patients_table"])[0]
    assert (row["slices"], row["slices_with_liver"], row["liver_ml"]) == ("4", "", "")


def test_a_mask_in_two_patients_is_among_the_findings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows, findings = cohort()
    rows[2]["ground_digest"] = rows[6]["ground_digest"]
    found = read_tsv(run(tmp_path, rows, findings)["findings_table"])
    assert {row["patient"] for row in found if row["flag"] == "mask-of-another-patient"} == {"2", "10"}
    assert "mask equals that of patient" in caplog.text


def test_an_error_or_a_mask_in_two_patients_stops_the_study(tmp_path: Path) -> None:
    rows, _ = cohort()
    write_tsv(tmp_path / "slices.tsv", INVENTORY_COLUMNS, rows)
    write_tsv(tmp_path / "findings.tsv", FINDING_COLUMNS, [finding_row("2", "t2_spir", "a.dcm", "warning", "gap")])
    check = {
        "slices": [tmp_path / "slices.tsv"],
        "findings": [tmp_path / "findings.tsv"],
        "checked": tmp_path / "checked.tsv",
    }
    check_cohort(**check)
    assert [row["patient"] for row in read_tsv(tmp_path / "checked.tsv")] == list(
        dict.fromkeys(row["patient"] for row in rows)
    )
    (tmp_path / "checked.tsv").unlink()
    rows[2]["ground_digest"] = rows[6]["ground_digest"]
    write_tsv(tmp_path / "slices.tsv", INVENTORY_COLUMNS, rows)
    write_tsv(
        tmp_path / "findings.tsv", FINDING_COLUMNS, [finding_row("10", "t2_spir", "b.dcm", "error", "unreadable")]
    )
    with pytest.raises(InputError, match="Nothing is trained while patients have errors") as caught:
        check_cohort(**check)
    for words in (
        "patient 2: T1DUAL/Ground/IMG-00003.png",
        "equals that of patient 10",
        "patient 10: b.dcm: unreadable",
    ):
        assert words in str(caught.value)
    assert not (tmp_path / "checked.tsv").exists()
