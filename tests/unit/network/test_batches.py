"""Slices in memory, as a network sees them."""

import numpy as np
import pytest

from chaosliver.base.png import write_png
from chaosliver.network.batches import SliceSet, SliceStream, load_slices
from chaosliver.prepare.samples import Sample

RECIPE = {
    "grid": {"rows": 16, "columns": 16, "spacing_mm": None},
    "context": 1,
    "normalisation": "window",
    "targets": "binary",
}


def sample(folder, patient, number, size):
    """A slice whose left half is liver and whose upper half is spleen."""
    planes = {"image": np.full((size, size), 10 * number, np.uint8)}
    planes |= {"liver": np.zeros((size, size), np.uint8), "spleen": np.zeros((size, size), np.uint8)}
    planes["liver"][:, : size // 2] = 255
    planes["spleen"][: size // 2] = 255
    paths = {kind: folder / kind / patient / f"{number}.png" for kind in planes}
    for kind, plane in planes.items():
        write_png(paths[kind], plane)
    masks = (paths["liver"], paths["spleen"])
    return Sample(patient, "t2_spir", str(number), paths["image"], masks, 0, 40, 1.5, 1.5, 9.0 * number, size, size)


def test_volumes_of_several_matrices_become_one_array_and_no_slice_has_another_patients_neighbour(tmp_path):
    samples = [sample(tmp_path, patient, number, size) for patient, size in (("1", 32), ("2", 48)) for number in (1, 2)]
    slices = load_slices(samples, RECIPE, room=10**6, workers=1)
    assert slices.images.shape == (4, 16, 16) and slices.images.dtype == np.float32
    assert slices.masks.shape == (4, 2, 16, 16)
    assert slices.masks[:, 0, :, :8].all() and not slices.masks[:, 0, :, 8:].any()
    assert slices.masks[:, 1, :8].all() and not slices.masks[:, 1, 8:].any()
    assert slices.patients.tolist() == ["1", "1", "2", "2"]
    assert slices.neighbours.tolist() == [[0, 0, 1], [0, 1, 1], [2, 2, 3], [2, 3, 3]]
    assert slices.images.mean((1, 2)).tolist() == [0.25, 0.5, 0.25, 0.5]


@pytest.fixture
def samples(tmp_path):
    volumes = [("1", 32, 3), ("2", 48, 1), ("3", 32, 4)]
    return [
        sample(tmp_path, patient, number, size) for patient, size, count in volumes for number in range(1, count + 1)
    ]


@pytest.mark.parametrize("normalisation", ["window", "volume", "none"])
@pytest.mark.parametrize("spacing", [None, 2.5])
@pytest.mark.parametrize("targets", ["binary", "grey"])
def test_a_stream_gives_the_same_numbers_as_memory_in_the_order_asked_for(samples, normalisation, spacing, targets):
    grid = {"rows": 16, "columns": 16, "spacing_mm": spacing}
    recipe = {**RECIPE, "grid": grid, "normalisation": normalisation, "targets": targets}
    held, streamed = (load_slices(samples, recipe, room, workers=2) for room in (10**6, 0))
    assert isinstance(held, SliceSet) and isinstance(streamed, SliceStream)
    assert (held.organs, streamed.organs) == (2, 2)
    assert held.patients.tolist() == streamed.patients.tolist()
    batches = [np.array(rows) for rows in ([7, 0, 3], [1], [2, 6], [4, 5], [0, 7])]
    for first, second in zip(held.read(batches), streamed.read(batches), strict=True):
        for ours, theirs in zip(first, second, strict=True):
            assert ours.dtype == theirs.dtype
            assert np.array_equal(ours, theirs)


def test_what_takes_just_the_room_is_held_and_a_byte_less_streams(samples):
    held = load_slices(samples, RECIPE, room=10**6, workers=1)
    assert isinstance(load_slices(samples, RECIPE, held.held_bytes, 1), SliceSet)
    assert isinstance(load_slices(samples, RECIPE, held.held_bytes - 1, 1), SliceStream)


def test_a_stream_reads_no_more_than_a_few_batches_ahead(samples, monkeypatch):
    stream = SliceStream(samples, RECIPE, workers=2)
    read = []
    batch = stream._batch
    monkeypatch.setattr(stream, "_batch", lambda rows: read.append(rows) or batch(rows))
    batches = stream.read([np.array([row % 8]) for row in range(1000)])
    next(batches)
    batches.close()
    assert len(read) <= 3


def test_a_slice_that_vanished_while_it_is_streamed_stops_the_reading(samples):
    stream = SliceStream(samples, RECIPE, workers=2)
    samples[4].image.unlink()
    with pytest.raises(Exception, match=samples[4].image.name):
        list(stream.read([np.array([0]), np.array([4])]))


def test_a_mask_left_grey_becomes_grey_targets_or_is_cut_in_two(tmp_path):
    one = sample(tmp_path, "1", 1, 16)
    write_png(one.masks[0], np.full((16, 16), 51, np.uint8))
    grey, binary = (
        load_slices([one], {**RECIPE, "targets": targets}, 10**6, 1).masks for targets in ("grey", "binary")
    )
    assert np.allclose(grey[0, 0], 0.2) and grey.dtype == np.float32
    assert (binary[0, 0] == 1).all() and binary.dtype == np.uint8
