"""The inventory of whole phantoms and of real patients: silent on a sound one, one plain finding per kind of damage."""

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest

from chaosliver.acquire.phantom import draw_archive
from chaosliver.base.columns import FINDING_COLUMNS, INVENTORY_COLUMNS, LISTED_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.indexes import write_index
from chaosliver.base.volumes import VolumeId
from chaosliver.prepare.admission import cross_check, pair_slices
from chaosliver.prepare.inventory import inventory_patient, take_inventory
from chaosliver.prepare.pairing import pair
from chaosliver.prepare.plausibility import check_plausible
from chaosliver.prepare.slices import read_ground, read_images

SEQUENCES = ["t1_in_phase", "t1_out_of_phase", "t2_spir"]
IN_PHASE, OUT_OF_PHASE, T1_GROUND = "T1DUAL/DICOM_anon/InPhase", "T1DUAL/DICOM_anon/OutPhase", "T1DUAL/Ground"
T2, T2_GROUND = "T2SPIR/DICOM_anon", "T2SPIR/Ground"
REAL_PATIENTS = [1, 2, 5, 8, 13, 15, 19, 20, 22, 32, 33, 34, 37, 39]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    draw_archive(folder / "phantom.zip", [str(patient) for patient in range(1, 9)], seed=5)
    with zipfile.ZipFile(folder / "phantom.zip") as opened:
        opened.extractall(folder)
    return folder / "Train_Sets" / "MR"


@pytest.fixture
def raw(cohort: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(cohort / "1", tmp_path / "1"))


def findings_of(raw: Path, sequences: list[str] = SEQUENCES, ground_truth: bool = True) -> list[dict[str, str]]:
    return take_inventory(raw, "1", sequences, ground_truth)[1]


def edit(path: Path, change: Callable[[pydicom.Dataset], object]) -> None:
    header = pydicom.dcmread(path)
    change(header)
    header.save_as(path)


def edit_mask(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    assert cv2.imwrite(str(path), change(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)))


def set_z(header: pydicom.Dataset, z: float) -> None:
    header.ImagePositionPatient = [*header.ImagePositionPatient[:2], z]


def only(findings: list[dict[str, str]], severity: str, flag: str, file: str, *words: str) -> None:
    """There is this one finding, and no other."""
    assert [(found["severity"], found["flag"], found["file"]) for found in findings] == [(severity, flag, file)]
    assert findings[0]["message"].startswith(f"{file}: ")
    for word in words:
        assert word in findings[0]["message"]


@pytest.mark.parametrize("patient", range(1, 9))
def test_a_sound_patient_gives_no_finding(cohort: Path, patient: int) -> None:
    rows, findings = take_inventory(cohort / str(patient), str(patient), SEQUENCES, True)
    assert findings == []
    assert cross_check(rows) == []
    for row in rows:
        assert tuple(row) == INVENTORY_COLUMNS
        assert (cohort / str(patient) / row["image"]).is_file()
        assert (cohort / str(patient) / row["ground"]).is_file()
    for sequence in SEQUENCES:
        places = [row["position_mm"] for row in rows if row["sequence"] == sequence]
        assert places == sorted(places)


def test_the_phases_share_ground_truth_by_position(cohort: Path) -> None:
    rows, _ = take_inventory(cohort / "1", "1", SEQUENCES, True)
    in_phase = [row for row in rows if row["sequence"] == "t1_in_phase"]
    out_of_phase = [row for row in rows if row["sequence"] == "t1_out_of_phase"]
    assert [row["ground"] for row in in_phase] == [row["ground"] for row in out_of_phase]
    assert (in_phase[0]["stem"], out_of_phase[0]["stem"]) == ("IMG-0004-00002", "IMG-0004-00001")
    assert (in_phase[0]["echo_time_ms"], out_of_phase[0]["echo_time_ms"]) == (4.6, 2.3)


def test_without_ground_truth_images_are_listed_alone(raw: Path) -> None:
    shutil.rmtree(raw / T1_GROUND)
    shutil.rmtree(raw / T2_GROUND)
    rows, findings = take_inventory(raw, "1", SEQUENCES, False)
    assert findings == []
    assert {row["ground"] for row in rows} == {""}
    assert {row["liver_mm2"] for row in rows} == {None}


def test_areas_are_in_square_millimetres(raw: Path) -> None:
    rows, _ = take_inventory(raw, "1", ["t2_spir"], True)
    for row in rows:
        mask = cv2.imread(str(raw / row["ground"]), cv2.IMREAD_UNCHANGED)
        assert row["liver_mm2"] == pytest.approx((mask == 63).sum() * 16.0)
        assert row["spleen_mm2"] == pytest.approx((mask == 252).sum() * 16.0)


# One test per flag.


def test_image_without_ground_truth(raw: Path) -> None:
    (raw / T2_GROUND / "IMG-0002-00006.png").unlink()
    file = f"{T2}/IMG-0002-00006.dcm"
    only(
        findings_of(raw), "error", "without-partner", file, "image without ground truth", f"{T2_GROUND}/IMG-0002-00006"
    )


def test_ground_truth_without_image(raw: Path) -> None:
    (raw / T2 / "IMG-0002-00001.dcm").unlink()
    only(
        findings_of(raw), "error", "without-partner", f"{T2_GROUND}/IMG-0002-00001.png", "ground truth without an image"
    )


def test_image_out_of_phase_missing(raw: Path) -> None:
    (raw / OUT_OF_PHASE / "IMG-0004-00001.dcm").unlink()
    only(
        findings_of(raw),
        "error",
        "without-partner",
        f"{T1_GROUND}/IMG-0004-00002.png",
        f"{OUT_OF_PHASE}/IMG-0004-00001",
    )


def test_image_out_of_phase_at_no_known_place(raw: Path) -> None:
    edit(raw / OUT_OF_PHASE / "IMG-0004-00001.dcm", lambda header: set_z(header, -62.0))
    findings = findings_of(raw)
    assert {found["flag"] for found in findings} == {"without-partner"}
    assert "no image in phase lies at its place" in findings[0]["message"]


def test_no_ground_truth_at_all(raw: Path) -> None:
    shutil.rmtree(raw / T2_GROUND)
    only(findings_of(raw), "error", "no-ground-truth", T2_GROUND, "no mask")


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"no image" * 99, "not a readable DICOM"), (None, "cut short")]
)
def test_unreadable_image(raw: Path, content: bytes | None, words: str) -> None:
    file = f"{T2}/IMG-0002-00001.dcm"
    (raw / file).write_bytes((raw / file).read_bytes()[:-500] if content is None else content)
    only(findings_of(raw), "error", "unreadable", file, words)


@pytest.mark.parametrize(("content", "words"), [(b"", "empty"), (b"no image", "not a readable 8-bit grey PNG")])
def test_unreadable_mask_of_both_phases_is_told_once(raw: Path, content: bytes, words: str) -> None:
    file = f"{T1_GROUND}/IMG-0004-00002.png"
    (raw / file).write_bytes(content)
    only(findings_of(raw), "error", "unreadable", file, words)


def test_matrix_differs_from_the_masks(raw: Path) -> None:
    file = f"{T2_GROUND}/IMG-0002-00001.png"
    edit_mask(raw / file, lambda mask: mask[:-4])
    only(findings_of(raw), "error", "matrix", file, "92 x 96", "96 x 96")


def test_matrix_differs_between_slices(raw: Path) -> None:
    file = f"{T2}/IMG-0002-00001.dcm"
    edit(raw / file, lambda header: setattr(header, "PixelSpacing", [3.0, 3.0]))
    only(findings_of(raw), "error", "mixed-grid", file, "3.0")


def test_gap_along_z(raw: Path) -> None:
    for stem in ("00006", "00007"):
        (raw / T2 / f"IMG-0002-{stem}.dcm").unlink()
        (raw / T2_GROUND / f"IMG-0002-{stem}.png").unlink()
    file = f"{T2}/IMG-0002-00008.dcm"
    words = ("gap along z between IMG-0002-00005 and IMG-0002-00008", "16.5 mm", "5.5 mm", "2 slices missing")
    only(findings_of(raw), "warning", "gap", file, *words)


def test_identical_masks_in_different_slices(raw: Path) -> None:
    shutil.copy(raw / T2_GROUND / "IMG-0002-00006.png", raw / T2_GROUND / "IMG-0002-00007.png")
    file = f"{T2_GROUND}/IMG-0002-00007.png"
    only(findings_of(raw), "warning", "identical-masks", file, "IMG-0002-00006 = IMG-0002-00007")


def test_unknown_grey_levels(raw: Path) -> None:
    file = f"{T2_GROUND}/IMG-0002-00006.png"
    edit_mask(raw / file, lambda mask: np.where(mask == 252, 90, mask).astype(np.uint8))
    only(findings_of(raw), "error", "grey-levels", file, "outside the known ranges: 90", "liver 55-70")


def test_grey_levels_within_the_ranges_are_no_finding(raw: Path) -> None:
    for path in (raw / T2_GROUND).iterdir():
        edit_mask(path, lambda mask: np.where(mask == 63, 70, mask).astype(np.uint8))
    assert findings_of(raw) == []


def test_order_by_name_against_order_by_position(raw: Path) -> None:
    folder = raw / T2
    places = [pydicom.dcmread(folder / f"IMG-0002-0000{n}.dcm").ImagePositionPatient[2] for n in (1, 2)]
    edit(folder / "IMG-0002-00001.dcm", lambda header: set_z(header, places[1]))
    edit(folder / "IMG-0002-00002.dcm", lambda header: set_z(header, places[0]))
    file = f"{T2}/IMG-0002-00001.dcm"
    only(findings_of(raw), "warning", "name-order", file, "IMG-0002-00001, IMG-0002-00002 lie elsewhere")


def test_an_order_from_head_to_feet_is_no_finding(raw: Path) -> None:
    for path in (raw / T2).iterdir():
        edit(path, lambda header: set_z(header, -float(header.ImagePositionPatient[2])))
    assert findings_of(raw) == []


def test_two_slices_at_one_position(raw: Path) -> None:
    first = pydicom.dcmread(raw / T2 / "IMG-0002-00001.dcm").ImagePositionPatient[2]
    edit(raw / T2 / "IMG-0002-00002.dcm", lambda header: set_z(header, first))
    found = {finding["flag"]: finding for finding in findings_of(raw)}
    assert found["same-position"]["severity"] == "error"
    assert found["same-position"]["file"] == f"{T2}/IMG-0002-00002.dcm"
    assert "same place as IMG-0002-00001" in found["same-position"]["message"]


def test_phases_swapped_by_echo_time(raw: Path) -> None:
    for folder, echo_time in ((IN_PHASE, 2.3), (OUT_OF_PHASE, 4.6)):
        for path in (raw / folder).iterdir():
            edit(path, lambda header, echo_time=echo_time: setattr(header, "EchoTime", echo_time))
    file = f"{IN_PHASE}/IMG-0004-00002.dcm"
    words = ("phases are swapped", "2.3 ms", f"{OUT_OF_PHASE}/IMG-0004-00001.dcm is 4.6 ms")
    only(findings_of(raw), "error", "phases-swapped", file, *words)
    only(findings_of(raw, ["t1_out_of_phase"]), "error", "phases-swapped", file, *words)


def test_swapped_folders_are_told_once(raw: Path) -> None:
    (raw / IN_PHASE).rename(raw / "aside")
    (raw / OUT_OF_PHASE).rename(raw / IN_PHASE)
    (raw / "aside").rename(raw / OUT_OF_PHASE)
    only(findings_of(raw), "error", "phases-swapped", f"{IN_PHASE}/IMG-0004-00001.dcm", "phases are swapped")


def test_phases_without_echo_time(raw: Path) -> None:
    file = f"{OUT_OF_PHASE}/IMG-0004-00003.dcm"
    edit(raw / file, lambda header: header.pop("EchoTime"))
    only(findings_of(raw), "error", "no-echo-time", file, "lacks EchoTime")


def test_stem_out_of_phase_is_not_the_ground_truths_minus_one(raw: Path) -> None:
    folder = raw / OUT_OF_PHASE
    last = sorted(folder.iterdir())[-1]
    last.rename(folder / "IMG-0004-00099.dcm")
    file = f"{OUT_OF_PHASE}/IMG-0004-00099.dcm"
    only(findings_of(raw), "warning", "phase-stem", file, "by position it belongs to", "The position is used")
    row = next(row for row in take_inventory(raw, "1", SEQUENCES, True)[0] if row["stem"] == "IMG-0004-00099")
    number = int(last.stem[-5:]) + 1
    assert row["ground"] == f"{T1_GROUND}/IMG-0004-{number:05d}.png"


def test_out_of_phase_alone_is_paired_by_stem(raw: Path) -> None:
    shutil.rmtree(raw / IN_PHASE)
    rows, findings = take_inventory(raw, "1", ["t1_out_of_phase"], True)
    only(findings, "warning", "paired-by-stem", IN_PHASE, "paired by stem alone")
    assert rows[0]["ground"] == f"{T1_GROUND}/IMG-0004-00002.png"


def test_no_liver_in_any_slice(raw: Path) -> None:
    for path in (raw / T2_GROUND).iterdir():
        edit_mask(path, lambda mask: np.where(mask == 63, 0, mask).astype(np.uint8))
    found = {finding["flag"]: finding for finding in findings_of(raw)}
    assert (found["no-liver"]["severity"], found["no-liver"]["file"]) == ("error", T2_GROUND)


def test_a_folder_without_files(raw: Path) -> None:
    shutil.rmtree(raw / OUT_OF_PHASE)
    only(findings_of(raw), "error", "no-file", OUT_OF_PHASE, "no DICOM file")


def test_a_sequence_of_one_slice(raw: Path) -> None:
    for path in sorted((raw / T2).iterdir()):
        if path.stem != "IMG-0002-00006":
            path.unlink()
            (raw / T2_GROUND / f"{path.stem}.png").unlink()
    only(findings_of(raw), "error", "one-slice", f"{T2}/IMG-0002-00006.dcm", "only readable slice")


def test_a_mask_at_odds_with_its_neighbours(raw: Path) -> None:
    file = f"{T2_GROUND}/IMG-0002-00007.png"
    edit_mask(raw / file, lambda mask: np.ascontiguousarray(mask[:, ::-1]))
    only(findings_of(raw), "error", "mask-against-neighbours", file, "IMG-0002-00006 and IMG-0002-00008")


def test_an_emptied_mask_is_at_odds_with_its_neighbours(raw: Path) -> None:
    file = f"{T2_GROUND}/IMG-0002-00007.png"
    edit_mask(raw / file, np.zeros_like)
    only(findings_of(raw), "error", "mask-against-neighbours", file)


def test_masks_that_do_not_lie_on_the_organs(raw: Path) -> None:
    for path in (raw / T1_GROUND).iterdir():
        edit_mask(path, lambda mask: np.ascontiguousarray(mask[::-1]))
    only(findings_of(raw), "error", "mask-off-organ", T1_GROUND, "another patient's, mirrored or shifted")


def test_masks_of_another_patient(cohort: Path, raw: Path) -> None:
    """The cohort-wide check names both patients, since either may hold the wrong file."""
    shutil.copy(cohort / "3" / T1_GROUND / "IMG-0004-00010.png", raw / T1_GROUND / "IMG-0004-00012.png")
    rows = take_inventory(raw, "1", SEQUENCES, True)[0] + take_inventory(cohort / "3", "3", SEQUENCES, True)[0]
    findings = cross_check(rows)
    assert [(found["patient"], found["sequence"], found["flag"]) for found in findings] == [
        ("1", "t1_in_phase", "mask-of-another-patient"),
        ("3", "t1_in_phase", "mask-of-another-patient"),
    ]
    assert findings[0]["file"] == f"{T1_GROUND}/IMG-0004-00012.png"
    assert f"patient 3 ({T1_GROUND}/IMG-0004-00010.png); 1 mask in common" in findings[0]["message"]
    assert {found["severity"] for found in findings} == {"error"}


@pytest.mark.parametrize("case", ["up", "down", "reversed"])
def test_masks_of_the_phantom_in_another_order(raw: Path, case: str) -> None:
    paths = sorted((raw / T2_GROUND).iterdir())
    contents = [path.read_bytes() for path in paths]
    orders = {"up": contents[-1:] + contents[:-1], "down": contents[1:] + contents[:1], "reversed": contents[::-1]}
    for path, content in zip(paths, orders[case], strict=True):
        path.write_bytes(content)
    words = "reversed order along z" if case == "reversed" else "shifted along z, by one slice or more"
    only(findings_of(raw), "error", "mask-order", T2_GROUND, words)


def test_one_mask_in_every_slice(raw: Path) -> None:
    for path in (raw / T2_GROUND).iterdir():
        if path.stem != "IMG-0002-00006":
            shutil.copy(raw / T2_GROUND / "IMG-0002-00006.png", path)
    found = {finding["flag"]: finding for finding in findings_of(raw)}
    assert (found["identical-masks"]["severity"], found["identical-masks"]["sequence"]) == ("error", "t2_spir")
    assert "mask-order" not in found


# What a volume must be like: the whole T2 of patient 1 is changed, and all that is told is listed.


def each(change: Callable[[pydicom.Dataset, int], object]) -> Callable[[Path, Path], None]:
    """A change of every slice's header, by its number from 0."""

    def changed(raw: Path, _: Path) -> None:
        for number, path in enumerate(sorted((raw / T2).iterdir())):
            edit(path, lambda header, number=number: change(header, number))

    return changed


def one(change: Callable[[pydicom.Dataset, pydicom.Dataset], object]) -> Callable[[Path, Path], None]:
    """A change of one slice's header, beside that of another patient's slice on the same grid."""

    def changed(raw: Path, other: Path) -> None:
        theirs = pydicom.dcmread(other / T2 / "IMG-0002-00006.dcm")
        edit(raw / T2 / "IMG-0002-00006.dcm", lambda header: change(header, theirs))

    return changed


def set_pixels(header: pydicom.Dataset, change: Callable[[np.ndarray], np.ndarray]) -> None:
    header.PixelData = change(header.pixel_array.copy()).astype("<u2").tobytes()


def scale(header: pydicom.Dataset, keywords: dict[str, float]) -> None:
    for keyword, factor in keywords.items():
        setattr(header, keyword, [float(f"{factor * float(value):.9g}") for value in header[keyword].value])


def halved(pixels: np.ndarray) -> np.ndarray:
    pixels[48:] = 0
    return pixels


def keep_two(raw: Path, _: Path) -> None:
    for number in range(1, 14):
        if number not in (6, 7):
            (raw / T2 / f"IMG-0002-{number:05d}.dcm").unlink(missing_ok=True)
            (raw / T2_GROUND / f"IMG-0002-{number:05d}.png").unlink(missing_ok=True)


def double(raw: Path, _: Path) -> None:
    pixels = pydicom.dcmread(raw / T2 / "IMG-0002-00003.dcm").PixelData
    edit(raw / T2 / "IMG-0002-00009.dcm", lambda header: setattr(header, "PixelData", pixels))


def thin_liver(raw: Path, _: Path) -> None:
    """One column in 20 of the liver is left, less than 50 mL."""
    for path in (raw / T2_GROUND).iterdir():
        edit_mask(path, lambda mask: np.where((mask == 63) & (np.arange(96) % 20 > 0), 0, mask).astype(np.uint8))


PIXELS_OF_OTHER = pytest.param(
    one(lambda header, theirs: setattr(header, "PixelData", theirs.PixelData)),
    {("warning", "slice-against-neighbours")},
    id="pixels of another patient",
)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            each(lambda header, _: set_pixels(header, np.zeros_like)),
            {("error", "blank-volume")},
            id="zeros",
        ),
        pytest.param(
            each(lambda header, _: set_pixels(header, lambda pixels: np.full_like(pixels, 300))),
            {("error", "blank-volume")},
            id="one value",
        ),
        pytest.param(
            each(lambda header, number: number < 6 and set_pixels(header, np.zeros_like)),
            {("error", "blank-slices"), ("error", "mask-on-blank")},
            id="half of the slices zero",
        ),
        pytest.param(
            each(lambda header, _: set_pixels(header, halved)), {("error", "cut-slice")}, id="half of each slice zero"
        ),
        pytest.param(
            one(lambda header, _: set_pixels(header, lambda pixels: np.full_like(pixels, 300))),
            {("error", "blank-slice"), ("error", "mask-on-blank"), ("warning", "blank-slices")},
            id="one blank slice",
        ),
        pytest.param(
            each(lambda header, _: set_pixels(header, lambda pixels: 100 + pixels // 400)),
            {("error", "grey-spread")},
            id="hardly any grey spread",
        ),
        pytest.param(double, {("error", "repeated-slice")}, id="a slice twice"),
        pytest.param(
            each(lambda header, _: scale(header, {"ImagePositionPatient": 0.001})),
            {("error", "slice-distance"), ("error", "height")},
            id="positions in metres",
        ),
        pytest.param(
            each(lambda header, _: scale(header, {"ImagePositionPatient": 0.001, "PixelSpacing": 0.001})),
            {("error", "slice-distance"), ("error", "height"), ("error", "pixel-spacing"), ("error", "field-of-view")},
            id="all lengths in metres",
        ),
        pytest.param(
            each(lambda header, _: setattr(header, "PixelSpacing", [0.001, 0.001])),
            {("error", "pixel-spacing"), ("error", "field-of-view")},
            id="spacing of 0.001 mm",
        ),
        pytest.param(
            each(lambda header, _: setattr(header, "PixelSpacing", ["1e300", "1e300"])),
            {("error", "unreadable")},
            id="spacing of 1e300 mm",
        ),
        pytest.param(
            each(lambda header, _: setattr(header, "ImagePositionPatient", ["0", "0", "1e300"])),
            {("error", "unreadable")},
            id="positions of 1e300 mm",
        ),
        pytest.param(
            keep_two,
            {("error", "slices"), ("error", "height")},
            id="two slices",
        ),
        pytest.param(
            one(lambda header, _: setattr(header, "SeriesInstanceUID", "2.25.7")),
            {("error", "another-series")},
            id="a slice of another series",
        ),
        pytest.param(
            each(lambda header, number: number % 2 and setattr(header, "SeriesInstanceUID", "2.25.7")),
            {("error", "another-series")},
            id="two series",
        ),
        pytest.param(
            one(lambda header, _: setattr(header, "PatientName", "CHAOS^MR_SET_9")),
            {("error", "another-patient")},
            id="a slice of another patient by its name",
        ),
        PIXELS_OF_OTHER,
        pytest.param(thin_liver, {("error", "liver-volume")}, id="a liver of less than 50 mL"),
        pytest.param(
            one(lambda header, _: set_pixels(header, lambda pixels: pixels[::-1])),
            {("warning", "slice-against-neighbours")},
            id="a slice upside down",
        ),
        pytest.param(
            one(lambda header, _: setattr(header, "ImageOrientationPatient", [1, 0, 0, 0, 0, -1])),
            {("error", "mixed-grid")},
            id="a slice of another orientation",
        ),
    ],
)
def test_a_damaged_volume_is_told(
    cohort: Path, raw: Path, change: Callable[[Path, Path], None], expected: set[tuple[str, str]]
) -> None:
    change(raw, cohort / "3")
    findings = findings_of(raw, ["t2_spir"])
    told = {(found["severity"], found["flag"]) for found in findings}
    assert expected <= told
    # What follows from it may be told too, such as organs that lie elsewhere, and never as an error of another kind.
    assert {flag for severity, flag in told - expected if severity == "error"} <= {"no-file", "same-position"}


# The adapters.


@pytest.fixture
def tables(raw: Path, tmp_path: Path) -> Callable[[], tuple[Path, Path]]:
    def take() -> tuple[Path, Path]:
        files = sorted(path for path in raw.rglob("*") if path.is_file())
        write_index(tmp_path / "1.tsv", raw, [{"file": path.relative_to(raw).as_posix()} for path in files])
        slices, findings = tmp_path / "1.slices.tsv", tmp_path / "1.findings.tsv"
        given = {"patient": "1", "sequences": SEQUENCES, "ground_truth": True, "listed": tmp_path / "1.listed.tsv"}
        write_tsv(given["listed"], LISTED_COLUMNS, [])
        inventory_patient(raw_index=tmp_path / "1.tsv", slices=slices, findings=findings, **given)
        return slices, findings

    return take


def test_a_sound_patient_is_admitted(tables: Callable[[], tuple[Path, Path]], tmp_path: Path) -> None:
    slices, findings = tables()
    pair_slices(slices=slices, findings=findings, accepted=[], pairs=tmp_path / "1.pairs.tsv")
    assert read_tsv(tmp_path / "1.pairs.tsv", INVENTORY_COLUMNS) == read_tsv(slices)
    assert read_tsv(findings, FINDING_COLUMNS) == []


def test_errors_keep_a_patient_out(tables: Callable[[], tuple[Path, Path]], raw: Path, tmp_path: Path) -> None:
    (raw / T2 / "IMG-0002-00001.dcm").write_bytes(b"")
    (raw / T1_GROUND / "IMG-0004-00008.png").unlink()
    slices, findings = tables()
    with pytest.raises(InputError, match=r"Patient 1 has \d errors and is not admitted") as caught:
        pair_slices(slices=slices, findings=findings, accepted=[], pairs=tmp_path / "1.pairs.tsv")
    for words in ("IMG-0002-00001.dcm: the file is empty", "IMG-0004-00008.dcm: image without", "patient sheet"):
        assert words in str(caught.value)
    assert not (tmp_path / "1.pairs.tsv").exists()


def test_warnings_are_logged(
    tables: Callable[[], tuple[Path, Path]], raw: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(raw / T2_GROUND / "IMG-0002-00006.png", raw / T2_GROUND / "IMG-0002-00007.png")
    slices, findings = tables()
    caplog.set_level("INFO")
    pair_slices(slices=slices, findings=findings, accepted=[], pairs=tmp_path / "1.pairs.tsv")
    assert "patient 1, T2-SPIR: T2SPIR/Ground/IMG-0002-00007.png: identical masks" in caplog.text


def test_an_altered_folder_is_refused(tables: Callable[[], tuple[Path, Path]], raw: Path, tmp_path: Path) -> None:
    tables()
    (raw / T2 / "IMG-0002-00001.dcm").write_bytes(b"altered")
    with pytest.raises(InputError, match="content differs"):
        inventory_patient(
            raw_index=tmp_path / "1.tsv",
            listed=tmp_path / "1.listed.tsv",
            patient="1",
            sequences=SEQUENCES,
            ground_truth=True,
            slices=tmp_path / "a.tsv",
            findings=tmp_path / "b.tsv",
        )


# Real slices.


@pytest.mark.parametrize("patient", REAL_PATIENTS)
def test_real_patients_have_no_error_and_no_false_alarm(shared_data: Path, tmp_path: Path, patient: int) -> None:
    root = f"Train_Sets/MR/{patient}/"
    with zipfile.ZipFile(shared_data / "CHAOS_Train_Sets.zip") as archive:
        archive.extractall(tmp_path, [name for name in archive.namelist() if name.startswith(root)])
    rows, findings = take_inventory(tmp_path / root, str(patient), ["t1_in_phase", "t2_spir"], True)
    assert {row["sequence"] for row in rows} == {"t1_in_phase", "t2_spir"}
    # The sample's T2 was resampled along z with nearest neighbours, so some of its masks do occur twice.
    t1 = [found for found in findings if found["flag"] != "identical-masks"]
    assert all(found["sequence"] == "t2_spir" for found in findings if found["flag"] == "identical-masks")
    gaps = {
        19: ("IMG-0004-00042 and IMG-0004-00048", "2 slices"),
        22: ("IMG-0004-00010 and IMG-0004-00018", "3 slices"),
    }
    if patient in gaps:
        only(t1, "warning", "gap", t1[0]["file"], *gaps[patient], "9 mm")
    else:
        assert t1 == []


@pytest.mark.parametrize("patient", REAL_PATIENTS)
def test_real_masks_one_slice_along_or_reversed_are_an_error(shared_data: Path, tmp_path: Path, patient: int) -> None:
    root = f"Train_Sets/MR/{patient}/"
    with zipfile.ZipFile(shared_data / "CHAOS_Train_Sets.zip") as archive:
        archive.extractall(tmp_path, [name for name in archive.namelist() if name.startswith(root)])
    for sequence in ("t1_in_phase", "t2_spir"):
        volume = VolumeId(sequence, str(patient))
        images, _ = pair(
            volume, read_images(tmp_path / root, volume)[0], read_ground(tmp_path / root, volume)[0], [], []
        )
        masks = np.stack([image.mask for image in images if image.mask is not None])
        cases = {"up": np.roll(masks, 1, axis=0), "down": np.roll(masks, -1, axis=0), "reversed": masks[::-1]}
        for case, misplaced in cases.items():
            placed = [replace(image, mask=mask) for image, mask in zip(images, misplaced, strict=True)]
            found = [finding for finding in check_plausible(volume, placed) if finding.flag == "mask-order"]
            assert [finding.severity for finding in found] == ["error"], (sequence, case)
            assert ("reversed order" in found[0].message) == (case == "reversed"), (sequence, case)
