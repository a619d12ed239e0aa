"""From prediction files to rows: the rows' numbers, and every way in which the files may not fit together."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chaosliver.base.columns import MEASURES, PATIENT_COLUMNS, SLICE_COLUMNS
from chaosliver.base.errors import InputError
from chaosliver.base.files import read_tsv, write_tsv
from chaosliver.base.indexes import write_index
from chaosliver.base.png import write_png
from chaosliver.measure.evaluation import evaluate

SHAPE = (12, 10)
SEQUENCE = "t1_in_phase"
# Three slices, the second far from the third, given out of order.
POSITIONS = {"b": 5.5, "a": 0.0, "c": 16.5}
PAIRS = (
    *("patient", "sequence", "stem", "ground", "position_mm", "row_spacing_mm", "column_spacing_mm"),
    *("slice_distance_mm", "rows", "columns"),
)


def square(side: int) -> np.ndarray:
    pixels = np.zeros(SHAPE, dtype=np.uint8)
    pixels[2 : 2 + side, 2 : 2 + side] = 255
    return pixels


class Study:
    """A run with one patient on disk; tests damage it, then score it."""

    def __init__(self, folder: Path) -> None:
        self.predictions = folder / "predictions" / "baseline" / "fold0_seed1"
        self.masks = folder / "masks" / "liver"
        self.pairs = folder / "inventory" / "7.pairs.tsv"
        self.slices, self.patients = folder / "slices.tsv", folder / "patients.tsv"
        self.truth = {"a": square(0), "b": square(4), "c": square(4)}
        self.found = {"a": square(0), "b": square(4), "c": square(2)}
        self.ground = dict.fromkeys(POSITIONS, "Ground/x.png")
        self.tolerance_mm = 4.0

    def write(self) -> "Study":
        drawn = self.masks / SEQUENCE / "7"
        for stem, pixels in self.truth.items():
            write_png(drawn / f"{stem}.png", pixels)
        write_index(self.masks / SEQUENCE / "7.tsv", drawn, [{"file": f"{stem}.png"} for stem in self.truth])
        listed = []
        for stem, pixels in self.found.items():
            file = f"{SEQUENCE}/7/{stem}.png"
            write_png(self.predictions / file, pixels)
            listed.append(
                {"file": file, "cohort": "development", "patient": "7", "sequence": SEQUENCE, "stem": stem},
            )
        columns = ("cohort", "patient", "sequence", "stem")
        write_index(self.predictions.with_suffix(".tsv"), self.predictions, listed, columns)
        rows = [
            {
                **{"patient": "7", "sequence": SEQUENCE, "stem": stem, "ground": self.ground[stem]},
                **{"position_mm": position, "row_spacing_mm": 1.5, "column_spacing_mm": 2.0},
                **{"slice_distance_mm": 5.5, "rows": SHAPE[0], "columns": SHAPE[1]},
            }
            for stem, position in POSITIONS.items()
        ]
        write_tsv(self.pairs, PAIRS, rows)
        return self

    def score(self, logit_index: Path | None = None) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        evaluate(
            prediction_index=self.predictions.with_suffix(".tsv"),
            mask_indexes=sorted((self.masks / SEQUENCE).glob("*.tsv")),
            pairs=[self.pairs],
            logit_index=logit_index,
            labels={"experiment": "baseline", "fold": "0", "seed": "1"},
            tolerance_mm=self.tolerance_mm,
            slices=self.slices,
            patients=self.patients,
        )
        return read_tsv(self.slices, SLICE_COLUMNS), read_tsv(self.patients, PATIENT_COLUMNS)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_rows_of_a_run(study: Study) -> None:
    slices, (patient,) = study.write().score()
    assert [row["stem"] for row in slices] == ["a", "b", "c"]
    assert [row["reference_mm2"] for row in slices] == ["0", "48", "48"]
    assert [row["predicted_mm2"] for row in slices] == ["0", "48", "12"]
    assert [row["dice"] for row in slices] == ["1", "1", "0.4"]
    assert {row["experiment"] + row["fold"] + row["seed"] for row in slices} == {"baseline01"}
    assert patient["cohort"] == "development"
    assert (patient["slices"], patient["slices_with_organ"]) == ("3", "2")
    assert float(patient["mean_dice_all_slices"]) == pytest.approx(0.8)
    assert float(patient["mean_dice_organ_slices"]) == pytest.approx(0.7)
    assert float(patient["dice_3d"]) == pytest.approx(40 / 52, abs=1e-6)
    assert float(patient["ravd_percent"]) == pytest.approx(37.5)
    assert float(patient["reference_ml"]) == pytest.approx(96 * 5.5 / 1000)
    assert float(patient["predicted_ml"]) == pytest.approx(60 * 5.5 / 1000)
    assert float(patient["mssd_mm"]) == pytest.approx(np.hypot(3, 4))


def test_grey_logits_are_scored_by_dice_alone(study: Study) -> None:
    study.write()
    masked_slices, (masked,) = study.score()
    folder = study.predictions.parent.parent / "logits"
    rows = read_tsv(study.predictions.with_suffix(".tsv"))
    for row in rows:
        write_png(folder / row["file"], study.truth[row["stem"]] // 5)
    write_index(folder.with_suffix(".tsv"), folder, rows, ("cohort", "patient", "sequence", "stem"))
    slices, (grey,) = study.score(folder.with_suffix(".tsv"))
    # A fifth of full brightness wherever the reference is: 2 * 0.2 / (1 + 0.2), to three places as the original had it.
    assert [row["dice"] for row in slices] == ["1", "0.333", "0.333"]
    assert [row["dice_of_mask"] for row in slices] == [row["dice"] for row in masked_slices]
    assert float(grey["dice_3d"]) == pytest.approx(1 / 3, abs=1e-5)
    assert (grey["assd_mm"], grey["predicted_ml"]) == (masked["assd_mm"], masked["predicted_ml"])


def test_distances_are_taken_at_the_true_positions(study: Study) -> None:
    study.found = {"a": square(0), "b": square(0), "c": square(4)}
    _, (patient,) = study.write().score()
    assert float(patient["mssd_mm"]) == pytest.approx(11)


def test_an_empty_prediction_has_no_distance_and_no_score(study: Study) -> None:
    study.found = dict.fromkeys(POSITIONS, square(0))
    _, (patient,) = study.write().score()
    assert (patient["dice_3d"], patient["ravd_percent"], patient["challenge_score"]) == ("0", "100", "0")
    assert (patient["assd_mm"], patient["hd95_mm"], patient["mssd_mm"]) == ("", "", "")
    assert (patient["nsd"], patient["predicted_ml"]) == ("0", "0")


@pytest.mark.parametrize(("tolerance_mm", "within"), [(2.9, 0), (3, 2), (11.3, 2), (11.5, 3)])
def test_the_tolerance_of_the_surface_dice_is_the_one_that_is_given(
    study: Study, tolerance_mm: float, within: int
) -> None:
    """Of two pixels in the reference, 11 mm apart, one lies two rows of 1.5 mm from the only one of the prediction."""
    pixel = square(1)
    study.truth = {"a": square(0), "b": pixel, "c": pixel}
    study.found = {"a": square(0), "b": np.roll(pixel, 2, axis=0), "c": square(0)}
    study.tolerance_mm = tolerance_mm
    _, (patient,) = study.write().score()
    assert float(patient["nsd"]) == pytest.approx(within / 3, abs=1e-5)
    farthest = np.hypot(3, 11)
    assert float(patient["hd95_mm"]) == pytest.approx(0.05 * 3 + 0.95 * farthest, rel=1e-5)
    assert float(patient["mssd_mm"]) == pytest.approx(farthest, rel=1e-5)


def test_a_sequence_without_ground_truth_is_measured_only(study: Study) -> None:
    study.ground = dict.fromkeys(POSITIONS, "")
    study.truth = {}
    slices, (patient,) = study.write().score()
    assert [row["predicted_mm2"] for row in slices] == ["0", "48", "12"]
    assert {row["dice"] + row["reference_mm2"] for row in slices} == {""}
    assert float(patient["predicted_ml"]) == pytest.approx(0.33)
    assert {patient[column] for column in (*MEASURES, "reference_ml", "slices_with_organ")} == {""}


def test_a_patient_with_masks_but_no_prediction_is_named(study: Study) -> None:
    write_index(study.masks / SEQUENCE / "8.tsv", study.masks / SEQUENCE / "8", [])
    with pytest.raises(InputError, match=r"fold0_seed1\.tsv: lacks patient 8, t1_in_phase, whose masks .*8\.tsv"):
        study.write().score()


def drop_prediction(study: Study) -> None:
    del study.found["c"]


def drop_mask(study: Study) -> None:
    del study.truth["b"]


def add_prediction(study: Study) -> None:
    study.found["stranger"] = square(1)


def add_mask(study: Study) -> None:
    study.truth["stranger"] = square(1)


def resize_prediction(study: Study) -> None:
    study.found["b"] = study.found["b"].T


def resize_mask(study: Study) -> None:
    study.truth["b"] = study.truth["b"].T


def write_probabilities(study: Study) -> None:
    study.found["b"] = study.found["b"] // 2


def drop_some_ground_truth(study: Study) -> None:
    study.ground["c"] = ""


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (drop_prediction, r"fold0_seed1\.tsv: lacks the prediction of c \(patient 7"),
        (drop_mask, r"7\.tsv: lacks the mask of b \(patient 7"),
        (add_prediction, r"fold0_seed1\.tsv: has a prediction of what is no admitted slice: stranger"),
        (add_mask, r"7\.tsv: has a mask of what is no admitted slice: stranger"),
        (resize_prediction, r"fold0_seed1/t1_in_phase/7/b\.png: is 10x12 where the image is 12x10"),
        (resize_mask, r"liver/t1_in_phase/7/b\.png: is 10x12 where the image is 12x10"),
        (write_probabilities, r"7/b\.png: holds grey values other than 0 and 255"),
        (drop_some_ground_truth, r"patient 7, t1_in_phase: some slices have ground truth, but c none"),
    ],
)
def test_files_that_do_not_fit_are_named(study: Study, damage: Callable[[Study], None], message: str) -> None:
    damage(study)
    with pytest.raises(InputError, match=message):
        study.write().score()
    assert not study.slices.exists()
    assert not study.patients.exists()


def test_an_altered_prediction_is_refused(study: Study) -> None:
    study.write()
    write_png(study.predictions / SEQUENCE / "7" / "b.png", square(3))
    with pytest.raises(InputError, match="its content differs"):
        study.score()


def test_a_patient_outside_the_admitted_slices_is_refused(study: Study) -> None:
    study.write()
    write_tsv(study.pairs, PAIRS, [])
    with pytest.raises(InputError, match="predicts patient 7, t1_in_phase, which no table"):
        study.score()


def test_a_missing_index_of_masks_is_named(study: Study) -> None:
    study.write()
    (study.masks / SEQUENCE / "7.tsv").unlink()
    with pytest.raises(InputError, match="no index of masks was given for patient 7"):
        study.score()


def drawn(*pixels: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    for place in pixels:
        mask[place] = 255
    return mask


# By sequence and patient: spacing of rows and columns, distance of slices, and each slice's position with reference
# and predicted pixels. As text, -5 comes before -10.5 and 100 before 9.
VOLUMES = {
    ("t2_spir", "13"): ((1.25, 1.5), 8.0, {"a": ("100", [(0, 0)], []), "b": ("9", [(0, 0), (0, 3)], [(0, 0)])}),
    ("t2_spir", "8"): ((2.0, 1.0), 4.0, {"a": ("-5", [], [(1, 1)]), "b": ("-10.5", [(1, 1)], [(1, 1), (1, 2)])}),
    ("t1_in_phase", "8"): ((1.0, 1.0), 5.0, {"z": ("3", [(5, 5), (5, 6)], [(5, 5), (5, 6), (5, 7)])}),
}
EXPECTED_SLICES = [
    # Patient, sequence, stem, position, areas in mm2, Dice.
    ("13", "t2_spir", "b", 9, 3.75, 1.875, 2 / 3),
    ("13", "t2_spir", "a", 100, 1.875, 0, 0),
    ("8", "t2_spir", "b", -10.5, 2, 4, 2 / 3),
    ("8", "t2_spir", "a", -5, 0, 2, 0),
    ("8", "t1_in_phase", "z", 3, 2, 3, 0.8),
]
EXPECTED_PATIENTS = [
    # Patient, sequence, slices, slices with organ, volumes in mL, 3D Dice, mean over slices, over those with organ.
    ("13", "t2_spir", 2, 2, 0.045, 0.015, 0.5, 1 / 3, 1 / 3),
    ("8", "t2_spir", 2, 1, 0.008, 0.024, 0.5, 1 / 3, 2 / 3),
    ("8", "t1_in_phase", 1, 1, 0.01, 0.015, 0.8, 0.8, 0.8),
]


def write_volumes(folder: Path) -> dict[str, Any]:
    """The files of all VOLUMES, of the test cohort, and the arguments that name them."""
    masks, predictions = folder / "masks", folder / "predictions" / "small" / "test_cohort"
    listed, pairs, mask_indexes = [], [], []
    for (sequence, patient), (spacing, distance, slices) in VOLUMES.items():
        for stem, (position, reference, found) in slices.items():
            file = f"{sequence}/{patient}/{stem}.png"
            write_png(masks / file, drawn(*reference))
            write_png(predictions / file, drawn(*found))
            named = {"patient": patient, "sequence": sequence, "stem": stem}
            listed.append({"file": file, "cohort": "test", **named})
            place = {"position_mm": position, "row_spacing_mm": spacing[0], "column_spacing_mm": spacing[1]}
            size = {"slice_distance_mm": distance, "rows": SHAPE[0], "columns": SHAPE[1]}
            pairs.append({**named, "ground": "x.png", **place, **size})
        index = masks / sequence / f"{patient}.tsv"
        write_index(index, index.with_suffix(""), [{"file": f"{stem}.png"} for stem in slices])
        mask_indexes.append(index)
    index = predictions.with_suffix(".tsv")
    write_index(index, predictions, listed, ("cohort", "patient", "sequence", "stem"))
    tables = [folder / f"{patient}.pairs.tsv" for patient in ("13", "8")]
    for table in tables:
        write_tsv(table, PAIRS, [row for row in pairs if row["patient"] == table.name.split(".")[0]])
    return {"prediction_index": index, "mask_indexes": mask_indexes, "pairs": tables}


def score_volumes(folder: Path, inputs: dict[str, Any], logit_index: Path | None = None) -> tuple[list, list]:
    outputs = {"slices": folder / "slices.tsv", "patients": folder / "patients.tsv"}
    labels = {"experiment": "small", "fold": "all", "seed": "3"}
    evaluate(**inputs, logit_index=logit_index, labels=labels, tolerance_mm=4, **outputs)
    return read_tsv(outputs["slices"], SLICE_COLUMNS), read_tsv(outputs["patients"], PATIENT_COLUMNS)


def test_several_patients_and_sequences_each_with_its_own_files_and_geometry(tmp_path: Path) -> None:
    slices, patients = score_volumes(tmp_path, write_volumes(tmp_path))
    numbers = ("position_mm", "reference_mm2", "predicted_mm2", "dice")
    assert [tuple(row[key] for key in ("patient", "sequence", "stem")) for row in slices] == [
        expected[:3] for expected in EXPECTED_SLICES
    ]
    for row, expected in zip(slices, EXPECTED_SLICES, strict=True):
        assert [float(row[key]) for key in numbers] == pytest.approx(expected[3:], rel=1e-5)
    assert [(row["patient"], row["sequence"]) for row in patients] == [expected[:2] for expected in EXPECTED_PATIENTS]
    numbers = ("slices", "slices_with_organ", "reference_ml", "predicted_ml", "dice_3d")
    for row, expected in zip(patients, EXPECTED_PATIENTS, strict=True):
        means = ("mean_dice_all_slices", "mean_dice_organ_slices")
        assert [float(row[key]) for key in (*numbers, *means)] == pytest.approx(expected[2:], rel=1e-5)
    for row in (*slices, *patients):
        assert [row[key] for key in ("experiment", "fold", "seed", "cohort")] == ["small", "all", "3", "test"]
    # Of the last, by hand: 0, 0 and 1 one way, 0 and 0 the other.
    assert (float(patients[2]["assd_mm"]), float(patients[2]["mssd_mm"])) == pytest.approx((0.2, 1))


def test_logits_are_those_of_the_same_patient_and_slice(tmp_path: Path) -> None:
    inputs = write_volumes(tmp_path)
    logits = tmp_path / "logits" / "small" / "test_cohort"
    rows = read_tsv(inputs["prediction_index"])
    # Each slice has a brightness of its own, given in another order than the predictions.
    for brightness, row in zip((51, 102, 153, 204, 255), rows, strict=True):
        write_png(logits / row["file"], np.full(SHAPE, brightness, np.uint8))
    columns = ("cohort", "patient", "sequence", "stem")
    write_index(logits.with_suffix(".tsv"), logits, rows[::-1], columns)
    slices, _ = score_volumes(tmp_path, inputs, logits.with_suffix(".tsv"))
    brightnesses = {row["file"]: n / 5 for n, row in enumerate(rows, 1)}
    for row in slices:
        pixels = {
            stem: len(reference) for stem, (_, reference, _) in VOLUMES[row["sequence"], row["patient"]][2].items()
        }
        size, grey = pixels[row["stem"]], brightnesses[f"{row['sequence']}/{row['patient']}/{row['stem']}.png"]
        assert float(row["dice"]) == round(2 * grey * size / (size + 120 * grey), 3)
    write_index(logits.with_suffix(".tsv"), logits, rows[:-1], columns)
    with pytest.raises(InputError, match=r"logits.*cohort\.tsv: lacks the prediction of z \(patient 8, t1_in_phase\)"):
        score_volumes(tmp_path, inputs, logits.with_suffix(".tsv"))


def test_of_many_slices_that_do_not_fit_the_first_are_named(study: Study) -> None:
    study.found |= {f"x{number}": square(1) for number in range(5)}
    with pytest.raises(InputError, match=r"no admitted slice: x0, x1, x2 and 2 more \(patient 7, t1_in_phase\)"):
        study.write().score()


def test_a_slice_listed_twice_is_refused(study: Study) -> None:
    index = study.write().predictions.with_suffix(".tsv")
    rows = read_tsv(index)
    write_index(index, study.predictions, [*rows, rows[0]], ("cohort", "patient", "sequence", "stem"))
    with pytest.raises(InputError, match=r"fold0_seed1\.tsv: holds a slice listed twice"):
        study.score()
