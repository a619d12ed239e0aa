"""From DICOM slices to grey PNG of 8 or 16 bit, checked by reading back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ..base.columns import LATTICE, PLACE
from ..base.errors import InputError
from ..base.files import read_tsv
from ..base.indexes import read_index, write_index
from ..base.png import FULL_SCALE_8BIT, read_png, squeeze, to_8bit, write_png
from .dicom import read_slice

# The original study drew each slice as a picture of so many pixels, whatever its matrix.
DRAWN_SHAPE = (256, 256)
# The grey levels of the colour map by which matplotlib draws.
DRAWN_LEVELS = 256

# Grey values that a network maps to 0 and 1.
Window = tuple[float, float]
WHOLE_8BIT: Window = (0.0, float(FULL_SCALE_8BIT))


@dataclass(frozen=True)
class Encoding:
    """How grey values become pixels.

    16 bit keeps them exactly, and the window between the `percentiles` of the volume is only noted. 8 bit scales them:
    `volume` by the percentiles of all slices, which keeps the scale between slices, `slice` by those of each slice,
    and `drawn` as the original study drew it, which has no percentiles.
    """

    bits: Literal[8, 16]
    scaling: Literal["volume", "slice", "drawn"] | None = None
    percentiles: tuple[float, float] = (0.0, 100.0)
    brightest_to_zero: bool = False


def convert_images(
    *, pairs: Path, raw_index: Path, sequence: str, settings: Encoding, folder: Path, index: Path
) -> None:
    """Write the images of a patient's sequence as `folder`/<stem>.png, check them, and write their index.

    `pairs` is the table of the patient's admitted slices. Raises InputError where a file read back differs from what
    was written, as on a failing disk, and where a DICOM file is missing or altered.
    """
    raw = raw_index.with_suffix("")
    rows = [row for row in read_tsv(pairs, ("sequence", "stem", "image", *LATTICE)) if row["sequence"] == sequence]
    read_index(raw_index, raw, only={row["image"] for row in rows})
    encoded, windows = encode_volume([read_slice(raw / row["image"]).pixels for row in rows], settings)
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for row, pixels, (low, high) in zip(rows, encoded, windows, strict=True):
        path = folder / f"{row['stem']}.png"
        write_png(path, pixels)
        if not np.array_equal(read_png(path), pixels):
            raise InputError(f"{path}: reads back otherwise than it was written. Check the disk")
        listed.append({**row, **_spacing(row, pixels.shape), "file": path.name, "low": low, "high": high})
    write_index(index, folder, listed, PLACE)


def encode_volume(slices: Sequence[np.ndarray], encoding: Encoding) -> tuple[list[np.ndarray], list[Window]]:
    """A volume's slices, uint16 [rows, columns], as 8- or 16-bit pixels, with the window of each."""
    if encoding.scaling == "drawn":
        return [draw(pixels, encoding.brightest_to_zero) for pixels in slices], [WHOLE_8BIT] * len(slices)
    if encoding.scaling == "slice":
        windows = [window_of(pixels, encoding.percentiles) for pixels in slices]
    else:
        windows = [window_of(np.stack(slices), encoding.percentiles)] * len(slices)
    if encoding.bits == 16:
        return list(slices), windows
    scaled = [to_8bit(pixels, window) for pixels, window in zip(slices, windows, strict=True)]
    return scaled, [WHOLE_8BIT] * len(slices)


def window_of(pixels: np.ndarray, percentiles: tuple[float, float]) -> Window:
    """Grey values (low, high) at two percentiles of `pixels`, at least one grey level apart."""
    low, high = np.percentile(pixels, percentiles)
    return float(low), float(max(high, low + 1))


def draw(pixels: np.ndarray, brightest_to_zero: bool) -> np.ndarray:
    """A slice as the original study drew it, uint8 256 x 256: its second largest grey value is white.

    What is larger was set to 0 there, on purpose; without `brightest_to_zero` it is white too. The rest follows
    matplotlib's `imshow` of that time: the smallest to the largest value that are left become 256 equal steps, and each
    pixel of the picture takes the nearest of the image. A slice of one grey value becomes black.
    """
    darker = pixels[pixels < pixels.max()]
    if not darker.size:
        return np.zeros(DRAWN_SHAPE, np.uint8)
    white = darker.max()
    kept = np.where(pixels > white, 0 if brightest_to_zero else white, pixels).astype(np.float64)
    share = (kept - kept.min()) / max(kept.max() - kept.min(), 1)
    levels = np.minimum(np.floor(share * DRAWN_LEVELS), FULL_SCALE_8BIT).astype(np.uint8)
    return squeeze(levels, DRAWN_SHAPE)


def _spacing(row: Mapping[str, str], shape: tuple[int, ...]) -> dict[str, float]:
    """The spacing of the PNG's pixels, which are fewer or more than the DICOM image's where the slice was drawn."""
    return {
        "row_spacing_mm": float(row["row_spacing_mm"]) * int(row["rows"]) / shape[0],
        "column_spacing_mm": float(row["column_spacing_mm"]) * int(row["columns"]) / shape[1],
    }
