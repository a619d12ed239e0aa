"""A wrong row of the patient sheet is refused by name."""

import pytest

from chaosliver.base.errors import InputError
from chaosliver.study.patients import Patient, patients_in, read_sheet


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


def sheet_of(tmp_path, *rows, header="patient\tcohort\tsequences"):
    (tmp_path / "patients.tsv").write_text("\n".join([header, *rows]) + "\n")
    return tmp_path / "patients.tsv"


def test_a_sheet_gives_patients_in_its_order_and_their_sequences_in_the_librarys(tmp_path):
    rows = (
        "20\ttest\tt2_spir",
        "3\tdevelopment\t t2_spir ,t1_in_phase,",
        "p-1_b\tdevelopment\tt2_spir,t1_out_of_phase,t1_in_phase",
    )
    patients = read_sheet(sheet_of(tmp_path, *rows), ["development", "test"])
    assert list(patients.items()) == [
        ("20", Patient("test", ("t2_spir",))),
        ("3", Patient("development", ("t1_in_phase", "t2_spir"))),
        ("p-1_b", Patient("development", ("t1_in_phase", "t1_out_of_phase", "t2_spir"))),
    ]
    assert patients_in(patients, "development") == ["3", "p-1_b"]
    assert patients_in(patients, "test") == ["20"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2\tdevelopment", "patient 2 has the sequences None. Known: t1_in_phase, t1_out_of_phase, t2_spir"),
        ("2\tdevelopment\tt2_spir\tmore", "patient 2 has cells in unknown columns: (none)"),
        ("2\t\tt2_spir", "patient 2 has the cohort ''. Known: development, test"),
        ("\tdevelopment\tt2_spir", "patient '' must be named by letters A to Z, digits, - and _ alone, 100 at most"),
    ],
)
def test_the_whole_message_names_sheet_patient_and_fault(tmp_path, row, message):
    sheet = sheet_of(tmp_path, row)
    with pytest.raises(InputError) as refused:
        read_sheet(sheet, ["development"])
    assert str(refused.value) == f"{sheet}: {message}"


WRONG_SHEETS = {
    "a column twice": (
        "patient\tcohort\tcohort\tsequences\n1\ttest\tdevelopment\tt2_spir\n",
        "has the column cohort twice",
    ),
    "no patient": ("patient\tcohort\tsequences\n", "lists no patient. Add a line for each"),
    "names that capitals tell apart": (
        "patient\tcohort\tsequences\na\tdevelopment\tt2_spir\nA\tdevelopment\tt2_spir\n",
        "patients a and A have the same name but for capitals",
    ),
    "a name of 101 letters": (f"patient\tcohort\tsequences\n{'a' * 101}\ttest\tt2_spir\n", "must be named by letters"),
    "an open quote": (
        'patient\tcohort\tsequences\n1\tdevelopment\t"t2_spir\n2\tdevelopment\tt2_spir\n',
        "patient 1 has the sequences",
    ),
    "commas": ("patient,cohort,sequences\n1,development,t2_spir\n", "lacks the column(s) patient, cohort, sequences"),
    "a path": ("patient\tcohort\tsequences\n../1\tdevelopment\tt2_spir\n", "patient '../1' must be named"),
}


@pytest.mark.parametrize("wrong", WRONG_SHEETS)
def test_a_wrong_sheet_is_refused_by_its_name(tmp_path, wrong):
    text, words = WRONG_SHEETS[wrong]
    sheet = tmp_path / "patients.tsv"
    sheet.write_text(text)
    with pytest.raises(InputError) as refused:
        read_sheet(sheet, ["development", "test"])
    assert str(refused.value).startswith(f"{sheet}: ") and words in str(refused.value)


def test_unknown_columns_and_missing_ones_are_named(tmp_path):
    sheet = sheet_of(tmp_path, "2\tdevelopment\tt2_spir\t7", header="patient\tcohort\tsequences\tage")
    with pytest.raises(InputError, match="patient 2 has cells in unknown columns: age"):
        read_sheet(sheet, ["development"])
    with pytest.raises(InputError, match=r"lacks the column\(s\) sequences"):
        read_sheet(sheet_of(tmp_path, "2\tdevelopment", header="patient\tcohort"), ["development"])


def test_a_row_that_ends_before_the_patients_name_is_refused(tmp_path):
    sheet = sheet_of(tmp_path, "development\tt2_spir", header="cohort\tsequences\tpatient")
    with pytest.raises(InputError, match="patient '' must be named"):
        read_sheet(sheet, ["development"])
