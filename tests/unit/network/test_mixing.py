"""Parts of other patients' slices: who gives, how large, where, and that image and mask stay together."""

import pytest
import torch

from chaosliver.network.mixing import Draw, apply, draw

ROWS, COLUMNS = 40, 90


def drawn(probability, patients, seed=1):
    torch.manual_seed(seed)
    return draw(probability, patients, torch.zeros(len(patients), 3, ROWS, COLUMNS))


def test_a_part_comes_from_another_patient_each_as_often():
    patients = ["1", "1", "2", "3", "3", "3"] * 400
    partners = drawn(1, patients).partner.tolist()
    given = [patients[partner] for partner in partners]
    assert all(one != other for one, other in zip(patients, given, strict=True))
    # Of an image of patient 2 the partners are the five others of six.
    of_second = [partner % 6 for partner in partners[2::6]]
    counts = [of_second.count(number) / len(of_second) for number in range(6)]
    assert counts == pytest.approx([0.2, 0.2, 0, 0.2, 0.2, 0.2], abs=0.06)


def test_alone_a_patient_gets_nothing():
    images = torch.rand(3, 1, ROWS, COLUMNS)
    masks = (images > 0.5).float()
    mix = drawn(1, ["7", "7", "7"])
    assert mix.partner.tolist() == [0, 1, 2]
    assert torch.equal(apply(mix, images, masks)[0], images)


def test_so_many_images_get_a_rectangle_of_the_images_own_shape():
    parts = drawn(0.4, ["1", "2"] * 2000).part
    assert parts.shape == (4000, 1, ROWS, COLUMNS)
    got = parts.flatten(1).any(1)
    assert got.float().mean().item() == pytest.approx(0.4, abs=0.03)
    rows, columns = parts[:, 0].any(2), parts[:, 0].any(1)
    assert torch.equal(parts[:, 0], rows[:, :, None] & columns[:, None, :])
    # One run of rows and columns each.
    for lines in (rows[got], columns[got]):
        starts = lines[:, :1].int().sum(1) + (lines.int().diff(dim=1) == 1).sum(1)
        assert (starts == 1).all()
    # A side is the root of a uniform number, so 2/3 in the mean; half of it beyond the border where the middle is near.
    whole = torch.rand(200000).sqrt()
    middle = torch.rand(200000)
    expected = ((middle + whole / 2).clamp(max=1) - (middle - whole / 2).clamp(min=0)).mean().item()
    assert rows[got].float().mean().item() == pytest.approx(expected, abs=0.03)
    assert columns[got].float().mean().item() == pytest.approx(expected, abs=0.03)


def test_image_and_masks_change_places_together():
    images = torch.arange(3.0).reshape(3, 1, 1, 1).expand(3, 2, 4, 5)
    masks = images[:, :1] * 10
    part = torch.zeros(3, 1, 4, 5, dtype=torch.bool)
    part[0, 0, 1:3, 2:] = True
    part[2, 0, :, 0] = True
    mixed, labels = apply(Draw(torch.tensor([2, 0, 1]), part), images, masks)
    expected = images.clone()
    expected[0, :, 1:3, 2:] = 2
    expected[2, :, :, 0] = 1
    assert torch.equal(mixed, expected) and torch.equal(labels, expected[:, :1] * 10)


def test_the_same_seed_gives_the_same_parts():
    patients = ["1", "2", "3"]
    first, again, other = drawn(1, patients), drawn(1, patients), drawn(1, patients, seed=2)
    assert torch.equal(first.part, again.part) and not torch.equal(first.part, other.part)
