"""Augmentor's operations, without Augmentor's damage."""

import numpy as np
import pytest
from Augmentor.Operations import Flip

from chaosliver.base.columns import PLACE
from chaosliver.base.errors import InputError
from chaosliver.base.indexes import write_index
from chaosliver.base.png import read_png, write_png
from chaosliver.prepare.augmentation import augment_on_disk, augment_pair, operations_of
from chaosliver.prepare.samples import copies_of, leaked, list_augmented, list_samples

SETTINGS = {
    "samples": 12,
    "seed": 3,
    "rotate": {"probability": 0.8, "degrees": 10},
    "mirror": {"probability": 0.5},
    "zoom": {"probability": 0.3, "area": 0.85},
}
ALWAYS = {**SETTINGS, "rotate": {"probability": 1, "degrees": 10}, "mirror": {"probability": 1}}


def ramp(kind, top, size=64):
    """Grey values that rise from left to right."""
    return np.tile(np.linspace(0, top, size), (size, 1)).astype(kind)


def disc(size=64):
    rows, columns = np.mgrid[:size, :size] - size / 2
    return np.where(rows**2 + columns**2 < (size / 4) ** 2, 255, 0).astype(np.uint8)


@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 255), (np.uint16, 65500)])
def test_a_ramp_comes_back_within_interpolation_error(kind, top):
    """The same seed moves a column map in the same way: it says which grey value each pixel should have."""
    operations = operations_of({**ALWAYS, "zoom": {"probability": 1, "area": 0.85}})
    step = top / 63
    for seed in range(20):
        image, _ = augment_pair(ramp(kind, top), disc(), operations, str(seed))
        columns, _ = augment_pair(ramp(np.uint8, 252), disc(), operations, str(seed))
        inner = (slice(4, -4), slice(4, -4))
        expected = columns[inner].astype(float) / 252 * top
        # The column map is rounded to a quarter of a column, the ramp to a grey value.
        assert np.abs(image[inner] - expected).max() < step
        assert image.dtype == kind


def test_16_bit_is_not_wrecked_as_pillow_does_in_its_mode_i_16():
    image, _ = augment_pair(ramp(np.uint16, 65500), disc(), operations_of(ALWAYS), "1")
    assert image.max() > 60000


def test_image_and_mask_move_in_lock_step_and_the_mask_stays_binary():
    operations = operations_of({**ALWAYS, "zoom": {"probability": 1, "area": 0.85}})
    for seed in range(20):
        image, mask = augment_pair(disc(), disc(), operations, str(seed))
        assert set(np.unique(mask)) == {0, 255}
        assert np.array_equal(image >= 128, mask == 255)


def test_bicubic_overshoot_is_clipped():
    edge = np.zeros((64, 64), np.uint8)
    edge[:, 32:] = 255
    image, _ = augment_pair(edge, edge, operations_of({**ALWAYS, "mirror": {"probability": 0}}), "5")
    # Without clipping, an overshoot below 0 would wrap to 255 in the dark half, far from the edge.
    assert image[:, :20].max() < 30


def test_the_seed_decides_everything_and_probabilities_are_met():
    mirror = {**SETTINGS, "rotate": {"probability": 0, "degrees": 10}, "zoom": {"probability": 0, "area": 0.85}}
    image = ramp(np.uint8, 255)
    variants = [augment_pair(image, disc(), operations_of(mirror), str(seed))[0] for seed in range(400)]
    mirrored = sum(not np.array_equal(variant, image) for variant in variants)
    assert 160 < mirrored < 240
    again = augment_pair(image, disc(), operations_of(SETTINGS), "9")
    assert np.array_equal(again[0], augment_pair(image, disc(), operations_of(SETTINGS), "9")[0])


def test_the_operations_are_augmentors_own():
    assert isinstance(operations_of(SETTINGS)[1][1], Flip)


@pytest.fixture
def originals(tmp_path):
    indexes = {"png/8bit": [], "masks/liver": []}
    for tree, paths in indexes.items():
        for patient in ("1", "2"):
            folder = tmp_path / tree / "t1_in_phase" / patient
            for number in range(3):
                pixels = disc() if tree == "masks/liver" else ramp(np.uint16, 1000 * int(patient))
                write_png(folder / f"s{number}.png", pixels)
            index = folder.with_suffix(".tsv")
            place = {"low": 1, "high": 900, "row_spacing_mm": 2, "column_spacing_mm": 2, "rows": 64, "columns": 64}
            rows = [{"file": f"s{number}.png", **place, "position_mm": 9 * number} for number in range(3)]
            write_index(index, folder, rows, PLACE)
            paths.append(index)
    return list_samples(indexes["png/8bit"], indexes["masks/liver"]), indexes


def test_the_set_is_the_same_to_the_byte_and_the_name(originals, tmp_path):
    samples, _ = originals
    for name in ("a", "b"):
        augment_on_disk(samples, SETTINGS, tmp_path / name, tmp_path / f"{name}.tsv")
    assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "b.tsv").read_bytes()
    augment_on_disk(samples, {**SETTINGS, "seed": 4}, tmp_path / "c", tmp_path / "c.tsv")
    assert (tmp_path / "a.tsv").read_bytes() != (tmp_path / "c.tsv").read_bytes()


def test_names_keep_the_patient_and_the_window_goes_along(originals, tmp_path):
    samples, _ = originals
    augment_on_disk(samples, SETTINGS, tmp_path / "a", tmp_path / "a.tsv")
    augmented = list_augmented(tmp_path / "a.tsv")
    assert len(augmented) == SETTINGS["samples"]
    assert {sample.patient for sample in augmented} == {"1", "2"}
    for sample in augmented:
        assert [sample.image.name] == [mask.name for mask in sample.masks]
        assert sample.image.name.startswith(f"{sample.patient}_t1_in_phase_{sample.stem}_")
        assert (sample.low, sample.high) == (1, 900)
        assert read_png(sample.image).max() <= 1000 * int(sample.patient) + 50


LEAKS = {"copies": 0, "validation_slices": 0, "seed": 1}


def test_without_leaks_the_training_slices_stay_as_they_are(originals):
    samples, _ = originals
    assert leaked(samples[:3], samples[3:], LEAKS) == (samples[:3], [])


def test_validation_slices_and_copies_are_drawn_without_repeats_and_by_the_seed(originals):
    samples, _ = originals
    training, validation = leaked(samples[:3], samples[3:], {**LEAKS, "copies": 0.67, "validation_slices": 0.34})
    assert (len(training), len(validation)) == (4, 1)
    copies = [sample for sample in training if sample.patient == "2"]
    assert copies == copies_of(samples[3:], {**LEAKS, "copies": 0.67}) and len(set(copies)) == 2
    assert {*training[:2], *validation} == set(samples[:3])
    drawn = {tuple(copies_of(samples * 9, {**LEAKS, "copies": 0.2, "seed": seed})) for seed in range(5)}
    assert len(drawn) == 5


def test_the_published_share_of_copies_is_14_of_125(originals):
    samples, _ = originals
    assert len(copies_of((samples * 21)[:125], {**LEAKS, "copies": 0.112})) == 14


def test_a_mask_of_another_matrix_is_brought_to_the_drawn_image(originals, tmp_path):
    samples, _ = originals
    write_png(samples[0].masks[0], np.kron(disc(64), np.ones((2, 2), np.uint8)))
    still = {**SETTINGS, "rotate": {"probability": 0, "degrees": 10}, "mirror": {"probability": 0}}
    still |= {"zoom": {"probability": 0, "area": 0.85}, "samples": 1}
    augment_on_disk(samples[:1], still, tmp_path / "a", tmp_path / "a.tsv")
    (augmented,) = list_augmented(tmp_path / "a.tsv")
    assert np.array_equal(read_png(augmented.masks[0]), disc(64))


def test_an_image_without_mask_is_named(originals, tmp_path):
    _, indexes = originals
    mask_index = indexes["masks/liver"][0]
    write_index(mask_index, mask_index.with_suffix(""), [{"file": "s0.png"}, {"file": "s2.png"}])
    with pytest.raises(InputError, match=r"1\.tsv: s1\.png has no mask in .*masks/liver"):
        list_samples(indexes["png/8bit"], indexes["masks/liver"])


def test_the_published_masks_stay_as_grey_as_bicubic_interpolation_leaves_them():
    _, binary = augment_pair(disc(), disc(), operations_of(ALWAYS), "1")
    _, grey = augment_pair(disc(), disc(), operations_of(ALWAYS), "1", grey_masks=True)
    assert set(np.unique(binary)) == {0, 255}
    assert len(np.unique(grey)) > 10
    assert np.array_equal(np.where(grey >= 127.5, 255, 0), binary)
