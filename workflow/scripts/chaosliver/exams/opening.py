"""The files of an exam, of whatever it is given as: a folder, a zip or a single file."""

import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..acquire.disk import room_for
from ..acquire.places import LEFTOVERS
from ..acquire.zips import MEMBERS_AT_MOST, UNREADABLE, refuse_bomb, refuse_harmful, why_no_zip
from ..base.errors import InputError
from ..base.wording import shown

# A multi-frame file holds a whole volume. A whole exam of MR has a few thousand slices.
MEMBER_BYTES_AT_MOST = 2 << 30
TOTAL_BYTES_AT_MOST = 8 << 30
RATIO_AT_MOST = 200
REMEDY = "Unpack it with a tool that you trust, and name the folder"
MEND = "Copy it anew, or remove it"
NIFTI_SUFFIXES = (".nii", ".nii.gz")


def is_nifti(path: Path) -> bool:
    """Whether a file is named as NIfTI."""
    return path.name.lower().endswith(NIFTI_SUFFIXES)


@contextmanager
def files_of_exam(path: Path) -> Iterator[list[Path]]:
    """The files of an exam, sorted by name: all below a folder, those in a zip (while the context lasts), or the one.

    Raises InputError where there is no such path, nothing in it, a file in it that is empty or cannot be read and may
    be a slice, or a zip that is damaged or could do harm.
    """
    if path.is_dir():
        yield _files_below(path, path)
    elif not path.is_file():
        there = os.path.lexists(path)
        what = "is a pipe, a device or a link that leads nowhere" if there else "no such file or folder"
        raise InputError(f"{path}: {what}. Name the folder, zip or NIfTI file of the study")
    elif not path.stat().st_size:
        raise InputError(f"{path}: is empty. Copy it anew")
    elif path.suffix.lower() == ".zip" and not zipfile.is_zipfile(path):
        raise InputError(f"{path}: {why_no_zip(path, zipfile.BadZipFile('its end is missing'))}. Copy it anew")
    elif not is_nifti(path) and zipfile.is_zipfile(path):
        with tempfile.TemporaryDirectory(prefix="chaos-liver-") as folder:
            _unpack(path, Path(folder))
            yield _files_below(Path(folder), path)
    else:
        yield [path]


def _files_below(folder: Path, named: Path) -> list[Path]:
    found = sorted(folder.rglob("*"))
    files = [file for file in found if file.is_file()]
    for file in found:
        if fault := _fault(file):
            raise InputError(f"{named}: its {shown(str(file.relative_to(folder)))} {fault}, and may be a slice. {MEND}")
    if not files:
        raise InputError(f"{named}: holds no file. Name the folder, zip or NIfTI file of the study")
    if len(files) > MEMBERS_AT_MOST:
        raise InputError(f"{named}: holds {len(files):,} files, too many for one study. Name the folder of one study")
    return files


def _fault(file: Path) -> str:
    """Why a file or folder would not be read though it may be a slice; empty if nothing does."""
    if file.name.startswith(".") or file.name.lower() in LEFTOVERS:
        return ""
    if file.is_file():
        return "" if file.stat().st_size else "is empty"
    if file.is_dir():
        return "is a link to a folder, which is not looked into" if file.is_symlink() else ""
    return "is a link that leads nowhere" if file.is_symlink() else "is a pipe or a device"


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as opened:
            entries = opened.infolist()
            refuse_harmful(path, entries, REMEDY)
            sizes = {entry.filename: entry.file_size for entry in entries if not entry.is_dir()}
            if sizes:
                refuse_bomb(
                    path,
                    sizes,
                    member_bytes=MEMBER_BYTES_AT_MOST,
                    total_bytes=TOTAL_BYTES_AT_MOST,
                    ratio=RATIO_AT_MOST,
                )
            with room_for(folder, sum(sizes.values())):
                opened.extractall(folder)
    except InputError:
        raise
    except (*UNREADABLE, zlib.error, EOFError) as error:
        raise InputError(f"{path}: the zip is damaged ({error}). Copy it anew") from None
