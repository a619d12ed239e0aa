"""Where a study's tables come from: configuration, code, packages and data, each by version or checksum."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..base.cards import read_card
from ..base.files import sha256_of, write_text

PACKAGES = ("snakemake", "numpy", "scipy", "pandas", "seaborn", "matplotlib")


def sign_tables(
    *,
    tables: list[Path],
    receipts: list[Path],
    cards: list[Path],
    configuration: Mapping[str, Any],
    all_code: Mapping[str, str],
    provenance: Path,
) -> None:
    """Write the SHA-256 of each table beside that of the configuration, the code, the archives and the trainings.

    `all_code` holds a digest for each rule and network that has a part in them; `receipts` hold the checksums of the
    archives, `cards` those of the trainings.
    """
    trainings = [read_card(card) for card in cards]
    signed = {
        "tables_sha256": {table.name: sha256_of(table) for table in tables},
        "configuration_sha256": _digest(configuration),
        "code_sha256": all_code,
        "commit": _commit(),
        "packages": {package: version(package) for package in PACKAGES},
        "archives_sha256": {receipt.stem: receipt.read_text(encoding="utf-8").split()[0] for receipt in receipts},
        "trainings": {
            f"{card.parent.parent.name}/{card.parent.name}": {
                "data_sha256": training["data"],
                "weights_sha256": training["weights_sha256"],
                "packages": training["versions"],
            }
            for card, training in zip(cards, trainings, strict=True)
        },
    }
    write_text(provenance, json.dumps(signed, indent=2, sort_keys=True) + "\n")


def _digest(configuration: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()


def _commit() -> str | None:
    """The commit of the code that runs, with -dirty where files differ from it; None outside of git."""
    try:
        git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
        found = subprocess.run(git, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return found.stdout.strip() or None
