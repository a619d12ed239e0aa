"""Patients, encodings and splits in words; test_methods has each of them by hand."""

from chaosliver.tables.data_in_words import (
    cohorts_in_words,
    encoding_in_words,
    held_out_in_words,
    split_in_words,
    validation_in_words,
)


def test_patients_are_counted_by_cohort_and_sequence():
    patients = {
        "1": ["development", ["t1_in_phase", "t2_spir"]],
        "2": ["development", ["t1_in_phase"]],
        "9": ["test", ["t2_spir"]],
    }
    assert cohorts_in_words({"patients": patients}) == [
        "2 patients of the development cohort (2 with T1 in phase, 1 with T2-SPIR)",
        "1 patient of the test cohort (1 with T2-SPIR)",
    ]


def test_an_encoding_tells_its_window():
    assert encoding_in_words({"bits": 8, "scaling": "slice", "percentiles": [0, 99.5]}) == (
        "8 bit, window from the 0 to the 99.5 percentile of the slice"
    )
    assert encoding_in_words({"bits": 16, "percentiles": [1, 99]}).startswith("exact 16-bit values")


def test_a_split_is_told_in_its_parts():
    split = {"folds": 3, "draws": 2, "validation": 1, "copies": 0.25, "seed": 6}
    held_out, validation = "3 folds by patient, drawn twice, each patient held out once per draw", "1 patient"
    assert held_out_in_words(split) == held_out
    assert validation_in_words(split) == f"{validation} of the training side for validation"
    assert split_in_words("s", split) == (
        f"s: {held_out}; {validation_in_words(split)}; 25.0% of the held-out patients' slices were trained on as well "
        "(seed 6)."
    )
