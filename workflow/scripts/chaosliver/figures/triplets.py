"""Image, prediction and ground truth of every predicted slice side by side, as the original study drew them."""

from pathlib import Path

import numpy as np

from ..base.columns import GREY_COLUMNS, PREDICTION_COLUMNS
from ..base.errors import InputError
from ..base.indexes import read_index, write_index
from ..base.png import write_png
from ..base.slicefiles import indexed_by_stem, read_binary, read_grey
from ..base.volumes import VolumeId

GAP_WIDTH = 4
GAP_GREY = 128

Rows = dict[str, dict[str, str]]


def draw_triplets(*, prediction_index: Path, masks: Path, images: Path, folder: Path, index: Path) -> None:
    """Write `folder`/<sequence>/<patient>/<stem>.png for every slice of `prediction_index`, and their `index`.

    The predictions lie in the folder beside their index; `masks` and `images` hold <sequence>/<patient> and an index
    beside each. Where a patient's sequence has no ground truth, image and prediction stand alone.

    Raises InputError where a slice has no image, or no mask while others of its volume have one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    predictions = prediction_index.with_suffix("")
    drawn = []
    listed: dict[VolumeId, tuple[Rows, Rows]] = {}
    for row in read_index(prediction_index, predictions, PREDICTION_COLUMNS):
        volume = VolumeId(row["sequence"], row["patient"])
        if volume not in listed:
            listed[volume] = indexed_by_stem(volume.folder(images), GREY_COLUMNS), _mask_rows(volume, masks)
        images_listed, masks_listed = listed[volume]
        grey = _read_image(row["stem"], volume, images, images_listed)
        panels = [grey, _as_grey(read_binary(predictions / row["file"], grey.shape))]
        if masks_listed:
            panels.append(_as_grey(_read_mask(row["stem"], volume, masks, masks_listed, grey.shape)))
        file = f"{volume}/{row['stem']}.png"
        write_png(folder / file, side_by_side(panels))
        drawn.append({**row, "file": file})
    write_index(index, folder, drawn, PREDICTION_COLUMNS)


def side_by_side(panels: list[np.ndarray]) -> np.ndarray:
    """Panels of equal shape (rows, columns), uint8, in one picture with a grey gap between neighbours."""
    gap = np.full((panels[0].shape[0], GAP_WIDTH), GAP_GREY, dtype=np.uint8)
    return np.hstack([part for panel in panels for part in (gap, panel)][1:])


def _mask_rows(volume: VolumeId, masks: Path) -> Rows:
    # Patients of a cohort without ground truth have no index of masks.
    return indexed_by_stem(volume.folder(masks)) if volume.index(masks).exists() else {}


def _read_image(stem: str, volume: VolumeId, images: Path, listed: Rows) -> np.ndarray:
    if stem not in listed:
        raise InputError(_unlisted("image", stem, volume.index(images)))
    return read_grey(listed[stem], volume.folder(images))


def _read_mask(stem: str, volume: VolumeId, masks: Path, listed: Rows, shape: tuple[int, ...]) -> np.ndarray:
    if stem not in listed:
        raise InputError(_unlisted("mask", stem, volume.index(masks)))
    return read_binary(volume.folder(masks) / listed[stem]["file"], shape)


def _unlisted(kind: str, stem: str, index: Path) -> str:
    return f"{index}: lists no {kind} {stem}, which was predicted. Make {kind}s and predictions anew"


def _as_grey(mask: np.ndarray) -> np.ndarray:
    return mask.astype(np.uint8) * 255
