"""Who is in which lot, and which lists stand for which files."""

import pytest

from chaosliver.base.errors import InputError
from chaosliver.base.lots import files_in_full
from chaosliver.study.lots import Lists, check_layout, files_in_short, lots_of
from chaosliver.study.patients import Patient

T1 = ("t1_in_phase",)


def sheet(development, test=0):
    """Patients d0, d1, ... and t0, t1, ..., those of both cohorts mixed."""
    cohorts = [("development", f"d{n}") for n in range(development)] + [("test", f"t{n}") for n in range(test)]
    return {name: Patient(cohort, T1) for cohort, name in sorted(cohorts, key=lambda each: each[1][1:])}


@pytest.mark.parametrize(
    ("patients", "lots", "first"),
    # Below 100 each is alone; 100 are two a lot, 20,000 would be 400 but for the most that a lot has.
    [(99, 0, None), (100, 50, 2), (101, 34, 3), (2000, 50, 40), (20000, 100, 200)],
)
def test_the_number_of_patients_decides_the_size_of_a_lot(patients, lots, first):
    found = lots_of(sheet(patients), None)
    assert len(found) == lots
    assert sum(map(len, found.values())) == (patients if lots else 0)
    if first:
        assert len(found["development_0001"]) == first


def test_the_cohorts_share_no_lot_and_the_sheets_order_is_kept():
    patients = {"b": "development", "t": "test", "a": "development", "c": "development", "s": "test"}
    found = lots_of({name: Patient(cohort, T1) for name, cohort in patients.items()}, 2)
    assert found == {"development_0001": ["b", "a"], "development_0002": ["c"], "test_0001": ["t", "s"]}
    assert list(found) == ["development_0001", "development_0002", "test_0001"]


def test_a_lot_of_one_patient_is_none():
    assert lots_of(sheet(250), 1) == {}
    assert len(lots_of(sheet(3), 2)) == 2


def test_files_in_short_are_the_same_files_in_the_same_order():
    files = {
        "images": [f"r/png/8bit/{s}/{p}.tsv" for s in ("t1", "t2") for p in ("7", "07", "x_1")],
        "masks": [f"r/masks/{o}/t1/{p}.tsv" for o in ("liver", "spleen") for p in ("7", "07", "x_1")],
        "slices": ["r/inventory/7.slices.tsv", "r/inventory/07.slices.tsv"],
        "none": [],
        "one": "r/raw/7.listed.tsv",
    }
    short = files_in_short(files)
    assert files_in_full(short) == {**files, "one": ["r/raw/7.listed.tsv"]}
    assert short["patients"] == ["7 07 x_1", "7 07", "7"]


def test_the_lists_of_lots_stand_for_patients_files_and_for_no_others():
    lists = Lists("r", {"development_0001": ["1", "2"], "development_0002": ["3"]})
    files = {
        "images": [f"r/png/8bit/t2_spir/{patient}.tsv" for patient in ("2", "1", "3")],
        "slices": ["r/inventory/3.slices.tsv"],
        "pairs": ["r/inventory/3.pairs.tsv", "r/inventory/1.pairs.tsv"],
        "indexes": ["r/raw/1.tsv", "r/raw/1.listed.tsv"],
        "receipt": "r/raw/development.sha256",
        "checked": ["r/inventory/development.checked.tsv"],
        "scores": ["r/dice/1/3.tsv"],
        "elsewhere": ["q/raw/1.tsv"],
        "augmented": [],
    }
    assert lists.in_place_of(files) == {
        **files,
        "images": ["r/lots/png/8bit/t2_spir/development_0001.tsv", "r/lots/png/8bit/t2_spir/development_0002.tsv"],
        "slices": ["r/lots/inventory/development_0002.tsv"],
        "pairs": ["r/lots/pairs/development_0002.tsv", "r/lots/pairs/development_0001.tsv"],
        "indexes": ["r/lots/raw/development_0001.tsv"],
    }
    assert set(lists.of_patients(files)) == {"images", "slices", "pairs", "indexes"}


def test_without_lots_files_stay_as_they_are():
    files = {"images": ["r/png/8bit/t2_spir/1.tsv"], "receipt": "r/raw/development.sha256"}
    assert Lists("r", {}).in_place_of(files) == files
    assert Lists("r", {}).of_patients(files) == {}


def test_from_lots_to_patients_alone_is_refused_and_from_alone_to_lots_is_not(tmp_path):
    results = str(tmp_path / "results")
    check_layout(results, {})
    (tmp_path / "results/lots").mkdir(parents=True)
    check_layout(results, {"development_0001": ["1"]})
    with pytest.raises(InputError, match=r"^config key lot_size: .*results was prepared in lots.*Set lot_size to 2"):
        check_layout(results, {})
