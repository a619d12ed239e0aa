"""A finding is a row of its table, and is logged with its patient and sequence."""

import logging

import pytest

from chaosliver.base.columns import FINDING_COLUMNS
from chaosliver.base.volumes import VolumeId
from chaosliver.prepare.findings import Finding, accept, error, log_findings, warning, with_severity

VOLUME = VolumeId("t1_out_of_phase", "19")


def test_a_finding_has_the_columns_of_its_table():
    assert Finding._fields == FINDING_COLUMNS


@pytest.mark.parametrize(("make", "severity"), [(error, "error"), (warning, "warning")])
def test_a_finding_names_patient_sequence_file_and_fault(make, severity):
    found = make(VOLUME, "a/b.dcm", "gap", "it is empty")
    assert found == ("19", "t1_out_of_phase", "a/b.dcm", severity, "gap", "a/b.dcm: it is empty")


def test_findings_of_one_severity_keep_their_order():
    rows = [make(VOLUME, file, "gap", "")._asdict() for make, file in ((error, "a"), (warning, "b"), (error, "c"))]
    assert [row["file"] for row in with_severity("error", rows)] == ["a", "c"]
    assert [row["file"] for row in with_severity("warning", rows)] == ["b"]


def test_findings_are_logged_with_the_sequences_title(caplog):
    caplog.set_level(logging.INFO)
    log_findings([error(VOLUME, "a/b.dcm", "gap", "it is empty")._asdict()], logging.WARNING)
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (
        logging.WARNING,
        "patient 19, T1 out of phase: a/b.dcm: it is empty",
    )


def test_findings_are_accepted_by_patient_and_flag_and_the_rows_themselves_stay():
    other = VolumeId("t2_spir", "2")
    rows = [
        found._asdict()
        for found in (
            error(VOLUME, "a", "mask-order", ""),
            error(VOLUME, "b", "unreadable", ""),
            warning(VOLUME, "c", "mask-order", ""),
            error(other, "d", "mask-order", ""),
        )
    ]
    accepted = accept(rows, {"19": ["mask-order"], "2": ["identical-masks"]})
    assert [row["severity"] for row in accepted] == ["accepted", "error", "accepted", "error"]
    assert [row | {"severity": ""} for row in accepted] == [row | {"severity": ""} for row in rows]
    assert [row["severity"] for row in rows] == ["error", "error", "warning", "error"]
