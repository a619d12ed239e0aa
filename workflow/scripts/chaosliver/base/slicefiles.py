"""The files of one slice as people and metrics look at them: the grey image, and binary masks on its grid."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .errors import InputError
from .indexes import read_index
from .png import read_png, squeeze, to_8bit


def read_binary(path: Path, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """A binary PNG (0 and 255 only) as a boolean mask (rows, columns).

    Raises InputError where the file holds other values, or has another `shape` than its image.
    """
    pixels = read_png(path)
    if shape is not None and pixels.shape != shape:
        raise InputError(
            f"{path}: is {_size(pixels.shape)} where the image is {_size(shape)}. Make it anew on the image's own grid"
        )
    mask = pixels == 255
    if np.any(pixels[~mask]):
        raise InputError(f"{path}: holds grey values other than 0 and 255. Make the binary mask anew")
    return mask


def read_grey(row: dict[str, str], folder: Path) -> np.ndarray:
    """The image of an index row, uint8 (rows, columns), with the row's grey values `low` and `high` as 0 and 255.

    Its pixels are those of the DICOM image and so of the masks, also where the slice was drawn with others.
    """
    pixels = to_8bit(read_png(folder / row["file"]), (float(row["low"]), float(row["high"])))
    return squeeze(pixels, (int(row["rows"]), int(row["columns"])))


def indexed_by_stem(folder: Path, columns: Sequence[str] = ()) -> dict[str, dict[str, str]]:
    """Rows of the index beside `folder`, by the stem of their file, each file checked to be there and unaltered."""
    index = folder.with_name(f"{folder.name}.tsv")
    return {Path(row["file"]).stem: row for row in read_index(index, folder, columns)}


def _size(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
