"""Grey PNG files, read and written without loss, through OpenCV."""

from pathlib import Path

import cv2
import numpy as np

from .errors import InputError

FULL_SCALE_8BIT = 255


def read_png(path: Path) -> np.ndarray:
    """Pixels of a grey PNG, uint8 or uint16 [rows, columns].

    Raises InputError where the file is missing, cut short, no image, or not grey.
    """
    try:
        # Through bytes, since cv2.imread fails silently and, on some systems, on non-ASCII paths.
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if pixels is None:
        raise InputError(f"{path}: is empty or not a readable image. Fetch or make it anew")
    if pixels.ndim != 2:
        raise InputError(f"{path}: has {pixels.shape[2]} colour channels where one grey channel is expected")
    return pixels


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 or uint16 [rows, columns] (or 8-bit blue, green, red) as PNG. Raises OSError that names the file."""
    written, data = cv2.imencode(".png", pixels)
    if not written:
        raise ValueError(f"{path}: OpenCV cannot encode {pixels.dtype} of shape {pixels.shape}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        # What write() raises, as on a full disk, does not name the file.
        raise OSError(error.errno, error.strerror, str(path)) from error


def squeeze(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels [rows, columns] on another `shape`, each the one that lies nearest: no new grey value comes about."""
    return cv2.resize(pixels, shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def to_8bit(pixels: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Scale `pixels` linearly so that the window becomes 0 to 255; what lies outside it is clipped. Returns uint8."""
    low, high = window
    scaled = (pixels.astype(np.float32) - low) * (FULL_SCALE_8BIT / (high - low))
    return np.rint(np.clip(scaled, 0, FULL_SCALE_8BIT)).astype(np.uint8)
