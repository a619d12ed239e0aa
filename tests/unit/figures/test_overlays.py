"""Overlays: which slices are chosen, where their pixels and contours stand, and that nothing is mixed up."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from unit.figures.looking import legend_of, texts_of
from unit.figures.looks import assert_looks_as_kept
from unit.figures.slices import Study, rectangle

from chaosliver.base.columns import SLICE_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_tsv
from chaosliver.base.png import write_png
from chaosliver.base.volumes import VolumeId
from chaosliver.figures.overlays import (
    PREDICTION_COLOUR,
    REFERENCE_COLOUR,
    Trees,
    choose_slices,
    draw_contours,
    draw_overlays,
    read_volume,
    rows_of_runs,
)

RUN = "fold0_seed1"
SHAPE = (20, 24)
FIRST, SECOND, THIRD = (VolumeId("t1_in_phase", patient) for patient in "123")


def row(patient: str, stem: str, score: float | None, reference: float = 9.0, predicted: float = 9.0) -> dict[str, str]:
    names = {"experiment": "base", "cohort": "development", "sequence": "t1_in_phase", "run": RUN}
    numbers = {"position_mm": "5.5", "reference_mm2": str(reference), "predicted_mm2": str(predicted)}
    return {**names, **numbers, "patient": patient, "stem": stem, "dice": "" if score is None else f"{score:.6g}"}


def chosen(rows: list[dict[str, str]], organ: str = "liver") -> dict[str, list[tuple[str, str]]]:
    picked = choose_slices(rows, organ)
    return {title: [(row["patient"], row["stem"]) for row in some] for title, some in picked.items()}


def test_best_median_and_worst_by_dice() -> None:
    rows = [row(str(number), "a", number / 8) for number in (3, 0, 8, 5, 1, 7, 4, 2, 6)]
    assert chosen(rows)["best"] == [("8", "a"), ("7", "a"), ("6", "a"), ("5", "a")]
    assert chosen(rows)["median"] == [("4", "a"), ("3", "a"), ("5", "a"), ("2", "a")]
    assert chosen(rows)["worst"] == [("0", "a"), ("1", "a"), ("2", "a"), ("3", "a")]
    assert list(chosen(rows)) == ["best", "median", "worst", "predicted without liver"]


def test_the_median_is_that_of_all_slices_with_organ() -> None:
    dices = {("1", "a"): 0.25, ("1", "b"): 0.875, ("2", "a"): 0.75, ("3", "a"): 0.5, ("5", "a"): 0.625}
    rows = [*(row(*name, dice) for name, dice in dices.items()), row("4", "a", 1.0, 0, 0)]
    assert chosen(rows)["median"] == [("5", "a"), ("2", "a"), ("3", "a"), ("1", "b")]


def test_a_patient_stands_once_in_a_class() -> None:
    rows = [row("1", stem, score) for stem, score in (("a", 0.7), ("b", 0.9), ("c", 0.8))] + [row("2", "a", 0.5)]
    assert chosen(rows)["best"] == [("1", "b"), ("2", "a")]
    assert chosen(rows)["worst"] == [("2", "a"), ("1", "a")]


def test_slices_without_organ_are_no_candidates_but_false_positives_are_shown() -> None:
    rows = [row("1", "a", 1.0, 0, 0), row("1", "b", 0.4), row("2", "c", 0.0, 0, 5), row("3", "d", 0.0, 0, 8)]
    assert chosen(rows, "left_kidney") == {
        "best": [("1", "b")],
        "median": [("1", "b")],
        "worst": [("1", "b")],
        "predicted without left kidney": [("3", "d"), ("2", "c")],
    }
    assert chosen(rows[2:])["best"] == []


def test_choice_does_not_depend_on_the_order_of_the_rows() -> None:
    rows = [row(str(number), stem, 0.5) for number in range(6) for stem in "ab"]
    assert chosen(rows) == chosen(rows[::-1])
    assert chosen(rows[::-1])["best"] == [(str(number), "a") for number in range(4)]
    others = [{**rows[0], "sequence": "t2_spir"}, {**rows[0], "run": "fold0_seed2"}, rows[0]]
    assert choose_slices(others, "liver")["best"] == [rows[0]]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Three patients, whose images differ by their brightness, in two runs; the last has no liver."""
    study = Study(tmp_path)
    ramp = np.tile(np.arange(24.0), (20, 1))
    reference = rectangle(SHAPE, 2, 12, 0, 10)
    study.add(FIRST, "a", ramp + 10, reference, rectangle(SHAPE, 4, 12, 0, 10))
    study.add(FIRST, "b", ramp + 70, rectangle(SHAPE, 5, 9, 14, 20), rectangle(SHAPE, 5, 8, 14, 20))
    study.add(SECOND, "a", ramp + 130, reference, np.zeros(SHAPE, dtype=bool), position_mm=-12.25)
    empty = np.zeros((16, 30), dtype=bool)
    predicted = rectangle((16, 30), 1, 3, 20, 30)
    study.add(THIRD, "c", np.full((16, 30), 200.0), empty, predicted, run="fold1_seed1")
    return study


def draw(study: Study, organ: str = "liver") -> None:
    draw_overlays(**study.arguments(), organ=organ, picture=study.root / "overlays.png")


def shown(axes: Axes) -> tuple[str, np.ndarray]:
    """Title and pixels of a cell."""
    return axes.get_title(), np.asarray(axes.images[0].get_array())


def outlines(axes: Axes) -> dict[str, list[float]]:
    """Left, right, upper and lower end of the contours of each colour."""
    found = {}
    for contour in axes.collections:
        corners = np.concatenate([path.vertices for path in contour.get_paths()])
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        found[to_hex(contour.get_edgecolor()[0]).upper()] = [left, right, top, bottom]
    return found


def test_each_class_has_a_line_with_its_slices(study: Study, drawn: list[Figure]) -> None:
    draw(study)
    cells = np.array(drawn[0].axes).reshape(4, 2)
    titles = [[axes.get_title() for axes in line] for line in cells]
    first_a = "patient 1, T1 in phase\na at 5.5 mm\nDice 0.889 (fold0_seed1)"
    first_b = "patient 1, T1 in phase\nb at 5.5 mm\nDice 0.857 (fold0_seed1)"
    second = "patient 2, T1 in phase\na at -12.2 mm\nDice 0.000 (fold0_seed1)"
    third = "patient 3, T1 in phase\nc at 5.5 mm\nDice 0.000 (fold1_seed1)"
    assert titles == [[first_a, second], [first_b, second], [second, first_b], [third, ""]]
    assert [line[0].texts[0].get_text() for line in cells] == ["best", "median", "worst", "predicted without liver"]
    assert not any(axes.axison for axes in drawn[0].axes)
    assert drawn[0].get_size_inches().tolist() == pytest.approx([5.2, 12.5])


def test_a_cell_shows_the_pixels_of_its_own_slice(study: Study, drawn: list[Figure]) -> None:
    draw(study)
    brightness = {"patient 1": {"a": 10, "b": 70}, "patient 2": {"a": 130}}
    for axes in drawn[0].axes[:6]:
        title, pixels = shown(axes)
        assert pixels.shape == SHAPE
        expected = brightness[title.split(",")[0]][title.split("\n")[1][0]] + np.arange(24)
        assert np.abs(pixels.astype(float) - expected).max() <= 1
        assert axes.images[0].get_clim() == (0, 255)
        assert axes.images[0].cmap.name == "gray"
        assert (axes.get_xlim(), axes.get_ylim()) == ((-0.5, 23.5), (19.5, -0.5))
    _, pixels = shown(drawn[0].axes[6])
    assert pixels.shape == (16, 30) and (pixels == 200).all()
    assert (drawn[0].axes[6].get_xlim(), drawn[0].axes[6].get_ylim()) == ((-0.5, 29.5), (15.5, -0.5))


def test_contours_run_around_the_masks_half_a_pixel_outside(study: Study, drawn: list[Figure]) -> None:
    draw(study)
    first_a, second, first_b = (outlines(drawn[0].axes[place]) for place in (0, 1, 2))
    assert first_a == {REFERENCE_COLOUR: [-0.5, 9.5, 1.5, 11.5], PREDICTION_COLOUR: [-0.5, 9.5, 3.5, 11.5]}
    assert first_b == {REFERENCE_COLOUR: [13.5, 19.5, 4.5, 8.5], PREDICTION_COLOUR: [13.5, 19.5, 4.5, 7.5]}
    assert second == {REFERENCE_COLOUR: [-0.5, 9.5, 1.5, 11.5]}
    assert outlines(drawn[0].axes[6]) == {PREDICTION_COLOUR: [19.5, 29.5, 0.5, 2.5]}


def test_the_ground_truth_lies_below_and_wider() -> None:
    figure, axes = plt.subplots()
    mask = rectangle(SHAPE, 2, 6, 3, 9)
    draw_contours(axes, mask, mask, (1.8, 0.9))
    first, second = axes.collections
    assert to_hex(first.get_edgecolor()[0]).upper() == REFERENCE_COLOUR
    assert (first.get_linewidth()[0], second.get_linewidth()[0]) == (1.8, 0.9)
    plt.close(figure)


def test_what_is_missing_is_written_into_the_cell(study: Study, drawn: list[Figure]) -> None:
    draw(study, "left_kidney")
    notes = [[(text.get_text(), text.get_color()) for text in axes.texts] for axes in drawn[0].axes]
    assert notes[0] == [("best", "black")]
    assert notes[1] == [("nothing predicted", PREDICTION_COLOUR)]
    assert notes[6] == [
        ("predicted without left kidney", "black"),
        ("no left kidney in the reference", REFERENCE_COLOUR),
    ]


def test_the_legend_names_both_contours(study: Study, drawn: list[Figure]) -> None:
    draw(study)
    assert legend_of(drawn[0]) == [
        ("ground truth", REFERENCE_COLOUR, "None", "-"),
        ("prediction", PREDICTION_COLOUR, "None", "-"),
    ]
    assert (REFERENCE_COLOUR, PREDICTION_COLOUR) == ("#56B4E9", "#E69F00")


def test_the_rows_of_a_run_carry_its_name_and_have_ground_truth(study: Study) -> None:
    study.rows[RUN][1]["dice"] = None
    arguments = study.arguments()
    rows = rows_of_runs(arguments["slices"], arguments["runs"])
    assert [(row["patient"], row["stem"], row["run"]) for row in rows] == [
        ("1", "a", RUN),
        ("2", "a", RUN),
        ("3", "c", "fold1_seed1"),
    ]


def test_a_table_of_slices_that_lacks_a_column_is_refused(study: Study) -> None:
    arguments = study.arguments()
    write_tsv(arguments["slices"][1], [name for name in SLICE_COLUMNS if name != "fold"], study.rows["fold1_seed1"])
    with pytest.raises(InputError, match=r"fold1_seed1\.tsv.*fold"):
        draw_overlays(**arguments, organ="liver", picture=study.root / "overlays.png")


def test_the_picture_has_the_same_bytes_each_time(study: Study) -> None:
    pictures = [study.root / f"{number}.png" for number in (1, 2)]
    for picture in pictures:
        draw_overlays(**study.arguments(), organ="liver", picture=picture)
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    assert not plt.get_fignums()


def test_the_pixels_of_a_row_are_its_slices_own(study: Study) -> None:
    arguments = study.arguments()
    rows = rows_of_runs(arguments["slices"], arguments["runs"])
    trees = Trees(*(arguments[name] for name in Trees._fields))
    first, second = read_volume(rows[:2], trees)
    np.testing.assert_array_equal(first.reference, rectangle(SHAPE, 2, 12, 0, 10))
    np.testing.assert_array_equal(first.prediction, rectangle(SHAPE, 4, 12, 0, 10))
    np.testing.assert_array_equal(second.reference, rectangle(SHAPE, 5, 9, 14, 20))
    np.testing.assert_array_equal(second.prediction, rectangle(SHAPE, 5, 8, 14, 20))
    assert (first.grey[0, 0], second.grey[0, 0]) == (10, 70)
    assert (first.grey.dtype, first.reference.dtype) == (np.uint8, bool)


@pytest.mark.parametrize("kind", ["masks", f"predictions/{RUN}"])
def test_another_slices_mask_is_never_drawn(study: Study, kind: str) -> None:
    other = rectangle(SHAPE, 10, 18, 8, 20)
    write_png(FIRST.folder(study.root / kind) / "a.png", other.astype(np.uint8) * 255)
    with pytest.raises(InputError, match=r"1/a\.png: gives Dice .* but the table of slices says 0\.888889"):
        draw(study)
    assert not (study.root / "overlays.png").exists()


def test_a_dice_that_differs_in_the_fifth_digit_is_refused(study: Study) -> None:
    study.rows[RUN][0]["dice_of_mask"] = 8 / 9 + 9e-6
    draw(study)
    study.rows[RUN][0]["dice_of_mask"] = 8 / 9 - 12e-6
    with pytest.raises(InputError, match=r"gives Dice 0\.888889 with"):
        draw(study)


def test_the_dice_of_grey_logits_is_not_compared_with_the_masks(study: Study, drawn: list[Figure]) -> None:
    study.rows[RUN][0]["dice"] = 0.5
    draw(study)
    assert any("a at 5.5 mm\nDice 0.500" in text for text in texts_of(drawn[0]))


def test_a_slice_without_image_is_named(study: Study) -> None:
    study.rows[RUN][0]["stem"] = "gone"
    with pytest.raises(InputError, match=r"png/t1_in_phase/1\.tsv: lists no image gone"):
        draw(study)


@pytest.mark.parametrize("kind", ["masks", f"predictions/{RUN}"])
def test_a_mask_on_another_grid_is_never_drawn(study: Study, kind: str) -> None:
    write_png(FIRST.folder(study.root / kind) / "a.png", np.zeros((10, 10), dtype=np.uint8))
    with pytest.raises(InputError, match=r"/t1_in_phase/1/a\.png: is 10 ?x ?10 where the image is 20 ?x ?24"):
        draw(study)


def test_without_ground_truth_there_is_a_picture_that_says_so(study: Study, drawn: list[Figure]) -> None:
    for rows in study.rows.values():
        for entry in rows:
            entry |= {"dice": None, "reference_mm2": None}
    draw(study)
    assert "No slice with ground truth to show" in texts_of(drawn[0])
    assert (study.root / "overlays.png").exists()
    assert len(drawn[0].axes) == 2


def test_the_picture_looks_as_it_did(study: Study, drawn: list[Figure]) -> None:
    draw(study)
    assert_looks_as_kept(drawn[0], "overlays")
