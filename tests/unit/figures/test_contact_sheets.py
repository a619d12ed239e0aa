"""Contact sheets: one per patient and sequence, slices from head to foot, the worst patient set apart."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
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
from chaosliver.figures import contact_sheets
from chaosliver.figures.contact_sheets import draw_contact_sheets, region_around, tiled
from chaosliver.figures.overlays import PREDICTION_COLOUR, REFERENCE_COLOUR

SHAPE = (20, 40)
RUNS = ("fold0_seed1", "fold0_seed2")
FIRST, SECOND = VolumeId("t1_in_phase", "1"), VolumeId("t1_in_phase", "2")
OTHER = VolumeId("t2_spir", "2")
# Rows of the prediction in each volume; the ground truth has rows 4 to 13. 3D Dice 18/19, 2/3 and 4/5.
BEGINS = {FIRST: 5, SECOND: 9, OTHER: 14 - 20 // 3}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Ten slices of each volume, listed from the middle, scored by two seeds, of which the second is worse."""
    study = Study(tmp_path)
    for run in RUNS:
        for number in (*range(5, 10), *range(5)):
            for volume, begin in BEGINS.items():
                shift = 0 if run == RUNS[0] else 1
                masks = (rectangle(SHAPE, 4, 14, 10, 18), rectangle(SHAPE, begin + shift, 14, 10, 18))
                grey = np.full(SHAPE, 20.0 * number + (volume == SECOND))
                study.add(volume, f"s{number}", grey, *masks, run=run, position_mm=6.0 * number)
    return study


def draw(study: Study, name: str = "sheets") -> tuple[Path, Path]:
    folder, worst = study.root / name, study.root / f"{name}_worst.png"
    draw_contact_sheets(**study.arguments(), folder=folder, worst=worst)
    return folder, worst


def test_each_volume_has_a_sheet_and_the_worst_is_copied(study: Study) -> None:
    folder, worst = draw(study)
    sheets = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    assert sheets == ["t1_in_phase/1.png", "t1_in_phase/2.png", "t2_spir/2.png"]
    assert worst.read_bytes() == (folder / "t1_in_phase/2.png").read_bytes()
    assert worst.read_bytes() != (folder / "t1_in_phase/1.png").read_bytes()


def test_titles_name_the_volume_and_its_3d_dice_under_the_first_seed(study: Study, drawn: list[Figure]) -> None:
    draw(study)
    assert [figure.axes[0].get_title() for figure in drawn] == [
        "base, patient 1, T1 in phase (fold0_seed1): 3D Dice 0.947",
        "base, patient 2, T1 in phase (fold0_seed1): 3D Dice 0.667",
        "base, patient 2, T2-SPIR (fold0_seed1): 3D Dice 0.750",
    ]


def test_slices_stand_from_head_to_foot_once_each(study: Study, drawn: list[Figure]) -> None:
    draw(study)
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.texts] == [
        f"{6 * number} mm   Dice 0.95" for number in reversed(range(10))
    ]
    # The masks cover rows 4 to 13 and columns 10 to 17, with a margin of 3 rows and 6 columns and a gap of 1 pixel.
    rows, columns = 10 + 2 * 3 + 1, 8 + 2 * 6 + 1
    assert [text.get_position() for text in axes.texts] == [
        pytest.approx((columns * (number % 8 + 0.03), rows * (number // 8 + 0.03))) for number in range(10)
    ]
    pixels = np.asarray(axes.images[0].get_array())
    assert pixels.shape == (2 * rows, 8 * columns)
    for place, number in enumerate(reversed(range(10))):
        tile = pixels[place // 8 * rows :, place % 8 * columns :][: rows - 1, : columns - 1]
        assert (tile == 20 * number).all()
    assert (pixels[rows - 1] == 255).all() and (pixels[:, columns - 1] == 255).all()
    assert (pixels[rows:, 2 * columns :] == 255).all()
    assert axes.images[0].get_clim() == (0, 255)
    assert axes.images[0].cmap.name == "gray"
    assert (axes.get_xlim(), axes.get_ylim()) == ((-0.5, 8 * columns - 0.5), (2 * rows - 0.5, -0.5))
    assert drawn[0].get_size_inches().tolist() == pytest.approx([10, 10 * 2 * rows / (8 * columns) + 0.7])


def test_contours_stand_around_the_masks_of_every_tile(study: Study, drawn: list[Figure]) -> None:
    draw(study)
    reference, prediction = drawn[1].axes[0].collections
    assert to_hex(reference.get_edgecolor()[0]).upper() == REFERENCE_COLOUR
    assert to_hex(prediction.get_edgecolor()[0]).upper() == PREDICTION_COLOUR
    assert (reference.get_linewidth()[0], prediction.get_linewidth()[0]) == (1.2, 0.6)
    # In a tile of 17 rows and 21 columns the ground truth begins in row 3 and column 6, the prediction in row 8.
    for contours, top in ((reference, 3), (prediction, 8)):
        corners = np.concatenate([path.vertices for path in contours.get_paths()])
        expected_columns = {21 * tile + side for tile in range(8) for side in (5.5, 13.5)}
        expected_rows = {17 * tile + side for tile in range(2) for side in (top - 0.5, 12.5)}
        assert expected_columns <= set(corners[:, 0])
        assert expected_rows <= set(corners[:, 1])
        assert (corners[:, 0].min(), corners[:, 0].max()) == (5.5, 7 * 21 + 13.5)
        assert (corners[:, 1].min(), corners[:, 1].max()) == (top - 0.5, 17 + 12.5)
    assert [name for name, *_ in legend_of(drawn[1])] == ["ground truth", "prediction"]


def test_a_sheet_has_the_same_bytes_each_time(study: Study) -> None:
    sheets = [draw(study, name)[0] / "t1_in_phase/1.png" for name in ("one", "two")]
    assert sheets[0].read_bytes() == sheets[1].read_bytes()
    assert not plt.get_fignums()


def test_a_prediction_that_is_not_the_tables_is_never_drawn(study: Study) -> None:
    wrong = rectangle(SHAPE, 7, 14, 10, 18).astype(np.uint8) * 255
    write_png(FIRST.folder(study.root / "predictions" / RUNS[0]) / "s3.png", wrong)
    with pytest.raises(InputError, match=r"1/s3\.png: gives Dice .* but the table of slices says"):
        draw(study)
    assert not (study.root / "sheets_worst.png").exists()


def test_without_ground_truth_there_is_a_picture_that_says_so(tmp_path: Path, drawn: list[Figure]) -> None:
    write_tsv(tmp_path / "run.tsv", SLICE_COLUMNS, [])
    trees = dict.fromkeys(("predictions", "masks", "images"), tmp_path)
    outputs = {"folder": tmp_path / "deep/sheets", "worst": tmp_path / "worst.png"}
    draw_contact_sheets(slices=[tmp_path / "run.tsv"], runs=["run"], **trees, **outputs)
    assert texts_of(drawn[0]) == ["no ground truth"]
    assert outputs["worst"].is_file() and outputs["folder"].is_dir()


def test_the_cut_out_holds_every_pixel_set_with_a_margin() -> None:
    masks = np.zeros((2, 100, 200), dtype=bool)
    masks[0, 40, 60] = masks[1, 50, 195] = True
    rows, columns = region_around(masks)
    assert (rows.start, rows.stop, columns.start) == (25, 66, 30)
    assert masks[:, rows, columns].sum() == 2
    masks[0, 3, 10] = True
    rows, columns = region_around(masks)
    assert (rows.start, columns.start) == (0, 0)
    assert region_around(np.zeros((1, 7, 9), dtype=bool)) == (slice(7), slice(9))


def test_tiles_stand_row_by_row_with_a_gap() -> None:
    stack = np.arange(1, 4, dtype=np.uint8)[:, None, None] * np.ones((3, 2, 3), dtype=np.uint8)
    picture = tiled(stack, 2, 255)
    assert picture.shape == (6, 8)
    assert picture.dtype == np.uint8
    assert picture[0].tolist() == [1, 1, 1, 255, 2, 2, 2, 255]
    assert picture[2].tolist() == [255] * 8
    assert picture[3].tolist() == [3, 3, 3, 255, 255, 255, 255, 255]


def test_a_sheet_looks_as_it_did(study: Study, drawn: list[Figure]) -> None:
    draw(study)
    assert_looks_as_kept(drawn[1], "contact_sheets")


def test_a_patient_of_two_draws_is_drawn_from_the_first(study: Study) -> None:
    """Patient 1 is held out in fold 0 of the first draw, and again in fold 3, whose prediction is worse."""
    folder, _ = draw(study, "before")
    before = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.png")}
    for number in range(10):
        masks = (rectangle(SHAPE, 4, 14, 10, 18), rectangle(SHAPE, 13, 14, 10, 18))
        study.add(FIRST, f"s{number}", np.zeros(SHAPE), *masks, run="fold3_seed1", position_mm=6.0 * number)
    folder, worst = draw(study, "after")
    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.png")} == before
    assert worst.read_bytes() == before[Path("t1_in_phase/2.png")]


def test_of_many_volumes_those_with_the_lowest_dice_have_sheets(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_sheets, "MOST_ONE_BY_ONE", 2)
    folder, worst = draw(study)
    sheets = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    # Of 3D Dice 18/19, 2/3 and 4/5.
    assert sheets == ["t1_in_phase/2.png", "t2_spir/2.png"]
    assert worst.read_bytes() == (folder / "t1_in_phase/2.png").read_bytes()
