"""How messages and pages put counts, lists and sizes into words."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

# From this share of letters in common, by difflib, a name is likely a slip for another.
ALIKE = 0.7


def counted(count: int, noun: str) -> str:
    """`1 slice`, `3 slices`: a count with its noun, whose plural ends in s."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def enumerated(things: Sequence[Any]) -> str:
    """Things as a sentence lists them: `a, b and c`."""
    *others, last = map(str, things)
    return f"{', '.join(others)} and {last}" if others else last


def first_few(things: Sequence[Any], most: int = 6) -> str:
    """The first few things by name and the rest as a number: `a, b and 3 more`."""
    rest = len(things) - most
    return ", ".join(map(str, things[:most])) + (f" and {rest} more" if rest > 0 else "")


def known(names: Iterable[Any], wrong: object = None) -> str:
    """What an error about a `wrong` name ends with: the name that is nearly the same, and all names that exist."""
    every = list(map(str, names))
    near = get_close_matches(str(wrong), every, 1, ALIKE) if wrong is not None else []
    return f"{f'Did you mean {near[0]}? ' if near else ''}Known: {', '.join(every) or 'none'}"


def size_of(shape: Sequence[int]) -> str:
    """`288 x 320`: the size of an array of this shape, rows first."""
    return " x ".join(map(str, shape))
