"""The card of a training: all that is known of it, signed, so that neither an edit nor another's card passes unseen."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import InputError
from .files import sha256_of, write_text

SIGNATURE = "signature"


def write_card(path: Path, facts: Mapping[str, Any]) -> None:
    """Write `facts` as JSON, with a signature of all of them in place of an earlier one."""
    plain = {key: value for key, value in facts.items() if key != SIGNATURE}
    write_text(path, json.dumps({**plain, SIGNATURE: _signature(plain)}, indent=2, sort_keys=True) + "\n")


def read_card(path: Path) -> dict[str, Any]:
    """The facts of a card, as they were written. Raises InputError where it is missing, damaged or altered."""
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        signature = facts.pop(SIGNATURE)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise InputError(f"{path}: is missing or no card of a training. Delete it, and run again to make it") from None
    if signature != _signature(facts):
        raise InputError(f"{path}: was altered since it was written. Delete it, and run again to make it anew")
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


def _signature(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
