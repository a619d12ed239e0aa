"""A batch's variants by the recipe: each part where it is asked for, in one order."""

import torch
from unit.network.examples import recipe

from chaosliver.network import contrasts, mixing, transforms
from chaosliver.network.variants import vary

CONTRASTS = {"curve": 0.8, "clusters": 0, "organs": 0, "inversion": 0.3}
PATIENTS = ["1", "2", "2", "3"]


def batch():
    torch.manual_seed(9)
    masks = torch.zeros(4, 2, 16, 24)
    masks[:, 0, 4:12, 5:15] = 1
    return torch.rand(4, 3, 16, 24) + masks[:, :1], masks


def test_a_plain_recipe_changes_and_draws_nothing():
    images, masks = batch()
    state = torch.get_rng_state()
    assert vary(recipe(), images, masks, PATIENTS) == (images, masks)
    assert torch.equal(state, torch.get_rng_state())


def test_all_parts_follow_one_another():
    """Moved, then mixed, then in another contrast, then with other grey values; drawn in that order."""
    chosen = recipe(transforms="strong", contrasts=CONTRASTS, mixing=0.5)
    torch.manual_seed(4)
    found = vary(chosen, *batch(), PATIENTS)
    torch.manual_seed(4)
    images, masks = batch()
    strong = transforms.draw(images, 1)
    images, masks = transforms.move(strong, images, masks)
    images, masks = mixing.apply(mixing.draw(0.5, PATIENTS, images), images, masks)
    images = contrasts.apply(contrasts.draw(chosen.contrasts, masks), images, masks)
    assert torch.equal(found[0], transforms.change_greys(strong, images)) and torch.equal(found[1], masks)


def test_mild_transforms_are_the_strong_ones_at_half_their_strength():
    images, masks = batch()
    torch.manual_seed(4)
    found = vary(recipe(transforms="mild"), images, masks, PATIENTS)
    torch.manual_seed(4)
    drawn = transforms.draw(images, 0.5)
    moved, labels = transforms.move(drawn, images, masks)
    assert torch.equal(found[0], transforms.change_greys(drawn, moved)) and torch.equal(found[1], labels)


def test_each_part_comes_without_the_others():
    images, masks = batch()
    torch.manual_seed(2)
    mixed = vary(recipe(mixing=1), images, masks, PATIENTS)
    torch.manual_seed(2)
    expected = mixing.apply(mixing.draw(1, PATIENTS, images), images, masks)
    assert torch.equal(mixed[0], expected[0]) and torch.equal(mixed[1], expected[1])
    torch.manual_seed(2)
    inverted, same = vary(recipe(contrasts=CONTRASTS | {"curve": 0, "inversion": 1}), images, masks, PATIENTS)
    assert torch.equal(same, masks) and not torch.equal(inverted, images)
