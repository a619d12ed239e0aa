"""The sheet of an exam: slices from head to foot, an outline, and the remarks."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from unit.figures.looking import texts_of

from chaosliver.figures.exam_sheets import draw_exam

SHAPE = (10, 24, 30)


def drawn_with(tmp_path: Path, mask: np.ndarray, **changes: object) -> Path:
    picture = tmp_path / "a.png"
    grey = np.broadcast_to(np.arange(len(mask), dtype=np.uint8)[:, None, None] * 3, mask.shape)
    held = {
        "grey": grey,
        "mask": mask,
        "positions_mm": [5.0 * number for number in range(len(mask))],
        "pixel_mm": (1.5, 1.5),
        "title": "one: liver of 5 mL",
        "remarks": [],
        "picture": picture,
    }
    draw_exam(**{**held, **changes})
    return picture


def test_slices_run_from_the_head_to_the_feet_with_one_outline(tmp_path: Path, drawn: list[Figure]) -> None:
    mask = np.zeros(SHAPE, bool)
    mask[3:6, 10:14, 12:20] = True
    drawn_with(tmp_path, mask, remarks=["First.", "Second."])
    (figure,) = drawn
    (axes,) = figure.axes
    texts = texts_of(figure)
    assert "one: liver of 5 mL" in texts and "First.\nSecond." in texts
    assert [text for text in texts if text.endswith(" mm")] == [f"{5 * number} mm" for number in range(9, -1, -1)]
    tiles = axes.images[0].get_array()
    # Eight tiles in a row, each of the region around the mask: 4 + 2 * 4 rows and 8 + 2 * 4 columns, and a gap.
    assert tiles.shape == (2 * 13, 8 * 17)
    assert tiles[0, 0] == 27 and tiles[0, 17] == 24 and tiles[13, 17] == 0 and tiles[13, 2 * 17] == 255
    (outline,) = axes.collections
    assert outline.get_paths()[0].vertices[:, 0].min() == pytest.approx(4 * 17 + 4 - 0.5)


def test_an_empty_mask_and_many_slices_are_drawn_too(tmp_path: Path, drawn: list[Figure]) -> None:
    drawn_with(tmp_path, np.zeros((130, 24, 30), bool), pixel_mm=(3.0, 1.5))
    (axes,) = drawn[0].axes
    assert not axes.collections
    # Every third of 130, from 129.
    texts = [text for text in texts_of(drawn[0]) if text.endswith(" mm")]
    assert texts[:2] == ["645 mm", "630 mm"] and len(texts) == 44
    assert axes.get_aspect() == 2.0
