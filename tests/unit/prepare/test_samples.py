"""The slices that a network learns from: each with its own masks, whatever else lies beside it."""

import numpy as np
import pytest

from chaosliver.base.columns import OWNER, PLACE
from chaosliver.base.errors import InputError
from chaosliver.base.indexes import write_index
from chaosliver.base.png import read_png, write_png
from chaosliver.base.settings import from_mapping
from chaosliver.base.volumes import VolumeId
from chaosliver.prepare.samples import Leaks, Sample, copies_of, leaked, list_augmented, list_images, list_samples

STEMS = ["IMG-2", "IMG-10"]
T1, T2, OTHER = VolumeId("t1_in_phase", "7"), VolumeId("t2_spir", "7"), VolumeId("t1_in_phase", "19")
ORGANS = ["spleen", "liver"]


def grey_of(volume, tree, stem):
    """A grey value that no two files share."""
    return 1 + 100 * [T1, T2, OTHER].index(volume) + 10 * ["png", *ORGANS].index(tree) + STEMS.index(stem)


@pytest.fixture
def trees(tmp_path):
    """Images and masks of two organs for three volumes, two of them of one patient; the names are the same."""
    for tree in ("png", *ORGANS):
        for volume in (T1, T2, OTHER):
            folder = volume.folder(tmp_path / tree)
            rows = []
            for number, stem in enumerate(STEMS):
                write_png(folder / f"{stem}.png", np.full((2, 3), grey_of(volume, tree, stem), np.uint16))
                place = (1.5, 900.25, 1.75, 2.5, -8.5 + 9 * number, 4, 6)
                rows.append({"file": f"{stem}.png", **dict(zip(PLACE, place, strict=True))})
            write_index(volume.index(tmp_path / tree), folder, rows, PLACE if tree == "png" else ())
    return tmp_path


def indexes(trees, tree, *volumes):
    return [volume.index(trees / tree) for volume in volumes]


def test_an_index_of_images_gives_every_slice_with_its_place_in_its_order(trees):
    first, second = list_images(T2.index(trees / "png"))
    assert first == Sample(
        patient="7",
        sequence="t2_spir",
        stem="IMG-2",
        image=trees / "png/t2_spir/7/IMG-2.png",
        masks=(),
        low=1.5,
        high=900.25,
        row_spacing_mm=1.75,
        column_spacing_mm=2.5,
        position_mm=-8.5,
        rows=4,
        columns=6,
    )
    assert (second.stem, second.image.name, second.position_mm) == ("IMG-10", "IMG-10.png", 0.5)
    assert isinstance(first.rows, int) and isinstance(first.position_mm, float)
    assert first.volume == T2


def test_a_sample_read_from_disk_is_a_plane_with_rows_before_columns(trees):
    plane = list_images(T2.index(trees / "png"))[1].plane()
    assert plane.pixels.tolist() == [[grey_of(T2, "png", "IMG-10")] * 3] * 2
    assert (plane.low, plane.high, plane.spacing_mm, plane.position_mm) == (1.5, 900.25, (1.75, 2.5), 0.5)
    assert plane.own_shape == (4, 6)


@pytest.mark.parametrize("organs", [ORGANS, ORGANS[::-1], ["liver"]])
def test_each_image_has_the_masks_of_its_own_volume_and_stem_in_the_order_of_the_organs(trees, organs):
    volumes = (OTHER, T2, T1)
    # The masks come in another order than the images.
    masks = [index for organ in organs for index in indexes(trees, organ, T1, T2, OTHER)]
    samples = list_samples(indexes(trees, "png", *volumes), masks)
    assert [(sample.volume, sample.stem) for sample in samples] == [(v, stem) for v in volumes for stem in STEMS]
    for sample in samples:
        assert read_png(sample.image).max() == grey_of(sample.volume, "png", sample.stem)
        found = [read_png(mask).max() for mask in sample.masks]
        assert found == [grey_of(sample.volume, organ, sample.stem) for organ in organs]
        assert sample.masks == tuple(sample.volume.folder(trees / organ) / sample.image.name for organ in organs)


def test_an_image_without_mask_is_named(trees):
    index = T1.index(trees / "liver")
    write_index(index, index.with_suffix(""), [{"file": "IMG-10.png"}])
    masks = [*indexes(trees, "spleen", T1), *indexes(trees, "liver", T1)]
    with pytest.raises(InputError) as caught:
        list_samples(indexes(trees, "png", T1), masks)
    assert str(caught.value) == f"{T1.index(trees / 'png')}: IMG-2.png has no mask in {index}"


@pytest.mark.parametrize("tree", ["png", "liver"])
def test_an_altered_file_is_named(trees, tree):
    write_png(T1.folder(trees / tree) / "IMG-2.png", np.zeros((2, 3), np.uint8))
    with pytest.raises(InputError, match=rf"{tree}/t1_in_phase/7/IMG-2\.png: its content differs"):
        list_samples(indexes(trees, "png", T1), indexes(trees, "liver", T1))


@pytest.mark.parametrize("column", PLACE)
def test_an_index_without_a_column_is_named(trees, column):
    index = T1.index(trees / "png")
    index.write_text(index.read_text().replace(column, "other", 1))
    with pytest.raises(InputError, match=f"lacks the column.* {column}"):
        list_images(index)


@pytest.fixture
def augmented(tmp_path):
    """An augmented set of two samples of two patients, whose files are listed masks first."""
    folder, rows = tmp_path / "a", []
    for number, (patient, stem) in enumerate([("7", "IMG-2"), ("19", "IMG-10")]):
        for kind in ("masks", "images"):
            file = f"{kind}/{patient}_{number}.png"
            write_png(folder / file, np.full((2, 3), 40 * number + 9 * (kind == "masks"), np.uint8))
            owner = dict(zip(OWNER, (patient, "t2_spir", stem), strict=True))
            place = dict(zip(PLACE, (0, 255.5, 1.25, 2.5, 9 * number, 4, 6), strict=True))
            rows.append({"file": file, **owner, **place})
    write_index(tmp_path / "a.tsv", folder, rows, (*OWNER, *PLACE))
    return tmp_path / "a.tsv"


def test_an_augmented_set_gives_each_image_with_its_mask(augmented):
    first, second = list_augmented(augmented)
    folder = augmented.with_suffix("")
    assert (first.image, first.masks) == (folder / "images/7_0.png", (folder / "masks/7_0.png",))
    assert (second.image, second.masks) == (folder / "images/19_1.png", (folder / "masks/19_1.png",))
    assert (second.patient, second.sequence, second.stem) == ("19", "t2_spir", "IMG-10")
    assert second[5:] == (0, 255.5, 1.25, 2.5, 9, 4, 6)


def test_an_augmented_image_without_mask_is_named(augmented):
    lines = augmented.read_text().splitlines(keepends=True)
    augmented.write_text("".join(line for line in lines if not line.startswith("masks/19_1")))
    with pytest.raises(InputError, match=r"a\.tsv: images/19_1\.png has no mask"):
        list_augmented(augmented)


def test_an_altered_augmented_file_is_named(augmented):
    write_png(augmented.with_suffix("") / "masks/7_0.png", np.zeros((2, 3), np.uint8))
    with pytest.raises(InputError, match=r"masks/7_0\.png: its content differs"):
        list_augmented(augmented)


@pytest.mark.parametrize("column", [*OWNER, *PLACE])
def test_an_augmented_index_without_a_column_is_named(augmented, column):
    augmented.write_text(augmented.read_text().replace(column, "other", 1))
    with pytest.raises(InputError, match=f"lacks the column.* {column}"):
        list_augmented(augmented)


def many(patient, count):
    place = dict.fromkeys((*PLACE, "image", "masks"), None)
    return [Sample(patient=patient, sequence="t1_in_phase", stem=str(number), **place) for number in range(count)]


TRAINING, HELD_OUT = many("1", 20), many("2", 125)


def stems(samples):
    return [int(sample.stem) for sample in samples]


def test_without_leaks_the_training_slices_stay_as_they_are():
    assert leaked(TRAINING, HELD_OUT, Leaks(0, 0, 1)) == (TRAINING, [])


def test_validation_slices_are_taken_from_the_training_slices_by_the_seed():
    for seed, expected in ((1, [2, 11, 13, 14, 18]), (2, None)):
        training, validation = leaked(TRAINING, HELD_OUT, Leaks(copies=0, validation_slices=0.25, seed=seed))
        assert len(validation) == 5 and stems(validation) == sorted(stems(validation))
        assert sorted(stems(training) + stems(validation)) == list(range(20))
        assert stems(training) == sorted(stems(training)) and {sample.patient for sample in training} == {"1"}
        # Drawn by another seed, they are others.
        assert (stems(validation) == expected) == (seed == 1)


def test_copies_of_held_out_slices_come_after_the_training_slices_and_validate_nothing():
    leaks = Leaks(copies=0.112, validation_slices=0, seed=1)
    training, validation = leaked(TRAINING, HELD_OUT, leaks)
    assert training[:20] == TRAINING and validation == []
    # The original study has copies of 14 of its 125 held-out images.
    assert training[20:] == copies_of(HELD_OUT, leaks) and len(set(stems(training[20:]))) == 14
    assert {sample.patient for sample in training[20:]} == {"2"}
    assert stems(training[20:]) == sorted(stems(training[20:]))
    assert stems(copies_of(HELD_OUT, leaks)) != stems(copies_of(HELD_OUT, Leaks(0.112, 0, 2)))


def test_what_is_drawn_for_validation_and_what_is_copied_are_drawn_apart():
    training, validation = leaked(TRAINING, TRAINING, Leaks(0.25, 0.25, 1))
    assert stems(training[15:]) != stems(validation)
    assert len(training) == 20


def test_a_share_is_rounded_to_slices():
    assert [len(copies_of(TRAINING[:3], Leaks(share, 0, 1))) for share in (0.1, 0.34, 0.6, 1)] == [0, 1, 2, 3]


def test_leaks_are_what_a_split_says():
    assert from_mapping(Leaks, {"copies": 0, "validation_slices": 0.2, "seed": 3}) == Leaks(0.0, 0.2, 3)
