"""Writing files so that nothing half-written is ever taken for a result, and small tidy tables."""

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any

from .errors import InputError, disk_fault

BLOCK_BYTES = 1 << 20
# Files forced to disk at a time: the disk takes those that wait together in one go (docs/measurements/fsync.tsv).
SYNCED_AT_A_TIME = 8


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """A context in which an OSError that names no file, as that of a disk which fails or is full, names this one."""
    try:
        yield
    except OSError as error:
        if error.errno and error.filename is None:
            error.filename = str(path)
        raise


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal, read block by block."""
    digest = hashlib.sha256()
    with naming(path), path.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, force it to disk, then rename it into place.

    A reader sees either the whole file or none; a failure leaves what was there before. What a killed process left of
    the same file is removed. After a power cut, too, the file is whole or not there. Raises OSError that names `path`
    where the disk is at fault, whatever `write` raises then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays, since image writers choose their format by it.
    partial = path.with_name(f".{os.getpid()}.partial.{path.name}")
    try:
        write(partial)
        _sync(partial)
        partial.replace(path)
        _sync(path.parent)
        for left in path.parent.glob(f".*.partial.{escape(path.name)}"):
            left.unlink(missing_ok=True)
    except InputError:
        raise
    except Exception as error:
        if number := disk_fault(error, partial):
            raise OSError(number, os.strerror(number), str(path)) from error
        raise
    finally:
        # On a disk that became read-only this fails too, and would hide why.
        with suppress(OSError):
            partial.unlink()


def force_to_disk(folder: Path, files: Iterable[str]) -> None:
    """Return when the files, named relative to `folder`, and their names in it would outlast a power cut."""
    paths = [folder / file for file in files]
    folders = {above for path in paths for above in path.parents if above.is_relative_to(folder)}
    with ThreadPoolExecutor(SYNCED_AT_A_TIME) as pool:
        for each in (paths, sorted(folders)):
            list(pool.map(_sync, each))


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A context that gives a new folder to be filled; when all of it is on disk, it takes the place of `folder`.

    A failure leaves what was there before. What a killed process left of the same folder is removed.
    """
    partial = folder.with_name(f".{os.getpid()}.partial.{folder.name}")
    try:
        partial.mkdir(parents=True)
        yield partial
        force_to_disk(partial, [str(path.relative_to(partial)) for path in partial.rglob("*") if path.is_file()])
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
        _sync(folder.parent)
        for left in folder.parent.glob(f".*.partial.{escape(folder.name)}"):
            shutil.rmtree(left, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8."""
    write_atomically(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def write_tsv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as tab-separated values with a header; floats keep six significant digits, None is empty."""

    def write(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
            writer.writerow(columns)
            for row in rows:
                writer.writerow([_cell(row[column]) for column in columns])

    write_atomically(path, write)


def read_tsv(path: Path, columns: Sequence[str] = ()) -> list[dict[str, str]]:
    """Read tab-separated values as text.

    Raises InputError where the file or one of `columns` is missing, where the file is empty, and where a column stands
    there twice.
    """
    try:
        # utf-8-sig, since spreadsheets put a mark before the first column's name.
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, delimiter="\t")
            names = list(reader.fieldnames or ())
            if not names:
                raise InputError(f"{path}: is empty. If a step made it, delete it and run again to make it anew")
            missing = [column for column in columns if column not in names]
            twice = sorted({name for name in names if names.count(name) > 1})
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        cause = "no such table" if isinstance(error, FileNotFoundError) else f"cannot be read as a table ({error})"
        raise InputError(f"{path}: {cause}") from None
    if twice:
        raise InputError(f"{path}: has the column {twice[0]} twice. Keep one of them")
    if missing:
        raise InputError(f"{path}: lacks the column(s) {', '.join(missing)}. Columns are separated by tabs")
    return rows


def read_json(path: Path) -> dict[str, Any]:
    """The object of a JSON file that this workflow wrote. Raises InputError where it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InputError(f"{path}: is missing or damaged. Delete it, and run again to make it anew")
    return content


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with naming(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
