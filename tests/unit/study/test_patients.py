"""A wrong row of the patient sheet is refused by name."""

import pytest

from chaosliver.base.errors import InputError
from chaosliver.study.patients import read_sheet


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1\tdevelopment\tt1_in_phase", "patient 1 stands there twice"),
        ("a/b\tdevelopment\tt1_in_phase", "patient 'a/b' must be named"),
        ("2\ttraining\tt1_in_phase", "patient 2 has the cohort 'training'. Known: development, test"),
        ("2\ttest\tt1_in_phase", r"archives\.test is not configured"),
        ("2\tdevelopment\tt1", "patient 2 has the sequences 't1'. Known: t1_in_phase"),
        ("2\tdevelopment\t", "patient 2 has the sequences ''"),
        ("é\tdevelopment\tt2_spir", "patient 'é' must be named"),
        ("2\tdevelopment\tt1_in_phase\tt2_spir", "patient 2 has cells in unknown columns"),
    ],
)
def test_a_wrong_row_of_the_sheet_is_named(config, tmp_path, row, words):
    sheet = tmp_path / "patients.tsv"
    sheet.write_text(f"patient\tcohort\tsequences\n1\tdevelopment\tt1_in_phase, t2_spir\n{row}\n")
    with pytest.raises(InputError, match=words):
        read_sheet(sheet, config["archives"])
