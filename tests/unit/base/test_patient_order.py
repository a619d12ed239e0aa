"""Patients in the order that people expect."""

from chaosliver.base.patient_order import natural


def test_numbers_go_by_value_and_other_names_come_last():
    assert sorted(["10", "b", "2", "a1", "1"], key=natural) == ["1", "2", "10", "a1", "b"]
