"""Slices in memory, as a network sees them."""

import numpy as np

from chaosliver.batches import load_slices
from chaosliver.png import write_png
from chaosliver.samples import Sample

RECIPE = {"grid": {"rows": 16, "columns": 16, "spacing_mm": None}, "context": 1, "normalisation": "window"}


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
    return Sample(patient, "t2_spir", str(number), paths["image"], masks, 0, 10, 1.5, 1.5, 9.0 * number)


def test_volumes_of_several_matrices_become_one_array_and_no_slice_has_another_patients_neighbour(tmp_path):
    samples = [sample(tmp_path, patient, number, size) for patient, size in (("1", 32), ("2", 48)) for number in (1, 2)]
    slices = load_slices(samples, RECIPE)
    assert slices.images.shape == (4, 16, 16) and slices.images.dtype == np.float32
    assert slices.masks.shape == (4, 2, 16, 16)
    assert slices.masks[:, 0, :, :8].all() and not slices.masks[:, 0, :, 8:].any()
    assert slices.masks[:, 1, :8].all() and not slices.masks[:, 1, 8:].any()
    assert slices.patients.tolist() == ["1", "1", "2", "2"]
    assert slices.neighbours.tolist() == [[0, 0, 1], [0, 1, 1], [2, 2, 3], [2, 3, 3]]
    assert slices.images.mean((1, 2)).tolist() == [1, 2, 1, 2]
