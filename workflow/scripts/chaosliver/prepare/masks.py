"""From the ground truth's grey levels to a binary mask of one organ."""

from pathlib import Path

import cv2
import numpy as np

from ..base.files import read_tsv
from ..base.indexes import read_index, write_index
from ..base.png import read_png, write_png


def binary_mask(ground: np.ndarray, grey_range: tuple[int, int]) -> np.ndarray:
    """Mask uint8 0 or 255 [rows, columns] of the pixels whose grey level lies in the inclusive range."""
    return cv2.inRange(ground, *grey_range)


def extract_masks(
    *, pairs: Path, raw_index: Path, sequence: str, grey_range: tuple[int, int], folder: Path, index: Path
) -> None:
    """Write the masks of a patient's sequence as `folder`/<image stem>.png, and their index.

    `pairs` is the table of the patient's admitted slices. A slice without ground truth gets no mask.
    """
    raw = raw_index.with_suffix("")
    rows = [row for row in read_tsv(pairs, ("sequence", "stem", "ground")) if row["sequence"] == sequence]
    drawn = [row for row in rows if row["ground"]]
    read_index(raw_index, raw, only={row["ground"] for row in drawn})
    folder.mkdir(parents=True, exist_ok=True)
    for row in drawn:
        write_png(folder / f"{row['stem']}.png", binary_mask(read_png(raw / row["ground"]), grey_range))
    write_index(index, folder, ({"file": f"{row['stem']}.png"} for row in drawn))
