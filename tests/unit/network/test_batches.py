"""Slices in memory or from disk, as a network sees them."""

import logging
import threading
import time

import numpy as np
import pytest
from unit.network.examples import recipe

from chaosliver.base.planes import Plane
from chaosliver.base.png import read_png, write_png
from chaosliver.network.batches import SliceSet, SliceStream, load_slices
from chaosliver.network.grids import grid_of, normalise_volume, onto_grid
from chaosliver.prepare.samples import Sample

GRID = {"rows": 16, "columns": 24, "spacing_mm": None}
RECIPE = recipe(grid=GRID, context=1)
ROOM = 10**6


def sample(folder, patient, number, shape, sequence="t2_spir"):
    """A slice whose left half is liver and whose upper half is spleen."""
    rows, columns = shape
    planes = {"image": np.full(shape, 10 * number, np.uint8)}
    planes |= {"liver": np.zeros(shape, np.uint8), "spleen": np.zeros(shape, np.uint8)}
    planes["liver"][:, : columns // 2] = 255
    planes["spleen"][: rows // 2] = 255
    paths = {kind: folder / kind / sequence / patient / f"{number}.png" for kind in planes}
    for kind, plane in planes.items():
        write_png(paths[kind], plane)
    masks = (paths["liver"], paths["spleen"])
    place = (0, 40, 1.5, 1.25, 9.0 * number, rows, columns)
    return Sample(patient, sequence, str(number), paths["image"], masks, *place)


def test_volumes_of_several_matrices_become_one_array_and_no_slice_has_another_patients_neighbour(tmp_path):
    shapes = {"1": (32, 48), "2": (48, 36)}
    samples = [sample(tmp_path, patient, number, shapes[patient]) for patient in shapes for number in (1, 2)]
    slices = load_slices(samples, RECIPE, ROOM, 1)
    assert slices.images.shape == (4, 16, 24) and slices.images.dtype == np.float32
    assert slices.masks.shape == (4, 2, 16, 24) and slices.masks.dtype == np.uint8
    # Liver first, as the samples have it.
    assert slices.masks[:, 0, :, :12].all() and not slices.masks[:, 0, :, 12:].any()
    assert slices.masks[:, 1, :8].all() and not slices.masks[:, 1, 8:].any()
    assert slices.patients.tolist() == ["1", "1", "2", "2"]
    assert slices.neighbours.tolist() == [[0, 0, 1], [0, 1, 1], [2, 2, 3], [2, 3, 3]]
    assert slices.images.mean((1, 2)).tolist() == [0.25, 0.5, 0.25, 0.5]
    assert slices.bytes_in_memory == 4 * 16 * 24 * (4 + 2)


def test_sequences_of_a_patient_and_sets_of_a_sequence_are_volumes_of_their_own(tmp_path):
    """Neither their neighbours nor their grey values are mixed."""
    samples = [
        *(sample(tmp_path, "1", number, (32, 48), "t1_in_phase") for number in (1, 2)),
        *(sample(tmp_path, "1", number, (32, 48)) for number in (3, 4)),
        *(sample(tmp_path / "augmented", "1", number, (32, 48)) for number in (1, 2)),
    ]
    slices = load_slices(samples, recipe(grid=GRID, context=1, normalisation="volume"), ROOM, 1)
    assert slices.neighbours.tolist() == [[0, 0, 1], [0, 1, 1], [2, 2, 3], [2, 3, 3], [4, 4, 5], [4, 5, 5]]
    # 10 and 20 of 40 are 0.25 and 0.5: the mean becomes 0 and the deviation 1.
    assert slices.images.mean((1, 2)) == pytest.approx([-1, 1] * 3, abs=1e-4)


@pytest.fixture
def samples(tmp_path):
    volumes = [("1", (32, 48), 3), ("2", (48, 36), 1), ("3", (32, 40), 4)]
    draw = np.random.default_rng(4)
    listed = [
        sample(tmp_path, patient, number, shape) for patient, shape, count in volumes for number in range(1, count + 1)
    ]
    for each in listed:
        write_png(each.image, draw.integers(0, 60, (each.rows, each.columns), np.uint8))
        for mask in each.masks:
            write_png(mask, draw.choice(np.array([0, 90, 255], np.uint8), (each.rows, each.columns)))
    return listed


@pytest.mark.parametrize("normalisation", ["window", "volume", "none"])
@pytest.mark.parametrize("spacing", [None, 2.5])
@pytest.mark.parametrize("targets", ["binary", "grey"])
def test_a_stream_gives_the_same_numbers_as_memory_in_the_order_asked_for(samples, normalisation, spacing, targets):
    chosen = recipe(grid={**GRID, "spacing_mm": spacing}, context=1, normalisation=normalisation, targets=targets)
    held, streamed = (load_slices(samples, chosen, room, 2) for room in (ROOM, 0))
    assert isinstance(held, SliceSet) and isinstance(streamed, SliceStream)
    assert (held.organs, streamed.organs) == (2, 2)
    assert streamed.bytes_in_memory == 0
    assert held.patients.tolist() == streamed.patients.tolist() == list("11123333")
    batches = [np.array(rows) for rows in ([7, 0, 3], [1], [2, 6], [4, 5], [0, 7])]
    for first, second in zip(held.read(batches), streamed.read(batches), strict=True):
        for ours, theirs in zip(first, second, strict=True):
            assert ours.dtype == theirs.dtype
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("targets", ["binary", "grey"])
def test_a_batch_holds_each_slice_beside_its_neighbours_and_its_own_masks(samples, targets):
    chosen = recipe(grid={**GRID, "spacing_mm": 2.5}, context=1, normalisation="volume", targets=targets)
    volume = [one.plane() for one in samples[:3]]
    assert isinstance(volume[0], Plane)
    seen, grid = normalise_volume(volume, chosen)
    assert np.array_equal(grid.to_image, grid_of(volume, chosen.grid).to_image)
    ((images, masks),) = load_slices(samples, chosen, ROOM, 1).read([np.array([2, 1])])
    assert np.array_equal(images, np.stack([seen[[1, 2, 2]], seen[[0, 1, 2]]]))
    for number, one in enumerate((samples[2], samples[1])):
        for organ, path in enumerate(one.masks):
            pixels = read_png(path)
            if targets == "grey":
                expected = onto_grid(pixels.astype(np.float32) / 255, grid)
            else:
                expected = onto_grid((pixels > 0).astype(np.float32), grid) >= 0.5
            assert np.array_equal(masks[number, organ], expected)


def test_what_takes_just_the_room_is_held_and_a_byte_less_streams(samples, caplog):
    caplog.set_level(logging.INFO)
    for targets, a_mask in (("binary", 1), ("grey", 4)):
        needed = 8 * 16 * 24 * (4 + 2 * a_mask)
        chosen = recipe(grid=GRID, targets=targets)
        held = load_slices(samples, chosen, needed, 1)
        assert isinstance(held, SliceSet) and held.bytes_in_memory == needed
        assert not caplog.messages
        assert isinstance(load_slices(samples, chosen, needed - 1, 1), SliceStream)
        assert caplog.messages == ["8 slices need 0.0 GB and 0.0 GB are free: streaming them"]
        caplog.clear()


def test_a_stream_reads_no_more_than_a_few_batches_ahead(samples, monkeypatch):
    stream = SliceStream(samples, RECIPE, 2)
    read = []
    batch = stream._batch
    monkeypatch.setattr(stream, "_batch", lambda rows: read.append(rows) or batch(rows))
    batches = stream.read([np.array([row % 8]) for row in range(1000)])
    next(batches)
    batches.close()
    assert len(read) <= 3


def test_as_many_batches_are_read_at_once_as_there_are_workers(samples, monkeypatch):
    stream = SliceStream(samples, RECIPE, 3)
    together = threading.Barrier(3, timeout=20)
    monkeypatch.setattr(stream, "_batch", lambda rows: together.wait())
    # Fewer would wait for one another for ever.
    assert sorted(stream.read([np.array([row]) for row in range(6)])) == [0, 0, 1, 1, 2, 2]


def test_no_more_batches_are_read_at_once_than_there_are_workers(samples, monkeypatch):
    stream, busy, most, lock = SliceStream(samples, RECIPE, 2), set(), [], threading.Lock()

    def batch(rows):
        with lock:
            busy.add(int(rows[0]))
            most.append(len(busy))
        time.sleep(0.002)
        with lock:
            busy.remove(int(rows[0]))

    monkeypatch.setattr(stream, "_batch", batch)
    assert len(list(stream.read([np.array([row]) for row in range(30)]))) == 30
    assert max(most) <= 2


def test_a_slice_that_vanished_while_it_is_streamed_stops_the_reading(samples):
    stream = SliceStream(samples, RECIPE, 2)
    samples[4].image.unlink()
    with pytest.raises(Exception, match=samples[4].image.name):
        list(stream.read([np.array([0]), np.array([4])]))


def test_a_mask_left_grey_becomes_grey_targets_or_is_cut_in_two(tmp_path):
    one = sample(tmp_path, "1", 1, (16, 24))
    write_png(one.masks[0], np.full((16, 24), 51, np.uint8))
    grey, binary = (
        load_slices([one], recipe(grid=GRID, targets=targets), ROOM, 1).masks for targets in ("grey", "binary")
    )
    assert np.allclose(grey[0, 0], 0.2) and grey.dtype == np.float32
    assert (binary[0, 0] == 1).all() and binary.dtype == np.uint8


def test_a_pixel_of_the_grid_that_is_half_covered_is_of_the_organ(tmp_path):
    """Two by two pixels become one: 2 of 4, 2 and 0 of 4, and 3 of 4 are covered."""
    one = sample(tmp_path, "1", 1, (4, 8))
    mask = np.zeros((4, 8), np.uint8)
    mask[:, 0] = mask[0, 2] = mask[1, 3] = mask[:, 4] = mask[::2, 5] = 1
    for path in one.masks:
        write_png(path, mask)
    small = recipe(grid={"rows": 2, "columns": 4, "spacing_mm": None})
    slices = load_slices([one], small, ROOM, 1)
    assert slices.masks[0, 0].tolist() == [[1, 1, 1, 0], [1, 0, 1, 0]]
