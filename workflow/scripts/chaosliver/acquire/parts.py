"""Fetching only the members of an archive that a study needs, by ranges of its bytes.

The archive's file has its full length, with holes where nothing was fetched; beside it stands which bytes are there.
"""

import hashlib
import io
import json
import logging
import os
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from ..base.errors import InputError
from ..base.files import read_json, write_text
from . import redirects
from .answers import (
    BLOCK_BYTES,
    FAILURES,
    TRANSIENT,
    BrokenOffError,
    Patience,
    asked_seconds,
    bar_of,
    first_of,
    reason_of,
    total_of,
    within,
)
from .archive import folders_needed
from .disk import room_for
from .places import UNPACKED, place_of, state_of
from .zips import HEADER_BYTES, MEMBERS_OF_ARCHIVE_AT_MOST, UNREADABLE, refuse_harmful, why_no_zip

# Less than this between two parts is fetched with them: a request takes longer.
GAP_BYTES = 1 << 18
# What stands before and behind a member's content beyond what the list of the archive says of it.
AROUND_BYTES = 1 << 10

Span = tuple[int, int]
logger = logging.getLogger(__name__)


def download_parts(
    *,
    url: str,
    cohort: str,
    patients: Mapping[str, Sequence[str]],
    ground_truth: bool,
    archive: Path,
    receipt: Path,
    patience: Patience | None = None,
) -> None:
    """Fetch the files of the `patients`, by name with their sequences, of the zip at `url` to `archive`.

    What was fetched before is kept. Each member is compared with its CRC-32. The receipt has the SHA-256 of the
    archive's list of all its members with their sizes, places and CRC-32. Raises InputError where the server cannot be
    reached, cannot send parts, breaks off again and again or sends other content, and where the disk is full.
    """
    archive.parent.mkdir(parents=True, exist_ok=True)
    with _Parts(url, archive, cohort, patience or Patience()) as parts:
        try:
            with zipfile.ZipFile(parts) as opened:
                entries = opened.infolist()
                refuse_harmful(archive, entries, "Get the archive anew", MEMBERS_OF_ARCHIVE_AT_MOST)
                wanted = list(_wanted(entries, patients, ground_truth))
                parts.fetch_all(map(_span, wanted))
                for entry in wanted:
                    _compare(opened, entry, parts)
        except InputError:
            raise
        except UNREADABLE as error:
            # What it is instead, its beginning tells.
            parts.seek(0)
            parts.read(BLOCK_BYTES)
            cause = why_no_zip(archive, error)
            parts.discard()
            raise InputError(f"{url}: {cause}. Correct the address in archives.{cohort}.url") from error
    logger.info("%s: %d of %d members are in %s", url, len(wanted), len(entries), archive)
    listed = [[entry.filename, entry.file_size, entry.header_offset, entry.CRC] for entry in entries]
    write_text(receipt, f"parts of {hashlib.sha256(json.dumps(listed).encode()).hexdigest()}\n")


def _wanted(
    entries: Iterable[zipfile.ZipInfo], patients: Mapping[str, Sequence[str]], ground_truth: bool
) -> Iterator[zipfile.ZipInfo]:
    """The members that unpacking these patients reads."""
    folders = {patient: folders_needed(sequences, ground_truth) for patient, sequences in patients.items()}
    for entry in entries:
        place = place_of(entry.filename)
        if place and place.folder in folders.get(place.patient, ()) and state_of(place)[0] == UNPACKED:
            yield entry


def _span(entry: zipfile.ZipInfo) -> Span:
    """The bytes of a member, or a few more."""
    start = entry.header_offset
    names = len(entry.orig_filename.encode()) + len(entry.extra)
    return start, start + HEADER_BYTES + names + entry.compress_size + AROUND_BYTES


def _compare(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, parts: "_Parts") -> None:
    """Read a member to its end, where zipfile compares its CRC-32; the next call fetches a damaged one anew."""
    try:
        with opened.open(entry) as stream:
            while stream.read(BLOCK_BYTES):
                pass
    except (*UNREADABLE, zlib.error, EOFError) as error:
        parts.forget(_span(entry))
        raise InputError(
            f"{parts.url}: its member {entry.filename} arrived damaged ({error}). Run again to fetch it anew, or set "
            f"archives.{parts.cohort}.parts to false"
        ) from error


class _Parts(io.RawIOBase):
    """The archive at a URL as a file: what is read of it and is not in its local file is fetched."""

    def __init__(self, url: str, path: Path, cohort: str, patience: Patience) -> None:
        super().__init__()
        self.url, self.cohort = url, cohort
        self._path, self._patience, self._at = path, patience, 0
        self._notes = path.with_name(f"{path.name}.parts.json")
        self._etag, self._bytes = self._version()
        self._spans: list[Span] = self._noted()
        self._file = path.open("r+b" if self._spans else "w+b")
        self._file.truncate(self._bytes)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._bytes}[whence]
        if start + offset < 0:
            raise ValueError("a place before the file's beginning")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        stop = min(self._at + len(view), self._bytes)
        if stop <= self._at:
            return 0
        for missing in self._missing((self._at, stop)):
            for _ in self._fetch(*missing):
                pass
        self._file.seek(self._at)
        count = self._file.readinto(view[: stop - self._at])
        self._at += count
        return count

    def close(self) -> None:
        if not self.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        super().close()

    def discard(self) -> None:
        """Forget all that was fetched."""
        self._notes.unlink(missing_ok=True)
        self._spans = []

    def forget(self, span: Span) -> None:
        """Have these bytes fetched again."""
        self._note([part for own in self._spans for part in _without(own, span)])

    def fetch_all(self, spans: Iterable[Span]) -> None:
        """Fetch what is not there yet of these parts of the archive, with a bar."""
        within_file = [(start, min(stop, self._bytes)) for start, stop in spans]
        missing = [part for span in merged(within_file, GAP_BYTES) for part in self._missing(span)]
        needed = sum(stop - start for start, stop in missing)
        with room_for(self._path.parent, needed), bar_of(self._path.name, 0, needed) as bar:
            for start, stop in missing:
                for arrived in self._fetch(start, stop):
                    bar.update(arrived)

    def _missing(self, span: Span) -> list[Span]:
        """The parts of a span that are in none of those that are there."""
        left = [span]
        for own in self._spans:
            left = [part for each in left for part in _without(each, own)]
        return left

    def _fetch(self, start: int, stop: int) -> Iterator[int]:
        """Fetch a part, over as many attempts as it takes; gives the bytes that each block brought."""
        at, failures = start, 0
        while at < stop:
            try:
                for count in self._attempt(at, stop):
                    at, failures = at + count, 0
                    yield count
            except (BrokenOffError, *FAILURES) as error:
                failures += 1
                self._pause(error, failures, at)
            finally:
                # Also of a part that broke off.
                if at > start:
                    self._note(merged([*self._spans, (start, at)], 0))

    def _attempt(self, start: int, stop: int) -> Iterator[int]:
        with self._answer(f"bytes={start}-{stop - 1}") as response:
            if response.status_code == 200 or first_of(response) != start or total_of(response) != self._bytes:
                self.discard()
                raise InputError(
                    f"{self.url}: the archive changed on the server meanwhile. Run again to fetch its parts anew"
                )
            self._file.seek(start)
            left, since, came = stop - start, time.monotonic(), 0
            while left and (block := response.raw.read1(min(BLOCK_BYTES, left), decode_content=False)):
                self._file.write(block)
                left, came = left - len(block), came + len(block)
                yield len(block)
                if (now := time.monotonic()) - since >= self._patience.slow_s:
                    if came < self._patience.slow_bytes:
                        raise BrokenOffError(f"only {came:,} bytes came in {now - since:.0f} s")
                    since, came = now, 0
        if left:
            raise BrokenOffError("the server closed the connection too early")

    def _version(self) -> tuple[str, int]:
        """The server's tag of the archive, and its bytes."""
        failures = 0
        while True:
            try:
                with self._answer("bytes=0-0") as response:
                    size = total_of(response)
                    if response.status_code != 206 or not size:
                        raise InputError(
                            f"{self.url}: the server does not send parts of a file. Set archives.{self.cohort}.parts "
                            "to false, to fetch the whole archive"
                        )
                    etag = response.headers.get("ETag", "")
                    # A weak tag does not promise the same bytes, and HTTP forbids it in If-Range.
                    return "" if etag.startswith("W/") else etag, size
            except (BrokenOffError, *FAILURES) as error:
                failures += 1
                self._pause(error, failures, 0)

    def _answer(self, part: str) -> requests.Response:
        headers = {"Accept-Encoding": "identity", "User-Agent": "chaos-liver", "Range": part}
        etag = getattr(self, "_etag", "")
        if etag:
            headers["If-Range"] = etag
        timeout = (self._patience.connect_s, self._patience.stall_s)
        try:
            response = within(
                self._patience.answer_s,
                lambda: redirects.get(self.url, checked=False, headers=headers, timeout=timeout),
            )
        except InputError as error:
            raise InputError(f"archives.{self.cohort}.url: {error}") from error
        status = response.status_code
        if status in TRANSIENT:
            response.close()
            raise BrokenOffError(f"the server answered {status} {response.reason}", asked_seconds(response))
        if status not in (200, 206):
            response.close()
            raise InputError(
                f"{self.url}: the server answered {status} {response.reason}. Correct the address in "
                f"archives.{self.cohort}.url, or set archives.{self.cohort}.path to an archive on disk"
            )
        return response

    def _pause(self, error: BaseException, failures: int, at: int) -> None:
        """Wait before the next attempt, or raise InputError where there is none."""
        reason, asked_s = reason_of(error), getattr(error, "wait_s", 0.0)
        if asked_s > self._patience.asked_s:
            reason = f"{reason} and asks to be left alone for {asked_s:.0f} s"
        elif failures < self._patience.attempts:
            pause = max(self._patience.pause_s * failures, asked_s)
            logger.warning("%s: %s; trying again from byte %d in %g s", self.url, reason, at, pause)
            time.sleep(pause)
            return
        raise InputError(
            f"could not download {self.url}: {reason}. What arrived is kept: run again to go on. Without a network, "
            f"set archives.{self.cohort}.path to an archive on disk"
        ) from error

    def _noted(self) -> list[Span]:
        """Which bytes of this very version are there, by the notes of an earlier call."""
        if not (self._notes.exists() and self._path.exists() and self._etag):
            return []
        notes = read_json(self._notes)
        if (notes["url"], notes["etag"], notes["bytes"]) != (self.url, self._etag, self._bytes):
            return []
        return [(start, stop) for start, stop in notes["spans"]]

    def _note(self, spans: list[Span]) -> None:
        self._spans = spans
        self._file.flush()
        os.fsync(self._file.fileno())
        notes = {"url": self.url, "etag": self._etag, "bytes": self._bytes, "spans": spans}
        write_text(self._notes, json.dumps(notes))


def merged(spans: Iterable[Span], gap: int) -> list[Span]:
    """Spans (start, stop) in order, those that overlap or are at most `gap` apart as one."""
    found: list[Span] = []
    for start, stop in sorted(spans):
        if found and start <= found[-1][1] + gap:
            found[-1] = found[-1][0], max(found[-1][1], stop)
        else:
            found.append((start, stop))
    return found


def _without(span: Span, other: Span) -> list[Span]:
    """What is left of a span outside another one."""
    start, stop = span
    parts = [(start, min(stop, other[0])), (max(start, other[1]), stop)]
    return [(first, last) for first, last in parts if first < last]
