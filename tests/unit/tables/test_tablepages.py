"""The tables as pages: every row, in words, with no more digits than mean anything."""

import json
import re

import pytest
from unit.tables.test_pages import Cells
from unit.tables.test_publication import experiment, numbered

from chaosliver.base.columns import EXPERIMENT_COLUMNS, PATIENT_COLUMNS, PRICE_COLUMNS, STATISTICS
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_tsv
from chaosliver.tables.printed import NOTE
from chaosliver.tables.tablepages import show_tables


@pytest.fixture
def page(tmp_path):
    return tmp_path / "page.html"


def cells(page):
    return Cells(page.read_text(encoding="utf-8")).cells


def test_each_error_of_the_published_study_stands_with_its_price(tmp_path, page):
    row = dict.fromkeys(PRICE_COLUMNS) | {"put_right": "masks left grey", "experiment": "p", "difference": -0.0123456}
    write_tsv(tmp_path / "prices.tsv", PRICE_COLUMNS, [row])
    show_tables(tables={"prices": tmp_path / "prices.tsv"}, pages={"prices": page})
    assert {"masks left grey", "-0.01235"} <= set(cells(page))


def test_experiments_stand_as_a_paper_prints_them(tmp_path, page):
    write_tsv(tmp_path / "experiments.tsv", EXPERIMENT_COLUMNS, [experiment("t2_spir"), experiment("other")])
    show_tables(tables={"experiments": tmp_path / "experiments.tsv"}, pages={"experiments": page})
    found = cells(page)
    # An experiment may bear the name of a sequence, and keeps it.
    assert found[:6] == ["t2_spir", "development", "T1 in phase", "14", "28%", "0"]
    assert found[6] == "0.901 ± 0.030|[0.880, 0.920]|0.910 (0.800 to 0.950)"
    assert len(found) == 2 * (6 + 9)


def test_the_matrix_names_sequences_by_their_titles(tmp_path, page):
    row = experiment("both") | {"train_on": "t1_in_phase+t2_spir", "score_on": "t2_spir", "seen_in_training": "yes"}
    write_tsv(tmp_path / "matrix.tsv", [*row], [row])
    show_tables(tables={"cross_sequence": tmp_path / "matrix.tsv"}, pages={"cross_sequence": page})
    assert cells(page)[:6] == ["both", "T1 in phase + T2-SPIR", "T2-SPIR", "development", "yes", "14"]


def test_patients_keep_their_names_and_numbers_four_digits(tmp_path, page):
    row = dict.fromkeys(PATIENT_COLUMNS) | {
        "patient": "1e3",
        "sequence": "t2_spir",
        "dice_3d": 0.123456,
        "slices": 12345,
    }
    write_tsv(tmp_path / "patients.tsv", PATIENT_COLUMNS, [row])
    show_tables(tables={"patients": tmp_path / "patients.tsv"}, pages={"patients": page})
    found = dict(zip(PATIENT_COLUMNS, cells(page), strict=True))
    assert (found["patient"], found["sequence"], found["dice_3d"]) == ("1e3", "T2-SPIR", "0.1235")
    assert (found["slices"], found["assd_mm"]) == ("12345", "")


def test_comparisons_say_the_measure_and_the_note_as_it_is(tmp_path, page):
    row = {"baseline": "t2_spir", "measure": "dice_3d", "p": 0.0000123456, "note": "e. g. 1.5"}
    write_tsv(tmp_path / "comparisons.tsv", [*row], [row])
    show_tables(tables={"comparisons": tmp_path / "comparisons.tsv"}, pages={"comparisons": page})
    assert cells(page) == ["t2_spir", "Dice, 3D", "1.235e-05", "e. g. 1.5"]


def test_no_finding_is_said_to_be_none(tmp_path, page):
    write_tsv(tmp_path / "findings.tsv", ["patient", "file"], [])
    show_tables(tables={"findings": tmp_path / "findings.tsv"}, pages={"findings": page})
    assert "There are no rows." in page.read_text(encoding="utf-8")


def test_provenance_spells_out_where_each_sum_belongs(tmp_path, page):
    found = {"commit": None, "trainings": {"small/fold0": {"packages": {"torch": "2.13"}}}}
    (tmp_path / "provenance.json").write_text(json.dumps(found))
    show_tables(tables={"provenance": tmp_path / "provenance.json"}, pages={"provenance": page})
    assert cells(page) == ["commit", "", "none", "trainings", "small/fold0 packages torch", "2.13"]


def heads(page):
    return re.findall(r"<th><button>([^<]*)</button>", page.read_text(encoding="utf-8"))


def about(page):
    """Title, heading and what stands above the table."""
    text = page.read_text(encoding="utf-8")
    return re.search(r"<title>(.*?)</title>.*<h1>(.*?)</h1>\n<p>(.*?)</p>", text, re.DOTALL).groups()


SORTED = "Click on a heading to sort, again to turn the order round."
MEASURE_HEADINGS = [
    *("Dice, all slices", "Dice, organ slices", "Dice, 3D", "ASSD, mm", "HD95, mm", "MSSD, mm", "Surface Dice"),
    *("RAVD, %", "Challenge score"),
]


def test_the_page_of_experiments_by_hand(tmp_path, page):
    write_tsv(tmp_path / "experiments.tsv", EXPERIMENT_COLUMNS, [numbered("a", 10, volumes_without_distance=4)])
    show_tables(tables={"experiments": tmp_path / "experiments.tsv"}, pages={"experiments": page})
    assert about(page) == ("Experiments", "Experiments", f"{NOTE} {SORTED}")
    names = ["Experiment", "Cohort", "Sequence", "Patients", "Slices without organ", "Without ASSD"]
    assert heads(page) == names + MEASURE_HEADINGS
    assert cells(page)[:9] == [
        *("a", "test", "T2-SPIR", "10", "28%", "4"),
        "10.250 ± 11.250|[15.250, 16.250]|12.250 (13.250 to 14.250)",
        "17.250 ± 18.250|[22.250, 23.250]|19.250 (20.250 to 21.250)",
        "24.250 ± 25.250|[29.250, 30.250]|26.250 (27.250 to 28.250)",
    ]


def test_the_matrix_by_hand_has_the_measures_of_its_table(tmp_path, page):
    row = {
        **{"experiment": "both", "train_on": "t1_in_phase+t2_spir", "score_on": "t2_spir"},
        **{"cohort": "test", "seen_in_training": "yes", "patients": 3},
    }
    row |= {f"assd_mm_{name}": number + 0.125 for number, name in enumerate(STATISTICS)}
    write_tsv(tmp_path / "matrix.tsv", [*row], [row])
    show_tables(tables={"cross_sequence": tmp_path / "matrix.tsv"}, pages={"cross_sequence": page})
    note = "Mean ± standard deviation, [95 % bootstrap interval of the mean], median (range), over patients."
    assert about(page) == ("Training by scored sequence", "Training by scored sequence", f"{note} {SORTED}")
    names = ["Experiment", "Trained on", "Scored on", "Cohort", "Seen in training", "Patients"]
    assert heads(page) == [*names, "ASSD, mm"]
    assert cells(page) == [
        *("both", "T1 in phase + T2-SPIR", "T2-SPIR", "test", "yes", "3"),
        "0.12 ± 1.12|[5.12, 6.12]|2.12 (3.12 to 4.12)",
    ]


def test_a_matrix_without_rows_has_none(tmp_path, page):
    write_tsv(tmp_path / "matrix.tsv", ["experiment"], [])
    show_tables(tables={"cross_sequence": tmp_path / "matrix.tsv"}, pages={"cross_sequence": page})
    assert "There are no rows." in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "title", "note"),
    [
        ("comparisons", "Paired comparisons", "Differences are experiment minus baseline."),
        ("patients", "Patients", "Each held-out patient once by experiment, sequence, draw and seed."),
        ("trainings", "Trainings", "Optimism is validation minus test."),
        ("prices", "Prices of the published errors", "Differences are corrected minus published."),
        ("findings", "Findings of quality control", "What was found, file by file, and how severe it is."),
    ],
)
def test_every_other_page_shows_its_own_table_under_its_own_columns(tmp_path, page, name, title, note):
    row = {"experiment": name, "mean_difference": 0.123456, "fold": "1e5", "slices": 1234567}
    write_tsv(tmp_path / f"{name}.tsv", [*row], [row])
    write_tsv(tmp_path / "other.tsv", ["a"], [])
    tables = {other: tmp_path / "other.tsv" for other in ("comparisons", "patients", "trainings", "prices", "findings")}
    show_tables(tables=tables | {name: tmp_path / f"{name}.tsv"}, pages={name: page})
    assert about(page) == (title, title, f"{note} {SORTED}")
    assert heads(page) == ["experiment", "mean difference", "fold", "slices"]
    assert cells(page) == [name, "0.1235", "1e5", "1234567"]


def test_all_pages_are_written_in_one_call(tmp_path):
    names = ("comparisons", "patients", "trainings")
    for name in names:
        write_tsv(tmp_path / f"{name}.tsv", ["experiment"], [{"experiment": name}])
    pages = {name: tmp_path / "pages" / f"{name}.html" for name in names}
    show_tables(tables={name: tmp_path / f"{name}.tsv" for name in names}, pages=pages)
    assert {name: cells(page) for name, page in pages.items()} == {name: [name] for name in names}


def test_file_and_message_of_a_finding_stay_as_they_are(tmp_path, page):
    row = {"file": "1.50", "message": "t2_spir", "sequence": "t2_spir", "flag": "2.50000", "patient": "3.10"}
    write_tsv(tmp_path / "findings.tsv", [*row], [row])
    show_tables(tables={"findings": tmp_path / "findings.tsv"}, pages={"findings": page})
    assert cells(page) == ["1.50", "t2_spir", "T2-SPIR", "2.5", "3.10"]


def test_the_page_of_provenance_by_hand(tmp_path, page):
    found = {"tables_sha256": {"slices.tsv": "ab"}, "commit": "c0ffee", "trainings": {"a/f0": {"data_sha256": "d"}}}
    (tmp_path / "provenance.json").write_text(json.dumps(found))
    show_tables(tables={"provenance": tmp_path / "provenance.json"}, pages={"provenance": page})
    note = "SHA-256 of tables, configuration, code, archives, data and weights; versions of the packages."
    assert about(page) == ("Provenance of the tables", "Provenance of the tables", f"{note} {SORTED}")
    assert heads(page) == ["what", "of", "is"]
    assert cells(page) == [
        *("tables sha256", "slices.tsv", "ab", "commit", "", "c0ffee"),
        *("trainings", "a/f0 data_sha256", "d"),
    ]


def test_numbers_without_a_point_stay_as_they_are(tmp_path, page):
    row = {"p": "5e-05", "p_holm": "1.23456e-05", "pairs": "1234567", "mean_difference": "1e+06"}
    write_tsv(tmp_path / "comparisons.tsv", [*row], [row])
    show_tables(tables={"comparisons": tmp_path / "comparisons.tsv"}, pages={"comparisons": page})
    assert cells(page) == ["5e-05", "1.235e-05", "1234567", "1e+06"]


def test_a_table_of_experiments_that_lacks_a_column_is_refused(tmp_path, page):
    write_tsv(tmp_path / "experiments.tsv", EXPERIMENT_COLUMNS[:-1], [])
    with pytest.raises(InputError, match="lacks the column"):
        show_tables(tables={"experiments": tmp_path / "experiments.tsv"}, pages={"experiments": page})
