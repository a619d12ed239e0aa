"""Random contrasts: each kind of draw by itself, and its application by hand."""

import numpy as np
import pytest
import torch

from chaosliver.network import contrasts
from chaosliver.network.contrasts import Draw, OrganGreys, Pieces, apply, draw
from chaosliver.network.recipe import Contrasts

NOTHING = Draw(None, None, None, None)
ROWS, COLUMNS = 20, 35


def chances(**given):
    return Contrasts(**{"curve": 0, "clusters": 0, "organs": 0, "inversion": 0, **given})


def drawn_with(count=4000, **given):
    torch.manual_seed(5)
    return draw(chances(**given), torch.zeros(count, 3, 2, 3))


def pieces(quantiles, starts, ends):
    """For every image of a batch of three the same pieces."""
    parts = [torch.tensor([row] * 3, dtype=torch.float32) for row in (quantiles, starts, ends)]
    return Pieces(torch.ones(3, 1, 1, 1, dtype=torch.bool), *parts)


def matched(values, before, body):
    """What keeps the mean and the deviation of the body, by numpy."""
    inside, own = values[body], before[body]
    return (values - inside.mean()) / inside.std() * own.std() + own.mean()


@pytest.fixture
def batch():
    """Three images of three neighbouring slices: air on the left, two organs, a body that slowly grows brighter."""
    images = torch.linspace(0.3, 0.6, ROWS * COLUMNS).reshape(1, 1, ROWS, COLUMNS).repeat(3, 3, 1, 1)
    masks = torch.zeros(3, 2, ROWS, COLUMNS)
    masks[:, 0, 4:12, 8:18] = 1
    masks[:, 1, 12:18, 22:30] = 1
    images = images + 0.3 * masks[:, :1] - 0.15 * masks[:, 1:] + 0.02 * torch.arange(3).reshape(1, 3, 1, 1)
    images[..., :5] = 0
    images[..., 0, 10] = 1
    return images * torch.tensor([1.0, 4.0, 300.0]).reshape(3, 1, 1, 1) - 2, masks


def test_a_recipe_without_contrasts_draws_nothing_and_changes_nothing(batch):
    before = torch.get_rng_state()
    drawn = draw(chances(), batch[1])
    assert drawn == NOTHING and torch.equal(before, torch.get_rng_state())
    assert apply(drawn, *batch) is batch[0]


@pytest.mark.parametrize("kind", ["curve", "clusters", "organs", "inversion"])
def test_each_kind_is_drawn_by_itself_as_often_as_the_recipe_says(kind):
    drawn = drawn_with(**{kind: 0.3})
    assert [part is not None for part in drawn] == [
        kind == name for name in ("organs", "curve", "clusters", "inversion")
    ]
    part = next(part for part in drawn if part is not None)
    chosen = part if kind == "inversion" else part.chosen
    assert chosen.shape == (4000, 1, 1, 1) and chosen.float().mean().item() == pytest.approx(0.3, abs=0.03)


def test_kinds_are_drawn_apart():
    drawn = drawn_with(curve=0.5, clusters=0.5, organs=0.5, inversion=0.5)
    flags = torch.stack([drawn.organs.chosen, drawn.curve.chosen, drawn.clusters.chosen, drawn.inverted]).flatten(1)
    assert (torch.corrcoef(flags.float()) - torch.eye(4)).abs().max() < 0.06


def test_a_curve_starts_at_air_and_joins_its_pieces():
    curve = drawn_with(curve=0.5).curve
    assert torch.equal(curve.starts[:, 1:], curve.ends[:, :-1])
    assert (curve.starts[:, 0] == 0.08).all()
    assert curve.quantiles.shape == (4000, 9) and curve.ends.shape == curve.starts.shape == (4000, 10)
    assert (curve.quantiles.diff(dim=1) >= 0).all()
    # Rank k of nine uniform numbers has the mean k / 10; heights are uniform and fall as often as they rise.
    assert curve.quantiles.mean(0).tolist() == pytest.approx([rank / 10 for rank in range(1, 10)], abs=0.01)
    assert curve.ends.mean(0).tolist() == pytest.approx([0.5] * 10, abs=0.02)
    assert curve.ends.std(0).tolist() == pytest.approx([12**-0.5] * 10, abs=0.02)
    assert (curve.ends[:, 1:] < curve.starts[:, 1:]).float().mean().item() == pytest.approx(0.5, abs=0.01)


def test_clusters_have_a_grey_value_each_and_differ_little_within():
    clusters = drawn_with(clusters=0.5).clusters
    rises = clusters.ends - clusters.starts
    assert rises.abs().max() <= 0.2501 and (clusters.ends >= 0).all() and (clusters.ends <= 1).all()
    inner = (clusters.starts > 0.25) & (clusters.starts < 0.75)
    assert rises[inner].std().item() == pytest.approx(0.25 / 3**0.5, abs=0.005)
    assert not torch.isclose(clusters.starts[:, 1:], clusters.ends[:, :-1]).any(dim=1).all()


def test_organs_get_means_and_slopes_of_their_own():
    organs = drawn_with(organs=0.5).organs
    assert organs.means.shape == organs.slopes.shape == (4000, 3, 1, 1)
    assert organs.means.mean().item() == pytest.approx(0.5, abs=0.01) and organs.means.min() >= 0
    assert organs.slopes.abs().max() <= 1.5 and organs.slopes.std().item() == pytest.approx(1.5 / 3**0.5, rel=0.03)
    both = torch.cat([organs.means, organs.slopes], dim=1).flatten(1)
    assert (torch.corrcoef(both.T) - torch.eye(6)).abs().max() < 0.06


def test_inversion_turns_the_body_over_and_leaves_air_where_it_is():
    image = torch.tensor([[[[0.0, 0.05, 0.5, 1.0, 0.25]]]]) * 40 - 3
    found = apply(NOTHING._replace(inverted=torch.ones(1, 1, 1, 1, dtype=torch.bool)), image, torch.zeros(1, 1, 1, 5))
    share = np.array([0, 0.05, 0.5, 1, 0.25])
    body = share > 0.08
    expected = matched(np.where(body, 1.08 - share, share), share, body) * 40 - 3
    assert found.flatten().tolist() == pytest.approx(expected.tolist(), abs=1e-3)
    own, new = image.flatten().numpy()[body], found.flatten().numpy()[body]
    assert new.mean() == pytest.approx(own.mean(), abs=1e-3) and new.std() == pytest.approx(own.std(), abs=1e-3)


def test_a_piecewise_map_by_hand(batch, monkeypatch):
    """numpy's quantiles and its interpolation give the same curve for every channel of every image."""
    monkeypatch.setattr(contrasts, "STRIDE", 1)
    heights = [0.08, 0.9, 0.1, 0.6, 0.3]
    quantiles = [0.2, 0.5, 0.75]
    found = apply(NOTHING._replace(curve=pieces(quantiles, heights[:-1], heights[1:])), *batch)
    for image, result in zip(batch[0].numpy().astype(float), found.numpy(), strict=True):
        low, span = image.min(), image.max() - image.min()
        share = (image - low) / span
        body = share > 0.08
        knots = np.quantile(share[1][body[1]], quantiles, method="lower")
        changed = np.where(body, np.interp(share, [0.08, *knots, 1], heights), share)
        expected = matched(changed, share, body) * span + low
        assert np.abs(result - expected).max() < 0.01 * span


def test_clusters_jump_at_their_edges(monkeypatch):
    monkeypatch.setattr(contrasts, "STRIDE", 1)
    share = torch.linspace(0, 1, 101).reshape(1, 1, 1, 101).repeat(3, 1, 1, 1)
    body = share > 0.08
    made = contrasts._by_pieces(pieces([0.5, 0.5], [0.7, 0.4, 0.2], [0.9, 0.4, 0.1]), share, body)
    values = made[1].flatten()[body[1].flatten()]
    # 92 pixels from 0.09 to 1: the pixel at half of the ranks is 0.54. From 0.08 to there 0.7 rises to 0.9.
    assert values[0].item() == pytest.approx(0.7 + 0.2 * 0.01 / 0.46, abs=1e-3)
    assert values[44].item() == pytest.approx(0.7 + 0.2 * 0.45 / 0.46, abs=1e-3)
    assert values[45].item() == pytest.approx(0.2, abs=1e-3) and values[-1].item() == pytest.approx(0.1, abs=1e-3)


def test_an_organ_gets_a_mean_and_a_texture_of_its_own_and_nothing_else_changes(batch):
    images, masks = batch
    share = (images - images.amin((1, 2, 3), keepdim=True)) / (
        images.amax((1, 2, 3), keepdim=True) - images.amin((1, 2, 3), keepdim=True)
    )
    new = OrganGreys(
        chosen=torch.ones(3, 1, 1, 1, dtype=torch.bool),
        means=torch.tensor([0.3, 0.8]).reshape(1, 2, 1, 1).expand(3, 2, 1, 1),
        slopes=torch.tensor([-0.5, 1.25]).reshape(1, 2, 1, 1).expand(3, 2, 1, 1),
    )
    found = contrasts._with_organs(new, share, masks)
    for organ, (mean, slope) in enumerate(((0.3, -0.5), (0.8, 1.25))):
        inside = masks[0, organ] > 0
        # A pixel away from the edge, where the mask is not softened.
        core = torch.zeros_like(inside)
        core[5:11, 9:17] = True
        core[13:17, 23:29] = True
        core &= inside
        own = share[0, 1][inside].mean()
        for channel in range(3):
            expected = mean + (share[0, channel][core] - own) * slope
            assert torch.allclose(found[0, channel][core], expected, atol=1e-5)
    far = torch.nn.functional.max_pool2d(masks.amax(1, keepdim=True), 3, 1, 1) == 0
    assert torch.equal(found[far.expand_as(found)], share[far.expand_as(found)])


def test_only_the_chosen_images_change(batch):
    chosen = torch.tensor([False, True, False]).reshape(3, 1, 1, 1)
    curve = pieces([0.5], [0.08, 0.9], [0.9, 0.2])
    for drawn in (NOTHING._replace(curve=curve._replace(chosen=chosen)), NOTHING._replace(inverted=chosen)):
        found = apply(drawn, *batch)
        assert torch.equal(found[0], batch[0][0]) and torch.equal(found[2], batch[0][2])
        assert not torch.allclose(found[1], batch[0][1])


@pytest.mark.parametrize("kind", ["curve", "clusters", "organs", "inversion"])
def test_all_stays_finite_air_stays_darkest_and_the_body_keeps_its_mean(batch, kind):
    torch.manual_seed(1)
    for _ in range(50):
        found = apply(draw(chances(**{kind: 1}), batch[1]), *batch)
        assert torch.isfinite(found).all()
        for image, result in zip(batch[0], found, strict=True):
            air = image == image.min()
            assert result[air].std() < 1e-3 and result[air].max() <= result[~air].min() + 1e-3 * image.std()
            body = (image - image.min()) / (image.max() - image.min()) > 0.08
            assert result[body].mean().item() == pytest.approx(image[body].mean().item(), rel=0.01, abs=0.01)


def test_an_image_of_one_grey_value_stays_it():
    images = torch.full((2, 3, 8, 12), 5.0)
    found = apply(drawn_with(2, curve=1, clusters=1, organs=1, inversion=1), images, torch.zeros(2, 3, 8, 12))
    assert torch.equal(found, images)


def test_the_same_seed_gives_the_same_variant(batch):
    def variant(seed):
        torch.manual_seed(seed)
        return apply(draw(chances(curve=0.7, clusters=0.3, organs=0.5, inversion=0.5), batch[1]), *batch)

    assert torch.equal(variant(3), variant(3)) and not torch.equal(variant(3), variant(4))
