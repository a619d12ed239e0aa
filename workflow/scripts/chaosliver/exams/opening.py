"""The files of an exam, of whatever it is given as: a folder, a zip or a single file."""

import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..acquire.disk import room_for
from ..acquire.zips import MEMBERS_AT_MOST, UNREADABLE, refuse_bomb, refuse_harmful
from ..base.errors import InputError

# A multi-frame file holds a whole volume. A whole exam of MR has a few thousand slices.
MEMBER_BYTES_AT_MOST = 2 << 30
TOTAL_BYTES_AT_MOST = 8 << 30
RATIO_AT_MOST = 200
REMEDY = "Unpack it with a tool that you trust, and name the folder"
NIFTI_SUFFIXES = (".nii", ".nii.gz")


def is_nifti(path: Path) -> bool:
    """Whether a file is named as NIfTI."""
    return path.name.lower().endswith(NIFTI_SUFFIXES)


@contextmanager
def files_of_exam(path: Path) -> Iterator[list[Path]]:
    """The files of an exam, sorted by name: all below a folder, those in a zip (while the context lasts), or the one.

    Raises InputError where there is no such path, nothing in it, or a zip that is damaged or could do harm.
    """
    if path.is_dir():
        yield _files_below(path, path)
    elif not path.is_file():
        raise InputError(f"{path}: no such file or folder. Name the folder, zip or NIfTI file of the study")
    elif not is_nifti(path) and zipfile.is_zipfile(path):
        with tempfile.TemporaryDirectory(prefix="chaos-liver-") as folder:
            _unpack(path, Path(folder))
            yield _files_below(Path(folder), path)
    else:
        yield [path]


def _files_below(folder: Path, named: Path) -> list[Path]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    if not files:
        raise InputError(f"{named}: holds no file. Name the folder, zip or NIfTI file of the study")
    if len(files) > MEMBERS_AT_MOST:
        raise InputError(f"{named}: holds {len(files):,} files, too many for one study. Name the folder of one study")
    return files


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
