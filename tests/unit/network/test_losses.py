"""Losses by hand."""

import math

import pytest
import torch

from chaosliver.network.losses import bce, bce_dice, total_loss, weighted


def test_cross_entropy_is_per_organ():
    logits = torch.zeros(2, 3, 4, 4)
    assert bce(logits, torch.ones(2, 3, 4, 4)).tolist() == pytest.approx([math.log(2)] * 3)


def test_dice_of_a_perfect_and_of_an_opposite_prediction():
    masks = torch.zeros(1, 1, 8, 8)
    masks[..., :4] = 1
    sure = 50 * (2 * masks - 1)
    assert bce_dice(sure, masks).item() == pytest.approx(0, abs=1e-4)
    assert bce_dice(-sure, masks).item() > 50


def test_the_first_organ_weighs_most():
    assert weighted(torch.tensor([1.0, 0.0, 0.0, 0.0])).item() == pytest.approx(1 / 1.75)
    assert weighted(torch.tensor([0.7])).item() == pytest.approx(0.7)


def test_deeper_levels_are_held_against_masks_of_their_size_and_weigh_less_and_less():
    masks = torch.zeros(1, 1, 8, 8)
    # Three quarters of a coarse pixel count as a whole one, a quarter as none.
    masks[0, 0, :3, :2] = 1
    fine, coarse, coarser = (torch.zeros(1, 1, size, size) for size in (8, 4, 2))
    reached = []

    def loss(logits, target):
        reached.append(target)
        return torch.ones(1)

    assert total_loss(loss, (fine, coarse, coarser), masks).item() == pytest.approx(1 + 0.4 + 0.2)
    assert reached[1].squeeze().tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert reached[2].sum() == 0
    assert total_loss(loss, fine, masks).item() == 1
