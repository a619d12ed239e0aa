"""Quality control of a cohort: its tables, and where its picture shows slices, gaps and findings."""

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from unit.figures.looking import assert_near, texts_of, tick_labels
from unit.figures.looks import assert_looks_as_kept

from chaosliver.base.columns import FINDING_COLUMNS, INVENTORY_COLUMNS, VOLUME_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.figures import quality_control as quality_control_module
from chaosliver.figures.quality_control import draw_overview, quality_control

BLUE, GREY, ORANGE, RED = "#0072B2", "#999999", "#E69F00", "#D55E00"


def slice_row(patient: str, sequence: str, number: int, *, place: float, **values: Any) -> dict[str, str]:
    folder = "T2SPIR" if sequence == "t2_spir" else "T1DUAL"
    row: dict[str, Any] = dict.fromkeys(INVENTORY_COLUMNS, "")
    row |= {"patient": patient, "sequence": sequence, "stem": f"IMG-{number:05d}", "position_mm": place}
    row |= {"image": f"{folder}/DICOM_anon/IMG-{number:05d}.dcm", "ground": f"{folder}/Ground/IMG-{number:05d}.png"}
    row |= {"rows": 96, "columns": 80, "row_spacing_mm": 4.0, "column_spacing_mm": 5.0, "slice_distance_mm": 9.0}
    row |= {"minimum": number, "maximum": 400 + number, "echo_time_ms": 4.6, "instance_number": number}
    row |= {"liver_mm2": 0.0, "right_kidney_mm2": 0.0, "left_kidney_mm2": 0.0, "spleen_mm2": 0.0}
    return {column: str(value) for column, value in (row | values).items()}


def finding_row(patient: str, sequence: str, file: str, severity: str, flag: str) -> dict[str, str]:
    return dict(zip(FINDING_COLUMNS, (patient, sequence, file, severity, flag, f"{file}: {flag}"), strict=True))


def cohort() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Two patients of four slices with a gap, the second from -50 mm on; a sequence of the second without a slice."""
    rows, findings = [], []
    for patient, start in (("2", 0.0), ("10", -50.0)):
        for number, place in enumerate((0.0, 9.0, 18.0, 45.0), start=1):
            area = 2000.0 * (number - 1) if patient == "2" else 30.0 * (number - 1)
            given = {"place": start + place, "liver_mm2": area, "ground_digest": f"{patient}-{number}"}
            rows.append(slice_row(patient, "t1_in_phase", number, **given))
        findings.append(finding_row(patient, "t1_in_phase", rows[-1]["image"], "warning", "gap"))
    findings.append(finding_row("10", "t1_in_phase", rows[5]["ground"], "error", "mask-size"))
    findings.append(finding_row("10", "t2_spir", "T2SPIR/DICOM_anon", "error", "no-file"))
    return rows, findings


def run(
    folder: Path,
    rows: list[dict[str, str]],
    findings: list[dict[str, str]],
    accepted: dict[str, list[str]] | None = None,
) -> dict[str, Path]:
    patients = sorted({row["patient"] for row in (*rows, *findings)})
    for patient in patients:
        write_tsv(folder / f"{patient}.s.tsv", INVENTORY_COLUMNS, [row for row in rows if row["patient"] == patient])
        write_tsv(folder / f"{patient}.f.tsv", FINDING_COLUMNS, [row for row in findings if row["patient"] == patient])
    inputs = {name: [folder / f"{patient}.{name[0]}.tsv" for patient in patients] for name in ("slices", "findings")}
    outputs = {name: folder / name for name in ("patients_table", "findings_table")} | {"picture": folder / "qc.png"}
    quality_control(**inputs, **outputs, accepted=accepted or {})
    return outputs


def overview(folder: Path, rows: list[dict[str, str]], findings: list[dict[str, str]], drawn: list[Figure]) -> Figure:
    draw_overview(rows, findings, folder / "qc.png")
    return drawn[-1]


def bars(axes: Axes, number: int) -> list[tuple[float, float, float, str]]:
    """Centre along z, width, height and colour of each bar of a patient, the gaps (not filled) with their edge's."""
    found = []
    for bar in axes.patches:
        if isinstance(bar, Rectangle) and bar.get_y() == number + 0.4:
            colour = bar.get_facecolor() if bar.get_hatch() is None else bar.get_edgecolor()
            middle = bar.get_x() + bar.get_width() / 2
            found.append((middle, bar.get_width(), -bar.get_height(), to_hex(colour).upper()))
    return found


def marks(axes: Axes, colour: str) -> list[list[float]]:
    """The places of the marks of one severity."""
    return [
        place
        for points in axes.collections
        if len(points.get_facecolor()) and to_hex(points.get_facecolor()[0]).upper() == colour
        for place in np.asarray(points.get_offsets()).tolist()
    ]


def test_tables_and_log_hold_all_patients(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outputs = run(tmp_path, *cohort())
    rows = read_tsv(outputs["patients_table"], VOLUME_COLUMNS)
    assert [(row["patient"], row["sequence"]) for row in rows] == [
        ("2", "t1_in_phase"),
        ("10", "t1_in_phase"),
        ("10", "t2_spir"),
    ]
    assert (rows[0]["slices"], rows[0]["slices_with_liver"], rows[0]["maximum"]) == ("4", "3", "404")
    # 2000 + 4000 + 6000 mm², 9 mm apart.
    assert float(rows[0]["liver_ml"]) == pytest.approx(108.0)
    assert (rows[2]["slices"], rows[2]["errors"], rows[2]["liver_ml"]) == ("0", "1", "")
    findings = read_tsv(outputs["findings_table"], FINDING_COLUMNS)
    assert [(row["patient"], row["flag"]) for row in findings] == [
        ("10", "gap"),
        ("10", "mask-size"),
        ("10", "no-file"),
        ("2", "gap"),
    ]
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "patient 10, T2-SPIR: T2SPIR/DICOM_anon: no-file" in warned
    assert len(warned) == 4


def test_an_accepted_finding_stands_in_tables_and_picture_and_is_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, drawn: list[Figure]
) -> None:
    caplog.set_level(logging.INFO)
    outputs = run(tmp_path, *cohort(), accepted={"10": ["mask-size"], "2": ["gap"]})
    found = {(row["patient"], row["flag"]): row["severity"] for row in read_tsv(outputs["findings_table"])}
    assert found == {
        ("10", "gap"): "warning",
        ("10", "mask-size"): "accepted",
        ("10", "no-file"): "error",
        ("2", "gap"): "accepted",
    }
    counts = [[row[key] for key in ("errors", "warnings", "accepted")] for row in read_tsv(outputs["patients_table"])]
    assert counts == [["0", "0", "1"], ["0", "1", "1"], ["1", "0", "0"]]
    assert_near(marks(drawn[-1].axes[0], GREY), [[45, 0.4 - 0.78 - 0.12], [9, 1.4 - 0.05 - 0.12]])
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "patient 10, T1 in phase: T1DUAL/DICOM_anon/IMG-00004.dcm: gap",
        "patient 10, T2-SPIR: T2SPIR/DICOM_anon: no-file",
    ]


def test_what_is_accepted_and_was_not_found_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(tmp_path, *cohort(), accepted={"10": ["mask-size"], "2": ["mask-order", "gap"], "3": ["gap"]})
    assert [record.getMessage() for record in caplog.records if "accept" in record.getMessage()] == [
        "accept_findings: patient 2 has no finding mask-order. Drop it from the config",
        "accept_findings: patient 3 has no finding gap. Drop it from the config",
    ]


def test_a_mask_in_two_patients_is_among_the_findings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows, findings = cohort()
    for row in (rows[2], rows[6]):
        row |= {"ground_digest": "the same", "liver_mm2": 5000.0}
    outputs = run(tmp_path, rows, findings)
    found = read_tsv(outputs["findings_table"])
    assert {row["patient"] for row in found if row["flag"] == "mask-of-another-patient"} == {"2", "10"}
    assert "mask equals that of patient" in caplog.text
    errors = {row["patient"]: row["errors"] for row in read_tsv(outputs["patients_table"])}
    assert errors["2"] == "1"
    assert outputs["picture"].is_file()


@pytest.mark.parametrize(
    ("kind", "columns", "lacking"), [("s", INVENTORY_COLUMNS, "echo_time_ms"), ("f", FINDING_COLUMNS, "flag")]
)
def test_an_inventory_that_lacks_a_column_is_refused(
    tmp_path: Path, kind: str, columns: tuple[str, ...], lacking: str
) -> None:
    run(tmp_path, *cohort())
    table = tmp_path / f"2.{kind}.tsv"
    write_tsv(table, [name for name in columns if name != lacking], read_tsv(table))
    inputs = {name: sorted(tmp_path.glob(f"*.{name[0]}.tsv")) for name in ("slices", "findings")}
    outputs = {name: tmp_path / name for name in ("patients_table", "findings_table")}
    with pytest.raises(InputError, match=rf"2\.{kind}\.tsv.*{lacking}"):
        quality_control(**inputs, **outputs, accepted={}, picture=tmp_path / "qc.png")


def test_each_sequence_has_a_panel_and_each_patient_a_place(tmp_path: Path, drawn: list[Figure]) -> None:
    figure = overview(tmp_path, *cohort(), drawn)
    first, second = figure.axes
    assert [axes.get_title("left") for axes in figure.axes] == ["T1 in phase", "T2-SPIR"]
    assert tick_labels(first, "y") == ["2", "10"]
    assert first.get_yticks().tolist() == [0, 1]
    assert first.get_ylim() == (1.55, -0.65)
    assert (first.get_ylabel(), second.get_ylabel()) == ("patient", "")
    assert first.get_xlim() == pytest.approx((-0.07 * 45, 1.55 * 45))
    assert all(0 <= tick <= 45 for tick in first.get_xticks()) and {0, 40} <= set(first.get_xticks())
    assert figure.get_size_inches().tolist() == pytest.approx([11.4, 1.9 + 0.42 * 2])
    assert "distance from the lowest slice along z (mm)" in texts_of(figure)
    (baselines,) = [each for each in first.collections if isinstance(each, LineCollection)]
    assert_near(baselines.get_segments(), [[[0, 0.4], [45, 0.4]], [[0, 1.4], [45, 1.4]]])


def test_a_bar_is_as_high_as_the_liver_is_large(tmp_path: Path, drawn: list[Figure]) -> None:
    axes = overview(tmp_path, *cohort(), drawn).axes[0]
    first, second = bars(axes, 0), bars(axes, 1)
    # The largest area of all patients, 6000 mm², is 0.78 high; a bar is 0.86 of 9 mm wide.
    assert [bar[3] for bar in first] == [GREY, BLUE, BLUE, BLUE, ORANGE]
    assert_near([bar[:3] for bar in first[:4]], [[0, 7.74, 0.1], [9, 7.74, 0.26], [18, 7.74, 0.52], [45, 7.74, 0.78]])
    # 30, 60 and 90 mm² would hardly be seen.
    assert_near([bar[:3] for bar in second[:4]], [[0, 7.74, 0.1], [9, 7.74, 0.05], [18, 7.74, 0.05], [45, 7.74, 0.05]])


def test_a_gap_is_drawn_where_slices_are_missing(tmp_path: Path, drawn: list[Figure]) -> None:
    rows, findings = cohort()
    axes = overview(tmp_path, rows, findings, drawn).axes[0]
    # 27 mm from 18 to 45, less the usual distance of 9 mm.
    assert_near([bars(axes, 0)[4][:3], bars(axes, 1)[4][:3]], [[31.5, 18, 0.78]] * 2)
    places = (0.0, 9.0, 18.0, 31.5)
    near = [{**row, "position_mm": str(place)} for row, place in zip(rows[:4], places, strict=True)]
    assert len(bars(overview(tmp_path, near, [], drawn).axes[0], 0)) == 4
    near[3]["position_mm"] = "31.6"
    assert len(bars(overview(tmp_path, near, [], drawn).axes[0], 0)) == 5


def test_findings_are_marked_above_their_slice_or_beside_the_strip(tmp_path: Path, drawn: list[Figure]) -> None:
    rows, findings = cohort()
    first, second = overview(tmp_path, rows, findings, drawn).axes
    # 0.12 above bars of 0.78 and 0.05; the error's mask is that of the second slice, at 9 mm.
    assert_near(marks(first, ORANGE), [[45, 0.4 - 0.78 - 0.12], [45, 1.4 - 0.05 - 0.12]])
    assert_near(marks(first, RED), [[9, 1.4 - 0.05 - 0.12]])
    assert_near(marks(second, RED), [[-0.035 * 45, 1.25]])
    assert marks(second, ORANGE) == []


def test_an_error_lies_above_a_warning_and_what_is_accepted_in_the_same_slice(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    rows, _ = cohort()
    findings = [
        finding_row("2", "t1_in_phase", rows[0]["image"], severity, "x")
        for severity in ("accepted", "error", "warning")
    ]
    axes = overview(tmp_path, rows, findings, drawn).axes[0]
    colours = [to_hex(points.get_facecolor()[0]).upper() for points in axes.collections if len(points.get_facecolor())]
    assert colours == [GREY, ORANGE, RED]


def test_words_beside_a_strip_tell_its_size_and_first_flags(tmp_path: Path, drawn: list[Figure]) -> None:
    rows, findings = cohort()
    findings += [finding_row("2", "t1_in_phase", "", "warning", flag) for flag in ("gap", "order", "phase", "size")]
    first, second = overview(tmp_path, rows, findings, drawn).axes
    assert [text.get_text() for text in first.texts] == [
        "4 slices, 96 x 80, 9 mm\ngap, order and 2 more",
        "4 slices, 96 x 80, 9 mm\ngap, mask-size",
    ]
    assert_near([text.get_position() for text in first.texts], [[47.25, 0.08], [47.25, 1.08]])
    assert [text.get_text() for text in second.texts] == ["no readable slice\nno-file"]
    alone = overview(tmp_path, rows[:4], [], drawn).axes[0]
    assert [text.get_text() for text in alone.texts] == ["4 slices, 96 x 80, 9 mm"]


def test_the_legend_tells_colours_and_marks(tmp_path: Path, drawn: list[Figure]) -> None:
    figure = overview(tmp_path, *cohort(), drawn)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "slice with liver (height: its area, at most 60 cm²)",
        "slice without liver or without ground truth",
        "gap along z",
        "error",
        "warning",
        "accepted",
    ]
    liver, empty, gap, error, warning, accepted = legend.legend_handles
    assert [to_hex(patch.get_facecolor()).upper() for patch in (liver, empty)] == [BLUE, GREY]
    assert to_hex(gap.get_edgecolor()).upper() == ORANGE
    assert [(mark.get_marker(), mark.get_color()) for mark in (error, warning, accepted)] == [
        ("X", RED),
        ("v", ORANGE),
        ("o", GREY),
    ]


def test_a_cohort_without_ground_truth_has_grey_bars(tmp_path: Path, drawn: list[Figure]) -> None:
    rows = [slice_row("1", "t2_spir", number, place=7.0 * number, liver_mm2="") for number in range(3)]
    for row in rows:
        row["slice_distance_mm"] = ""
    axes = overview(tmp_path, rows, [], drawn).axes[0]
    assert_near([bar[:3] for bar in bars(axes, 0)], [[place, 4.3, 0.1] for place in (0, 7, 14)])
    assert {bar[3] for bar in bars(axes, 0)} == {GREY}
    assert axes.texts[0].get_text() == "3 slices, 96 x 80, 0 mm"


def test_without_slices_and_findings_there_is_an_empty_picture(tmp_path: Path, drawn: list[Figure]) -> None:
    figure = overview(tmp_path, [], [], drawn)
    assert len(figure.axes) == 1
    figure = overview(tmp_path, [], [finding_row("1", "t2_spir", "", "error", "no-file")], drawn)
    assert figure.axes[0].get_xlim() == pytest.approx((-7, 155))


def test_the_picture_has_150_pixels_an_inch_and_no_version(tmp_path: Path) -> None:
    picture = run(tmp_path, *cohort())["picture"]
    assert cv2.imread(str(picture)).shape[:2] == (round(150 * 2.74), round(150 * 11.4))
    assert b"Software" not in picture.read_bytes()


def test_the_picture_looks_as_it_did(tmp_path: Path, drawn: list[Figure]) -> None:
    assert_looks_as_kept(overview(tmp_path, *cohort(), drawn), "quality_control")


def test_of_many_patients_those_with_findings_are_shown_first(
    tmp_path: Path, drawn: list[Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of six patients four have a place: the error of 5, the warning of 6, what is accepted of 3, and then 1."""
    rows = [
        slice_row(str(patient), "t1_in_phase", number, place=9.0 * number)
        for patient in range(1, 7)
        for number in range(3)
    ]
    of = {"5": "error", "6": "warning", "3": "accepted"}
    findings = [finding_row(patient, "t1_in_phase", "x", severity, "gap") for patient, severity in of.items()]
    monkeypatch.setattr(quality_control_module, "MOST_ONE_BY_ONE", 4)
    axes = overview(tmp_path, rows, findings, drawn).axes[0]
    assert tick_labels(axes, "y") == ["1", "3", "5", "6"]
    assert axes.get_ylabel() == "patient (4 of 6: those with findings first)"
