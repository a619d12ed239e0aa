"""Augmentation on the fly."""

import pytest
import torch

from chaosliver.network.transforms import apply, augment, draw


@pytest.fixture
def batch():
    torch.manual_seed(0)
    masks = torch.zeros(4, 2, 32, 48)
    masks[:, 0, 8:24, 10:30] = 1
    masks[:, 1, 12:20, 34:44] = 1
    return torch.randn(4, 3, 32, 48) * 0.1 + masks[:, :1] * 2, masks


def test_shapes_stay_and_masks_stay_binary(batch):
    images, masks = augment(*batch)
    assert (images.shape, masks.shape) == (batch[0].shape, batch[1].shape)
    assert set(masks.unique().tolist()) == {0, 1}
    assert torch.isfinite(images).all()


def test_the_same_draw_gives_the_same_variant_and_another_seed_another(batch):
    torch.manual_seed(1)
    drawn = draw(batch[0])
    assert torch.equal(apply(drawn, *batch)[0], apply(drawn, *batch)[0])
    torch.manual_seed(1)
    assert torch.equal(apply(draw(batch[0]), *batch)[0], apply(drawn, *batch)[0])
    assert not torch.equal(augment(*batch)[0], apply(drawn, *batch)[0])


def test_image_and_mask_move_in_lock_step(batch):
    """The bright block of the image stays under its mask."""
    images, masks = batch
    clean = masks[:, :1].expand_as(images).contiguous()
    for seed in range(20):
        torch.manual_seed(seed)
        drawn = draw(clean)
        moved, labels = apply(
            drawn._replace(noise=torch.zeros_like(clean), bias=torch.ones(4, 1, 32, 48)), clean, masks
        )
        seen = moved[:, 0] > (moved[:, 0].amax((1, 2), keepdim=True) / 2)
        agreement = (seen == (labels[:, 0] > 0)).float().mean()
        assert agreement > 0.95


def test_all_slices_of_a_sample_move_together(batch):
    images, masks = batch
    same = images[:, :1].expand(-1, 3, -1, -1).contiguous()
    drawn = draw(same)
    moved, _ = apply(drawn._replace(noise=torch.zeros_like(same)), same, masks)
    assert torch.allclose(moved[:, 0], moved[:, 1]) and torch.allclose(moved[:, 0], moved[:, 2])
