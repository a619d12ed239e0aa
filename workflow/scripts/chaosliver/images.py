"""From DICOM slices to grey PNG of 8 or 16 bit, checked by reading back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .dicom import read_slice
from .errors import InputError
from .files import read_tsv
from .indexes import read_index, write_index
from .png import FULL_SCALE_8BIT, read_png, to_8bit, write_png

# What a network must know of a slice beside its pixels.
PLACE = ("row_spacing_mm", "column_spacing_mm", "position_mm")


def window_of(pixels: np.ndarray, percentiles: Sequence[float]) -> tuple[float, float]:
    """Grey values (low, high) at two percentiles of `pixels`, at least one grey level apart."""
    low, high = np.percentile(pixels, percentiles)
    return float(low), float(max(high, low + 1))


def encode_volume(slices: Sequence[np.ndarray], encoding: Mapping[str, Any]) -> tuple[list[np.ndarray], list[Any]]:
    """A volume's slices as 8- or 16-bit pixels, with the grey values (low, high) that a network maps to 0 and 1.

    `slices` are uint16 [rows, columns]. `encoding` holds `bits`, `percentiles` and, for 8 bit, `scaling`:
    `volume` keeps the scale between slices, `slice` scales each by itself, as the original study did. With
    `brightest_to_zero` a slice's brightest pixels become 0, as they did there by an overflow. At 16 bit the exact
    values are kept, and the window is only noted.
    """
    volume = np.stack(slices)
    if encoding["bits"] == 16:
        window = window_of(volume, encoding["percentiles"])
        return list(slices), [window] * len(slices)
    if encoding["scaling"] == "volume":
        windows = [window_of(volume, encoding["percentiles"])] * len(slices)
    else:
        windows = [window_of(pixels, encoding["percentiles"]) for pixels in slices]
    encoded = [to_8bit(pixels, window) for pixels, window in zip(slices, windows, strict=True)]
    if encoding.get("brightest_to_zero"):
        encoded = [np.where(pixels == pixels.max(), 0, pixels).astype(np.uint8) for pixels in encoded]
    return encoded, [(0.0, float(FULL_SCALE_8BIT))] * len(slices)


def convert_images(
    pairs: Path, raw_index: Path, sequence: str, encoding: Mapping[str, Any], folder: Path, index: Path
) -> None:
    """Write the images of a patient's sequence as `folder`/<stem>.png, check them, and write their index.

    Raises InputError where a file read back differs from what was written, as on a failing disk.
    """
    raw = raw_index.with_suffix("")
    rows = [row for row in read_tsv(pairs, ("sequence", "stem", "image", *PLACE)) if row["sequence"] == sequence]
    read_index(raw_index, raw, only={row["image"] for row in rows})
    encoded, windows = encode_volume([read_slice(raw / row["image"]).pixels for row in rows], encoding)
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    for row, pixels, (low, high) in zip(rows, encoded, windows, strict=True):
        path = folder / f"{row['stem']}.png"
        write_png(path, pixels)
        if not np.array_equal(read_png(path), pixels):
            raise InputError(f"{path}: reads back otherwise than it was written. Check the disk")
        listed.append({**row, "file": path.name, "low": low, "high": high})
    write_index(index, folder, listed, ("low", "high", *PLACE))
