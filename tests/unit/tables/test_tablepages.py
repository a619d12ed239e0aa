"""The tables as pages: every row, in words, with no more digits than mean anything."""

import json

import pytest
from unit.tables.test_pages import Cells
from unit.tables.test_publication import experiment

from chaosliver.base.columns import EXPERIMENT_COLUMNS, PATIENT_COLUMNS, PRICE_COLUMNS
from chaosliver.base.files import write_tsv
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
    assert len(found) == 2 * (6 + 7)


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
