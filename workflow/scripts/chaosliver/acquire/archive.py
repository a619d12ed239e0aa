"""Reading the CHAOS archive's MR part, from a zip or an unpacked folder alike.

Both hold `[CHAOS_Train_Sets/]Train_Sets/MR/<patient>/...` (or `Test_Sets`); a folder may also be, or hold, `MR`.
CT is ignored. Of a patient every file is listed, also what is not unpacked, and why: no slice vanishes unseen.
"""

import logging
import re
import stat
import zipfile
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, NamedTuple, Protocol, TypeVar

from ..base.anatomy import SEQUENCES
from ..base.columns import LISTED_COLUMNS
from ..base.errors import InputError
from ..base.files import naming, sha256_of, write_text, write_tsv
from ..base.indexes import write_index
from ..base.patient_order import natural
from ..base.wording import counted, near, shown
from .disk import room_for
from .places import FOLDERS, KNOWN, LOST, UNPACKED, Place, folder_of, place_of, state_of
from .zips import MEMBERS_OF_ARCHIVE_AT_MOST, UNREADABLE, refuse_bomb, refuse_harmful, why_no_zip

# Far above the real archives, where a slice has at most 0.5 MB and a patient about 15 MB. Of all patients together a
# lot's share is unpacked at a time, and only where the disk has room.
MEMBER_BYTES_AT_MOST = 64 << 20
BYTES_OF_A_PATIENT_AT_MOST = 512 << 20
# Unpacked to packed bytes of the whole MR part; a single empty slice can be packed to a thousandth.
RATIO_AT_MOST = 200

BLOCK_BYTES = 1 << 20
# Of a patient, as a sheet may have it.
NAME = re.compile("[A-Za-z0-9_-]+")
REMEDY = (
    "Get the archive from its own source, or unpack it with a tool that you trust and set archives.<cohort>.path to "
    "the folder"
)
ANEW = "Get it anew: if it was downloaded, delete it and run the same command again; if it is named by " + (
    "archives.<cohort>.path, replace it"
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


class Left(NamedTuple):
    """A file or folder of a patient that is not unpacked, and why: `state` says whether a slice is lost by that."""

    patient: str
    file: str
    state: str
    why: str


Found = TypeVar("Found", Member, Left)


class Archive(Protocol):
    """An open archive: its members, and what of the patients are none, both sorted by patient and file."""

    members: list[Member]
    left: list[Left]

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
    try:
        mode = path.stat().st_mode
        folder = _Folder(path) if stat.S_ISDIR(mode) else None
        opened = zipfile.ZipFile(path) if stat.S_ISREG(mode) else None
    except FileNotFoundError:
        what = "is a link that leads nowhere" if path.is_symlink() else "no such zip file or folder"
        raise InputError(f"{path}: {what}. Correct archives.<cohort>.path") from None
    except InputError:
        raise
    except UNREADABLE as error:
        # zipfile takes an end that the disk cannot read for no zip.
        sha256_of(path)
        raise InputError(f"{path}: {why_no_zip(path, error)}. {ANEW}") from error
    except OSError as error:
        cause = shown(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        raise InputError(f"{path}: cannot be read ({cause}). Correct archives.<cohort>.path, or its rights") from error
    if folder:
        yield folder
    elif opened:
        with opened:
            yield _Zip(path, opened)
    else:
        raise InputError(f"{path}: is a pipe or a device, no zip file or folder. Correct archives.<cohort>.path")


def sequences_by_patient(archive: Archive) -> dict[str, list[str]]:
    """The sequences of which each patient has images, in the order of SEQUENCES; patients by number."""
    held = _folders_by_patient(archive)
    found = {p: [s for s, sequence in SEQUENCES.items() if sequence.images in folders] for p, folders in held.items()}
    return {patient: sequences for patient, sequences in found.items() if sequences}


def patient_sheet(path: Path, cohort: str) -> str:
    """A patient sheet (tab-separated text) of every patient and sequence in the archive at `path`."""
    with open_archive(path) as archive:
        found = sequences_by_patient(archive)
    if odd := [patient for patient in found if not NAME.fullmatch(patient)]:
        raise InputError(
            f"{path}: patient '{shown(odd[0])}' cannot stand in a patient sheet. Rename the folder, with the letters "
            "A to Z, digits, _ and - alone"
        )
    rows = [f"{patient}\t{cohort}\t{','.join(sequences)}\n" for patient, sequences in found.items()]
    return "patient\tcohort\tsequences\n" + "".join(rows)


def check_archive(*, archive: Path, cohort: str, sha256: str | None, receipt: Path) -> None:
    """Write the receipt of an archive: its SHA-256, or that it is a folder.

    `sha256` is what the SHA-256 must be, None if that is not known. Raises InputError for another one, and for what
    open_archive refuses.
    """
    with open_archive(archive) as opened:
        lost = sum(left.state == LOST for left in opened.left)
        logger.info(
            "%s: %d files of MR patients, and %s that should not be where or what they are",
            *(archive, len(opened.members), counted(lost, "file")),
        )
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
    listed: Path,
    opened: Archive | None = None,
) -> None:
    """Copy the files of a patient's `sequences` from the archive to `folder`, and index them.

    The masks are copied only with `ground_truth`. `opened` is the archive, if it is open already. The table `listed`
    has every file that the archive lists of them, and why one is not unpacked. Raises InputError that names what the
    archive lacks of the patient, a member that is damaged, or a full disk.
    """
    wanted = _wanted_folders(sequences, ground_truth)
    chosen_folders = folders_needed(sequences, ground_truth)
    folder.mkdir(parents=True, exist_ok=True)
    with nullcontext(opened) if opened else open_archive(archive) as opened:
        of_patient = _of_patient(opened.members, patient)
        left = _of_patient(opened.left, patient)
        lost = {folder_of(each.file) for each in left if each.state == LOST}
        held = {member.folder for member in of_patient} | lost
        if lacking := sorted(wanted - held):
            raise InputError(_lacks(archive, cohort, patient, lacking if of_patient or left else [], opened))
        chosen = [member for member in of_patient if member.folder in chosen_folders]
        with room_for(folder, sum(member.bytes for member in chosen)):
            for member in chosen:
                _copy(opened, archive, member, folder / member.file)
    concerned = [each for each in left if _concerns(each.file, chosen_folders)]
    write_tsv(listed, LISTED_COLUMNS, sorted(_rows(chosen, concerned), key=lambda row: row["file"]))
    logger.info(
        "patient %s: %d files listed, %d unpacked, %d left out, %d lost",
        *(patient, len(chosen) + len(concerned), len(chosen)),
        *(sum((each.state == LOST) == lost for each in concerned) for lost in (False, True)),
    )
    write_index(index, folder, [{"file": member.file} for member in chosen])


@contextmanager
def opened_once(path: Path) -> Iterator[dict[str, Archive]]:
    """An open archive as an argument of `unpack_patient`, for all patients of a lot."""
    with open_archive(path) as opened:
        yield {"opened": opened}


def folders_needed(sequences: Sequence[str], ground_truth: bool) -> set[str]:
    """The folders of a patient that are unpacked for these sequences, as far as the archive has them."""
    # An out-of-phase image finds its ground truth by the place of the in-phase image beside it, if there is one.
    helpful = {SEQUENCES["t1_in_phase"].images} if "t1_out_of_phase" in sequences else set()
    return _wanted_folders(sequences, ground_truth) | helpful


def _of_patient(entries: list[Found], patient: str) -> list[Found]:
    """Those of one patient among members, or what is none, in the order of patients: thousands may have millions."""
    own = _order(patient)
    first, end = (find(entries, own, key=lambda each: _order(each.patient)) for find in (bisect_left, bisect_right))
    return entries[first:end]


def _order(patient: str) -> tuple[tuple[int, int, str], str]:
    # 7 and 07 are two patients.
    return natural(patient), patient


def _rows(members: Iterable[Member], left: Iterable[Left]) -> list[dict[str, str]]:
    unpacked = [{"file": member.file, "state": UNPACKED, "why": ""} for member in members]
    return [*unpacked, *({"file": each.file, "state": each.state, "why": each.why} for each in left)]


class _Entry(NamedTuple):
    """A path in an archive, its bytes, and why it cannot be read; a folder's path ends in a slash."""

    name: str
    bytes: int = 0
    fault: str = ""


class _Zip:
    def __init__(self, path: Path, opened: zipfile.ZipFile) -> None:
        self._opened = opened
        self._bytes = path.stat().st_size
        entries = opened.infolist()
        refuse_harmful(path, entries, REMEDY, MEMBERS_OF_ARCHIVE_AT_MOST)
        self.members, self.left = _arrange(path, [_Entry(entry.filename, entry.file_size) for entry in entries])
        refuse_bomb(
            path,
            {member.name: member.bytes for member in self.members},
            member_bytes=MEMBER_BYTES_AT_MOST,
            total_bytes=BYTES_OF_A_PATIENT_AT_MOST * len({member.patient for member in self.members}),
            ratio=RATIO_AT_MOST,
        )

    def open(self, member: Member) -> IO[bytes]:
        # zipfile seeks there without a check, and a negative place would look like a fault of the disk.
        if not 0 <= self._opened.getinfo(member.name).header_offset < self._bytes:
            raise zipfile.BadZipFile("it lies outside the file")
        return self._opened.open(member.name)


class _Folder:
    def __init__(self, path: Path) -> None:
        given, path = path, path.absolute()  # "." has no name
        # Members are recognised by names that begin with MR.
        self._root = path.parent if path.name == "MR" else path
        roots = [path] if path.name == "MR" else [path / "MR", *path.glob("*/MR"), *path.glob("*/*/MR")]
        entries = [
            entry for root in roots for patient in _children(root) for entry in _entries(self._root, patient, "")
        ]
        # By capitals only, since the names of an archive's own folders are known.
        odd = [f"{each.relative_to(path)}/" for each in (*path.glob("[mM][rR]"), *path.glob("*/[mM][rR]"))]
        self.members, self.left = _arrange(given, [*entries, *(_Entry(name) for name in odd)])

    def open(self, member: Member) -> IO[bytes]:
        return (self._root / member.name).open("rb")


def _entries(root: Path, patient: Path, below: str) -> Iterator[_Entry]:
    """What lies in a folder of a patient, and in the folders within that are known."""
    for child in _children(patient / below):
        name = child.relative_to(root).as_posix()
        inside = child.relative_to(patient).as_posix()
        try:
            found = child.stat()
        except OSError:  # Its name is all that there is.
            yield _Entry(name, fault=f"it is {'a link that leads nowhere' if child.is_symlink() else 'not readable'}")
            continue
        if stat.S_ISREG(found.st_mode):
            yield _Entry(name, found.st_size)
        elif not stat.S_ISDIR(found.st_mode):
            yield _Entry(name, fault="it is a pipe or a device")
        elif inside in KNOWN:
            yield from _entries(root, patient, inside)
        else:
            yield _Entry(f"{name}/")


def _children(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _arrange(path: Path, entries: Sequence[_Entry]) -> tuple[list[Member], list[Left]]:
    """The members among `entries` and what is none, after checking that each patient stands in one place only."""
    members: list[Member] = []
    left: set[Left] = set()
    roots: dict[str, str] = {}
    for entry in entries:
        place = place_of(entry.name)
        if place is None:
            continue
        state, why = state_of(place, entry.fault)
        if state != UNPACKED:
            left.add(Left(place.patient, shown(place.file), state, why))
            continue
        _refuse_second(path, place, roots)
        members.append(Member(place.patient, place.file, entry.name, entry.bytes))
    if not members:
        raise InputError(_no_patient(path, [entry.name for entry in entries], left))
    return (
        sorted(members, key=lambda member: (_order(member.patient), member)),
        sorted(left, key=lambda each: (_order(each.patient), each)),
    )


def _refuse_second(path: Path, place: Place, roots: dict[str, str]) -> None:
    """Raise InputError where the patient of a place stands in another of the `roots`, by patient, too."""
    if roots.setdefault(place.patient, place.root) != place.root:
        raise InputError(
            f"{path}: has patient {place.patient} in both {roots[place.patient]} and {place.root}. Unpack it and set "
            "archives.<cohort>.path to the folder of one of them"
        )


def _no_patient(path: Path, names: Sequence[str], left: Iterable[Left]) -> str:
    odd = [f"{each.patient}/{each.file}" for each in left if each.state == LOST]
    odd += [name for name in names if {"Mr", "mR", "mr"} & set(name.split("/")[:3])]
    seen = f"; it has {shown(odd[0])}, which is not that" if odd else ""
    return (
        f"{path}: holds no MR patient{seen}. Expected is the layout of the CHAOS archive, "
        f"Train_Sets/MR/<patient>/{SEQUENCES['t1_in_phase'].images}/..., or a folder that is or holds MR, in these "
        "capitals and small letters"
    )


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


def _concerns(file: str, folders: Collection[str]) -> bool:
    """Whether a file that is not unpacked may be one of these folders' of a patient."""
    if (folder := folder_of(file)) in FOLDERS:
        return folder in folders
    tops, wanted = ({each.split("/")[0].casefold() for each in given} for given in (FOLDERS, folders))
    return file.split("/")[0].casefold() not in tops - wanted


def _lacks(path: Path, cohort: str, patient: str, folders: Sequence[str], archive: Archive) -> str:
    what = f"{', '.join(folders)} of patient {patient}" if folders else f"patient {patient}"
    own = {each.file for each in archive.left if each.patient == patient and each.file.endswith("/")}
    patients = {each.patient for each in archive.members} | {each.patient for each in archive.left}
    alike = [_like(folder, own) for folder in folders] if folders else [near(patient, patients)]
    named = "".join(f" (it has {shown(each)})" for each in dict.fromkeys(filter(None, alike)))
    return (
        f"{path}: lacks {what}{named}, which the patient sheet (config key `patients`) names for the {cohort} cohort. "
        "Correct "
        f"the sheet, or write one from this archive: python workflow/scripts/write_patient_sheet.py '{path}' "
        f"--cohort {cohort} > my_patients.tsv, and set `patients` to it"
    )


def _like(folder: str, unknown: Iterable[str]) -> str | None:
    """Of the folders that are not known the one that may be this one, or one above it, under another name."""
    above = [f"{'/'.join(folder.split('/')[:depth])}/" for depth in range(1, folder.count("/") + 2)]
    return next((found for each in above if (found := near(each, unknown))), None)


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
