"""The index of a folder: name and SHA-256 of each file, written last, on which later steps depend.

Snakemake cannot see a change inside a folder, and the mtime of a large file says nothing about its content. An index
is small, so Snakemake compares it by checksum, and a folder whose bytes did not change re-runs nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .columns import INDEX_COLUMNS
from .errors import InputError
from .files import force_to_disk, read_tsv, sha256_of, write_tsv


def write_index(index: Path, folder: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
    """Write the index of `folder`: one row per file, in the order given, with its SHA-256 and further `columns`.

    Each row names its `file` relative to `folder`, with forward slashes. The files are forced to disk before.
    """
    rows = list(rows)
    force_to_disk(folder, [row["file"] for row in rows])
    listed = [{**row, "sha256": sha256_of(folder / row["file"])} for row in rows]
    write_tsv(index, (*INDEX_COLUMNS, *columns), listed)


def read_index(
    index: Path, folder: Path, columns: Sequence[str] = (), only: Collection[str] | None = None
) -> list[dict[str, str]]:
    """Rows of an index, after checking that each file is there and unaltered; with `only`, just those files' rows.

    Raises InputError that names the first file that is missing, altered or not listed, and the command that makes
    the folder anew.
    """
    rows = read_tsv(index, (*INDEX_COLUMNS, *columns))
    if only is not None:
        rows = [row for row in rows if row["file"] in only]
        if unlisted := sorted(set(only) - {row["file"] for row in rows}):
            raise InputError(f"{index}: does not list {unlisted[0]}. {_remedy(index)}")
    for problem in _problems(index, folder, rows):
        raise InputError(problem)
    return rows


def problems_of(index: Path, folder: Path) -> Iterator[str]:
    """A message for each file of an index that is missing or altered."""
    yield from _problems(index, folder, read_tsv(index, INDEX_COLUMNS))


def _problems(index: Path, folder: Path, rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    for row in rows:
        path = folder / row["file"]
        if not path.is_file():
            yield f"{path}: is missing, but {index} lists it. {_remedy(index)}"
        elif sha256_of(path) != row["sha256"]:
            yield f"{path}: its content differs from what {index} lists. {_remedy(index)}"


def _remedy(index: Path) -> str:
    return f"Make the folder anew with: rm {index} && snakemake --cores 1 {index}"
