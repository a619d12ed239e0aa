"""Slices on disk for the pictures of slices: images, masks, predictions, their indexes and the table of a run."""

from pathlib import Path

import numpy as np

from chaosliver.base.columns import GREY_COLUMNS, SLICE_COLUMNS
from chaosliver.base.files import write_tsv
from chaosliver.base.indexes import write_index
from chaosliver.base.png import write_png
from chaosliver.base.volumes import VolumeId
from chaosliver.measure.metrics import dice

# A window of 16-bit greys that lies in the middle of an image's range.
LOW, HIGH = 1000, 2000


def rectangle(shape: tuple[int, int], top: int, bottom: int, left: int, right: int) -> np.ndarray:
    """A boolean mask with rows `top` to `bottom` and columns `left` to `right` set, ends left out."""
    mask = np.zeros(shape, dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


class Study:
    """Slices of several patients, sequences and runs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: dict[str, list[dict[str, object]]] = {}
        self.files: dict[VolumeId, dict[str, dict[str, object]]] = {}

    def add(
        self,
        volume: VolumeId,
        stem: str,
        grey: np.ndarray,
        reference: np.ndarray,
        prediction: np.ndarray,
        *,
        run: str = "fold0_seed1",
        position_mm: float = 5.5,
    ) -> dict[str, object]:
        """Write a slice, its image of 8-bit greys as 16 bit, and return its row in the table of the run.

        Image and ground truth are those of the first run that has the slice.
        """
        write_png(volume.folder(self.root / "predictions" / run) / f"{stem}.png", prediction.astype(np.uint8) * 255)
        files = self.files.setdefault(volume, {})
        if stem not in files:
            pixels = np.round(LOW + grey / 255 * (HIGH - LOW)).astype(np.uint16)
            write_png(volume.folder(self.root / "png") / f"{stem}.png", pixels)
            write_png(volume.folder(self.root / "masks") / f"{stem}.png", reference.astype(np.uint8) * 255)
            place = {"low": LOW, "high": HIGH, "rows": grey.shape[0], "columns": grey.shape[1]}
            files[stem] = {"file": f"{stem}.png", **place}
        row = self.row(volume, stem, reference, prediction, position_mm)
        self.rows.setdefault(run, []).append(row)
        return row

    def row(
        self, volume: VolumeId, stem: str, reference: np.ndarray, prediction: np.ndarray, position_mm: float
    ) -> dict[str, object]:
        names = {"experiment": "base", "fold": "0", "seed": "1", "cohort": "development", "stem": stem}
        score = dice(reference, prediction)
        numbers = {"reference_mm2": float(reference.sum()), "predicted_mm2": float(prediction.sum())}
        scores = {"position_mm": position_mm, "scores": "mask", "dice": score, "dice_of_mask": score}
        return {**names, **volume._asdict(), **numbers, **scores}

    def arguments(self) -> dict[str, object]:
        """Tables and folders, as the rules of the pictures give them; the tables and the indexes are written here."""
        images = self.root / "png"
        for volume, files in self.files.items():
            write_index(volume.index(images), volume.folder(images), files.values(), GREY_COLUMNS)
        tables = []
        for run, rows in self.rows.items():
            tables.append(self.root / f"{run}.tsv")
            write_tsv(tables[-1], SLICE_COLUMNS, rows)
        trees = {name: self.root / tree for name, tree in (("images", "png"), ("masks", "masks"))}
        return {"slices": tables, "runs": list(self.rows), "predictions": self.root / "predictions", **trees}
