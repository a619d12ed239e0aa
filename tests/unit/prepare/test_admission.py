"""Who is admitted: patients without errors, whose masks are theirs alone, and without a library that reads pixels."""

import subprocess
import sys
from pathlib import Path

import pytest

from chaosliver.base.columns import FINDING_COLUMNS, INVENTORY_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.volumes import VolumeId
from chaosliver.prepare import admission
from chaosliver.prepare.admission import check_cohort, cross_check, pair_slices
from chaosliver.prepare.findings import error, warning

SCRIPTS = Path(admission.__file__).parents[2]
T1, T2 = "T1DUAL/Ground", "T2SPIR/Ground"


def row(patient, ground, digest, sequence="t2_spir", pixels=50):
    """A slice's row, with a mask of so many pixels of 1.5 x 2 mm; every other column holds its own name."""
    own = {"patient": patient, "sequence": sequence, "ground": ground, "ground_digest": digest}
    own |= {"row_spacing_mm": "1.5", "column_spacing_mm": "2", "spleen_mm2": "6", "liver_mm2": str(3 * pixels - 6)}
    own |= {"right_kidney_mm2": "0", "left_kidney_mm2": ""}
    return {**{column: column for column in INVENTORY_COLUMNS}, **own}


@pytest.mark.parametrize("adapter", ["pair_slices", "check_cohort"])
def test_no_library_that_reads_pixels_is_imported(adapter):
    """Each of them costs a good part of a second, for every patient."""
    heavy = "{'cv2', 'numpy', 'pandas', 'pydicom', 'scipy', 'SimpleITK', 'torch'}"
    script = f"import sys, {adapter}; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.fixture
def tables(tmp_path):
    """Write a patient's tables of slices and of findings: their paths."""

    def write(patient, rows, findings=()):
        paths = tmp_path / f"{patient}.slices.tsv", tmp_path / f"{patient}.findings.tsv"
        write_tsv(paths[0], INVENTORY_COLUMNS, rows)
        write_tsv(paths[1], FINDING_COLUMNS, [finding._asdict() for finding in findings])
        return paths

    return write


VOLUME = VolumeId("t2_spir", "7")
GAP = warning(VOLUME, "a.dcm", "gap", "a gap")
ROWS = [row("7", f"{T2}/b.png", "x"), row("7", f"{T2}/a.png", "")]


def test_a_patient_with_warnings_alone_is_admitted_with_every_slice_in_its_order(tables, tmp_path, caplog):
    caplog.set_level("INFO")
    slices, findings = tables("7", ROWS, [GAP])
    pair_slices(slices=slices, findings=findings, accepted=[], pairs=tmp_path / "pairs.tsv")
    assert (tmp_path / "pairs.tsv").read_bytes() == slices.read_bytes()
    assert read_tsv(tmp_path / "pairs.tsv") == ROWS
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("INFO", "patient 7, T2-SPIR: a.dcm: a gap")


def test_a_patient_with_errors_is_not_admitted_and_every_error_is_told(tables, tmp_path, caplog):
    caplog.set_level("INFO")
    errors = [error(VOLUME, f"{name}.dcm", "unreadable", f"fault {name}") for name in "bc"]
    slices, findings = tables("7", ROWS, [errors[0], GAP, errors[1]])
    with pytest.raises(InputError) as caught:
        pair_slices(slices=slices, findings=findings, accepted=["identical-masks"], pairs=tmp_path / "pairs.tsv")
    assert str(caught.value).splitlines() == [
        "Patient 7 has 2 errors and is not admitted:",
        "  b.dcm: fault b",
        "  c.dcm: fault c",
        admission.REMEDY,
    ]
    assert not (tmp_path / "pairs.tsv").exists()
    assert [record.getMessage() for record in caplog.records] == ["patient 7, T2-SPIR: a.dcm: a gap"]


@pytest.mark.parametrize(("columns", "name"), [(INVENTORY_COLUMNS, "slices"), (FINDING_COLUMNS, "findings")])
@pytest.mark.parametrize("check", ["pair", "cohort"])
def test_a_table_without_a_column_is_named(tables, tmp_path, columns, name, check):
    paths = dict(zip(("slices", "findings"), tables("7", ROWS, [GAP]), strict=True))
    rows = [{column: each[column] for column in columns[:-1]} for each in read_tsv(paths[name])]
    write_tsv(paths[name], columns[:-1], rows)
    with pytest.raises(InputError, match=f"{name}.tsv: lacks the column.* {columns[-1]}"):
        if check == "pair":
            pair_slices(**paths, accepted=[], pairs=tmp_path / "pairs.tsv")
        else:
            check_cohort(**{key: [path] for key, path in paths.items()}, accepted={}, checked=tmp_path / "checked.tsv")


def test_a_mask_in_two_patients_is_an_error_of_both_whatever_their_sequences():
    rows = [
        row("1", f"{T1}/IMG-0004-00002.png", "a", "t1_in_phase"),
        # The phases share their masks.
        row("1", f"{T1}/IMG-0004-00002.png", "a", "t1_out_of_phase"),
        row("1", f"{T1}/IMG-0004-00004.png", "b", "t1_in_phase"),
        row("3", f"{T2}/IMG-0002-00007.png", "b"),
        row("3", f"{T2}/IMG-0002-00008.png", "a"),
        row("3", f"{T2}/IMG-0002-00009.png", "c"),
    ]
    first, second = cross_check(rows)
    assert tuple(first) == FINDING_COLUMNS
    for found, patient, sequence, file, other in (
        (first, "1", "t1_in_phase", f"{T1}/IMG-0004-00002.png", f"3 ({T2}/IMG-0002-00008.png)"),
        (second, "3", "t2_spir", f"{T2}/IMG-0002-00008.png", f"1 ({T1}/IMG-0004-00002.png)"),
    ):
        assert (found["patient"], found["sequence"], found["file"]) == (patient, sequence, file)
        assert (found["severity"], found["flag"]) == ("error", "mask-of-another-patient")
        assert f"{file}: the mask equals that of patient {other}; 2 masks in common" in found["message"]


def test_one_mask_of_a_few_pixels_in_two_patients_is_a_warning_and_two_are_an_error():
    few = [row(patient, f"{T2}/{patient}.png", "a", pixels=49) for patient in ("1", "2")]
    assert [(found["severity"], found["message"]) for found in cross_check(few)] == [
        (
            "warning",
            f"{T2}/{one}.png: the mask equals that of patient {other} ({T2}/{other}.png); 1 mask in common, of less "
            "than 50 pixels: perhaps by chance",
        )
        for one, other in (("1", "2"), ("2", "1"))
    ]
    more = [row(patient, f"{T2}/{patient}b.png", "b", pixels=3) for patient in ("1", "2")]
    assert [found["severity"] for found in cross_check([*few, *more])] == ["error", "error"]
    large = [row(patient, f"{T2}/{patient}.png", "a") for patient in ("1", "2")]
    assert [found["severity"] for found in cross_check(large)] == ["error", "error"]


def test_a_mask_in_three_patients_is_told_of_each_pair():
    rows = [row(patient, f"{T2}/{patient}.png", "a") for patient in ("1", "2", "3")]
    told = [(found["patient"], found["message"].split("patient ")[1][0]) for found in cross_check(rows)]
    assert told == [("1", "2"), ("1", "3"), ("2", "1"), ("2", "3"), ("3", "1"), ("3", "2")]


def test_masks_twice_in_one_patient_and_empty_ones_are_no_finding():
    rows = [row("1", f"{T2}/{stem}.png", "a") for stem in "xyz"]
    assert cross_check([*rows, row("2", f"{T2}/a.png", ""), row("3", f"{T2}/a.png", "")]) == []


def test_the_patients_of_a_sound_cohort_are_listed_once_in_their_order(tables, tmp_path):
    one = tables("10", [row("10", f"{T2}/a.png", "a"), row("10", f"{T2}/b.png", "b")])
    other = tables("2", [row("2", f"{T2}/a.png", "c")], [warning(VolumeId("t2_spir", "2"), "a.dcm", "gap", "")])
    tables_of_both = {"slices": [one[0], other[0]], "findings": [one[1], other[1]]}
    check_cohort(**tables_of_both, accepted={}, checked=tmp_path / "checked.tsv")
    assert (tmp_path / "checked.tsv").read_text() == "patient\n10\n2\n"


def test_every_error_of_every_patient_stops_a_cohort(tables, tmp_path):
    one = tables("1", [row("1", f"{T2}/a.png", "a")], [error(VolumeId("t2_spir", "1"), "x.dcm", "unreadable", "bad")])
    other = tables("2", [row("2", f"{T2}/b.png", "b")])
    # Of another cohort: only the masks are compared.
    further = tables("3", [row("3", f"{T2}/c.png", "b")])
    slices = [one[0], other[0], further[0]]
    with pytest.raises(InputError) as caught:
        check_cohort(slices=slices, findings=[one[1], other[1]], accepted={}, checked=tmp_path / "checked.tsv")
    heading, first, second, third, remedy = str(caught.value).splitlines()
    assert (heading, first) == ("Nothing is trained while patients have errors:", "  patient 1: x.dcm: bad")
    assert second.startswith(f"  patient 2: {T2}/b.png: the mask equals that of patient 3 ({T2}/c.png)")
    assert third.startswith(f"  patient 3: {T2}/c.png: the mask equals that of patient 2")
    assert remedy == admission.REMEDY
    assert not (tmp_path / "checked.tsv").exists()


IDENTICAL = error(VOLUME, f"{T2}/b.png", "identical-masks", "identical masks")


def test_a_patient_whose_errors_are_accepted_is_admitted(tables, tmp_path, caplog):
    caplog.set_level("INFO")
    slices, findings = tables("7", ROWS, [GAP, IDENTICAL])
    pair_slices(slices=slices, findings=findings, accepted=["identical-masks"], pairs=tmp_path / "pairs.tsv")
    assert read_tsv(tmp_path / "pairs.tsv") == ROWS
    assert [record.getMessage() for record in caplog.records] == [
        f"patient 7, T2-SPIR: {T2}/b.png: identical masks",
        "patient 7, T2-SPIR: a.dcm: a gap",
    ]


def test_an_error_that_can_be_accepted_says_how(tables, tmp_path):
    further = error(VOLUME, T2, "mask-order", "reversed")
    slices, findings = tables("7", ROWS, [IDENTICAL, further, error(VOLUME, "b.dcm", "unreadable", "bad"), IDENTICAL])
    with pytest.raises(InputError) as caught:
        pair_slices(slices=slices, findings=findings, accepted=[], pairs=tmp_path / "pairs.tsv")
    assert str(caught.value).splitlines()[-1] == (
        f"{admission.REMEDY} Masks that you have looked at and find right are accepted by "
        'accept_findings: {"7": [identical-masks, mask-order]}'
    )


def test_a_cohort_is_checked_without_what_is_accepted_of_each_patient(tables, tmp_path):
    one = tables("7", ROWS, [IDENTICAL])
    other = tables("8", [row("8", f"{T2}/c.png", "y")], [IDENTICAL._replace(patient="8")])
    both = {"slices": [one[0], other[0]], "findings": [one[1], other[1]], "checked": tmp_path / "checked.tsv"}
    check_cohort(**both, accepted={"7": ["identical-masks"], "8": ["mask-order", "identical-masks"]})
    with pytest.raises(InputError) as caught:
        check_cohort(**both, accepted={"7": ["identical-masks"]})
    _, told, remedy = str(caught.value).splitlines()
    assert told == f"  patient 8: {T2}/b.png: identical masks"
    assert remedy.endswith('accept_findings: {"8": [identical-masks]}')
