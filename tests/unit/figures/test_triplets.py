"""Triplets: what stands in them, and that no slice is shown with the pixels of another."""

from pathlib import Path

import numpy as np
import pytest

from chaosliver.base.columns import GREY_COLUMNS, PREDICTION_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.indexes import read_index, write_index
from chaosliver.base.png import read_png, write_png
from chaosliver.base.volumes import VolumeId
from chaosliver.figures.triplets import GAP_GREY, GAP_WIDTH, draw_triplets, side_by_side

SHAPE = (6, 8)
PLACE = {"low": 100, "high": 1100, "rows": SHAPE[0], "columns": SHAPE[1]}
FIRST, SECOND = VolumeId("t1_in_phase", "7"), VolumeId("t2_spir", "7")
STEMS = ("IMG-0004-00002", "IMG-0004-00004")


def mask(*pixels: tuple[int, int]) -> np.ndarray:
    drawn = np.zeros(SHAPE, dtype=np.uint8)
    for place in pixels:
        drawn[place] = 255
    return drawn


# Each slice has pixels of its own: grey, ground truth and prediction.
SLICES = {
    (FIRST, STEMS[0]): (600, mask((2, 3)), mask((2, 4))),
    (FIRST, STEMS[1]): (100, mask((3, 3)), mask((3, 4))),
    (SECOND, STEMS[0]): (1100, mask((4, 3)), mask((4, 4))),
    (SECOND, STEMS[1]): (350, mask((5, 3)), mask((5, 4))),
}
GREYS = {600: 128, 100: 0, 1100: 255, 350: 64}


class Study:
    """A run with two volumes of two slices each, in 16 bit, on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = root / "predictions/fold0_seed1.tsv"
        rows = []
        for (volume, stem), (_, _, prediction) in SLICES.items():
            # Wherever the predictions lie, the triplets lie by sequence and patient.
            file = f"somewhere/{volume}/{stem}.png"
            write_png(root / "predictions/fold0_seed1" / file, prediction)
            rows.append({"file": file, "cohort": "development", **volume._asdict(), "stem": stem})
        write_index(self.index, root / "predictions/fold0_seed1", rows, PREDICTION_COLUMNS)
        for volume in (FIRST, SECOND):
            self.write_images(volume, STEMS)
            self.write_masks(volume, STEMS)

    def write_images(self, volume: VolumeId, stems: tuple[str, ...]) -> None:
        folder = volume.folder(self.root / "png")
        for stem in stems:
            write_png(folder / f"{stem}.png", np.full(SHAPE, SLICES[volume, stem][0], dtype=np.uint16))
        listed = [{"file": f"{stem}.png", **PLACE} for stem in stems]
        write_index(volume.index(self.root / "png"), folder, listed, GREY_COLUMNS)

    def write_masks(self, volume: VolumeId, stems: tuple[str, ...], *, turned: bool = False) -> None:
        folder = volume.folder(self.root / "masks")
        for stem in stems:
            pixels = SLICES[volume, stem][1]
            write_png(folder / f"{stem}.png", pixels.T.copy() if turned else pixels)
        write_index(volume.index(self.root / "masks"), folder, [{"file": f"{stem}.png"} for stem in stems])

    def draw(self) -> list[dict[str, str]]:
        trees = {"masks": self.root / "masks", "images": self.root / "png"}
        outputs = {"folder": self.root / "triplets", "index": self.root / "triplets.tsv"}
        draw_triplets(prediction_index=self.index, **trees, **outputs)
        return read_index(outputs["index"], outputs["folder"], PREDICTION_COLUMNS)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_image_prediction_and_ground_truth_of_each_slice_stand_side_by_side(study: Study) -> None:
    rows = study.draw()
    keys = [(VolumeId(row["sequence"], row["patient"]), row["stem"]) for row in rows]
    assert keys == list(SLICES)
    assert {row["cohort"] for row in rows} == {"development"}
    for row, (volume, stem) in zip(rows, keys, strict=True):
        assert row["file"] == f"{volume}/{stem}.png"
        picture = read_png(study.root / "triplets" / row["file"])
        low, reference, prediction = SLICES[volume, stem]
        gap = np.full((6, 4), 128)
        expected = np.hstack([np.full(SHAPE, GREYS[low]), gap, prediction, gap, reference])
        np.testing.assert_array_equal(picture, expected)
        assert picture.dtype == np.uint8


@pytest.mark.parametrize("indexed", [True, False])
def test_without_ground_truth_image_and_prediction_stand_alone(study: Study, indexed: bool) -> None:
    study.write_masks(SECOND, ())
    if not indexed:
        SECOND.index(study.root / "masks").unlink()
    pictures = [read_png(study.root / "triplets" / row["file"]) for row in study.draw()]
    assert [picture.shape for picture in pictures] == [(6, 32)] * 2 + [(6, 20)] * 2
    np.testing.assert_array_equal(pictures[3][:, 12:], SLICES[SECOND, STEMS[1]][2])


def test_a_missing_mask_among_others_is_named(study: Study) -> None:
    study.write_masks(SECOND, STEMS[:1])
    with pytest.raises(InputError, match=r"masks/t2_spir/7\.tsv: lists no mask IMG-0004-00004"):
        study.draw()
    assert not (study.root / "triplets.tsv").exists()


def test_a_missing_image_is_named(study: Study) -> None:
    study.write_images(FIRST, STEMS[:1])
    with pytest.raises(InputError, match=r"png/t1_in_phase/7\.tsv: lists no image IMG-0004-00004"):
        study.draw()


def test_an_altered_prediction_is_named(study: Study) -> None:
    write_png(study.root / f"predictions/fold0_seed1/somewhere/{FIRST}/{STEMS[1]}.png", mask((0, 0)))
    with pytest.raises(InputError, match=r"7/IMG-0004-00004\.png: its content differs"):
        study.draw()


def test_an_index_of_predictions_without_their_cohort_is_refused(study: Study) -> None:
    rows = [{key: value for key, value in row.items() if key != "cohort"} for row in read_tsv(study.index)]
    write_tsv(study.index, list(rows[0]), rows)
    with pytest.raises(InputError, match=r"fold0_seed1\.tsv.*cohort"):
        study.draw()


def test_a_mask_of_another_size_is_named(study: Study) -> None:
    study.write_masks(FIRST, STEMS, turned=True)
    with pytest.raises(InputError, match=r"is 8 ?x ?6 where the image is 6 ?x ?8"):
        study.draw()


def test_panels_are_told_apart_by_a_grey_gap() -> None:
    panels = [np.full((2, 3), value, dtype=np.uint8) for value in (1, 2, 3)]
    assert side_by_side(panels).tolist() == [[*[1] * 3, *[128] * 4, *[2] * 3, *[128] * 4, *[3] * 3]] * 2
    assert side_by_side(panels).dtype == np.uint8
    assert (GAP_WIDTH, GAP_GREY) == (4, 128)
