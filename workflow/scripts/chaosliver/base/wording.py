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
    meant = near(str(wrong), every, ALIKE) if wrong is not None else None
    return f"{f'Did you mean {meant}? ' if meant else ''}Known: {', '.join(every) or 'none'}"


def size_of(shape: Sequence[int]) -> str:
    """`288 x 320`: the size of an array of this shape, rows first."""
    return " x ".join(map(str, shape))


def shown(name: str) -> str:
    """A file's name as one line of text: what cannot be printed, or is not UTF-8, as an escape."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in name)


def near(name: str, names: Iterable[str], alike: float = 0.6) -> str | None:
    """The one of `names` that is most like `name`, capitals aside; None where none has the share `alike` in common."""
    by_small = {each.casefold(): each for each in names if each != name}
    found = get_close_matches(name.casefold(), by_small, 1, alike)
    return by_small[found[0]] if found else None
