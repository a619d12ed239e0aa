"""The rows of one volume, worked out by hand: uneven slices, oblong pixels, an oblong matrix."""

from math import sqrt

import numpy as np
import pytest

from chaosliver.base.columns import MEASURES, PATIENT_COLUMNS, RUN, SLICE_COLUMNS
from chaosliver.measure.scores import Volume, patient_scores, slice_scores

SHAPE = (3, 4, 6)
OWNER = {"cohort", "patient", "sequence"}


def mask(*blocks: tuple) -> np.ndarray:
    drawn = np.zeros(SHAPE, bool)
    for block in blocks:
        drawn[block] = True
    return drawn


# A false positive beside the organ; two thirds of the organ; a slice that is missed. 12 mm between the last two.
VOLUME = Volume(
    stems=["a", "b", "c"],
    reference=mask(np.s_[1, 1:3, 1:4], np.s_[2, 1, 1:3]),
    prediction=mask(np.s_[0, 0, 5], np.s_[1, 1:3, 1:3]),
    positions_mm=[0, 5, 17],
    spacing_mm=(1.5, 2.0),
    slice_distance_mm=5,
)


def column(rows, name):
    return [row[name] for row in rows]


def test_slices_by_hand():
    rows = slice_scores(VOLUME)
    assert column(rows, "stem") == ["a", "b", "c"]
    assert column(rows, "position_mm") == [0, 5, 17]
    assert column(rows, "reference_mm2") == [0, 18, 6]
    assert column(rows, "predicted_mm2") == [3, 12, 0]
    assert column(rows, "dice") == column(rows, "dice_of_mask") == pytest.approx([0, 0.8, 0])
    assert column(rows, "scores") == ["mask"] * 3
    assert {*rows[0]} | OWNER | {*RUN} == {*SLICE_COLUMNS}


def test_the_patient_by_hand():
    row = patient_scores(VOLUME, slice_scores(VOLUME), 4)
    assert (row["slices"], row["slices_with_organ"]) == (3, 2)
    assert row["mean_dice_all_slices"] == pytest.approx(0.8 / 3)
    assert row["mean_dice_organ_slices"] == pytest.approx(0.4)
    assert row["dice_3d"] == pytest.approx(8 / 13)
    assert row["ravd_percent"] == pytest.approx(37.5)
    assert (row["reference_ml"], row["predicted_ml"]) == pytest.approx((0.12, 0.075))
    # Two reference voxels lie 2 mm beside the prediction and two 12 mm below it; of the prediction one voxel lies 5 mm
    # above, a row of 1.5 mm and two columns of 2 mm from the reference.
    average = (2 + 2 + 12 + 12 + sqrt(5**2 + 1.5**2 + 4**2)) / 13
    assert row["assd_mm"] == pytest.approx(average)
    assert row["mssd_mm"] == pytest.approx(12)
    # The reference's eight distances are 0 0 0 0 2 2 12 12; the prediction's are smaller.
    assert row["hd95_mm"] == pytest.approx(12)
    # Farther than 4 mm away are the two voxels below and the one above.
    assert row["nsd"] == pytest.approx(10 / 13)
    assert row["challenge_score"] == pytest.approx((0 + 0 + 100 - 20 / 3 * average + 80) / 4)
    assert {*row} | OWNER | {*RUN} == {*PATIENT_COLUMNS}


def test_grey_logits_replace_the_mask_in_dice_alone():
    grey = np.where(VOLUME.reference, 0.25, 0)
    grey[0, 0, 0] = 0.5
    volume = VOLUME._replace(grey=grey)
    rows = slice_scores(volume)
    # Of a false positive nothing, and of a quarter of full brightness 2 * 0.25 / 1.25.
    assert column(rows, "dice") == [0, 0.4, 0.4]
    assert column(rows, "dice_of_mask") == pytest.approx([0, 0.8, 0])
    assert column(rows, "scores") == ["logits"] * 3
    row, masked = patient_scores(volume, rows, 4), patient_scores(VOLUME, slice_scores(VOLUME), 4)
    assert row["mean_dice_all_slices"] == pytest.approx(0.8 / 3)
    assert row["mean_dice_organ_slices"] == pytest.approx(0.4)
    assert row["dice_3d"] == pytest.approx(2 * 2 / (8 + 2.5))
    same = ("ravd_percent", "assd_mm", "hd95_mm", "mssd_mm", "nsd", "challenge_score", "reference_ml", "predicted_ml")
    assert {name: row[name] for name in same} == {name: masked[name] for name in same}


def test_the_dice_of_a_slice_of_logits_has_three_decimals_and_that_of_the_volume_all():
    volume = VOLUME._replace(grey=VOLUME.reference / 7)
    assert column(slice_scores(volume), "dice") == [1, 0.25, 0.25]
    volume = VOLUME._replace(grey=VOLUME.reference / 6)
    assert column(slice_scores(volume), "dice") == [1, 0.286, 0.286]
    assert patient_scores(volume, slice_scores(volume), 4)["dice_3d"] == pytest.approx(2 / 7, abs=1e-9)


def test_without_ground_truth_there_are_positions_areas_and_the_predicted_volume():
    volume = VOLUME._replace(reference=None)
    rows = slice_scores(volume)
    assert column(rows, "predicted_mm2") == [3, 12, 0]
    assert {row[name] for row in rows for name in ("reference_mm2", "dice", "dice_of_mask")} == {None}
    row = patient_scores(volume, rows, 4)
    assert (row["slices"], row["predicted_ml"]) == (3, pytest.approx(0.075))
    assert {row[name] for name in (*MEASURES, "slices_with_organ", "reference_ml")} == {None}


def test_a_volume_without_organ_has_no_mean_over_organ_slices():
    volume = VOLUME._replace(reference=mask())
    row = patient_scores(volume, slice_scores(volume), 4)
    assert (row["slices_with_organ"], row["mean_dice_organ_slices"]) == (0, None)
    assert row["mean_dice_all_slices"] == pytest.approx(1 / 3)


def test_an_organ_of_a_single_small_pixel_makes_its_slice_one_with_organ():
    volume = VOLUME._replace(reference=mask(np.s_[2, 0, 0]), spacing_mm=(0.5, 0.25))
    rows = slice_scores(volume)
    assert column(rows, "reference_mm2") == [0, 0, 0.125]
    row = patient_scores(volume, rows, 4)
    assert (row["slices_with_organ"], row["mean_dice_organ_slices"]) == (1, 0)
