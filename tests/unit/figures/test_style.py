"""What figures share: files without a date, grids of panels, and names as titles."""

from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure
from unit.figures.looking import assert_same_bytes, texts_of
from unit.figures.looks import assert_looks_as_kept

from chaosliver.base.columns import MEASURES
from chaosliver.figures.style import (
    DICE_PANELS,
    LEGEND,
    PALETTE,
    STYLE,
    dice_rows,
    experiment_title,
    panel_grid,
    save,
    say_no_ground_truth,
    wrapped,
)


def draw_one(png: Path, svg: Path) -> None:
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(4, 2))
        axes.plot([1, 2], [3, 4])
        save(figure, [png, svg])


def test_a_saved_figure_holds_no_date_and_no_version(tmp_path: Path) -> None:
    assert_same_bytes(draw_one, tmp_path)
    svg = (tmp_path / "1.svg").read_text()
    assert "dc:date" not in svg and "Matplotlib v" not in svg
    assert b"Software" not in (tmp_path / "1.png").read_bytes()


def test_another_figure_stays_open(tmp_path: Path) -> None:
    figure, _ = plt.subplots(figsize=(1, 1))
    other, _ = plt.subplots(figsize=(1, 1))
    save(figure, [tmp_path / "one.png"])
    assert plt.get_fignums() == [other.number]
    plt.close(other)


def test_figures_look_as_they_did(drawn: list[Figure], tmp_path: Path) -> None:
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(4, 2))
        for number, colour in enumerate(PALETTE):
            axes.plot([0, 1], [number, number], color=colour)
        axes.set(title="title", xlabel="x", ylabel="y")
        figure.legend(handles=axes.lines[:1], labels=["first"], **LEGEND)
        save(figure, [tmp_path / "one.png"])
    assert_looks_as_kept(drawn[0], "style")


def test_the_panels_of_dice_are_the_measures_of_dice() -> None:
    assert list(DICE_PANELS) == [name for name in MEASURES if "dice" in name]


def test_a_saved_figure_has_150_pixels_an_inch_and_its_layout_made(tmp_path: Path) -> None:
    with plt.rc_context(STYLE):
        figure, _ = plt.subplots(figsize=(4, 2))
        save(figure, [tmp_path / "one.png"])
    assert cv2.imread(str(tmp_path / "one.png")).shape == (300, 600, 3)
    assert type(figure.get_layout_engine()).__name__ == "ConstrainedLayoutEngine"
    assert not plt.get_fignums()


def test_rows_of_dice_panels_have_the_heights_given() -> None:
    figure, panels = dice_rows([1.2, 2.4], 0.4)
    assert panels.shape == (2, len(DICE_PANELS))
    assert figure.get_size_inches().tolist() == pytest.approx([10, 4.0])
    heights = [axes.get_position().height for axes in panels[:, 0]]
    assert heights[1] / heights[0] == pytest.approx(2)
    panels[1, 0].set_ylim(3, 7)
    assert panels[1, 2].get_ylim() == (3, 7) and panels[0, 0].get_ylim() != (3, 7)
    plt.close(figure)


def test_without_rows_there_is_an_empty_one() -> None:
    figure, panels = dice_rows([], 0.4)
    assert panels.shape == (1, len(DICE_PANELS))
    assert figure.get_size_inches().tolist() == pytest.approx([10, 1.4])
    plt.close(figure)


@pytest.mark.parametrize(
    ("count", "rows", "columns", "size"),
    [
        (0, 1, 1, (7, 3.1)),
        (1, 1, 1, (7, 3.1)),
        (3, 1, 3, (8.1, 3.1)),
        (4, 1, 4, (10.8, 3.1)),
        (5, 2, 4, (10.8, 5.3)),
        (7, 2, 4, (10.8, 5.3)),
        (9, 3, 4, (10.8, 7.5)),
    ],
)
def test_a_grid_has_its_panels_and_no_others(count: int, rows: int, columns: int, size: tuple[float, float]) -> None:
    figure, panels = panel_grid(count, (2.7, 2.2))
    assert figure.axes == panels
    assert len(panels) == max(count, 1)
    grid = panels[0].get_subplotspec().get_gridspec()
    assert (grid.nrows, grid.ncols) == (rows, columns)
    assert figure.get_size_inches().tolist() == pytest.approx(size)
    plt.close(figure)


def test_panels_of_a_grid_share_their_axes_and_the_lowest_of_each_column_has_labels() -> None:
    figure, panels = panel_grid(6, (2.0, 2.0))
    panels[0].set(xlim=(3, 5), ylim=(1, 9))
    assert all((axes.get_xlim(), axes.get_ylim()) == ((3, 5), (1, 9)) for axes in panels)
    shown = [axes.xaxis.get_tick_params()["labelbottom"] for axes in panels]
    assert shown == [False, False, True, True, True, True]
    plt.close(figure)


def test_long_names_break_after_underscores_and_lose_no_letter() -> None:
    assert wrapped("train_on_t1_and_t2_together", 20) == "train_on_t1_and_t2_\ntogether"
    assert wrapped("small") == "small"
    assert wrapped("ab_cd_ef", 6) == "ab_cd_\nef"
    assert wrapped("ab_cd_ef", 5) == "ab_\ncd_ef"
    assert wrapped("a" * 13 + "_" + "b" * 12) == "a" * 13 + "_" + "b" * 12
    assert wrapped("a" * 13 + "_" + "b" * 13) == "a" * 13 + "_\n" + "b" * 13
    name = "a_name_with_a_very_long_part_" + "x" * 40
    assert wrapped(name).replace("\n", "") == name


def test_a_title_names_the_organ_of_an_experiment_that_has_another() -> None:
    organs = {"b_long_name": "left_kidney"}
    assert experiment_title("b_long_name", organs, 6) == "b_\nlong_\nname\n(left kidney)"
    assert experiment_title("b_long_name", organs) == "b_long_name\n(left kidney)"
    assert experiment_title("a_name", organs) == "a_name"
    assert experiment_title("a" * 13 + "_" + "b" * 13, {}) == "a" * 13 + "_\n" + "b" * 13


def test_every_empty_panel_says_so_in_its_middle() -> None:
    figure, panels = plt.subplots(1, 2)
    say_no_ground_truth(panels)
    assert texts_of(figure).count("no ground truth") == 2
    for axes in panels:
        (text,) = axes.texts
        place = text.get_transform().transform(text.get_position())
        assert place == pytest.approx(axes.transAxes.transform((0.5, 0.5)))
        assert text.get_horizontalalignment() == "center"
    plt.close(figure)
