"""Which slices a training learns from, and what stands for them in its fingerprint."""

import hashlib

import numpy as np
import pytest
from unit.network.examples import TIGHT, rows_of, settings, two_patients

from chaosliver.base.columns import OWNER, PLACE
from chaosliver.base.indexes import write_index
from chaosliver.base.png import write_png
from chaosliver.network.data import Data, named_copies, training_and_validation
from chaosliver.prepare.samples import Leaks


@pytest.fixture
def data(tmp_path):
    return two_patients(tmp_path)


def augmented_set(root, count):
    """Samples of patient 1's first slice."""
    rows = []
    for number in range(count):
        for kind in ("images", "masks"):
            write_png(root / "set" / kind / f"{number}.png", np.zeros((16, 24), np.uint8))
            owner = {"patient": "1", "sequence": "t2_spir", "stem": "s0"}
            rows.append({**rows_of(1)[0], **owner, "file": f"{kind}/{number}.png"})
    write_index(root / "set.tsv", root / "set", rows, (*OWNER, *PLACE))
    return [root / "set.tsv"]


def names(samples):
    return [f"{sample.patient}/{sample.image.parent.name}/{sample.stem}" for sample in samples]


FIRST, SECOND = ([f"{patient}/{patient}/s{number}" for number in range(8)] for patient in "12")


def test_augmented_samples_replace_the_originals_or_join_them(data, tmp_path):
    augmented = data._replace(augmented=augmented_set(tmp_path, 2))
    drawn = ["1/images/s0"] * 2
    for given, keep, expected in (
        (augmented, False, drawn),
        (augmented, True, FIRST + drawn),
        (data, False, FIRST),
        (data, True, FIRST),
    ):
        training, validation = training_and_validation(given, settings(keep_originals=keep))
        assert names(training) == expected
        assert names(validation) == SECOND
        assert all(len(sample.masks) == 1 for sample in training + validation)


def test_validation_slices_leave_the_augmented_set_as_it_is(data, tmp_path):
    data = data._replace(validation_images=[], validation_masks=[], augmented=augmented_set(tmp_path, 5))
    leaky = settings(keep_originals=False, leaks={**TIGHT, "validation_slices": 0.25})
    training, validation = training_and_validation(data, leaky)
    assert names(training) == ["1/images/s0"] * 5
    assert len(validation) == 2 and set(names(validation)) < set(FIRST)


def test_validation_slices_and_copies_are_drawn_from_whom_they_belong_to(data):
    data = data._replace(held_out_images=data.validation_images, held_out_masks=data.validation_masks)
    leaks = Leaks(copies=0.25, validation_slices=0.5, seed=3)
    training, validation = training_and_validation(data, settings(leaks=vars(leaks)))
    copied = [name for name in names(training) if name in SECOND]
    assert len(copied) == 2 and len(training) == 4 + 2
    assert names(validation)[:8] == SECOND
    assert sorted(names(validation)[8:] + names(training)[:4]) == FIRST
    assert named_copies(data, leaks) == [f"t2_spir/2/{name.split('/')[-1]}" for name in copied]
    assert named_copies(data, Leaks(**TIGHT)) == []


def test_the_digest_sees_every_index_its_role_and_its_volume(data, tmp_path):
    seen = {data.digest()}
    for index in (*data.train_images, *data.train_masks, *data.validation_images, *data.validation_masks):
        before = index.read_bytes()
        index.write_bytes(before + b"\n")
        seen.add(data.digest())
        index.write_bytes(before)
    assert len(seen) == 5
    assert data.digest() in seen
    seen.add(data._replace(augmented=augmented_set(tmp_path, 1)).digest())
    seen.add(data._replace(held_out_images=data.validation_images).digest())
    seen.add(data._replace(held_out_masks=data.validation_masks).digest())
    seen.add(data._replace(train_images=data.validation_images, validation_images=data.train_images).digest())
    renamed = data.train_images[0].rename(tmp_path / "png/t2_spir/7.tsv")
    seen.add(data._replace(train_images=[renamed]).digest())
    assert len(seen) == 10


def test_the_digest_is_that_of_names_and_bytes(tmp_path):
    index = tmp_path / "t1/3.tsv"
    index.parent.mkdir()
    index.write_bytes(b"file\tsha256\n")
    data = Data([index], [], [], [], [], [], [])
    assert data.digest() == hashlib.sha256(b"train_images t1/3.tsv\nfile\tsha256\n").hexdigest()
