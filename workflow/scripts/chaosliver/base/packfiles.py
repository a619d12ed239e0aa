"""A pack, the network for use in one folder: its files, and whether they are still what was packed."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .errors import InputError
from .files import sha256_of

# Another number where what a pack holds is read otherwise than before.
FORMAT = 3
DESCRIPTION, FINGERPRINTS, CHECKSUMS = "pack.json", "training_slices.txt", "SHA256SUMS"
# What is read of the description, of all that it says.
DESCRIBED = ("members", "experiment", "organ", "encoding", "threshold", "largest_component", "expected", "seen")
REMEDY = "Copy the pack anew, or make it anew with: snakemake --cores 1 model"


@dataclass(frozen=True)
class Pack:
    """A pack that is whole: its folder, and what its description says."""

    folder: Path
    described: dict[str, Any]

    @property
    def cards(self) -> list[Path]:
        """The card of each network."""
        return [self.folder / member["card"] for member in self.described["members"]]

    @property
    def weights(self) -> list[Path]:
        """The weights of each network."""
        return [self.folder / member["weights"] for member in self.described["members"]]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the checksums of all files, which tells this pack from every other."""
        return sha256_of(self.folder / CHECKSUMS)

    @cached_property
    def training_slices(self) -> frozenset[str]:
        """The fingerprints of the slices that the networks learned from."""
        return frozenset((self.folder / FINGERPRINTS).read_text(encoding="utf-8").split())


def open_pack(folder: Path) -> Pack:
    """A pack whose files all have their checksum.

    Raises InputError where there is none, where a file is missing or altered, and where another version wrote it.
    """
    listed = _listed(folder)
    for name, digest in listed.items():
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: is missing, but {CHECKSUMS} lists it. {REMEDY}")
        if sha256_of(folder / name) != digest:
            raise InputError(f"{folder / name}: its content differs from what {CHECKSUMS} says. {REMEDY}")
    for needed in (DESCRIPTION, FINGERPRINTS):
        if needed not in listed:
            raise InputError(f"{folder / CHECKSUMS}: does not list {needed}. {REMEDY}")
    try:
        described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        made_as = described["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{folder / DESCRIPTION}: is not the description of a pack. {REMEDY}") from None
    if made_as != FORMAT:
        raise InputError(f"{folder}: is a pack of format {made_as}, and this version reads format {FORMAT}. {REMEDY}")
    if missing := [key for key in DESCRIBED if key not in described]:
        raise InputError(f"{folder / DESCRIPTION}: says nothing of {missing[0]}. {REMEDY}")
    try:
        names = [member[kind] for member in described["members"] for kind in ("card", "weights")]
    except (KeyError, TypeError):
        names = []
    if not names:
        raise InputError(f"{folder / DESCRIPTION}: names no networks. {REMEDY}")
    # Listed names are of files in the folder itself.
    if unlisted := [name for name in names if name not in listed]:
        raise InputError(f"{folder / CHECKSUMS}: does not list {unlisted[0]}. {REMEDY}")
    return Pack(folder, described)


def _listed(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that the pack lists, by its name."""
    checksums = folder / CHECKSUMS
    if not checksums.is_file():
        raise InputError(f"{folder}: is no pack: it has no {CHECKSUMS}. Name the folder that `snakemake model` made")
    lines = [line.split("  ") for line in checksums.read_text(encoding="utf-8", errors="replace").splitlines()]
    for line in lines:
        if len(line) != 2 or Path(line[1]).name != line[1]:
            raise InputError(f"{checksums}: {'  '.join(line)[:80]!r} is no checksum and file name. {REMEDY}")
    return {name: digest for digest, name in lines}
