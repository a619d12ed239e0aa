"""Changes of bytes and of text that know nothing of a format, and values that programs stumble over."""

import random
from collections.abc import Callable, Sequence

# Values that programs stumble over, as text.
WORDS = (
    *("", " ", "0", "-0", "1", "-1", "2", "3.5", "1e300", "-1e300", "1e-300", "1e400", "nan", "inf", "-inf", "NaN"),
    *(
        ".nan",
        ".inf",
        "true",
        "no",
        "null",
        "~",
        "[]",
        "{}",
        "[1, 2]",
        "0x10",
        "1_000",
        "12345678901234567890",
        "65536",
    ),
    *(
        "4294967296",
        "-2147483649",
        "1e9",
        "..",
        "/",
        "a/b",
        "../../outside",
        "~/x",
        "$HOME",
        "*",
        "%s",
        "{0}",
        "\\",
        "'",
    ),
    *(
        '"',
        "\t",
        "\u00e4",
        "\u0130",
        "\u202e",
        "\U0001f600",
        "\x00",
        "x" * 300,
        "1\\2",
        "1\\2\\3",
        "1,2",
        "!!python/none",
    ),
)
NUMBERS = (0, 1, 2, 3, 7, 8, 15, 16, 17, 127, 128, 255, 256, 1000, 32767, 32768, 65534, 65535)


def flip(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    number = rng.choice((0, 1, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, rng.randrange(1 << 32)))
    length = rng.choice((1, 2, 4))
    at = rng.randrange(len(changed))
    changed[at : at + length] = number.to_bytes(4, rng.choice(("little", "big")))[:length]
    return bytes(changed)


def truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def insert(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice((rng.randbytes(rng.randint(1, 40)), bytes(rng.randint(1, 2000)))) + data[at:]


def cut_out(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randint(1, 64) :]


def repeat(rng: random.Random, data: bytes) -> bytes:
    at, length = rng.randrange(len(data)), rng.choice((1, 2, 8, 32, 200))
    return data[: at + length] + data[at : at + length] * rng.choice((1, 1, 3)) + data[at + length :]


def exchange(rng: random.Random, data: bytes) -> bytes:
    length = rng.choice((1, 2, 8, 32))
    first, second = sorted((rng.randrange(len(data)), rng.randrange(len(data))))
    if first + length > second:
        return data[::-1]
    middle = data[first + length : second]
    return (
        data[:first] + data[second : second + length] + middle + data[first : first + length] + data[second + length :]
    )


def empty(_: random.Random, data: bytes) -> bytes:
    return b""


OF_BYTES: Sequence[Callable[[random.Random, bytes], bytes]] = (
    *(flip, flip, overwrite, overwrite, truncate, insert, cut_out, repeat, exchange),
)


def change_bytes(rng: random.Random, data: bytes) -> bytes:
    """One to three changes of bytes; rarely nothing is left."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        if not data or rng.random() < 0.01:
            return b""
        data = rng.choice(OF_BYTES)(rng, data)
    return data


def change_lines(rng: random.Random, text: str) -> str:
    """A line deleted, repeated, moved, indented or broken."""
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    how = rng.randrange(6)
    if how == 0:
        del lines[at]
    elif how == 1:
        lines.insert(rng.randrange(len(lines) + 1), lines[at])
    elif how == 2:
        lines.insert(rng.randrange(len(lines)), lines.pop(at))
    elif how == 3:
        lines[at] = rng.choice(("\t", " ", "    ")) + lines[at]
    elif how == 4:
        lines[at] = lines[at].lstrip()
    else:
        place = rng.randint(0, len(lines[at]))
        lines[at] = lines[at][:place] + rng.choice(("\n", "\r", "\r\n", "\x00", "\ufeff", '"', "#")) + lines[at][place:]
    return "\n".join(lines)


def to_bytes(rng: random.Random, text: str) -> bytes:
    """Text in UTF-8, or now and then in another encoding."""
    encoding = rng.choice(("utf-8",) * 20 + ("utf-16", "latin-1", "utf-8-sig"))
    return text.encode(encoding, "replace" if encoding == "latin-1" else "surrogatepass")
