"""Where a file of an archive belongs: to which patient, and whether it is unpacked, left out or lost."""

import re
from pathlib import PurePosixPath
from typing import NamedTuple

from ..base.anatomy import SEQUENCES
from .zips import fault_of_name

# The folders of images and masks below a patient's folder, and the folders that those lie in.
FOLDERS = {folder for sequence in SEQUENCES.values() for folder in (sequence.images, sequence.ground)}
KNOWN = FOLDERS | {str(above) for folder in FOLDERS for above in PurePosixPath(folder).parents if str(above) != "."}
# What desktops leave in folders, besides files whose names begin with "._".
LEFTOVERS = ("thumbs.db", "desktop.ini", ".ds_store")
# Also what a broken transfer leaves of a slice: .IMG-0004-00002.dcm.Xy12
SLICE = re.compile(r"\.(dcm|ima|png)(\.|$)", re.IGNORECASE)

# Of a file that the archive lists: it is unpacked, is nothing of ours, or should not be where or what it is.
UNPACKED, LEFT_OUT, LOST = "unpacked", "left out", "lost"


class Place(NamedTuple):
    """A file of a patient: `root` is the path up to MR, `file` the path below the patient's folder.

    A folder that is not known is one place, whose `file` ends in a slash.
    """

    root: str
    patient: str
    file: str

    @property
    def folder(self) -> str:
        """The folder below the patient's in which it lies."""
        return folder_of(self.file)


def folder_of(file: str) -> str:
    """The folder in which a file lies, or a folder whose name ends in a slash."""
    return file.removesuffix("/").rpartition("/")[0]


def place_of(name: str) -> Place | None:
    """The place of a path in an archive; None where it is no patient's."""
    parts = name.split("/")
    if parts[0] == "__MACOSX" or "MR" not in parts[:3]:
        return None
    at = parts.index("MR")
    inside = parts[at + 2 :]
    if not any(inside):
        return None
    folders = ["/".join(inside[:depth]) for depth in range(1, len(inside))]
    unknown = next((folder for folder in folders if folder not in KNOWN), None)
    if unknown is None and inside[-1] == "":  # the entry of a folder that is known
        return None
    return Place("/".join(parts[: at + 1]), parts[at + 1], f"{unknown}/" if unknown else "/".join(inside))


def state_of(place: Place, fault: str = "") -> tuple[str, str]:
    """What becomes of a file, and why it is not unpacked; `fault` is why it cannot be read, empty if it can."""
    if place.file.endswith("/"):
        return _state_of_folder(place)
    base = place.file.rpartition("/")[2]
    if base.startswith("._") or base.lower() in LEFTOVERS:
        return LEFT_OUT, "what a desktop leaves in folders"
    if base.startswith("."):
        return (LOST, "it is hidden: its name begins with a dot") if SLICE.search(base) else (LEFT_OUT, "it is hidden")
    if place.folder not in FOLDERS:
        inside = ", ".join(sorted(FOLDERS))
        return (LOST, f"it lies in none of {inside}") if SLICE.search(base) else (LEFT_OUT, "it is no slice")
    fault = fault or fault_of_name(base)
    return (LOST, fault) if fault else (UNPACKED, "")


def _state_of_folder(place: Place) -> tuple[str, str]:
    name = place.file[:-1]
    if place.folder in FOLDERS:
        return LOST, "it is a folder, and none is looked into here"
    for known in KNOWN:
        if known.casefold() == name.casefold():
            return LOST, f"its name is not {known}, so it is not looked into"
    return LEFT_OUT, "it is no folder of a sequence"
