"""Augmentation on the fly: each part of a draw by itself, and its application by hand."""

import math

import pytest
import torch
from torch.nn import functional

from chaosliver.network import transforms
from chaosliver.network.transforms import Draw, change_greys, draw, move

# What each part of a draw is called in the module; all but one are switched off to look at that one.
PARTS = ("ROTATION_DEGREES", "SCALE", "ASPECT", "SHEAR", "SHIFT", "ELASTIC", "GAMMA", "BIAS", "CONTRAST", "NOISE")
ROWS, COLUMNS = 32, 48


@pytest.fixture
def batch():
    torch.manual_seed(0)
    masks = torch.zeros(4, 2, ROWS, COLUMNS)
    masks[:, 0, 8:24, 10:30] = 1
    masks[:, 1, 12:20, 34:44] = 1
    return torch.randn(4, 3, ROWS, COLUMNS) * 0.1 + masks[:, :1] * 2, masks


@pytest.fixture
def drawn_with(monkeypatch):
    """A function that draws for many images of 1 channel with one part alone."""

    def draw_with(*parts, count=3000, strength=1):
        for part in PARTS:
            if part not in parts:
                monkeypatch.setattr(transforms, part, 0)
        torch.manual_seed(3)
        return draw(torch.zeros(count, 1, ROWS, COLUMNS), strength)

    return draw_with


def apply(drawn, images, masks):
    moved, labels = move(drawn, images, masks)
    return change_greys(drawn, moved), labels


def identity(count=1):
    eye = torch.eye(2, 3).expand(count, 2, 3)
    return functional.affine_grid(eye, [count, 1, ROWS, COLUMNS], align_corners=False)


def pixel_maps(drawn):
    """Affine maps [count, 2, 3] from the pixels (x, y) around the image's middle to the pixels that they come from."""
    half = torch.tensor([COLUMNS / 2, ROWS / 2])
    # An affine map is known by where it takes a few pixels.
    here = identity()[0, ::8, ::8].reshape(-1, 2) * half
    there = drawn.grid[:, ::8, ::8].reshape(len(drawn.grid), -1, 2) * half
    known = torch.cat([here, torch.ones(len(here), 1)], dim=1).expand(len(there), -1, 3)
    return torch.linalg.lstsq(known, there).solution.transpose(1, 2)


def close(found, expected, tolerance=1e-4):
    return torch.allclose(found, torch.as_tensor(expected).to(found.dtype), atol=tolerance)


def uniform_between(values, limit):
    """Whether values fill [-limit, limit] evenly."""
    return (
        values.abs().max() <= limit + 1e-3
        and values.max() > 0.99 * limit
        and values.min() < -0.99 * limit
        and abs(values.mean()) < 0.04 * limit
        and values.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)
    )


def test_nothing_switched_on_changes_nothing(drawn_with, batch):
    drawn = drawn_with(count=4)
    assert close(drawn.grid, identity(4), 1e-6)
    images, masks = apply(drawn, batch[0][:, :1], batch[1])
    assert close(images, batch[0][:, :1], 1e-3) and torch.equal(masks, batch[1])


def test_rotation_is_by_up_to_20_degrees_and_keeps_lengths_in_millimetres_of_square_pixels(drawn_with):
    maps = pixel_maps(drawn_with("ROTATION_DEGREES"))
    cosine, sine = maps[:, 0, 0], maps[:, 1, 0]
    assert close(maps[:, 0, 1], -sine) and close(maps[:, 1, 1], cosine)
    assert close(cosine**2 + sine**2, torch.ones(len(maps)))
    assert close(maps[:, :, 2], torch.zeros(len(maps), 2))
    assert uniform_between(torch.rad2deg(torch.atan2(sine, cosine)), 20)


def test_an_organ_grows_or_shrinks_by_up_to_a_quarter_on_a_log_scale(drawn_with):
    maps = pixel_maps(drawn_with("SCALE"))
    assert close(maps[:, 0, 0], maps[:, 1, 1])
    assert close(maps[:, [0, 1, 0, 1], [1, 0, 2, 2]], torch.zeros(len(maps), 4))
    assert uniform_between(-maps[:, 0, 0].log(), 0.25)


def test_rows_shrink_as_columns_stretch(drawn_with):
    maps = pixel_maps(drawn_with("ASPECT"))
    assert close(maps[:, 0, 0] * maps[:, 1, 1], torch.ones(len(maps)))
    assert uniform_between(maps[:, 0, 0].log(), 0.1)


def test_shear_moves_rows_along_one_another(drawn_with):
    maps = pixel_maps(drawn_with("SHEAR"))
    assert close(maps[:, [0, 1], [0, 1]], torch.ones(len(maps), 2))
    assert close(maps[:, 1, 0], torch.zeros(len(maps)))
    assert uniform_between(maps[:, 0, 1], 0.1)


def test_shifts_along_rows_and_columns_are_drawn_apart(drawn_with):
    maps = pixel_maps(drawn_with("SHIFT"))
    across, down = maps[:, 0, 2] / (COLUMNS / 2), maps[:, 1, 2] / (ROWS / 2)
    assert uniform_between(across, 0.12) and uniform_between(down, 0.12)
    assert abs(torch.corrcoef(torch.stack([across, down]))[0, 1]) < 0.05


def test_a_rotated_scaled_stretched_and_sheared_map_is_composed_as_it_always_was(drawn_with):
    """By hand from the draws in their order: angle, scale, stretch, shear, and the two shifts."""
    maps = pixel_maps(drawn_with("ROTATION_DEGREES", "SCALE", "ASPECT", "SHEAR", "SHIFT", count=5))
    torch.manual_seed(3)
    angle, scale, stretch, shear, across, down = (torch.rand(5) * 2 - 1 for _ in range(6))
    angle, zoom, wide = angle * math.radians(20), torch.exp(scale * 0.25), torch.exp(stretch * 0.1)
    assert close(maps[:, 0, 0], torch.cos(angle) / zoom * wide)
    assert close(maps[:, 0, 1], shear * 0.1 - torch.sin(angle) / zoom)
    assert close(maps[:, 1, 0], torch.sin(angle) / zoom)
    assert close(maps[:, 1, 1], torch.cos(angle) / zoom / wide)
    assert close(maps[:, 0, 2], across * 0.12 * COLUMNS / 2, 1e-3)
    assert close(maps[:, 1, 2], down * 0.12 * ROWS / 2, 1e-3)


def test_half_of_the_slices_are_bent(drawn_with):
    moved = drawn_with("ELASTIC").grid - identity()
    bent = moved.abs().amax((1, 2, 3)) > 1e-6
    assert bent.float().mean().item() == pytest.approx(0.5, abs=0.03)
    # At the image's corners the interpolation passes through the nodes.
    corners = moved[bent][:, [0, 0, -1, -1], [0, -1, 0, -1]].reshape(int(bent.sum()), 8)
    assert corners.std(0).tolist() == pytest.approx([0.035] * 8, rel=0.08)
    assert corners.mean().abs() < 0.001
    assert (torch.corrcoef(corners.T) - torch.eye(8)).abs().max() < 0.1


def test_a_bend_has_5_by_7_nodes(drawn_with):
    """Interpolated between them: at the place of a node it is what was drawn there."""
    torch.manual_seed(8)
    count = 3
    torch.rand(6 * count)
    drawn_with("ELASTIC", count=1)
    torch.manual_seed(8)
    images = torch.zeros(count, 1, 33, 49)
    drawn = draw(images, 1)
    torch.manual_seed(8)
    for _ in range(6):
        torch.rand(count)
    chosen = (torch.rand(count, 1, 1, 1) < 0.5).float()
    nodes = chosen * 0.035 * torch.randn(count, 2, 5, 7)
    eye = torch.eye(2, 3).expand(count, 2, 3)
    moved = drawn.grid - functional.affine_grid(eye, [count, 1, 33, 49], align_corners=False)
    # 33 rows: a node every 8; 49 columns: one every 8.
    assert close(moved[:, ::8, ::8].permute(0, 3, 1, 2), nodes, 1e-5)
    assert chosen.any()


def test_grey_values_change_by_gamma_bias_contrast_and_noise_of_these_sizes(drawn_with):
    drawn = drawn_with("GAMMA", "BIAS", "CONTRAST", "NOISE")
    assert drawn.gamma.shape == drawn.contrast.shape == (3000, 1, 1, 1)
    assert uniform_between(drawn.gamma.flatten().log(), 0.4)
    contrast = drawn.contrast.flatten().log()
    assert contrast.std().item() == pytest.approx(0.15, rel=0.05) and abs(contrast.mean()) < 0.01
    assert drawn.bias.shape == (3000, 1, ROWS, COLUMNS)
    corners = drawn.bias[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]].log()
    assert corners.std(0).tolist() == pytest.approx([0.15] * 4, rel=0.06) and abs(corners.mean()) < 0.01
    assert (torch.corrcoef(corners.T) - torch.eye(4)).abs().max() < 0.1
    spread = drawn.noise.std((1, 2, 3))
    noisy = spread > 0
    assert noisy.float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert spread[noisy].mean().item() == pytest.approx(0.075, rel=0.06)
    assert 0.14 < spread.max() < 0.16
    assert abs(drawn.noise.mean()) < 0.001


def test_the_bias_has_3_by_4_nodes(drawn_with):
    drawn_with("BIAS", count=1)
    torch.manual_seed(2)
    drawn = draw(torch.zeros(2, 1, 33, 49), 1)
    torch.manual_seed(2)
    for shape in (*[(2,)] * 6, (2, 1, 1, 1)):
        torch.rand(shape)
    torch.randn(2, 2, 5, 7)
    for _ in range(3):
        torch.rand(2, 1, 1, 1)
    nodes = torch.randn(2, 1, 3, 4) * 0.15
    assert close(drawn.bias[:, :, ::16, ::16].log(), nodes, 1e-4)


def test_at_half_the_strength_every_range_is_half_as_wide_and_nothing_is_drawn_more_often(drawn_with):
    whole, half = drawn_with(*PARTS, count=200), drawn_with(*PARTS, count=200, strength=0.5)
    for name in ("gamma", "bias", "contrast"):
        assert close(getattr(half, name).log() * 2, getattr(whole, name).log())
    assert close(half.noise * 2, whole.noise)


@pytest.mark.parametrize("part", ["ROTATION_DEGREES", "SCALE", "ASPECT", "SHEAR", "SHIFT"])
def test_at_half_the_strength_each_part_of_the_affine_map_is_half_as_large(drawn_with, part):
    eye = torch.eye(2, 3)
    whole, half = (pixel_maps(drawn_with(part, count=100, strength=strength)) for strength in (1, 0.5))
    if part in ("SCALE", "ASPECT"):
        assert close(half[:, 0, 0].log() * 2, whole[:, 0, 0].log())
    elif part == "ROTATION_DEGREES":
        assert close(torch.asin(half[:, 1, 0]) * 2, torch.asin(whole[:, 1, 0]))
    else:
        assert close((half - eye) * 2, whole - eye)


def test_at_half_the_strength_a_bend_is_half_as_deep(drawn_with):
    whole, half = (drawn_with("ELASTIC", count=100, strength=strength).grid - identity() for strength in (1, 0.5))
    assert whole.abs().max() > 0.01 and close(half * 2, whole)


def test_all_is_drawn_in_one_order():
    """Other orders would give other weights from the same seed."""
    torch.manual_seed(1)
    drawn = draw(torch.zeros(2, 3, 4, 6), 1)
    torch.manual_seed(1)
    for _ in range(6):
        torch.rand(2)
    one = (2, 1, 1, 1)
    torch.rand(one)
    torch.randn(2, 2, 5, 7)
    noisy = torch.rand(one) * 0.15
    noisy = noisy * (torch.rand(one) < 0.5)
    assert close(drawn.gamma, torch.exp((torch.rand(one) * 2 - 1) * 0.4), 1e-6)
    torch.randn(2, 1, 3, 4)
    assert close(drawn.contrast, torch.exp(torch.randn(one) * 0.15), 1e-6)
    assert close(drawn.noise, torch.randn(2, 3, 4, 6) * noisy, 1e-6)


def plain(grid, **changes):
    count = len(grid)
    ones = torch.ones(count, 1, 1, 1)
    parts = {"gamma": ones, "bias": ones, "contrast": ones, "noise": torch.zeros(count, 1, 1, 1), **changes}
    return Draw(grid=grid, **parts)


def test_grey_values_by_hand():
    """The share of the range to the power of gamma, by the range, bias and contrast; then the noise."""
    images = torch.tensor([[[[1.0, 2.0, 5.0]], [[3.0, 1.0, 4.0]]], [[[0.0, 0.0, 0.0]], [[-4.0, -2.0, 0.0]]]])
    grid = functional.affine_grid(torch.eye(2, 3).expand(2, 2, 3), [2, 1, 1, 3], align_corners=False)
    bias = torch.tensor([1.0, 2.0, 0.5]).expand(2, 1, 1, 3)
    gamma, contrast = torch.tensor([2.0, 0.5]).reshape(2, 1, 1, 1), torch.tensor([1.5, 2.0]).reshape(2, 1, 1, 1)
    noise = torch.full((2, 2, 1, 3), 0.25)
    found, _ = apply(plain(grid, gamma=gamma, bias=bias, contrast=contrast, noise=noise), images, images)

    def expected(value, low, span, power, factor, contrast):
        return ((value - low) / span) ** power * span * factor * contrast + low * contrast + 0.25

    # Both channels of an image share one range: 1 to 5, and -4 to 0.
    for number, (low, power, last) in enumerate(((1, 2, 1.5), (-4, 0.5, 2.0))):
        for channel in range(2):
            for column, factor in enumerate((1, 2, 0.5)):
                value = images[number, channel, 0, column].item()
                by_hand = expected(value, low, 4, power, factor, last)
                assert found[number, channel, 0, column].item() == pytest.approx(by_hand, abs=0.02)
    # Nearly nothing of the range is left at its lower end.
    assert found[0, 0, 0, 0].item() == pytest.approx(1 * 1.5 + 0.25, abs=1e-5)


def test_an_image_of_one_grey_value_stays_it():
    images = torch.full((1, 1, 4, 6), 3.0)
    grid = functional.affine_grid(torch.eye(2, 3)[None], [1, 1, 4, 6], align_corners=False)
    found, _ = apply(plain(grid), images, images)
    assert close(found, images)


def test_image_and_masks_are_moved_by_whole_pixels_and_what_comes_from_outside_is_border_or_nothing():
    images = torch.arange(24.0).reshape(1, 1, 4, 6)
    masks = (images % 2).expand(1, 2, 4, 6)
    # From 2 columns to the right, and 1 row above.
    map_ = torch.tensor([[[1.0, 0, 4 / 6], [0, 1, -2 / 4]]])
    grid = functional.affine_grid(map_, [1, 1, 4, 6], align_corners=False)
    moved, labels = apply(plain(grid), images, masks)
    rows, columns = torch.arange(4)[:, None] - 1, torch.arange(6)[None] + 2
    inside = (rows >= 0) & (columns < 6)
    expected = images[0, 0][rows.clamp(min=0), columns.clamp(max=5)]
    assert close(moved[0, 0], expected, 1e-3)
    assert torch.equal(labels[0, 1], torch.where(inside, expected % 2, torch.zeros(())))


def test_between_pixels_the_image_is_linear_and_the_mask_the_nearest():
    images = torch.tensor([[[[0.0, 4.0, 8.0, 0.0]]]])
    masks = torch.tensor([[[[0.0, 1.0, 1.0, 0.0]]]])
    # A quarter of a pixel to the right.
    grid = functional.affine_grid(torch.tensor([[[1.0, 0, 0.25 / 2], [0, 1, 0]]]), [1, 1, 1, 4], align_corners=False)
    moved, labels = apply(plain(grid), images, masks)
    assert close(moved.flatten(), [1.0, 5.0, 6.0, 0.0], 1e-3)
    assert labels.flatten().tolist() == [0, 1, 1, 0]


def test_shapes_stay_and_masks_stay_binary(batch):
    images, masks = apply(draw(batch[0], 1), *batch)
    assert (images.shape, masks.shape) == (batch[0].shape, batch[1].shape)
    assert set(masks.unique().tolist()) == {0, 1}
    assert torch.isfinite(images).all()


def test_the_same_draw_gives_the_same_variant_and_another_seed_another(batch):
    torch.manual_seed(1)
    drawn = draw(batch[0], 1)
    torch.manual_seed(1)
    first = apply(drawn, *batch)
    torch.manual_seed(1)
    assert all(torch.equal(a, b) for a, b in zip(first, apply(draw(batch[0], 1), *batch), strict=True))
    torch.manual_seed(2)
    second = apply(draw(batch[0], 1), *batch)
    assert not torch.equal(first[0], second[0]) and not torch.equal(first[1], second[1])


def test_image_and_mask_move_in_lock_step(batch):
    """The bright block of the image stays under its mask."""
    images, masks = batch
    clean = masks[:, :1].expand_as(images).contiguous()
    for seed in range(20):
        torch.manual_seed(seed)
        drawn = draw(clean, 1)
        quiet = drawn._replace(noise=torch.zeros_like(clean), bias=torch.ones(4, 1, ROWS, COLUMNS))
        moved, labels = apply(quiet, clean, masks)
        seen = moved[:, 0] > (moved[:, 0].amax((1, 2), keepdim=True) / 2)
        agreement = (seen == (labels[:, 0] > 0)).float().mean()
        assert agreement > 0.95


def test_all_slices_of_a_sample_move_together(batch):
    images, masks = batch
    same = images[:, :1].expand(-1, 3, -1, -1).contiguous()
    drawn = draw(same, 1)
    moved, _ = apply(drawn._replace(noise=torch.zeros_like(same)), same, masks)
    assert torch.allclose(moved[:, 0], moved[:, 1]) and torch.allclose(moved[:, 0], moved[:, 2])
