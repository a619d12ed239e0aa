"""Settings and slices that the tests of trainings share."""

import numpy as np

from chaosliver.base.columns import PLACE
from chaosliver.base.indexes import write_index
from chaosliver.base.png import write_png
from chaosliver.base.settings import from_mapping
from chaosliver.network.batches import SliceSet
from chaosliver.network.data import Data
from chaosliver.network.recipe import Recipe, TrainingSettings

RECIPE = {
    "grid": {"rows": 16, "columns": 24, "spacing_mm": None},
    "coarse_start": None,
    "context": 0,
    "normalisation": "window",
    "transforms": "none",
    "contrasts": {"curve": 0, "clusters": 0, "organs": 0, "inversion": 0},
    "mixing": 0,
    "balanced": False,
    "epochs": 4,
    "samples_per_epoch": None,
    "batch_size": 4,
    "loss": "bce",
    "optimiser": "adam",
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "largest_gradient": None,
    "schedule": "constant",
    "warmup_epochs": 0,
    "average": 0,
    "precision": "float32",
    "compile": False,
    "choose": "best",
    "patience": None,
    "snapshots": [],
    "targets": "binary",
    "stays_in_evaluation_mode": False,
}
NETWORK = {"name": "unet", "channels": 4, "depth": 2, "dropout": 0.1}
TIGHT = {"copies": 0, "validation_slices": 0, "seed": 1}


def plain_settings(recipe=None, **changes):
    """A training's settings as the parameters of its job hold them."""
    whole = {"network": NETWORK, "recipe": {**RECIPE, **(recipe or {})}, "keep_originals": True, "leaks": TIGHT}
    return {**whole, "seed": 1, "threads": 1, "code": "c", **changes}


def settings(recipe=None, **changes):
    return from_mapping(TrainingSettings, plain_settings(recipe, **changes))


def recipe(**changes):
    return from_mapping(Recipe, {**RECIPE, **changes})


def discs(count, seed, shape=(16, 24)):
    """Bright discs on noise, of three patients: what a network learns at once."""
    draw = np.random.default_rng(seed)
    images = draw.normal(0, 0.2, (count, *shape)).astype(np.float32)
    masks = np.zeros((count, *shape), np.uint8)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    for mask in masks:
        row, column = draw.integers(5, shape[0] - 5), draw.integers(5, shape[1] - 5)
        mask[(rows - row) ** 2 + (columns - column) ** 2 < 16] = 1
    patients = np.array([str(number % 3) for number in range(count)])
    sequences = np.full(count, "t1_in_phase")
    return SliceSet(images + masks, masks[:, None], patients, sequences, np.arange(count)[:, None])


def rows_of(count, shape=(16, 24)):
    place = {"low": 0, "high": 255, "row_spacing_mm": 2, "column_spacing_mm": 1.5}
    place |= {"rows": shape[0], "columns": shape[1]}
    return [{"file": f"s{number}.png", **place, "position_mm": 9 * number} for number in range(count)]


def write_patient(root, tree, patient, planes, window=True):
    """A volume's PNG and index below `tree`; the index."""
    folder = root / tree / "t2_spir" / patient
    for number, plane in enumerate(planes):
        write_png(folder / f"s{number}.png", plane)
    write_index(folder.with_suffix(".tsv"), folder, rows_of(len(planes)), PLACE if window else ())
    return folder.with_suffix(".tsv")


def two_patients(root):
    """The data of a training on patient 1, validated on patient 2, of eight slices each."""
    indexes = {}
    for role, patient in (("train", "1"), ("validation", "2")):
        slices = discs(8, int(patient))
        images = np.clip(slices.images * 100 + 50, 0, 255).astype(np.uint8)
        indexes[f"{role}_images"] = [write_patient(root, "png", patient, images)]
        indexes[f"{role}_masks"] = [write_patient(root, "masks", patient, slices.masks[:, 0] * 255, window=False)]
    return Data(**indexes, held_out_images=[], held_out_masks=[], augmented=[])
