"""The challenge's measures: known values, the rules for empty masks, and the official case."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import SimpleITK
from hypothesis import given
from hypothesis.extra.numpy import arrays
from unit.measure.test_surfaces import distances_by_simpleitk, percentile_95

from chaosliver.measure.metrics import challenge_score, dice, ravd_percent, score_volume, soft_dice

EMPTY = np.zeros((3, 8, 8), dtype=bool)
SOME = EMPTY.copy()
SOME[1, 2:6, 2:6] = True
PLACED = {"positions_mm": [0.0, 5.5, 16.5], "spacing_mm": (1.5, 1.5), "tolerance_mm": 4}
masks = arrays(bool, (2, 5, 5))


def test_dice_by_hand() -> None:
    half = SOME.copy()
    half[1, 2:4] = False
    assert dice(SOME, SOME) == 1
    assert dice(SOME, half) == pytest.approx(2 * 8 / 24)
    assert dice(SOME, ~SOME) == 0


@given(masks, masks)
def test_dice_is_symmetric_and_bounded(reference: np.ndarray, prediction: np.ndarray) -> None:
    assert 0 <= dice(reference, prediction) <= 1
    assert dice(reference, prediction) == dice(prediction, reference)


def test_ravd_counts_both_directions_relative_to_the_reference() -> None:
    larger = SOME.copy()
    larger[2, :2, :2] = True
    assert ravd_percent(SOME, larger) == pytest.approx(25)
    assert ravd_percent(larger, SOME) == pytest.approx(20)


def test_score_by_hand_and_beyond_each_threshold() -> None:
    assert challenge_score(1, 0, 0, 0) == 100
    assert challenge_score(0.9, 2, 3, 12) == pytest.approx((90 + 60 + 80 + 80) / 4)
    assert challenge_score(0.79, 5.1, 15.1, 60.1) == 0
    assert challenge_score(0.8, 5, 15, 60) == pytest.approx(80 / 4)


@pytest.mark.parametrize(
    ("reference", "prediction", "expected"),
    [
        (EMPTY, EMPTY, (1, 0, None, None, None, None, None)),
        (EMPTY, SOME, (0, None, None, None, None, 0, 0)),
        (SOME, EMPTY, (0, 100, None, None, None, 0, 0)),
        (EMPTY, ~EMPTY, (0, None, None, None, None, None, 0)),
        (SOME, SOME, (1, 0, 0, 0, 0, 1, 100)),
    ],
)
def test_rules_for_empty_masks(
    reference: np.ndarray, prediction: np.ndarray, expected: tuple[float | None, ...]
) -> None:
    assert score_volume(reference, prediction, **PLACED) == expected


def test_a_prediction_that_fills_the_volume_has_no_surface() -> None:
    scores = score_volume(SOME, np.ones_like(SOME), **PLACED)
    assert scores.dice == pytest.approx(2 * 16 / (16 + 192))
    assert scores.ravd_percent == pytest.approx(1100)
    assert scores[2:] == (None, None, None, 0, 0)


def test_each_surface_measure_stands_under_its_own_name() -> None:
    """A line of 21 voxels, 1.75 mm apart, against its first; three of the line lie within 4 mm, and the first."""
    line, first = np.zeros((3, 5, 23), bool), np.zeros((3, 5, 23), bool)
    line[1, 2, 1:22] = first[1, 2, 1] = True
    scores = score_volume(line, first, [0, 5.5, 16.5], (1.25, 1.75), 4)
    assert (scores.assd_mm, scores.hd95_mm, scores.mssd_mm) == pytest.approx((210 / 22 * 1.75, 19 * 1.75, 20 * 1.75))
    assert scores.nsd == pytest.approx((3 + 1) / 22)
    assert scores.challenge_score == pytest.approx((100 - 5 / 3 * 35) / 4)


def read_volume(folder: Path) -> np.ndarray:
    return np.stack([cv2.imread(str(file), cv2.IMREAD_UNCHANGED) > 0 for file in sorted(folder.glob("*.png"))])


def test_the_challenges_own_case(shared_data: Path) -> None:
    case = shared_data / "chaos_evaluation_sample"
    geometry = json.loads((case / "geometry.json").read_text())
    reference, prediction = read_volume(case / "Ground"), read_volume(case / "Segmentation")
    positions = [entry["image_position_patient"][2] for entry in geometry["slices"]]
    rows_mm, columns_mm = geometry["pixel_spacing_mm"]
    scores = score_volume(reference, prediction, positions, (rows_mm, columns_mm), 4)
    assert scores.dice == pytest.approx(0.97843, abs=5e-6)
    assert scores.ravd_percent == pytest.approx(0.6645, abs=5e-5)
    assert scores.assd_mm == pytest.approx(0.73413, abs=5e-6)
    assert scores.mssd_mm == pytest.approx(14.0, abs=5e-6)
    # The challenge has neither HD95 nor surface Dice: by SimpleITK.
    spacing = (columns_mm, rows_mm, abs(positions[1] - positions[0]))
    both = [distances_by_simpleitk(*pair, spacing) for pair in ((reference, prediction), (prediction, reference))]
    assert scores.hd95_mm == pytest.approx(max(map(percentile_95, both)), abs=1e-4)
    assert scores.nsd == pytest.approx(np.mean(np.concatenate(both) <= 4), abs=1e-9)


def test_soft_dice_of_a_binary_prediction_is_dice_and_of_a_grey_one_another() -> None:
    draw = np.random.default_rng(1)
    reference, prediction = (draw.random((4, 4)) > 0.5 for _ in range(2))
    assert soft_dice(reference, prediction.astype(float)) == pytest.approx(dice(reference, prediction))
    assert soft_dice(reference, 0.5 * reference) == pytest.approx(2 * 0.5 / 1.5)
    assert soft_dice(np.zeros((2, 2), bool), np.zeros((2, 2))) == 1


def test_each_threshold_belongs_to_what_still_scores() -> None:
    assert challenge_score(0, 5, 99, 99) == pytest.approx(0)
    assert challenge_score(0, 4, 99, 99) == pytest.approx(20 / 4)
    assert challenge_score(0, 99, 14.9999, 99) == pytest.approx((100 - 20 / 3 * 14.9999) / 4)
    assert challenge_score(0.7999, 99, 99, 59.9) == pytest.approx((100 - 5 / 3 * 59.9) / 4)


def test_overlap_and_volumes_agree_with_simpleitk_on_anisotropic_volumes() -> None:
    draw = np.random.default_rng(5)
    reference, prediction = (draw.random((4, 7, 9)) > share for share in (0.4, 0.6))
    first, second = (SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (reference, prediction))
    for image in (first, second):
        image.SetSpacing((1.5, 2.0, 5.5))
    overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlap.Execute(first, second)
    scores = score_volume(reference, prediction, [0, 5.5, 11, 16.5], (2.0, 1.5), 4)
    assert scores.dice == pytest.approx(overlap.GetDiceCoefficient())
    # SimpleITK gives 2 (source - target) / (source + target): of counts a and b here that of a - b over a + b.
    wanted, found = reference.sum(), prediction.sum()
    assert overlap.GetVolumeSimilarity() == pytest.approx(2 * (int(wanted) - int(found)) / (wanted + found))
    assert scores.ravd_percent == pytest.approx(100 * abs(int(found) - int(wanted)) / wanted)


def test_the_farthest_distance_of_masks_apart_agrees_with_simpleitk() -> None:
    """Where neither mask lies within the other, the farthest voxel of the one is on its border."""
    reference, prediction = np.zeros((6, 9, 14), bool), np.zeros((6, 9, 14), bool)
    reference[1:3, 1:6, 2:5], prediction[2:5, 3:8, 7:12] = True, True
    prediction[4, 7, 12] = True
    first, second = (SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (reference, prediction))
    for image in (first, second):
        image.SetSpacing((1.5, 2.0, 5.5))
    distance = SimpleITK.HausdorffDistanceImageFilter()
    distance.Execute(first, second)
    scores = score_volume(reference, prediction, [5.5 * number for number in range(6)], (2.0, 1.5), 4)
    assert scores.mssd_mm == pytest.approx(distance.GetHausdorffDistance(), abs=1e-5)


def test_soft_dice_adds_bright_pixels_of_8_bits_without_rounding() -> None:
    reference = np.ones((300, 400), bool)
    grey = np.full((300, 400), 0.1, np.float32)
    assert soft_dice(reference, grey) == pytest.approx(
        2 * float(np.float32(0.1)) / (1 + float(np.float32(0.1))), rel=1e-12
    )
