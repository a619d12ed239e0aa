"""Zips that could do harm are refused before anything of them is unpacked."""

import re
import stat
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..base.errors import InputError

# Of one study; and of an archive: a patient of the challenge has about 150, so these are those of six thousand.
MEMBERS_AT_MOST, MEMBERS_OF_ARCHIVE_AT_MOST = 200_000, 1_000_000
# What stands before a member's content at least.
HEADER_BYTES = 30
# What zipfile raises for damaged headers; ValueError for names that cannot be decoded.
UNREADABLE = (zipfile.BadZipFile, NotImplementedError, ValueError)
# File systems hold 255, and files that are made of one get longer names.
NAME_BYTES_AT_MOST = 200
# How files begin that people take for a zip.
OTHER_KINDS = {b"\x1f\x8b": "gzip", b"7z\xbc\xaf": "7z", b"Rar!": "RAR", b"%PDF": "PDF"}


def why_no_zip(path: Path, error: Exception) -> str:
    """What a file is that zipfile cannot open, because of `error`."""
    with path.open("rb") as stream:
        start = stream.read(512).lstrip()
    if not start:
        return "is empty"
    if start.lower().startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "is a web page, not a zip file"
    for magic, kind in OTHER_KINDS.items():
        if start.startswith(magic):
            return f"is a {kind} file, not a zip file"
    if isinstance(error, UnicodeDecodeError):
        return "is a zip with a name that is not the UTF-8 that it is said to be"
    return f"not a zip file, or one cut short ({str(error) or type(error).__name__})"


def fault_of_name(name: str) -> str:
    """What makes the name of a file, with its folders, unfit for tables and for the files made of it; empty if fit."""
    if any("\ud800" <= character <= "\udfff" for character in name):
        return "its name is not UTF-8"
    if re.search(r"[\x00-\x1f\x7f]", name):
        return "its name holds a control character"
    if any(len(part.encode()) > NAME_BYTES_AT_MOST for part in name.split("/")):
        return f"its name has more than {NAME_BYTES_AT_MOST} bytes"
    return ""


def refuse_harmful(path: Path, entries: Sequence[zipfile.ZipInfo], remedy: str, members: int = MEMBERS_AT_MOST) -> None:
    """Raise InputError for a member that would land outside the folder, a link, a name given twice, an encrypted one.

    So are more than `members`. `remedy` ends the message.
    """
    if len(entries) > members:
        raise InputError(f"{path}: refused: {len(entries):,} members are too many. {remedy}")
    seen = set()
    for entry in entries:
        fault = _fault(entry)
        # Some file systems take capitals and small letters for the same.
        if entry.filename.casefold() in seen:
            fault = "its name is given twice"
        if fault:
            raise InputError(f"{path}: refused because of its member {entry.orig_filename!r}: {fault}. {remedy}")
        seen.add(entry.filename.casefold())
    _refuse_overlaps(path, sorted(entries, key=lambda entry: entry.header_offset), remedy)


def _refuse_overlaps(path: Path, entries: Sequence[zipfile.ZipInfo], remedy: str) -> None:
    """Raise InputError for members, in the order of their places, that share bytes or lie outside the file."""
    ends = [*(entry.header_offset for entry in entries[1:]), path.stat().st_size]
    for entry, end in zip(entries, ends, strict=False):
        if entry.header_offset < 0 or entry.header_offset + HEADER_BYTES + entry.compress_size > end:
            raise InputError(
                f"{path}: refused because of its member {entry.orig_filename!r}: it lies outside the file, or on "
                f"another member. {remedy}"
            )


def refuse_bomb(path: Path, sizes: Mapping[str, int], *, member_bytes: int, total_bytes: int, ratio: int) -> None:
    """Raise InputError for a zip whose members would unpack to more than any real one: `sizes` in bytes, by name.

    `ratio` is that of all unpacked bytes to those of the zip.
    """
    total = sum(sizes.values())
    largest = max(sizes, key=sizes.__getitem__)
    if sizes[largest] > member_bytes:
        raise InputError(f"{path}: refused: {largest} has {sizes[largest]:,} bytes, far more than any image")
    if total > total_bytes or total > ratio * path.stat().st_size:
        raise InputError(
            f"{path}: refused: {path.stat().st_size:,} bytes that unpack to {total:,} are no archive of images"
        )


def _fault(entry: zipfile.ZipInfo) -> str:
    """What makes a zip's entry unfit to unpack; empty if nothing does."""
    name = entry.orig_filename
    if fault := fault_of_name(name):
        return fault
    if re.search(r"[\\:]", name):
        return "its name holds a backslash or colon"
    if set(name.removesuffix("/").split("/")) & {"", ".", ".."}:
        return "it would land outside the folder, or its name is not a plain relative path"
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "it is a link or a device, not a file"
    if entry.flag_bits & 1:
        return "it is encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"its compression (method {entry.compress_type}) is not supported"
    return ""
