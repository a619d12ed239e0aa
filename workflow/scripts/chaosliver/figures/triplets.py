"""Image, prediction and ground truth of every predicted slice side by side, as the original study drew them."""

from pathlib import Path

import numpy as np

from ..base.columns import GREY_COLUMNS, PREDICTION_COLUMNS
from ..base.errors import InputError
from ..base.indexes import read_index, write_index
from ..base.png import write_png
from ..base.slicefiles import indexed_by_stem, read_binary, read_grey

GAP_COLUMNS = 4
GAP_GREY = 128


def draw_triplets(
    predictions: Path, prediction_index: Path, masks: Path, images: Path, folder: Path, index: Path
) -> None:
    """Write `folder`/<sequence>/<patient>/<stem>.png for every slice of `prediction_index`, and their `index`.

    `predictions` is the folder that the index describes; `masks` and `images` hold <sequence>/<patient> and an index
    beside each. Where a patient's sequence has no ground truth, image and prediction stand alone.

    Raises InputError where a slice has no image, or no mask while others of its volume have one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    grey_rows, mask_rows = {}, {}
    for row in read_index(prediction_index, predictions, PREDICTION_COLUMNS):
        volume, stem = Path(row["sequence"], row["patient"]), row["stem"]
        if volume not in grey_rows:
            grey_rows[volume] = indexed_by_stem(images / volume, GREY_COLUMNS)
            mask_rows[volume] = _mask_rows(masks / volume)
        if stem not in grey_rows[volume]:
            raise InputError(f"{images / volume}.tsv: lists no image {stem}, which {prediction_index} predicts")
        grey = read_grey(grey_rows[volume][stem], images / volume)
        panels = [grey, _as_grey(read_binary(predictions / row["file"], grey.shape))]
        if mask_rows[volume]:
            if stem not in mask_rows[volume]:
                raise InputError(f"{masks / volume}.tsv: lists no mask {stem}, which {prediction_index} predicts")
            panels.append(_as_grey(read_binary(masks / volume / mask_rows[volume][stem]["file"], grey.shape)))
        file = (volume / f"{stem}.png").as_posix()
        write_png(folder / file, side_by_side(panels))
        listed.append({**row, "file": file})
    write_index(index, folder, listed, PREDICTION_COLUMNS)


def side_by_side(panels: list[np.ndarray]) -> np.ndarray:
    """Panels of equal shape (rows, columns), uint8, in one picture with a grey gap between neighbours."""
    gap = np.full((panels[0].shape[0], GAP_COLUMNS), GAP_GREY, dtype=np.uint8)
    return np.hstack([part for panel in panels for part in (gap, panel)][1:])


def _mask_rows(folder: Path) -> dict[str, dict[str, str]]:
    # Patients of a cohort without ground truth have no index of masks.
    return indexed_by_stem(folder) if folder.with_name(f"{folder.name}.tsv").exists() else {}


def _as_grey(mask: np.ndarray) -> np.ndarray:
    return mask.astype(np.uint8) * 255
