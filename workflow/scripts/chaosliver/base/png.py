"""Grey PNG files, read and written without loss, through OpenCV."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from .errors import InputError

FULL_SCALE_8BIT = 255
SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A grey image of 4096 x 4096: far above any slice, and far below a computer's memory.
PIXELS_AT_MOST = 1 << 24
CHANNELS = {0: "one grey channel", 2: "3 colour channels", 3: "a palette", 4: "a channel of opacity", 6: "4 channels"}
REMEDY = "Fetch or make it anew"


def read_png(path: Path) -> np.ndarray:
    """Pixels of a grey PNG, uint8 or uint16 [rows, columns].

    Raises InputError where the file is missing, cut short, damaged, no PNG, not grey or of absurd size.
    """
    try:
        # Through bytes, since cv2.imread fails silently and, on some systems, on non-ASCII paths.
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    if fault := _fault(data):
        raise InputError(f"{path}: {fault}. {REMEDY}")
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 2:
        raise InputError(f"{path}: is damaged, or not a grey image. {REMEDY}")
    return pixels


def _fault(data: bytes) -> str:
    """What is wrong with the content of a grey PNG, before its pixels are unpacked; empty if nothing is.

    OpenCV takes many other formats for a PNG, passes over wrong checksums, and takes as much memory as a length says.
    """
    if not data.startswith(SIGNATURE):
        return "is empty" if not data else "is not a PNG file"
    chunks = list(_chunks(data))
    names = [name for name, _ in chunks]
    if not names or names[0] != b"IHDR" or names[-1] != b"IEND" or len(chunks[0][1]) != 13:
        return "is a PNG file that was cut short or damaged"
    columns, rows, bits, colour = struct.unpack(">IIBB", chunks[0][1][:10])
    if columns * rows > PIXELS_AT_MOST:
        return f"claims {rows} x {columns} pixels, far more than any slice"
    if colour != 0 or b"tRNS" in names:
        return f"has {CHANNELS.get(colour or 4, 'unknown channels')} where one grey channel is expected"
    if bits not in (8, 16):
        return f"has {bits} bits per pixel where 8 or 16 are expected"
    return ""


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each chunk, up to the end or the first that is not whole."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if data[end : end + 4] != struct.pack(">I", zlib.crc32(data[at + 4 : end])):
            return
        yield data[at + 4 : at + 8], data[at + 8 : end]
        at = end + 4


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 or uint16 [rows, columns] (or 8-bit blue, green, red) as PNG."""
    written, data = cv2.imencode(".png", pixels)
    if not written:
        raise ValueError(f"{path}: OpenCV cannot encode {pixels.dtype} of shape {pixels.shape}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.tobytes())


def squeeze(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels [rows, columns] on another `shape`, each the one that lies nearest: no new grey value comes about."""
    return cv2.resize(pixels, shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def to_8bit(pixels: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Scale `pixels` linearly so that the window becomes 0 to 255; what lies outside it is clipped. Returns uint8."""
    low, high = window
    scaled = (pixels.astype(np.float32) - low) * (FULL_SCALE_8BIT / (high - low))
    return np.rint(np.clip(scaled, 0, FULL_SCALE_8BIT)).astype(np.uint8)
