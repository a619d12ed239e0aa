"""What a lot's job makes and lists, and what later jobs believe of it."""

import hashlib

import pytest

from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv
from chaosliver.base.lots import Lot, check_listed, make_lot


@pytest.fixture
def lot(tmp_path):
    """Patients 5 and 7, whose text is copied in capitals; the texts were made by another lot."""
    texts = {"5": "five", "7": "seven"}
    made_before = tmp_path / "lots/raw/a_0001.tsv"
    made_before.parent.mkdir(parents=True)
    rows = ["patient\tfile\tsha256"]
    for patient, text in texts.items():
        (tmp_path / "raw").mkdir(exist_ok=True)
        (tmp_path / f"raw/{patient}.tsv").write_text(text)
        rows.append(f"{patient}\traw/{patient}.tsv\t{hashlib.sha256(text.encode()).hexdigest()}")
    made_before.write_text("\n".join(rows) + "\n")
    return Lot(
        patients={"5": {"times": 2}, "7": {"times": 1}},
        reads={"source": f"{tmp_path}/raw/{{patient}}.tsv"},
        makes={"folder": f"{tmp_path}/png/lots/t1/{{patient}}", "index": f"{tmp_path}/png/lots/t1/{{patient}}.tsv"},
        lists=[str(made_before)],
        list=tmp_path / "lots/png/lots/t1/a_0001.tsv",
    )


def copy(arguments):
    from pathlib import Path

    text = Path(arguments["source"]).read_text().upper() * arguments["times"]
    Path(arguments["folder"]).mkdir(parents=True)
    Path(arguments["folder"], "a.png").write_text(text)
    Path(arguments["index"]).write_text(f"{arguments['patient']} {text}")


def test_each_patients_files_are_made_and_listed_with_their_checksums(lot, tmp_path):
    make_lot(lot, copy)
    assert (tmp_path / "png/lots/t1/5/a.png").read_text() == "FIVEFIVE"
    assert read_tsv(lot.list) == [
        {"patient": patient, "file": f"png/lots/t1/{patient}.tsv", "sha256": hashlib.sha256(text).hexdigest()}
        for patient, text in (("5", b"5 FIVEFIVE"), ("7", b"7 SEVEN"))
    ]


def test_what_an_earlier_run_left_of_a_patient_is_gone(lot, tmp_path):
    left = tmp_path / "png/lots/t1/7/old.png"
    left.parent.mkdir(parents=True)
    left.touch()
    make_lot(lot, copy)
    assert not left.exists()
    assert (tmp_path / "png/lots/t1/7/a.png").exists()


def test_every_patient_is_tried_before_a_lot_with_faults_ends_without_a_list(lot, caplog):
    tried = []

    def refuse(arguments):
        tried.append(arguments["patient"])
        raise InputError(f"{arguments['source']}: is empty")

    with pytest.raises(InputError, match=r"^2 patients of 2 cannot be prepared: 5, 7\. What is wrong with each"):
        make_lot(lot, refuse)
    assert tried == ["5", "7"]
    assert [record.getMessage() for record in caplog.records] == [
        f"patient {patient}: {lot.reads['source'].format(patient=patient)}: is empty" for patient in ("5", "7")
    ]
    assert not lot.list.exists()


def test_a_defect_ends_a_lot_at_once(lot):
    with pytest.raises(ZeroDivisionError):
        make_lot(lot, lambda arguments: 1 // 0)
    assert not lot.list.exists()


def test_a_file_that_its_lot_did_not_make_so_is_not_read(lot, tmp_path):
    path = tmp_path / "raw/7.tsv"
    path.write_text("eleven")
    made_by = lot.lists[0]
    with pytest.raises(InputError, match="its content differs") as told:
        make_lot(lot, copy)
    assert str(told.value) == (
        f"{path}: its content differs from what {made_by} lists. Make the lot anew with: rm {made_by} && "
        f"snakemake --cores 1 {made_by}"
    )
    path.unlink()
    with pytest.raises(InputError, match=f"^{path}: is missing, but {made_by} lists it. Make the lot anew with"):
        check_listed(lot.lists, [str(path)])
    with pytest.raises(InputError, match=rf"^{tmp_path}/raw/8.tsv: is in no list of a lot"):
        check_listed(lot.lists, [f"{tmp_path}/raw/5.tsv", f"{tmp_path}/raw/8.tsv"])
    check_listed(lot.lists, [f"{tmp_path}/raw/5.tsv"])
