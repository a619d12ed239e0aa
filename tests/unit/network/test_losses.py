"""Losses by hand."""

import math

import pytest
import torch

from chaosliver.network.losses import LOSSES, bce, bce_dice, total_loss, weighted


def test_cross_entropy_is_per_organ():
    logits = torch.zeros(2, 3, 4, 6)
    masks = torch.ones(2, 3, 4, 6)
    # Of the third organ every answer is e to one for it, and half of the pixels are: ln(1 + e) - 1/2.
    logits[:, 2], masks[0, 2] = 1, 0
    expected = [math.log(2), math.log(2), math.log(1 + math.e) - 0.5]
    assert bce(logits, masks).tolist() == pytest.approx(expected)


def test_dice_of_a_perfect_and_of_an_opposite_prediction():
    masks = torch.zeros(1, 1, 8, 8)
    masks[..., :4] = 1
    sure = 50 * (2 * masks - 1)
    assert bce_dice(sure, masks).item() == pytest.approx(0, abs=1e-4)
    assert bce_dice(-sure, masks).item() > 50


def test_soft_dice_is_of_the_whole_batch_per_organ_and_one_pixel_is_given():
    """Two slices of 2 x 3 pixels, chances of 1/2 for the first organ and 3/4 for the second."""
    logits = torch.zeros(2, 2, 2, 3)
    logits[:, 1] = math.log(3)
    masks = torch.zeros(2, 2, 2, 3)
    masks[0, 0] = 1
    masks[1, 1, 0] = 1
    # 6 of 12 pixels of the first organ: overlap 3, chances 6. 3 of 12 of the second: overlap 2.25, chances 9.
    dice = [(2 * 3 + 1) / (6 + 6 + 1), (2 * 2.25 + 1) / (9 + 3 + 1)]
    entropy = [math.log(2), (3 * math.log(4 / 3) + 9 * math.log(4)) / 12]
    expected = [entropy[organ] + 1 - dice[organ] for organ in range(2)]
    assert bce_dice(logits, masks).tolist() == pytest.approx(expected, rel=1e-5)
    assert {"bce": bce, "bce_dice": bce_dice} == LOSSES


def test_the_first_organ_weighs_most():
    assert weighted(torch.tensor([1.0, 0.0, 0.0, 0.0])).item() == pytest.approx(1 / 1.75)
    assert weighted(torch.tensor([0.0, 0.4, 0.0])).item() == pytest.approx(0.1 / 1.5)
    assert weighted(torch.tensor([0.7])).item() == pytest.approx(0.7)


def test_deeper_levels_are_held_against_masks_of_their_size_and_weigh_less_and_less():
    masks = torch.zeros(1, 1, 8, 16)
    # Three quarters of a coarse pixel count as a whole one, a half as none.
    masks[0, 0, :3, :2] = 1
    masks[0, 0, 3, 0] = 1
    masks[0, 0, 6:, 14] = 1
    fine, coarse, coarser = (torch.zeros(1, 1, size, 2 * size) for size in (8, 4, 2))
    reached = []

    def loss(logits, target):
        reached.append(target)
        return torch.full((1,), float(logits.shape[-2]))

    assert total_loss(loss, (fine, coarse, coarser), masks).item() == pytest.approx(8 + 0.4 * 4 + 0.2 * 2)
    assert torch.equal(reached[0], masks)
    expected = torch.zeros(4, 8)
    expected[0, 0] = expected[1, 0] = 1
    assert reached[1].dtype == torch.float32 and torch.equal(reached[1][0, 0], expected)
    assert reached[2].sum() == 0
    assert total_loss(loss, fine, masks).item() == 8


def test_the_loss_over_several_organs_and_levels_is_weighted_at_each():
    def loss(logits, target):
        assert logits.dtype == torch.float32
        return torch.tensor([1.0, 2.0]) * logits.shape[-1]

    logits = [torch.zeros(1, 2, size, size, dtype=torch.bfloat16) for size in (8, 4)]
    by_level = [(1 * size + 0.25 * 2 * size) / 1.25 for size in (8, 4)]
    assert total_loss(loss, logits, torch.zeros(1, 2, 8, 8)).item() == pytest.approx(by_level[0] + 0.4 * by_level[1])
