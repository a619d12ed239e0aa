"""Grey PNG files, read and written without loss, through OpenCV."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from .errors import InputError
from .files import naming

FULL_SCALE_8BIT = 255
# 4096 x 4096: far above any MR slice, whose PNG is decoded in 32 MB at most.
PIXELS_AT_MOST = 1 << 24
# How a PNG begins: eight bytes, then length and name of its header, then what the header says.
SIGNATURE, HEADER = b"\x89PNG\r\n\x1a\n", struct.Struct(">8sI4sIIBB")
# By colour type.
GREY, CHANNELS = 0, {2: 3, 3: 3, 4: 2, 6: 4}


class Header(NamedTuple):
    """What the header of a PNG says of its pixels; `colour` is PNG's own number for what a pixel is."""

    rows: int
    columns: int
    bits: int
    colour: int

    @property
    def is_huge(self) -> bool:
        """Whether no slice has so many pixels."""
        return self.rows * self.columns > PIXELS_AT_MOST


def read_header(data: bytes) -> Header | None:
    """The header of a PNG's bytes, without looking at its pixels; None where they are no PNG."""
    if len(data) < HEADER.size:
        return None
    start, length, name, columns, rows, bits, colour = HEADER.unpack(data[: HEADER.size])
    fits = (start, length, name) == (SIGNATURE, 13, b"IHDR") and rows and columns
    return Header(rows, columns, bits, colour) if fits else None


def read_png(path: Path) -> np.ndarray:
    """Pixels of a grey PNG, uint8 or uint16 [rows, columns].

    Raises InputError where the file is missing, cut short, no PNG, not grey, or larger than any slice, which its header
    tells before a pixel is decoded.
    """
    try:
        # Through bytes, since cv2.imread fails silently and, on some systems, on non-ASCII paths.
        with naming(path):
            data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    header = read_header(data)
    if header is None:
        raise InputError(f"{path}: is empty or not a readable image. Fetch or make it anew")
    if header.colour != GREY:
        channels = CHANNELS.get(header.colour, 0)
        raise InputError(f"{path}: has {channels} colour channels where one grey channel is expected")
    if header.is_huge:
        raise InputError(
            f"{path}: its header says {header.rows} x {header.columns} pixels, far more than any slice has. "
            "Fetch or make it anew"
        )
    if header.bits not in (8, 16):
        raise InputError(f"{path}: has {header.bits} bits a pixel where 8 or 16 are expected. Make it anew")
    # OpenCV passes over wrong checksums, and takes as much memory as a chunk says that it has.
    names = list(_chunks(data))
    if names[-1:] != [b"IEND"] or names.count(b"IHDR") != 1:
        raise InputError(f"{path}: is cut short or damaged. Fetch or make it anew")
    if b"tRNS" in names or b"acTL" in names:
        # OpenCV makes four channels of the first, and zeros of the second.
        raise InputError(f"{path}: has a transparent grey value or is animated. Make it anew without")
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape != (header.rows, header.columns):
        raise InputError(f"{path}: is cut short or damaged. Fetch or make it anew")
    return pixels


def _chunks(data: bytes) -> Iterator[bytes]:
    """The names of a PNG's chunks, up to its end or the first that is cut short or has a wrong checksum."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        end = at + 8 + struct.unpack_from(">I", data, at)[0]
        if data[end : end + 4] != struct.pack(">I", zlib.crc32(data[at + 4 : end])):
            return
        yield data[at + 4 : at + 8]
        at = end + 4


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 or uint16 [rows, columns] (or 8-bit blue, green, red) as PNG. Raises OSError that names the file."""
    written, data = cv2.imencode(".png", pixels)
    if not written:
        raise ValueError(f"{path}: OpenCV cannot encode {pixels.dtype} of shape {pixels.shape}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path):
        path.write_bytes(data.tobytes())


def squeeze(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels [rows, columns] on another `shape`, each the one that lies nearest: no new grey value comes about."""
    return cv2.resize(pixels, shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def to_8bit(pixels: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Scale `pixels` linearly so that the window becomes 0 to 255; what lies outside it is clipped. Returns uint8."""
    low, high = window
    scaled = (pixels.astype(np.float32) - low) * (FULL_SCALE_8BIT / (high - low))
    return np.rint(np.clip(scaled, 0, FULL_SCALE_8BIT)).astype(np.uint8)
