"""Triplets: what stands in them, and that nothing is paired in silence."""

from pathlib import Path

import numpy as np
import pytest

from chaosliver.base.columns import PREDICTION_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv
from chaosliver.base.indexes import read_index, write_index
from chaosliver.base.png import read_png, write_png
from chaosliver.figures.triplets import GAP_COLUMNS, GAP_GREY, draw_triplets, side_by_side

SHAPE = (6, 8)
OWN = {"rows": SHAPE[0], "columns": SHAPE[1]}
VOLUME = "t1_in_phase/7"
STEMS = ("IMG-0004-00002", "IMG-0004-00004")
WIDTH = SHAPE[1]


class Study:
    """A run with one patient of two slices, in 16 bit, on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.predictions = root / "predictions" / "fold0_seed1"
        self.mask = np.zeros(SHAPE, dtype=np.uint8)
        self.mask[2:4, 2:4] = 255
        self.write(
            "png",
            STEMS,
            np.full(SHAPE, 600, dtype=np.uint16),
            {"low": 100, "high": 1100, **OWN},
        )
        self.write("masks", STEMS, self.mask)
        rows = []
        for stem in STEMS:
            file = f"{VOLUME}/{stem}.png"
            write_png(self.predictions / file, self.mask)
            rows.append({"file": file, "cohort": "development", "patient": "7", "sequence": "t1_in_phase"})
            rows[-1]["stem"] = stem
        write_index(root / "predictions" / "fold0_seed1.tsv", self.predictions, rows, PREDICTION_COLUMNS)

    def write(
        self, kind: str, stems: tuple[str, ...], pixels: np.ndarray, columns: dict[str, int] | None = None
    ) -> None:
        folder = self.root / kind / VOLUME
        for stem in stems:
            write_png(folder / f"{stem}.png", pixels)
        rows = [{"file": f"{stem}.png", **(columns or {})} for stem in stems]
        write_index(folder.with_name("7.tsv"), folder, rows, tuple(columns or ()))

    def draw(self) -> list[dict[str, str]]:
        index = self.predictions.with_suffix(".tsv")
        folder = self.root / "triplets"
        draw_triplets(
            self.predictions, index, self.root / "masks", self.root / "png", folder, self.root / "triplets.tsv"
        )
        return read_index(self.root / "triplets.tsv", folder, PREDICTION_COLUMNS)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_image_prediction_and_ground_truth_stand_side_by_side(study: Study) -> None:
    rows = study.draw()
    assert [row["stem"] for row in rows] == list(STEMS)
    picture = read_png(study.root / "triplets" / rows[0]["file"])
    assert picture.shape == (SHAPE[0], 3 * WIDTH + 2 * GAP_COLUMNS)
    assert set(np.unique(picture[:, :WIDTH])) == {128}  # 600 lies half-way between low and high
    np.testing.assert_array_equal(picture[:, WIDTH + GAP_COLUMNS : 2 * WIDTH + GAP_COLUMNS], study.mask)
    np.testing.assert_array_equal(picture[:, -WIDTH:], study.mask)


@pytest.mark.parametrize("indexed", [True, False])
def test_without_ground_truth_two_panels_stand_alone(study: Study, indexed: bool) -> None:
    study.write("masks", (), study.mask)
    if not indexed:
        (study.root / "masks" / f"{VOLUME}.tsv").unlink()
    row = study.draw()[0]
    assert read_png(study.root / "triplets" / row["file"]).shape == (SHAPE[0], 2 * WIDTH + GAP_COLUMNS)


def test_a_missing_mask_among_others_is_named(study: Study) -> None:
    study.write("masks", STEMS[:1], study.mask)
    with pytest.raises(InputError, match=r"masks/t1_in_phase/7\.tsv: lists no mask IMG-0004-00004"):
        study.draw()
    assert not (study.root / "triplets.tsv").exists()


def test_a_missing_image_is_named(study: Study) -> None:
    study.write(
        "png",
        STEMS[:1],
        np.full(SHAPE, 9, dtype=np.uint8),
        {"low": 0, "high": 255, **OWN},
    )
    with pytest.raises(InputError, match=r"png/t1_in_phase/7\.tsv: lists no image IMG-0004-00004"):
        study.draw()


def test_a_mask_of_another_size_is_named(study: Study) -> None:
    study.write("masks", STEMS, study.mask.T)
    with pytest.raises(InputError, match="is 8x6 where the image is 6x8"):
        study.draw()


def test_panels_are_told_apart_by_a_grey_gap() -> None:
    picture = side_by_side([np.zeros(SHAPE, dtype=np.uint8)] * 3)
    assert int((picture == GAP_GREY).sum()) == 2 * GAP_COLUMNS * SHAPE[0]


def test_index_names_each_picture_once(study: Study) -> None:
    study.draw()
    files = [row["file"] for row in read_tsv(study.root / "triplets.tsv", PREDICTION_COLUMNS)]
    assert len(set(files)) == len(files) == len(STEMS)
