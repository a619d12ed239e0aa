"""DICOM slices with changed elements, read by `read_slice` and, where it accepts them, by GDCM."""

import random
import re
import struct
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import SimpleITK

from chaosliver.prepare.dicom import Slice, read_slice

from .changing import NUMBERS, WORDS, change_bytes
from .outcomes import WrongError

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
SYNTAXES = (
    *(IMPLICIT, EXPLICIT, BIG, "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50"),
    *("1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90", "1.2.3", ""),
)
LONG = ("OB", "OW", "OF", "SQ", "UN", "UT", "OD", "OL")
# Group, element, VR and value.
Element = tuple[int, int, str, bytes]

ROWS, COLUMNS, ALLOCATED, STORED, HIGH_BIT, SIGNED = 0x10, 0x11, 0x100, 0x101, 0x102, 0x103
POSITION, ORIENTATION, SPACING = (0x20, 0x32), (0x20, 0x37), (0x28, 0x30)
PIXELS = (0x7FE0, 0x10)
# What a scanner may write beside what the archive has: each could be taken for something else.
OTHERS: tuple[Element, ...] = (
    *((0x28, 0x1053, "DS", b"2"), (0x28, 0x1052, "DS", b"-3"), (0x28, 0x1053, "DS", b"0.5"), (0x28, 0x8, "IS", b"1")),
    *((0x28, 0x8, "IS", b"2"), (0x28, 0x34, "IS", b"1\\2"), (0x18, 0x1164, "DS", b"2\\2"), (0x28, 0x6, "US", b"\1\0")),
    *((0x28, 0x120, "US", b"\0\0"), (0x28, 0x106, "US", b"\0\0"), (0x18, 0x88, "DS", b"7"), (0x20, 0x1041, "DS", b"9")),
    *(
        (0x8, 0x5, "CS", b"ISO_IR 192"),
        (0x8, 0x5, "CS", b"nonsense"),
        (0x28, 0x1050, "DS", b"40"),
        (0x28, 0x1051, "DS", b"9"),
    ),
    *(
        (0x9, 0x10, "LO", b"PRIVATE"),
        (0x9, 0x1001, "UN", b"\1\2\3\4"),
        (0x6000, 0x3000, "OW", bytes(120)),
        (0x28, 0x2, "US", b"\3\0"),
    ),
    *(
        (0x6000, 0x10, "US", b"\x18\0"),
        (0x5200, 0x9229, "SQ", b""),
        (0x28, 0x3000, "SQ", b""),
        (0x28, 0x2110, "CS", b"01"),
    ),
)


def _us(number: int) -> bytes:
    return struct.pack("<H", number & 0xFFFF)


def _ds(*numbers: float) -> bytes:
    return "\\".join(f"{number:.6g}" for number in numbers).encode()


@cache
def seeds() -> tuple[tuple[Element, ...], ...]:
    """Slices that are not square, with spacing that differs by axis: tilted, signed, with slope and intercept."""
    made = []
    for number in range(6):
        rng = np.random.default_rng(number)
        rows, columns = 24 - number, 30 + number
        pixels = rng.integers(0, 900, (rows, columns)).astype("<u2")
        turn = np.radians(7 * number)
        row = (np.cos(turn), np.sin(turn), 0.0)
        column = (-np.sin(turn), np.cos(turn), 0.0) if number % 2 else (0.0, 0.0, -1.0)
        elements: list[Element] = [
            (0x8, 0x16, "UI", b"1.2.840.10008.5.1.4.1.1.4"),
            (0x8, 0x18, "UI", b"2.25.%d" % (number + 100)),
            (0x8, 0x60, "CS", b"MR"),
            (0x10, 0x10, "PN", b"PHANTOM"),
            (0x10, 0x20, "LO", b""),
            (0x18, 0x50, "DS", b"5"),
            (0x18, 0x81, "DS", b"4.6"),
            (0x20, 0xD, "UI", b"2.25.7"),
            (0x20, 0xE, "UI", b"2.25.8"),
            (0x20, 0x13, "IS", b"%d" % (number + 3)),
            (*POSITION, "DS", _ds(-60.5 + number, -70.25, 12.5 * number)),
            (*ORIENTATION, "DS", _ds(*row, *column)),
            (0x28, 0x2, "US", _us(1)),
            (0x28, 0x4, "CS", b"MONOCHROME2"),
            (0x28, ROWS, "US", _us(rows)),
            (0x28, COLUMNS, "US", _us(columns)),
            (*SPACING, "DS", _ds(1.25, 0.75 + 0.1 * number)),
            (0x28, ALLOCATED, "US", _us(16)),
            (0x28, STORED, "US", _us(12 if number % 3 else 16)),
            (0x28, HIGH_BIT, "US", _us(11 if number % 3 else 15)),
            (0x28, SIGNED, "US", _us(number % 2)),
        ]
        if number in (2, 3):
            elements += [(0x28, 0x1052, "DS", b"5"), (0x28, 0x1053, "DS", b"2")]
        made.append((*elements, (*PIXELS, "OW", pixels.tobytes())))
    return tuple(made)


def encode(elements: list[Element], syntax: str, said: str | None = None) -> bytes:
    """A file of these elements, in their order, whose header says that it is of the syntax `said`."""
    said = syntax if said is None else said
    meta: list[Element] = [
        (0x2, 0x1, "OB", b"\0\1"),
        (0x2, 0x2, "UI", b"1.2.840.10008.5.1.4.1.1.4"),
        (0x2, 0x3, "UI", b"2.25.100"),
        (0x2, 0x10, "UI", said.encode()),
        (0x2, 0x12, "UI", b"2.25.1"),
    ]
    head = b"".join(_encode(element, EXPLICIT) for element in meta)
    body = b"".join(_encode(element, syntax) for element in elements)
    if syntax.endswith(".99"):
        packer = zlib.compressobj(wbits=-15)
        body = packer.compress(body) + packer.flush()
    return bytes(128) + b"DICM" + _encode((0x2, 0x0, "UL", struct.pack("<I", len(head))), EXPLICIT) + head + body


def _encode(element: Element, syntax: str) -> bytes:
    group, number, kind, value = element
    if len(value) % 2:
        value += b"\0" if kind in ("UI", "OB", "UN") else b" "
    order = ">" if syntax == BIG else "<"
    if syntax == BIG and kind in ("US", "OW", "SS"):
        value = np.frombuffer(value, "<u2").astype(">u2").tobytes()
    tag = struct.pack(f"{order}HH", group, number)
    if syntax == IMPLICIT:
        return tag + struct.pack("<I", len(value)) + value
    if kind in LONG:
        return tag + kind.encode().ljust(2)[:2] + bytes(2) + struct.pack(f"{order}I", len(value)) + value
    return tag + kind.encode().ljust(2)[:2] + struct.pack(f"{order}H", len(value) & 0xFFFF) + value


def _new_value(rng: random.Random, element: Element) -> bytes:
    kind, value = element[2:]
    if kind == "US":
        old = int.from_bytes(value[:2], "little")
        return _us(rng.choice((*NUMBERS, old + 1, old - 1, old * 2, rng.randrange(1 << 16))))
    if element[:2] == PIXELS:
        return _new_pixels(rng, value)
    parts = value.split(b"\\")
    at = rng.randrange(len(parts))
    word = rng.choice(WORDS).encode("utf-8", "replace")
    how = rng.randrange(6)
    if how == 0:
        return word
    if how == 1:
        return b"\\".join(parts[:at] + parts[at + 1 :])
    if how == 2:
        return b"\\".join([*parts, word])
    if how == 3:
        return b"\\".join(rng.sample(parts, len(parts)))
    if how == 4 and re.fullmatch(rb"-?[0-9]+[.]?[0-9]* ?", parts[at]):
        factor = rng.choice((-1, 0, 1e-3, 0.5, 2, 10, 1000, 1e6, 1.0001))
        parts[at] = _ds(factor * float(parts[at]))
    else:
        parts[at] = word
    return b"\\".join(parts)


def _new_pixels(rng: random.Random, value: bytes) -> bytes:
    pixels = np.frombuffer(value, "<u2")
    how = rng.randrange(7)
    if how == 0:
        return change_bytes(rng, value)
    if how == 1:
        return bytes(len(value))
    if how == 2:
        return b"\xff" * len(value)
    if how == 3:
        return value[: 2 * rng.randrange(len(pixels))]
    if how == 4:
        return value + bytes(2 * rng.randint(1, 40))
    if how == 5:
        return (pixels | rng.choice((0x8000, 0x1000, 0xF000))).astype("<u2").tobytes()
    # As pieces, the way compressed pixels stand in a file.
    piece = struct.pack("<HHI", 0xFFFE, 0xE000, len(value)) + value
    return struct.pack("<HHI", 0xFFFE, 0xE000, 0) + piece + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def _change_elements(rng: random.Random, elements: list[Element]) -> list[Element]:
    at = rng.randrange(len(elements))
    group, number, kind, value = element = elements[at]
    how = rng.randrange(9)
    changed = list(elements)
    if how <= 2:
        changed[at] = (group, number, kind, _new_value(rng, element))
    elif how == 3:
        del changed[at]
    elif how == 4:  # twice, with two values
        changed.insert(rng.choice((at, at + 1, len(changed))), (group, number, kind, _new_value(rng, element)))
    elif how == 5:
        changed[at] = (group, number, rng.choice(("US", "DS", "UN", "SQ", "OB", "SS", "FD", "UL", "??", "\0\0")), value)
    elif how == 6:
        changed.insert(rng.randint(0, len(changed)), changed.pop(at))
    elif how == 7:
        changed[at] = (group, number, kind, rng.choice(elements)[3])
    else:
        extra = rng.choice(OTHERS)
        changed = sorted([*changed, extra], key=lambda each: each[:2])
    return changed


def draw(rng: random.Random) -> bytes:
    """A changed slice; one in fifty is not changed but for its transfer syntax."""
    elements = list(rng.choice(seeds()))
    # Explicit as in the archive, most of the time.
    syntax = rng.choice((EXPLICIT,) * 6 + SYNTAXES[:4])
    if rng.random() < 0.02:
        return encode(elements, syntax)
    if rng.random() < 0.3:
        return change_bytes(rng, encode(elements, syntax))
    for _ in range(rng.choice((1, 1, 2, 3))):
        elements = _change_elements(rng, elements) or elements
    return encode(elements, syntax, rng.choice((syntax,) * 9 + (rng.choice(SYNTAXES),)))


def read(path: Path, results: Path) -> Slice:
    return read_slice(path)


def compare(path: Path, found: Slice) -> None:
    """Raise WrongError where GDCM reads other pixels or another place than `found`."""
    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise WrongError(f"GDCM refuses it: {str(error).strip().splitlines()[-1]}") from None
    pixels = SimpleITK.GetArrayFromImage(image)
    if pixels.shape != (1, *found.pixels.shape):
        raise WrongError(f"pixels {found.pixels.shape}, but {pixels.shape} by GDCM")
    if (apart := np.abs(np.rint(pixels[0].astype(float)) - found.pixels).max()) > 0:
        raise WrongError(f"pixels differ by up to {apart:g}")
    column_spacing, row_spacing, _ = image.GetSpacing()
    if not np.allclose(found.spacing, (row_spacing, column_spacing), rtol=1e-5):
        raise WrongError(f"spacing {found.spacing}, but {(row_spacing, column_spacing)} by GDCM")
    if not np.allclose(found.position, image.GetOrigin(), rtol=1e-5, atol=1e-5):
        raise WrongError(f"position {found.position}, but {image.GetOrigin()} by GDCM")
    directions = np.array(image.GetDirection()).reshape(3, 3)
    if not np.allclose(found.orientation, (*directions[:, 0], *directions[:, 1]), atol=2e-3):
        raise WrongError(f"orientation {found.orientation}, but {directions.tolist()} by GDCM")
    if int(image.GetMetaData("0020|0013")) != found.instance_number:
        raise WrongError(f"InstanceNumber {found.instance_number}, but {image.GetMetaData('0020|0013')} by GDCM")
