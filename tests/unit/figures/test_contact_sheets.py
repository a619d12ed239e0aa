"""Contact sheets: one per patient and sequence, slices from head to foot, the worst patient set apart."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from chaosliver.base.columns import GREY_COLUMNS, SLICE_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_tsv
from chaosliver.base.indexes import write_index
from chaosliver.base.png import write_png
from chaosliver.figures.contact_sheets import draw_contact_sheets, region_around, tiled
from chaosliver.measure.metrics import dice

SEQUENCE = "t1_in_phase"


class Study:
    """Two patients of three slices each, drawn by two seeds; the second patient's predictions are too small."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = ["fold0_seed1", "fold0_seed2"]
        for patient, shift in (("1", 1), ("2", 5)):
            folder = root / "png" / SEQUENCE / patient
            for stem in "abc":
                write_png(folder / f"{stem}.png", np.full((20, 24), 90, dtype=np.uint8))
                write_png(root / "masks" / SEQUENCE / patient / f"{stem}.png", self.mask(0))
                for run in self.runs:
                    write_png(root / "predictions" / run / SEQUENCE / patient / f"{stem}.png", self.mask(shift))
            place = {"low": 0, "high": 255, "rows": 20, "columns": 24}
            listed = [{"file": f"{stem}.png", **place} for stem in "abc"]
            write_index(folder.with_name(f"{patient}.tsv"), folder, listed, GREY_COLUMNS)
        for run, seed in zip(self.runs, "12", strict=True):
            rows = [self.row(patient, stem, seed, shift) for patient, shift in (("1", 1), ("2", 5)) for stem in "abc"]
            write_tsv(root / f"{run}.tsv", SLICE_COLUMNS, rows)

    def mask(self, shift: int) -> np.ndarray:
        mask = np.zeros((20, 24), dtype=np.uint8)
        mask[4 + shift : 14, 6:12] = 255
        return mask

    def row(self, patient: str, stem: str, seed: str, shift: int) -> dict[str, object]:
        names = {"experiment": "base", "fold": "0", "seed": seed, "cohort": "development", "patient": patient}
        score = dice(self.mask(0) > 0, self.mask(shift) > 0)
        numbers = {
            "position_mm": 6.0 * "abc".index(stem),
            "reference_mm2": 9.0,
            "predicted_mm2": 9.0,
            "scores": "mask",
            "dice": score,
            "dice_of_mask": score,
        }
        return {**names, **numbers, "sequence": SEQUENCE, "stem": stem}

    def draw(self, name: str = "sheets") -> tuple[Path, Path]:
        root = self.root
        folder, worst = root / name, root / f"{name}_worst.png"
        tables = [root / f"{run}.tsv" for run in self.runs]
        draw_contact_sheets(tables, self.runs, root / "predictions", root / "masks", root / "png", folder, worst)
        return folder, worst


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_each_patient_has_a_sheet_and_the_worst_is_copied(study: Study) -> None:
    folder, worst = study.draw()
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png")) == [
        f"{SEQUENCE}/1.png",
        f"{SEQUENCE}/2.png",
    ]
    assert worst.read_bytes() == (folder / SEQUENCE / "2.png").read_bytes()
    assert worst.read_bytes() != (folder / SEQUENCE / "1.png").read_bytes()


def test_slices_stand_from_head_to_foot_once_each(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    close = plt.close
    monkeypatch.setattr(
        plt, "close", lambda figure: (texts.extend(t.get_text() for t in figure.findobj(plt.Text)), close(figure))
    )
    study.draw()
    assert [text for text in texts if "mm" in text and "0.95" in text] == [
        f"{place} mm   Dice 0.95" for place in (12, 6, 0)
    ]
    assert "base, patient 2, T1 in phase (fold0_seed1): 3D Dice 0.667" in texts


def test_a_sheet_has_the_same_bytes_each_time(study: Study) -> None:
    sheets = [study.draw(name)[0] / SEQUENCE / "1.png" for name in ("one", "two")]
    assert sheets[0].read_bytes() == sheets[1].read_bytes()
    assert not plt.get_fignums()


def test_a_prediction_that_is_not_the_tables_is_never_drawn(study: Study) -> None:
    write_png(study.root / "predictions" / study.runs[0] / SEQUENCE / "1" / "b.png", study.mask(3))
    with pytest.raises(InputError, match=r"1/b\.png: gives Dice .* but the table of slices says"):
        study.draw()


def test_without_ground_truth_there_is_a_picture_that_says_so(tmp_path: Path) -> None:
    write_tsv(tmp_path / "run.tsv", SLICE_COLUMNS, [])
    folder, worst = tmp_path / "sheets", tmp_path / "worst.png"
    draw_contact_sheets([tmp_path / "run.tsv"], ["run"], tmp_path, tmp_path, tmp_path, folder, worst)
    assert worst.stat().st_size > 1000 and folder.is_dir()


def test_the_cut_out_holds_every_pixel_set_with_a_margin() -> None:
    masks = np.zeros((2, 100, 200), dtype=bool)
    masks[0, 40, 60] = masks[1, 50, 195] = True
    rows, columns = region_around(masks)
    assert (rows.start, rows.stop, columns.start) == (25, 66, 30)
    assert masks[:, rows, columns].sum() == 2
    assert region_around(np.zeros((1, 7, 9), dtype=bool)) == (slice(7), slice(9))


def test_tiles_stand_row_by_row_with_a_gap() -> None:
    stack = np.arange(1, 4, dtype=np.uint8)[:, None, None] * np.ones((3, 2, 3), dtype=np.uint8)
    picture = tiled(stack, 2, 255)
    assert picture.shape == (6, 8)
    assert picture[0].tolist() == [1, 1, 1, 255, 2, 2, 2, 255]
    assert picture[3].tolist() == [3, 3, 3, 255, 255, 255, 255, 255]
