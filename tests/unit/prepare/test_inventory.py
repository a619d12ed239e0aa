"""What is read, checked and paired in which order: a patient of few pixels, three slices of each sequence."""

from pathlib import Path

import numpy as np
import pytest

from chaosliver.base.anatomy import SEQUENCES
from chaosliver.base.columns import FINDING_COLUMNS, INVENTORY_COLUMNS, LISTED_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.indexes import write_index
from chaosliver.base.png import write_png
from chaosliver.prepare.inventory import inventory_patient, take_inventory

ALL = list(SEQUENCES)
STEMS = {
    "t1_in_phase": ["IMG-0004-00002", "IMG-0004-00004", "IMG-0004-00006"],
    "t1_out_of_phase": ["IMG-0004-00001", "IMG-0004-00003", "IMG-0004-00005"],
    "t2_spir": ["IMG-0002-00001", "IMG-0002-00002", "IMG-0002-00003"],
}
ECHO_TIMES = {"t1_in_phase": 4.6, "t1_out_of_phase": 2.3, "t2_spir": 70.0}
DISTANCES = {"t1_in_phase": 9.0, "t1_out_of_phase": 9.0, "t2_spir": 5.5}
IN, OUT, T1_GROUND = "T1DUAL/DICOM_anon/InPhase", "T1DUAL/DICOM_anon/OutPhase", "T1DUAL/Ground"
T2, T2_GROUND = "T2SPIR/DICOM_anon", "T2SPIR/Ground"


@pytest.fixture(autouse=True)
def _any_body(monkeypatch):
    """These few pixels are no body: what a volume must be like is tested elsewhere, on whole patients."""
    for check in ("check_body", "check_organs", "check_contents", "check_blank_masks", "check_strangers"):
        monkeypatch.setattr(f"chaosliver.prepare.inventory.{check}", lambda *_: ())


@pytest.fixture
def raw(tmp_path, write_slice):
    """Slices of 4 x 6 pixels without an edge; the masks have 1, 2 and 3 pixels of liver."""
    for sequence, stems in STEMS.items():
        for number, stem in enumerate(stems):
            where = {"position": (0, 0, DISTANCES[sequence] * number), "echo_time": ECHO_TIMES[sequence]}
            write_slice(tmp_path / "7" / SEQUENCES[sequence].images / f"{stem}.dcm", np.full((4, 6), 100), **where)
            if sequence != "t1_out_of_phase":
                write_png(tmp_path / "7" / SEQUENCES[sequence].ground / f"{stem}.png", mask(number + 1))
    return tmp_path / "7"


def mask(pixels, level=63):
    flat = np.zeros(24, np.uint8)
    flat[:pixels] = level
    return flat.reshape(4, 6)


def flags(findings):
    for finding in findings:
        assert tuple(finding) == FINDING_COLUMNS and finding["patient"] == "7"
    return [(finding["sequence"], finding["flag"], finding["file"]) for finding in findings]


def grounds(rows):
    return [(row["sequence"], Path(row["image"]).stem, Path(row["ground"]).stem) for row in rows]


@pytest.mark.parametrize("asked", [ALL, ALL[::-1]])
def test_a_sound_patients_slices_come_by_sequence_and_place_with_their_masks(raw, asked):
    rows, findings = take_inventory(raw, "7", asked, True)
    assert findings == []
    assert grounds(rows) == [
        (sequence, stem, ground)
        for sequence in ALL
        for stem, ground in zip(
            STEMS[sequence], STEMS["t2_spir" if sequence == "t2_spir" else "t1_in_phase"], strict=True
        )
    ]
    for row in rows:
        assert tuple(row) == INVENTORY_COLUMNS
        assert (row["patient"], row["slice_distance_mm"]) == ("7", DISTANCES[row["sequence"]])
        assert (row["rows"], row["columns"], row["row_spacing_mm"], row["column_spacing_mm"]) == (4, 6, 1.5, 2.25)
    assert [row["liver_mm2"] for row in rows] == [3.375, 6.75, 10.125] * 3


@pytest.mark.parametrize("sequence", ALL)
def test_only_the_sequences_asked_for_are_described(raw, sequence):
    rows, findings = take_inventory(raw, "7", [sequence], True)
    assert findings == [] and [(row["sequence"], row["stem"]) for row in rows] == [
        (sequence, s) for s in STEMS[sequence]
    ]
    assert [row["liver_mm2"] for row in rows] == [3.375, 6.75, 10.125]


def test_without_ground_truth_masks_are_neither_read_nor_missed(raw):
    (raw / T2_GROUND / "IMG-0002-00001.png").unlink()
    rows, findings = take_inventory(raw, "7", ALL, False)
    assert findings == [] and len(rows) == 9
    assert {(row["ground"], row["ground_digest"], row["liver_mm2"]) for row in rows} == {("", "", None)}


def test_findings_on_reading_come_first_and_the_others_by_sequence(raw, write_slice):
    (raw / T2 / "IMG-0002-00002.dcm").write_bytes(b"")
    (raw / OUT / "IMG-0004-00005.dcm").write_bytes(b"no image")
    write_slice(raw / IN / "IMG-0004-00006.dcm", np.full((4, 6), 100), position=(0, 0, 18), spacing=(3, 3))
    rows, findings = take_inventory(raw, "7", ALL, True)
    assert flags(findings) == [
        ("t1_out_of_phase", "unreadable", f"{OUT}/IMG-0004-00005.dcm"),
        ("t2_spir", "unreadable", f"{T2}/IMG-0002-00002.dcm"),
        # What is left without a partner by an unreadable file is not told again.
        ("t1_in_phase", "mixed-grid", f"{IN}/IMG-0004-00006.dcm"),
    ]
    assert len(rows) == 7


def test_each_kind_of_check_is_made_in_the_order_of_the_slices_way(raw, write_slice):
    write_slice(raw / T2 / "IMG-0002-00003.dcm", np.full((4, 6), 100), position=(0, 0, 5.5), spacing=(3, 3))
    write_png(raw / T2_GROUND / "IMG-0002-00001.png", mask(2, 90))
    (raw / T2_GROUND / "IMG-0002-00002.png").unlink()
    _, findings = take_inventory(raw, "7", ["t2_spir"], True)
    assert [flag for _, flag, _ in flags(findings)] == [
        *("same-position", "mixed-grid", "without-partner", "grey-levels")
    ]


def swap(raw, write_slice):
    for folder, sequence in ((IN, "t1_in_phase"), (OUT, "t1_out_of_phase")):
        for number, stem in enumerate(STEMS[sequence]):
            echo_time = {IN: 2.3, OUT: 4.6}[folder]
            write_slice(raw / folder / f"{stem}.dcm", [[1, 2]], position=(0, 0, 9 * number), echo_time=echo_time)


def test_with_the_phases_swapped_t1_is_not_paired_and_t2_is(raw, write_slice):
    swap(raw, write_slice)
    rows, findings = take_inventory(raw, "7", ALL, True)
    assert flags(findings) == [("t1_in_phase", "phases-swapped", f"{IN}/IMG-0004-00002.dcm")]
    assert [bool(row["ground"]) for row in rows] == [False] * 6 + [True] * 3


def test_swapped_phases_are_told_of_the_first_sequence_of_the_study(raw, write_slice):
    swap(raw, write_slice)
    _, findings = take_inventory(raw, "7", ["t2_spir", "t1_out_of_phase"], True)
    assert flags(findings) == [("t1_out_of_phase", "phases-swapped", f"{IN}/IMG-0004-00002.dcm")]


def test_a_missing_echo_time_keeps_no_slice_from_its_mask(raw, write_slice):
    write_slice(raw / OUT / "IMG-0004-00003.dcm", np.full((4, 6), 100), position=(0, 0, 9), echo_time=None)
    rows, findings = take_inventory(raw, "7", ALL, True)
    assert flags(findings) == [("t1_in_phase", "no-echo-time", f"{OUT}/IMG-0004-00003.dcm")]
    assert all(row["ground"] for row in rows)


def test_images_in_phase_that_the_study_does_not_use_help_to_pair_and_have_no_finding(raw):
    (raw / IN / "IMG-0004-00004.dcm").write_bytes(b"")
    rows, findings = take_inventory(raw, "7", ["t1_out_of_phase"], True)
    # Without the image in phase at its place, one image finds no ground truth.
    assert flags(findings) == [
        ("t1_out_of_phase", "without-partner", f"{OUT}/IMG-0004-00003.dcm"),
        ("t1_out_of_phase", "without-partner", f"{T1_GROUND}/IMG-0004-00004.png"),
    ]
    assert [row["liver_mm2"] for row in rows] == [3.375, None, 10.125]


def test_without_images_in_phase_those_out_of_phase_are_paired_by_stem(raw):
    for path in (raw / IN).iterdir():
        path.unlink()
    rows, findings = take_inventory(raw, "7", ["t1_out_of_phase"], True)
    assert flags(findings) == [("t1_out_of_phase", "paired-by-stem", IN)]
    assert [row["liver_mm2"] for row in rows] == [3.375, 6.75, 10.125]
    # Where the study uses them, that there are none is an error of its own.
    _, findings = take_inventory(raw, "7", ALL, True)
    assert flags(findings) == [("t1_in_phase", "no-file", IN), ("t1_out_of_phase", "paired-by-stem", IN)]


@pytest.mark.parametrize(
    ("sequences", "told"),
    [(ALL, "t1_in_phase"), (["t1_in_phase"], "t1_in_phase"), (["t1_out_of_phase"], "t1_out_of_phase")],
)
def test_what_is_wrong_with_a_mask_of_both_phases_is_told_once(raw, sequences, told):
    write_png(raw / T1_GROUND / "IMG-0004-00002.png", mask(2, 90))
    (raw / T1_GROUND / "IMG-0004-00006.png").write_bytes(b"")
    _, findings = take_inventory(raw, "7", sequences, True)
    assert flags(findings) == [
        (told, "unreadable", f"{T1_GROUND}/IMG-0004-00006.png"),
        (told, "grey-levels", f"{T1_GROUND}/IMG-0004-00002.png"),
    ]


def test_masks_are_checked_out_of_phase_where_no_image_in_phase_can_be_read(raw):
    for path in (raw / IN).iterdir():
        path.write_bytes(b"")
    write_png(raw / T1_GROUND / "IMG-0004-00002.png", mask(2, 90))
    _, findings = take_inventory(raw, "7", ALL, True)
    assert [(sequence, flag) for sequence, flag, _ in flags(findings)] == [
        *[("t1_in_phase", "unreadable")] * 3,
        ("t1_out_of_phase", "paired-by-stem"),
        ("t1_out_of_phase", "grey-levels"),
    ]


def test_implausible_masks_are_told(raw, write_slice):
    """Pixels of 40 mm make areas large enough to compare: the mask in the middle is of another organ."""
    for number, stem in enumerate(STEMS["t2_spir"]):
        where = {"position": (0, 0, 5.5 * number), "spacing": (40, 40)}
        write_slice(raw / T2 / f"{stem}.dcm", np.full((4, 6), 100), **where)
        write_png(raw / T2_GROUND / f"{stem}.png", mask(4 + number, 252 if number == 1 else 63))
    _, findings = take_inventory(raw, "7", ["t2_spir"], True)
    assert flags(findings) == [("t2_spir", "mask-against-neighbours", f"{T2_GROUND}/IMG-0002-00002.png")]


def listed(path, *lost):
    write_tsv(path, LISTED_COLUMNS, ({"file": file, "state": "lost", "why": "it is odd"} for file in lost))
    return path


@pytest.fixture
def job(raw, tmp_path):
    files = sorted(path.relative_to(raw).as_posix() for path in raw.rglob("*") if path.is_file())
    write_index(tmp_path / "7.tsv", raw, [{"file": file} for file in files])
    return {
        "raw_index": tmp_path / "7.tsv",
        "listed": listed(tmp_path / "7.listed.tsv"),
        "patient": "7",
        "sequences": ALL,
        "ground_truth": True,
        "slices": tmp_path / "inventory/7.slices.tsv",
        "findings": tmp_path / "inventory/7.findings.tsv",
    }


def test_both_tables_are_written_and_the_findings_logged_also_where_there_are_errors(job, raw, tmp_path, caplog):
    (raw / T2 / "IMG-0002-00001.dcm").write_bytes(b"")
    files = [row["file"] for row in read_tsv(job["raw_index"])]
    write_index(job["raw_index"], raw, [{"file": file} for file in files])
    caplog.set_level("INFO")
    inventory_patient(**job)
    rows, findings = take_inventory(raw, "7", ALL, True)
    for name, columns, expected in (("slices", INVENTORY_COLUMNS, rows), ("findings", FINDING_COLUMNS, findings)):
        write_tsv(tmp_path / "expected.tsv", columns, expected)
        assert job[name].read_bytes() == (tmp_path / "expected.tsv").read_bytes()
    assert len(rows) == 8
    (record,) = caplog.records
    assert record.levelname == "INFO" and record.getMessage().startswith(f"patient 7, T2-SPIR: {T2}/IMG-0002-00001.dcm")


def test_a_slice_of_the_archive_that_was_not_unpacked_is_an_error_and_comes_first(job, raw, tmp_path):
    listed(job["listed"], f"{T2}/IMG-0002-00004.dcm")
    (raw / T2 / "IMG-0002-00004.ima").write_bytes(b"x")
    inventory_patient(**job)
    assert flags(read_tsv(job["findings"])) == [
        ("t2_spir", "not-unpacked", f"{T2}/IMG-0002-00004.dcm"),
        ("t2_spir", "other-ending", f"{T2}/IMG-0002-00004.ima"),
    ]


def test_a_mask_whose_name_ends_in_capitals_is_taken_by_that_name(raw):
    (raw / T2_GROUND / "IMG-0002-00003.png").rename(raw / T2_GROUND / "IMG-0002-00003.PNG")
    rows, findings = take_inventory(raw, "7", ["t2_spir"], True)
    assert findings == []
    assert [row["ground"] for row in rows][1:] == [f"{T2_GROUND}/IMG-0002-00002.png", f"{T2_GROUND}/IMG-0002-00003.PNG"]
    assert rows[2]["liver_mm2"] == 10.125
    (raw / T2 / "IMG-0002-00003.dcm").unlink()
    _, findings = take_inventory(raw, "7", ["t2_spir"], True)
    assert flags(findings) == [("t2_spir", "without-partner", f"{T2_GROUND}/IMG-0002-00003.PNG")]


def test_a_folder_that_is_not_as_its_index_says_is_refused(job, raw):
    (raw / T2 / "IMG-0002-00001.dcm").write_bytes(b"altered")
    with pytest.raises(InputError, match=r"IMG-0002-00001\.dcm: its content differs"):
        inventory_patient(**job)
    assert not job["slices"].exists() and not job["findings"].exists()
