"""The card of a training: all that is known of it, signed, so that neither an edit nor another's card passes unseen."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from .errors import InputError
from .files import sha256_of, write_text

SIGNATURE = "signature"
# A card of a training has some tens of kB.
LARGEST_BYTES = 50_000_000


def write_card(path: Path, facts: Mapping[str, Any]) -> None:
    """Write `facts` as JSON, with a signature of all of them in place of an earlier one.

    Raises ValueError where one is no finite number, which JSON does not have.
    """
    plain = {key: value for key, value in facts.items() if key != SIGNATURE}
    signed = {**plain, SIGNATURE: _signature(plain)}
    write_text(path, json.dumps(signed, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_card(path: Path, needed: Sequence[str] = ()) -> dict[str, Any]:
    """The facts of a card, as they were written.

    Raises InputError where it is missing, damaged or altered, and where it lacks one of `needed`.
    """
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
            raise ValueError
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        signature = facts.pop(SIGNATURE)
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise InputError(f"{path}: is missing or no card of a training. Delete it, and run again to make it") from None
    if signature != _signature(facts):
        raise InputError(f"{path}: was altered since it was written. Delete it, and run again to make it anew")
    if missing := [key for key in needed if key not in facts]:
        raise InputError(f"{path}: says nothing of {missing[0]}, as another version's. Delete it, and run again")
    return facts


def check_origin(path: Path, facts: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Raise InputError where a card has other values under the keys of `expected`: another training's in its place."""
    wanted = json.loads(json.dumps(expected))
    if others := [key for key in wanted if facts.get(key) != wanted[key]]:
        raise InputError(
            f"{path}: describes another training than the one whose place this is: it differs in {', '.join(others)}. "
            f"Delete {path.parent}, and run again to make it anew"
        )


def check_weights(weights: Path, sha256: str, card: Path) -> None:
    """Raise InputError where weights are missing or have another checksum than the one that their card tells."""
    if not weights.is_file() or sha256_of(weights) != sha256:
        raise InputError(f"{weights}: is not what {card} describes. Delete both, and run again to make them anew")


def _refuse(number: str) -> NoReturn:
    raise ValueError(number)


def _signature(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
