"""Overlays: which slices are chosen, and that one patient's mask never lies over another's image."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from chaosliver.base.columns import GREY_COLUMNS, SLICE_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import write_tsv
from chaosliver.base.indexes import write_index
from chaosliver.base.png import read_png, write_png
from chaosliver.figures.overlays import PER_CLASS, choose_slices, draw_overlays, read_slice_files
from chaosliver.measure.metrics import dice

RUN = "fold0_seed1"
FALSE = "predicted without liver"
SEQUENCE = "t1_in_phase"


def row(patient: str, stem: str, score: float | None, reference: float = 9.0, predicted: float = 9.0) -> dict[str, str]:
    names = {"experiment": "baseline", "fold": "0", "seed": "1", "cohort": "development", "sequence": SEQUENCE}
    numbers = {"position_mm": "5.5", "reference_mm2": str(reference), "predicted_mm2": str(predicted), "scores": "mask"}
    shown = "" if score is None else f"{score:.6g}"
    return {**names, **numbers, "patient": patient, "stem": stem, "dice": shown, "dice_of_mask": shown, "run": RUN}


def chosen(rows: list[dict[str, str]]) -> dict[str, list[tuple[str, str]]]:
    picked = choose_slices(rows, "liver")
    return {title: [(row["patient"], row["stem"]) for row in some] for title, some in picked.items()}


def test_best_median_and_worst_by_dice() -> None:
    rows = [row(str(number), "a", number / 10) for number in range(9)]
    assert chosen(rows)["best"] == [("8", "a"), ("7", "a"), ("6", "a"), ("5", "a")]
    assert chosen(rows)["median"][0] == ("4", "a")
    assert chosen(rows)["worst"] == [("0", "a"), ("1", "a"), ("2", "a"), ("3", "a")]


def test_a_patient_stands_once_in_a_class() -> None:
    rows = [row("1", stem, 0.9) for stem in "abc"] + [row("2", "a", 0.5)]
    assert chosen(rows)["best"] == [("1", "a"), ("2", "a")]
    assert all(len(some) <= PER_CLASS for some in chosen(rows).values())


def test_slices_without_organ_are_no_candidates_but_false_positives_are_shown() -> None:
    rows = [row("1", "a", 1.0, 0, 0), row("1", "b", 0.4), row("2", "c", 0.0, 0, 5), row("3", "d", 0.0, 0, 8)]
    assert chosen(rows)["best"] == [("1", "b")]
    assert chosen(rows)["worst"] == [("1", "b")]
    assert chosen(rows)[FALSE] == [("3", "d"), ("2", "c")]


def test_choice_does_not_depend_on_the_order_of_the_rows() -> None:
    rows = [row(str(number), stem, 0.5) for number in range(6) for stem in "ab"]
    assert chosen(rows) == chosen(rows[::-1])


class Study:
    """Two patients of one slice each, and one slice without liver, on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows = []
        for number, patient in enumerate(("1", "2")):
            reference, prediction = np.zeros((2, 20, 24), dtype=np.uint8)
            reference[2:12, :10] = 255
            prediction[4 + 2 * number : 12, :10] = 255
            self.add(patient, "a", reference, prediction)
        self.add("3", "a", np.zeros((20, 20), dtype=np.uint8), np.tri(20, dtype=np.uint8) * 255)

    def add(self, patient: str, stem: str, reference: np.ndarray, prediction: np.ndarray) -> None:
        volume = Path(SEQUENCE, patient)
        grey = np.linspace(0, 255, reference.size).astype(np.uint8).reshape(reference.shape)
        write_png(self.root / "png" / volume / f"{stem}.png", grey)
        write_png(self.root / "masks" / volume / f"{stem}.png", reference)
        write_png(self.root / "predictions" / RUN / volume / f"{stem}.png", prediction)
        images = self.root / "png" / volume
        write_index(
            images.with_name(f"{patient}.tsv"),
            images,
            [{"file": f"{stem}.png", "low": 0, "high": 255, "rows": grey.shape[0], "columns": grey.shape[1]}],
            GREY_COLUMNS,
        )
        score = dice(reference > 0, prediction > 0)
        self.rows.append(row(patient, stem, score, float(reference.sum()), float(prediction.sum())))

    def draw(self, picture: Path) -> None:
        table = self.root / "slices.tsv"
        write_tsv(table, SLICE_COLUMNS, self.rows)
        root = self.root
        draw_overlays([table], [RUN], root / "predictions", root / "masks", root / "png", "liver", picture)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


@pytest.fixture
def drawn(study: Study, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All texts of the figure."""
    texts = []
    close = plt.close

    def read_and_close(figure: Figure) -> None:
        texts.extend(text.get_text() for text in figure.findobj(plt.Text))
        close(figure)

    monkeypatch.setattr(plt, "close", read_and_close)
    study.draw(study.root / "overlays.png")
    return [text for text in texts if text]


def test_captions_name_patient_sequence_stem_position_and_dice(drawn: list[str]) -> None:
    assert "patient 1, T1 in phase\na at 5.5 mm\nDice 0.889 (fold0_seed1)" in drawn
    assert "patient 2, T1 in phase\na at 5.5 mm\nDice 0.750 (fold0_seed1)" in drawn


def test_a_slice_without_liver_is_shown_as_such(drawn: list[str]) -> None:
    assert drawn.count("no liver in the reference") == 1
    assert FALSE in drawn


def test_every_class_and_the_legend_are_named(drawn: list[str]) -> None:
    assert {"best", "median", "worst", "ground truth", "prediction"} <= set(drawn)


def test_the_picture_has_the_same_bytes_each_time(study: Study) -> None:
    pictures = [study.root / f"{number}.png" for number in (1, 2)]
    for picture in pictures:
        study.draw(picture)
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    assert not plt.get_fignums()


def test_files_of_a_row_are_its_patients_own(study: Study) -> None:
    for entry in study.rows:
        files = read_slice_files(entry, study.root / "predictions", study.root / "masks", study.root / "png")
        for kind, pixels in zip(("png", "masks", f"predictions/{RUN}"), files, strict=True):
            own = read_png(study.root / kind / SEQUENCE / entry["patient"] / "a.png")
            np.testing.assert_array_equal(pixels > 0, own > 0)


@pytest.mark.parametrize("kind", ["masks", f"predictions/{RUN}"])
def test_another_patients_mask_is_never_drawn(study: Study, kind: str) -> None:
    folder = study.root / kind / SEQUENCE
    other = np.zeros((20, 24), dtype=np.uint8)
    other[10:18, 8:20] = 255
    write_png(folder / "1" / "a.png", other)
    with pytest.raises(InputError, match=r"1/a\.png: gives Dice .* but the table of slices says 0\.888889"):
        study.draw(study.root / "overlays.png")
    assert not (study.root / "overlays.png").exists()


def test_a_mask_on_another_grid_is_never_drawn(study: Study) -> None:
    write_png(study.root / "masks" / SEQUENCE / "1" / "a.png", np.zeros((10, 10), dtype=np.uint8))
    with pytest.raises(InputError, match=r"masks/t1_in_phase/1/a\.png: is 10x10 where the image is 20x24"):
        study.draw(study.root / "overlays.png")


def test_without_ground_truth_there_is_a_picture_that_says_so(study: Study) -> None:
    for entry in study.rows:
        entry |= {"dice": "", "reference_mm2": ""}
    study.draw(study.root / "overlays.png")
    assert (study.root / "overlays.png").exists()
