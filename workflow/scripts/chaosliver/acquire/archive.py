"""Reading the CHAOS archive's MR part, from a zip or an unpacked folder alike.

Both hold `[CHAOS_Train_Sets/]Train_Sets/MR/<patient>/...` (or `Test_Sets`); a folder may also be, or hold, `MR`.
Files other than those of known sequences are ignored: CT, and what desktops leave in folders.
"""

import logging
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from ..base.anatomy import SEQUENCES
from ..base.errors import InputError
from ..base.files import naming, sha256_of, write_text
from ..base.indexes import write_index
from ..base.patient_order import natural
from .disk import room_for
from .zips import UNREADABLE, refuse_bomb, refuse_harmful

# Far above the real archives, where a slice has at most 0.5 MB and the MR part of 20 patients 0.3 GB, and far below the
# size of a disk.
MEMBER_BYTES_AT_MOST = 64 << 20
TOTAL_BYTES_AT_MOST = 8 << 30
# Unpacked to packed bytes of the whole MR part; a single empty slice can be packed to a thousandth.
RATIO_AT_MOST = 200

BLOCK_BYTES = 1 << 20
FOLDERS = {folder for sequence in SEQUENCES.values() for folder in (sequence.images, sequence.ground)}
LEFTOVERS = ("thumbs.db", "desktop.ini")
REMEDY = (
    "Get the archive from its own source, or unpack it with a tool that you trust and set archives.<cohort>.path to "
    "the folder"
)

logger = logging.getLogger(__name__)


class Member(NamedTuple):
    """A file of a patient: `file` is its path below the patient's folder, `name` its path in the archive."""

    patient: str
    file: str
    name: str
    bytes: int

    @property
    def folder(self) -> str:
        """The sequence's folder below the patient's."""
        return self.file.rpartition("/")[0]


class Archive(Protocol):
    """An open archive: its members, sorted by patient and file."""

    members: list[Member]

    def open(self, member: Member) -> IO[bytes]:
        """The member's bytes as a stream."""
        ...


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a zip or an unpacked folder.

    Raises InputError where there is no such file or folder, where it is neither a whole zip nor a folder of this
    layout, and where unpacking a zip could do harm: a member that would land outside the folder, a link, a name given
    twice, an encrypted member, more bytes than any real archive has.
    """
    if path.is_dir():
        yield _Folder(path)
    elif path.is_file():
        try:
            opened = zipfile.ZipFile(path)
        except UNREADABLE as error:
            # zipfile takes an end that the disk cannot read for no zip.
            sha256_of(path)
            raise InputError(
                f"{path}: not a zip file, or one cut short ({error}). Get it anew: if it was downloaded, delete it and "
                "run the same command again; if it is named by archives.<cohort>.path, replace it"
            ) from error
        with opened:
            yield _Zip(path, opened)
    else:
        raise InputError(f"{path}: no such zip file or folder. Correct archives.<cohort>.path")


def sequences_by_patient(archive: Archive) -> dict[str, list[str]]:
    """The sequences of which each patient has images, in the order of SEQUENCES; patients by number."""
    held = _folders_by_patient(archive)
    found = {p: [s for s, sequence in SEQUENCES.items() if sequence.images in folders] for p, folders in held.items()}
    return {patient: sequences for patient, sequences in found.items() if sequences}


def patient_sheet(path: Path, cohort: str) -> str:
    """A patient sheet (tab-separated text) of every patient and sequence in the archive at `path`."""
    with open_archive(path) as archive:
        found = sequences_by_patient(archive)
    rows = [f"{patient}\t{cohort}\t{','.join(sequences)}\n" for patient, sequences in found.items()]
    return "patient\tcohort\tsequences\n" + "".join(rows)


def check_archive(*, archive: Path, cohort: str, sha256: str | None, receipt: Path) -> None:
    """Write the receipt of an archive: its SHA-256, or that it is a folder.

    `sha256` is what the SHA-256 must be, None if that is not known. Raises InputError for another one, and for what
    open_archive refuses.
    """
    with open_archive(archive) as opened:
        logger.info("%s: %d files of MR patients", archive, len(opened.members))
    found = "a folder" if archive.is_dir() else sha256_of(archive)
    if sha256 and archive.is_file() and found != sha256.lower():
        raise InputError(
            f"{archive}: its SHA-256 is {found}, but archives.{cohort}.sha256 says {sha256}. If this is the "
            f"archive you mean, set archives.{cohort}.sha256 to its SHA-256, or to null"
        )
    write_text(receipt, f"{found}\n")


def unpack_patient(
    *,
    archive: Path,
    cohort: str,
    patient: str,
    sequences: Sequence[str],
    ground_truth: bool,
    folder: Path,
    index: Path,
) -> None:
    """Copy the files of a patient's `sequences` from the archive to `folder`, and index them.

    The masks are copied only with `ground_truth`. Raises InputError that names what the archive lacks of the patient, a
    member that is damaged, or a full disk.
    """
    wanted = _wanted_folders(sequences, ground_truth)
    # An out-of-phase image finds its ground truth by the place of the in-phase image beside it, if there is one.
    helpful = {SEQUENCES["t1_in_phase"].images} if "t1_out_of_phase" in sequences else set()
    folder.mkdir(parents=True, exist_ok=True)
    with open_archive(archive) as opened:
        of_patient = [member for member in opened.members if member.patient == patient]
        if lacking := sorted(wanted - {member.folder for member in of_patient}):
            raise InputError(_lacks(archive, cohort, patient, lacking if of_patient else []))
        chosen = [member for member in of_patient if member.folder in wanted | helpful]
        with room_for(folder, sum(member.bytes for member in chosen)):
            for member in chosen:
                _copy(opened, archive, member, folder / member.file)
    write_index(index, folder, [{"file": member.file} for member in chosen])


class _Zip:
    def __init__(self, path: Path, opened: zipfile.ZipFile) -> None:
        self._opened = opened
        self._bytes = path.stat().st_size
        entries = opened.infolist()
        refuse_harmful(path, entries, REMEDY)
        self.members = _arrange(path, ((entry.filename, entry.file_size) for entry in entries))
        refuse_bomb(
            path,
            {member.name: member.bytes for member in self.members},
            member_bytes=MEMBER_BYTES_AT_MOST,
            total_bytes=TOTAL_BYTES_AT_MOST,
            ratio=RATIO_AT_MOST,
        )

    def open(self, member: Member) -> IO[bytes]:
        # zipfile seeks there without a check, and a negative place would look like a fault of the disk.
        if not 0 <= self._opened.getinfo(member.name).header_offset < self._bytes:
            raise zipfile.BadZipFile("it lies outside the file")
        return self._opened.open(member.name)


class _Folder:
    def __init__(self, path: Path) -> None:
        path = path.absolute()  # "." has no name
        # Members are recognised by names that begin with MR.
        self._root = path.parent if path.name == "MR" else path
        roots = [path] if path.name == "MR" else [path / "MR", *path.glob("*/MR"), *path.glob("*/*/MR")]
        folders = [patient / folder for root in roots for patient in _children(root) for folder in FOLDERS]
        files = [file for folder in folders for file in _children(folder) if file.is_file()]
        self.members = _arrange(path, ((f.relative_to(self._root).as_posix(), f.stat().st_size) for f in files))

    def open(self, member: Member) -> IO[bytes]:
        return (self._root / member.name).open("rb")


def _children(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _arrange(path: Path, files: Iterable[tuple[str, int]]) -> list[Member]:
    """The members among `files` (name, bytes), after checking that each patient stands in one place only."""
    members: list[Member] = []
    roots: dict[str, str] = {}
    for name, size in files:
        placed = _place(name)
        if placed is None:
            continue
        root, patient, file = placed
        if roots.setdefault(patient, root) != root:
            raise InputError(
                f"{path}: has patient {patient} in both {roots[patient]} and {root}. Unpack it and set "
                "archives.<cohort>.path to the folder of one of them"
            )
        members.append(Member(patient, file, name, size))
    if not members:
        raise InputError(
            f"{path}: holds no MR patient. Expected is the layout of the CHAOS archive, "
            f"Train_Sets/MR/<patient>/{SEQUENCES['t1_in_phase'].images}/..., or a folder that is or holds MR"
        )
    return sorted(members, key=lambda member: (natural(member.patient), member.file))


def _place(name: str) -> tuple[str, str, str] | None:
    """Root (up to MR), patient and file of a path in an archive; None for any other than a known sequence's file."""
    parts = name.split("/")
    if parts[0] == "__MACOSX" or "MR" not in parts[:3]:
        return None
    at = parts.index("MR")
    folder, base = "/".join(parts[at + 2 : -1]), parts[-1]
    if folder not in FOLDERS or not base or base.startswith(".") or base.lower() in LEFTOVERS:
        return None
    return "/".join(parts[: at + 1]), parts[at + 1], f"{folder}/{base}"


def _wanted_folders(sequences: Sequence[str], ground_truth: bool) -> set[str]:
    known = [SEQUENCES[sequence] for sequence in sequences]
    return {sequence.images for sequence in known} | (
        {sequence.ground for sequence in known} if ground_truth else set()
    )


def _folders_by_patient(archive: Archive) -> dict[str, set[str]]:
    held: dict[str, set[str]] = {}
    for member in archive.members:
        held.setdefault(member.patient, set()).add(member.folder)
    return held


def _lacks(path: Path, cohort: str, patient: str, folders: Sequence[str]) -> str:
    what = f"{', '.join(folders)} of patient {patient}" if folders else f"patient {patient}"
    return (
        f"{path}: lacks {what}, which the patient sheet (config key `patients`) names for the {cohort} cohort. Correct "
        f"the sheet, or write one from this archive: python workflow/scripts/write_patient_sheet.py '{path}' "
        f"--cohort {cohort} > my_patients.tsv, and set `patients` to it"
    )


def _copy(archive: Archive, path: Path, member: Member, target: Path) -> None:
    """Copy a member block by block; zipfile compares its CRC at the end."""
    size = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with naming(path), archive.open(member) as source, target.open("wb") as sink:
            while block := source.read(BLOCK_BYTES):
                with naming(target):
                    sink.write(block)
                size += len(block)
    except (*UNREADABLE, zlib.error, EOFError) as error:
        raise InputError(f"{path}: its member {member.name} is damaged ({error}). Get the archive anew") from error
    if size != member.bytes:
        raise InputError(f"{path}: its member {member.name} has {size} bytes, not {member.bytes}. Get the archive anew")
