"""Who is admitted to the study."""

from pathlib import Path
from typing import Any

import pytest

from chaosliver.base.columns import FINDING_COLUMNS, INVENTORY_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.prepare.admission import check_cohort


def slice_row(patient: str, number: int) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(INVENTORY_COLUMNS, "")
    row |= {"patient": patient, "sequence": "t1_in_phase", "ground_digest": f"{patient}-{number}"}
    return row | {"ground": f"T1DUAL/Ground/IMG-{number:05d}.png"}


def finding_row(patient: str, file: str, severity: str, flag: str) -> dict[str, str]:
    return dict(zip(FINDING_COLUMNS, (patient, "t2_spir", file, severity, flag, f"{file}: {flag}"), strict=True))


def test_an_error_or_a_mask_in_two_patients_stops_the_study(tmp_path: Path) -> None:
    rows = [slice_row(patient, number) for patient in ("2", "10") for number in range(1, 5)]
    write_tsv(tmp_path / "slices.tsv", INVENTORY_COLUMNS, rows)
    write_tsv(tmp_path / "findings.tsv", FINDING_COLUMNS, [finding_row("2", "a.dcm", "warning", "gap")])
    inputs = {name: [tmp_path / f"{name}.tsv"] for name in ("slices", "findings")}
    checked = tmp_path / "checked.tsv"
    check_cohort(**inputs, checked=checked)
    assert [row["patient"] for row in read_tsv(checked)] == ["2", "10"]
    checked.unlink()
    rows[2]["ground_digest"] = rows[6]["ground_digest"]
    write_tsv(tmp_path / "slices.tsv", INVENTORY_COLUMNS, rows)
    write_tsv(tmp_path / "findings.tsv", FINDING_COLUMNS, [finding_row("10", "b.dcm", "error", "unreadable")])
    with pytest.raises(InputError, match="Nothing is trained while patients have errors") as caught:
        check_cohort(**inputs, checked=checked)
    for words in (
        "patient 2: T1DUAL/Ground/IMG-00003.png",
        "equals that of patient 10",
        "patient 10: b.dcm: unreadable",
    ):
        assert words in str(caught.value)
    assert not checked.exists()
