"""Augmentor's operations, without Augmentor's damage."""

import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from chaosliver.base.columns import PLACE
from chaosliver.base.errors import InputError
from chaosliver.base.indexes import read_index, write_index
from chaosliver.base.png import read_png, write_png
from chaosliver.base.settings import from_mapping
from chaosliver.base.volumes import VolumeId
from chaosliver.prepare.augmentation import (
    Augmentation,
    Mirroring,
    Rotation,
    Zoom,
    augment,
    augment_on_disk,
    augment_pair,
    operations_of,
    perform,
    picture_of,
)
from chaosliver.prepare.samples import Leaks, list_augmented, list_samples

NEVER = Augmentation(12, 3, Rotation(0, 10), Mirroring(0), Zoom(0, 0.85))
MIRRORED = replace(NEVER, mirror=Mirroring(1))
ZOOMED = replace(NEVER, zoom=Zoom(1, 0.5))
ROTATED = replace(NEVER, rotate=Rotation(1, 10))
ALWAYS = replace(MIRRORED, rotate=Rotation(1, 10))
SETTINGS = replace(NEVER, rotate=Rotation(0.8, 10), mirror=Mirroring(0.5), zoom=Zoom(0.3, 0.85))


def ramp(kind, top, size=64):
    """Grey values that rise from left to right."""
    return np.tile(np.linspace(0, top, size), (size, 1)).astype(kind)


def disc(size=64):
    rows, columns = np.mgrid[:size, :size] - size / 2
    return np.where(rows**2 + columns**2 < (size / 4) ** 2, 255, 0).astype(np.uint8)


def blob(rows=48, columns=64, at=(14, 20), radius=7):
    """A disc beside the middle, on a plane that is not square: no operation leaves it where it is."""
    down, right = np.mgrid[:rows, :columns]
    return np.where((down - at[0]) ** 2 + (right - at[1]) ** 2 < radius**2, 255, 0).astype(np.uint8)


def noise(kind, top, shape=(48, 64), seed=1):
    return np.random.default_rng(seed).integers(0, top, shape, endpoint=True).astype(kind)


@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 255), (np.uint16, 65500)])
def test_a_ramp_comes_back_within_interpolation_error(kind, top):
    """The same seed moves a column map in the same way: it says which grey value each pixel should have."""
    operations = operations_of(replace(ALWAYS, zoom=Zoom(1, 0.85)))
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
    operations = operations_of(replace(ALWAYS, zoom=Zoom(1, 0.85)))
    for seed in range(20):
        image, mask = augment_pair(blob(), blob(), operations, str(seed))
        assert set(np.unique(mask)) == {0, 255} and mask.dtype == np.uint8
        assert np.array_equal(image >= 128, mask == 255)


@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_a_mirrored_pair_has_left_and_right_exchanged_and_every_value_kept(kind, top):
    image = noise(kind, top)
    mirrored, mask = augment_pair(image, blob(), operations_of(MIRRORED), "5")
    assert np.array_equal(mirrored, image[:, ::-1]) and mirrored.dtype == kind
    assert np.array_equal(mask, blob()[:, ::-1])
    still, mask = augment_pair(image, blob(), operations_of(NEVER), "5")
    assert np.array_equal(still, image) and np.array_equal(mask, blob())


@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_a_zoomed_pair_is_half_its_rows_and_columns_at_a_place_of_its_own_enlarged_to_the_whole(kind, top):
    """Pillow enlarges each possible part: the result is one of them, and not always the same."""
    image = noise(kind, top, (8, 12))
    picture = Image.fromarray(image if kind == np.uint8 else image.astype(np.float32))
    parts = {}
    for down in range(5):
        for right in range(7):
            part = picture.crop((right, down, right + 6, down + 4)).resize((12, 8), Image.Resampling.BICUBIC)
            parts[down, right] = np.rint(np.clip(np.asarray(part), 0, top)).astype(kind)
    places = set()
    for seed in range(12):
        zoomed, _ = augment_pair(image, np.zeros((8, 12), np.uint8), operations_of(ZOOMED), str(seed))
        (place,) = [place for place, part in parts.items() if np.abs(zoomed - part.astype(float)).max() <= 1]
        places.add(place)
    assert len(places) > 6


def angle_of(mask):
    """Degrees by which the middle of a mask lies above the horizontal through the middle of the plane."""
    rows, columns = np.nonzero(mask)
    down, right = rows.mean() - (mask.shape[0] - 1) / 2, columns.mean() - (mask.shape[1] - 1) / 2
    return np.degrees(np.arctan2(-down, right))


@pytest.mark.parametrize("most", [5, 10])
def test_a_rotation_turns_to_either_side_by_no_more_than_the_degrees_asked_for(most):
    right_of_the_middle = blob(64, 64, (31.5, 42), 4)
    settings = replace(NEVER, rotate=Rotation(1, most))
    angles = [
        angle_of(augment_pair(right_of_the_middle, right_of_the_middle, operations_of(settings), str(seed))[1])
        for seed in range(80)
    ]
    assert -most - 0.7 < min(angles) < 2 - most
    assert most - 2 < max(angles) < most + 0.7


def test_the_operations_are_applied_in_the_order_of_the_original_study():
    """Rotated, then mirrored, then zoomed: each as it is alone, by the draws that are left to it."""
    settings = Augmentation(1, 1, Rotation(1, 10), Mirroring(1), Zoom(1, 0.5))
    picture = Image.fromarray(noise(np.uint8, 255))
    random.seed(4)
    (all_at_once,) = perform([picture], operations_of(settings))
    random.seed(4)
    for alone in (ROTATED, MIRRORED, ZOOMED):
        # Each operation draws once whether it is applied.
        (operation,) = [pair for pair in operations_of(alone) if pair[0]]
        (picture,) = perform([picture], [operation])
    assert np.array_equal(np.asarray(all_at_once), np.asarray(picture))


def test_augmentor_itself_is_told_to_apply_every_operation():
    """Whether one is applied is drawn here, by the probability beside it."""
    operations = operations_of(SETTINGS)
    assert [probability for probability, _ in operations] == [0.8, 0.5, 0.3]
    assert [operation.probability for _, operation in operations] == [1, 1, 1]


def test_bicubic_overshoot_is_clipped():
    edge = np.zeros((64, 64), np.uint8)
    edge[:, 32:] = 255
    image, _ = augment_pair(edge, edge, operations_of(ROTATED), "5")
    # Without clipping, an overshoot below 0 would wrap to 255 in the dark half, far from the edge.
    assert image[:, :20].max() < 30
    wide = edge.astype(np.uint16) * 257
    wide[:, :32] = 9
    image, _ = augment_pair(wide, edge, operations_of(ROTATED), "5")
    assert image[20:44, :20].max() < 7000 and image[20:44, 44:].min() > 58000
    assert (image.min(), image.max()) == (0, 65535)


def test_16_bit_values_are_rounded_and_not_cut():
    """Bicubic interpolation halfway between 0 and 1 and beside it: Pillow's own values, rounded."""
    image = np.tile(np.arange(12, dtype=np.uint16) % 4, (8, 1))
    random.seed("2")
    np.random.seed(random.getrandbits(32))  # noqa: NPY002
    (picture,) = perform([Image.fromarray(image.astype(np.float32))], operations_of(ZOOMED))
    found, _ = augment_pair(image, np.zeros((8, 12), np.uint8), operations_of(ZOOMED), "2")
    exact = np.asarray(picture)
    assert np.abs(found - np.clip(exact, 0, None)).max() <= 0.5
    assert (np.floor(np.clip(exact, 0, None)) != found).any()


def test_the_seed_decides_everything_and_probabilities_are_met():
    image = noise(np.uint8, 255)
    for name, share in (("mirror", 0.5), ("rotate", 0.8), ("zoom", 0.3)):
        settings = replace(NEVER, **{name: getattr(SETTINGS, name)})
        variants = [augment_pair(image, blob(), operations_of(settings), str(seed))[0] for seed in range(400)]
        altered = np.mean([not np.array_equal(variant, image) for variant in variants])
        # A rotation by 0 degrees, which is drawn in about a tenth of the cases, alters nothing.
        assert share - 0.13 < altered < share + 0.05
    again = augment_pair(image, blob(), operations_of(SETTINGS), "9")
    # Whatever was drawn in between.
    random.random()
    assert np.array_equal(again[0], augment_pair(image, blob(), operations_of(SETTINGS), "9")[0])


def test_the_global_generators_of_both_kinds_are_set_by_the_seed():
    """Augmentor's operations may draw from either."""
    drawn = []
    for _ in range(2):
        augment_pair(blob(), blob(), operations_of(NEVER), "7")
        drawn.append((random.random(), np.random.random()))  # noqa: NPY002
    augment_pair(blob(), blob(), operations_of(NEVER), "8")
    other = (random.random(), np.random.random())  # noqa: NPY002
    assert drawn[0] == drawn[1]
    assert other[0] != drawn[0][0] and other[1] != drawn[0][1]


def test_8_bit_pictures_have_an_opacity_and_16_bit_ones_are_of_floating_point():
    eight, sixteen = picture_of(noise(np.uint8, 255)), picture_of(noise(np.uint16, 65535))
    assert (eight.mode, sixteen.mode) == ("RGBA", "F")
    assert np.array_equal(np.asarray(eight)[..., 2], noise(np.uint8, 255)) and np.asarray(eight)[..., 3].min() == 255
    assert np.array_equal(np.asarray(sixteen), noise(np.uint16, 65535))


def test_the_published_masks_stay_as_grey_as_bicubic_interpolation_leaves_them():
    _, binary = augment_pair(disc(), disc(), operations_of(ALWAYS), "1")
    _, grey = augment_pair(disc(), disc(), operations_of(ALWAYS), "1", grey_masks=True)
    assert set(np.unique(binary)) == {0, 255}
    assert len(np.unique(grey)) > 10
    assert np.array_equal(np.where(grey >= 127.5, 255, 0), binary)


def test_a_mask_is_of_the_organ_from_half_of_white_upwards():
    levels = np.array([[0, 126, 127, 128, 255]], np.uint8)
    assert augment_pair(levels, levels, operations_of(NEVER), "1")[1].tolist() == [[0, 0, 0, 255, 255]]


STEMS = ["s0", "s1", "s2"]


@pytest.fixture
def trees(tmp_path):
    """Images and masks of two patients; no two slices are alike, nor their masks."""
    for patient in ("1", "2"):
        volume = VolumeId("t1_in_phase", patient)
        for tree in ("png/16bit", "masks/liver"):
            folder, rows = volume.folder(tmp_path / tree), []
            for number, stem in enumerate(STEMS):
                image = noise(np.uint16, 1000 * int(patient), seed=number)
                pixels = image if tree == "png/16bit" else blob(at=(12 + 3 * number, 20 + int(patient)))
                write_png(folder / f"{stem}.png", pixels)
                place = (1, 900, 1.5, 2.5, 9 * number, 48, 64)
                rows.append({"file": f"{stem}.png", **dict(zip(PLACE, place, strict=True))})
            write_index(volume.index(tmp_path / tree), folder, rows, PLACE)
    return tmp_path


def indexes(trees, tree, *patients):
    return [VolumeId("t1_in_phase", patient).index(trees / tree) for patient in patients]


@pytest.fixture
def originals(trees):
    return list_samples(indexes(trees, "png/16bit", "1", "2"), indexes(trees, "masks/liver", "1", "2"))


def test_the_set_is_the_same_to_the_byte_and_the_name(originals, tmp_path):
    for name in ("a", "b"):
        augment_on_disk(originals, SETTINGS, tmp_path / name, tmp_path / f"{name}.tsv")
    assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "b.tsv").read_bytes()
    augment_on_disk(originals, replace(SETTINGS, seed=4), tmp_path / "c", tmp_path / "c.tsv")
    assert (tmp_path / "a.tsv").read_bytes() != (tmp_path / "c.tsv").read_bytes()


def test_slices_are_chosen_at_random_by_the_seed_and_altered_by_seed_and_number(originals, tmp_path):
    augment_on_disk(originals, SETTINGS, tmp_path / "a", tmp_path / "a.tsv")
    choose = random.Random(3)
    chosen = [choose.choice(originals) for _ in range(12)]
    # All six slices occur, not one after the other.
    assert len(set(chosen)) == 6 and chosen != (originals * 2)
    listed = read_index(tmp_path / "a.tsv", tmp_path / "a")
    names = [f"{sample.patient}_t1_in_phase_{sample.stem}_{n:05d}.png" for n, sample in enumerate(chosen)]
    assert [row["file"] for row in listed] == [f"{kind}/{name}" for name in names for kind in ("images", "masks")]
    for number, (sample, name) in enumerate(zip(chosen, names, strict=True)):
        pair = (read_png(sample.image), read_png(sample.masks[0]))
        image, mask = augment_pair(*pair, operations_of(SETTINGS), f"3/{number}")
        assert np.array_equal(read_png(tmp_path / "a/images" / name), image)
        assert np.array_equal(read_png(tmp_path / "a/masks" / name), mask)


def test_whose_a_sample_is_and_its_place_go_along(originals, tmp_path):
    augment_on_disk(originals, SETTINGS, tmp_path / "a", tmp_path / "a.tsv")
    augmented = list_augmented(tmp_path / "a.tsv")
    assert len(augmented) == 12
    for sample in augmented:
        (original,) = [each for each in originals if (each.patient, each.stem) == (sample.patient, sample.stem)]
        assert sample._replace(image=original.image, masks=original.masks) == original
        assert [sample.image.name] == [mask.name for mask in sample.masks]


def test_masks_are_left_grey_only_where_the_settings_say_so(originals, tmp_path):
    for name, settings in (("a", ROTATED), ("b", replace(ROTATED, grey_masks=True))):
        augment_on_disk(originals, settings, tmp_path / name, tmp_path / f"{name}.tsv")
    levels = {
        name: {int(level) for path in (tmp_path / name / "masks").iterdir() for level in np.unique(read_png(path))}
        for name in "ab"
    }
    assert levels["a"] == {0, 255} and len(levels["b"]) > 10


def test_a_mask_of_another_matrix_is_brought_to_the_drawn_image(originals, tmp_path):
    write_png(originals[0].masks[0], np.kron(blob(), np.ones((2, 2), np.uint8)))
    augment_on_disk(originals[:1], replace(NEVER, samples=1), tmp_path / "a", tmp_path / "a.tsv")
    (augmented,) = list_augmented(tmp_path / "a.tsv")
    assert np.array_equal(read_png(augmented.masks[0]), blob())


def test_a_folds_samples_are_of_its_training_slices_and_of_the_copies_that_its_split_lets_through(trees):
    def patients_of(leaks):
        augment(
            images=indexes(trees, "png/16bit", "1"),
            masks=indexes(trees, "masks/liver", "1"),
            held_out_images=indexes(trees, "png/16bit", "2"),
            held_out_masks=indexes(trees, "masks/liver", "2"),
            settings=replace(SETTINGS, samples=40),
            leaks=leaks,
            folder=trees / "a",
            index=trees / "a.tsv",
        )
        return {(sample.patient, sample.stem) for sample in list_augmented(trees / "a.tsv")}

    own = {("1", stem) for stem in STEMS}
    assert patients_of(Leaks(0, 0, 1)) == own
    copied = patients_of(Leaks(copies=0.67, validation_slices=0, seed=1))
    assert own < copied and len(copied) == 5
    assert len(patients_of(Leaks(copies=0, validation_slices=0.34, seed=1))) == 2


def test_an_image_without_mask_is_named(trees):
    (index,) = indexes(trees, "masks/liver", "1")
    write_index(index, index.with_suffix(""), [{"file": "s0.png"}, {"file": "s2.png"}])
    source = {"images": indexes(trees, "png/16bit", "1"), "masks": [index], "held_out_images": [], "held_out_masks": []}
    output = {"folder": trees / "a", "index": trees / "a.tsv"}
    with pytest.raises(InputError, match=r"1\.tsv: s1\.png has no mask in .*masks/liver"):
        augment(**source, settings=SETTINGS, leaks=Leaks(0, 0, 1), **output)


def test_an_augmentation_is_what_the_configuration_says():
    mapping = {"samples": 400, "seed": 1, "rotate": {"probability": 1, "degrees": 10}}
    mapping |= {"mirror": {"probability": 0.55}, "zoom": {"probability": 0.35, "area": 0.85}}
    settings = from_mapping(Augmentation, mapping)
    assert settings == Augmentation(400, 1, Rotation(1, 10), Mirroring(0.55), Zoom(0.35, 0.85), grey_masks=False)
    # Augmentor draws whole degrees.
    assert isinstance(settings.rotate.degrees, int)
    assert from_mapping(Augmentation, mapping | {"grey_masks": True}).grey_masks
