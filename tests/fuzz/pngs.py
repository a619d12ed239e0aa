"""PNG with changed chunks, read by `read_png` and, where it accepts them, by Pillow."""

import io
import random
import struct
import zlib
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from chaosliver.base.png import read_png

from .changing import change_bytes
from .outcomes import WrongError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
# A chunk's name, its data and whether its checksum is right.
Chunk = tuple[bytes, bytes, bool]
ANCILLARY: tuple[Chunk, ...] = (
    *((b"tRNS", b"\0\0", True), (b"tRNS", b"\0\1\0\1\0\1", True), (b"gAMA", struct.pack(">I", 220000), True)),
    *((b"sBIT", b"\4", True), (b"bKGD", b"\0\1", True), (b"tEXt", b"Comment\0x", True), (b"iCCP", b"x\0\0junk", True)),
    *((b"eXIf", b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0", True), (b"PLTE", bytes(range(30)), True)),
    *((b"acTL", struct.pack(">II", 2, 0), True), (b"zTXt", b"x\0\0" + zlib.compress(bytes(9_000_000)), True)),
    *((b"ABCD", b"unknown critical", True), (b"IDAT", b"", True), (b"IEND", b"", True), (b"sRGB", b"\0", True)),
)
# What a comment unfolds to says nothing about the pixels.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = 1 << 30
OTHER_FORMATS = ("JPEG", "BMP", "GIF", "TIFF", "PPM", "WEBP", "JPEG2000", "ICO")


def header(columns: int, rows: int, bits: int, colour: int, interlaced: int = 0) -> Chunk:
    return b"IHDR", struct.pack(">IIBBBBB", columns, rows, bits, colour, 0, 0, interlaced), True


def packed(lines: list[bytes]) -> Chunk:
    return b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines)), True


@cache
def seeds() -> tuple[tuple[Chunk, ...], ...]:
    """A mask with the challenge's grey levels and a 16-bit image, not square; then grey of few bits, and colours."""
    rng = np.random.default_rng(1)
    mask = rng.choice(np.array([0, 63, 126, 189, 252], np.uint8), (24, 31))
    deep = rng.integers(0, 2600, (19, 24)).astype(">u2")
    end: Chunk = (b"IEND", b"", True)
    made = [
        (header(31, 24, 8, GREY), packed([line.tobytes() for line in mask]), end),
        (header(24, 19, 16, GREY), packed([line.tobytes() for line in deep]), end),
    ]
    few = rng.integers(0, 256, (9, 4)).astype(np.uint8)
    for bits in (1, 2, 4):
        made.append((header(32 // bits, 9, bits, GREY), packed([line.tobytes() for line in few]), end))
    for colour, channels in ((RGB, 3), (GREY_ALPHA, 2), (RGBA, 4)):
        lines = [line.tobytes() for line in rng.integers(0, 256, (7, 5 * channels)).astype(np.uint8)]
        made.append((header(5, 7, 8, colour), packed(lines), end))
    indexed = [line.tobytes() for line in rng.integers(0, 9, (7, 5)).astype(np.uint8)]
    made.append((header(5, 7, 8, PALETTE), (b"PLTE", bytes(range(30)), True), packed(indexed), end))
    return tuple(made)


def encode(chunks: list[Chunk]) -> bytes:
    return SIGNATURE + b"".join(_encode(*chunk) for chunk in chunks)


def _encode(name: bytes, data: bytes, right: bool) -> bytes:
    checksum = zlib.crc32(name + data) ^ (0 if right else 1)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


def _change_chunks(rng: random.Random, chunks: list[Chunk]) -> list[Chunk]:
    at = rng.randrange(len(chunks))
    name, data, right = chunks[at]
    changed = list(chunks)
    how = rng.randrange(9)
    if how == 0:
        changed[0] = _change_header(rng, chunks[0])
    elif how == 1:
        changed[at] = (name, change_bytes(rng, data) if data else data, right)
    elif how == 2:
        changed[at] = (name, data, False)
    elif how == 3:
        del changed[at]
    elif how == 4:
        changed.insert(rng.randint(0, len(changed)), changed[at])
    elif how == 5:
        changed.insert(rng.randint(0, len(changed)), rng.choice(ANCILLARY))
    elif how == 6:
        changed = [each for chunk in changed for each in _change_lines(rng, chunk)]
    elif how == 7 and len(data) > 1:
        place = rng.randrange(len(data))
        changed[at : at + 1] = [(name, data[:place], right), (name, data[place:], right)]
    else:
        changed.insert(rng.randint(0, len(changed)), changed.pop(at))
    return changed


def _change_header(rng: random.Random, chunk: Chunk) -> Chunk:
    name, data, right = chunk
    if len(data) != 13:
        return chunk
    fields = list(struct.unpack(">IIBBBBB", data))
    at = rng.randrange(7)
    if at < 2:
        fields[at] = rng.choice(
            (0, 1, fields[at] - 1, fields[at] + 1, 2 * fields[at], 30_000, 65_535, 1 << 31, (1 << 32) - 1)
        )
    else:
        fields[at] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 32))
    return (
        name,
        struct.pack(">IIBBBBB", *(field % (1 << (32 if i < 2 else 8)) for i, field in enumerate(fields))),
        right,
    )


def _change_lines(rng: random.Random, chunk: Chunk) -> list[Chunk]:
    """Pixels cut short, too many, with another filter in a line, in two chunks, or packed so that they unfold far."""
    name, data, right = chunk
    if name != b"IDAT":
        return [chunk]
    try:
        lines = zlib.decompress(data)
    except zlib.error:
        return [chunk]
    how = rng.randrange(6)
    if how == 0:
        return [(name, zlib.compress(lines[: rng.randrange(len(lines) + 1)]), right)]
    if how == 1:
        return [(name, zlib.compress(lines + rng.randbytes(50)), right)]
    if how == 2:
        return [(name, zlib.compress(change_bytes(rng, lines) if lines else lines), right)]
    if how == 3:
        return [(name, zlib.compress(lines + bytes(20_000_000)), right)]
    if how == 4:
        return [(name, data[:-4], right)]
    return [(name, data[:-4] + b"\0\0\0\0", right)]


def draw(rng: random.Random) -> bytes:
    chunks = list(rng.choice(seeds()[:2] * 6 + seeds()[2:]))
    if rng.random() < 0.02:
        return encode(chunks)
    if rng.random() < 0.03:
        return _as_other_format(rng)
    if rng.random() < 0.3:
        return change_bytes(rng, encode(chunks))
    for _ in range(rng.choice((1, 1, 2, 3))):
        chunks = _change_chunks(rng, chunks) or chunks
    return encode(chunks)


def _as_other_format(rng: random.Random) -> bytes:
    stream = io.BytesIO()
    pixels = np.frombuffer(rng.randbytes(20 * 24), np.uint8).reshape(20, 24)
    Image.fromarray(pixels).save(stream, rng.choice(OTHER_FORMATS))
    return stream.getvalue()


def read(path: Path, results: Path) -> np.ndarray:
    return read_png(path)


def compare(path: Path, found: np.ndarray) -> None:
    """Raise WrongError where Pillow finds no whole grey PNG, or other pixels."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.verify()
        with Image.open(path, formats=["PNG"]) as image:
            image.load()
            mode, pixels = image.mode, np.array(image)
    except Exception as error:
        raise WrongError(f"Pillow refuses it: {error}") from None
    if mode not in ("L", "I;16", "I"):
        raise WrongError(f"Pillow says that it is of mode {mode}")
    if found.shape != pixels.shape or not np.array_equal(found, pixels) or (found.dtype == np.uint8) != (mode == "L"):
        raise WrongError(f"pixels {found.dtype} {found.shape} differ from Pillow's, {pixels.dtype} {pixels.shape}")
