"""Fetching an archive over HTTP, so that after a lost connection the download resumes where it was."""

import logging
import os
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import requests

from ..base.errors import InputError
from ..base.files import sha256_of
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
from .archive import check_archive
from .disk import room_for
from .zips import why_no_zip

logger = logging.getLogger(__name__)


def download_archive(*, url: str, sha256: str | None, cohort: str, archive: Path, receipt: Path) -> None:
    """Fetch `url` to the zip `archive`, check its SHA-256 (None: unknown), and write its receipt."""
    download(url, sha256, archive, cohort=cohort)
    check_archive(archive=archive, cohort=cohort, sha256=sha256, receipt=receipt)


def download(
    url: str, sha256: str | None, target: Path, *, cohort: str = "development", patience: Patience | None = None
) -> None:
    """Fetch the zip at `url` to `target`, which appears only when it is whole and its SHA-256 is `sha256`.

    Until then it is `<target>.partial`, with which the next call goes on. Without a `sha256` (None) the file must at
    least be a whole zip. `cohort` names the config keys in the messages.

    Raises InputError where the server cannot be reached, refuses, breaks off again and again or sends other content,
    and where the disk is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = _Partial(target)
    if not (sha256 and partial.size and sha256_of(partial.path) == sha256.lower()):
        if not sha256 and not partial.etag:
            partial.discard()  # whether the server's file is still the same cannot be told
        _Fetch(url, partial, cohort, patience or Patience(), bool(sha256)).run()
        _check(url, sha256, partial, cohort)
    with partial.path.open("rb") as stream:
        os.fsync(stream.fileno())
    partial.path.replace(target)
    partial.discard()


class _Partial:
    """The part of a file that has arrived, and the server's tag (ETag) of the version that it is of."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.partial")
        self._etag_path = target.with_name(f"{target.name}.partial.etag")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def etag(self) -> str:
        return self._etag_path.read_text(encoding="latin-1") if self._etag_path.exists() else ""

    def begin(self, etag: str) -> None:
        """Discard what has arrived, and start on the version with this tag."""
        self.discard()
        # A weak tag does not promise the same bytes, and HTTP forbids it in If-Range.
        if etag and not etag.startswith("W/"):
            self._etag_path.write_text(etag, encoding="latin-1")

    def append(self) -> BinaryIO:
        return self.path.open("ab")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._etag_path.unlink(missing_ok=True)

    def put_aside(self) -> Path:
        aside = self.target.with_name(f"{self.target.name}.wrong")
        self.path.replace(aside)
        self.discard()
        return aside


@dataclass
class _Fetch:
    """One download, over as many attempts as it takes."""

    url: str
    partial: _Partial
    cohort: str
    patience: Patience
    # Whether the SHA-256 is known that the file must have.
    checked: bool
    reached: bool = False
    # Whether the server can send a file from its middle on; None while that cannot be told.
    resumes: bool | None = None

    def run(self) -> None:
        """Fill the partial file; return when the server has no more to send."""
        failures, furthest, since = 0, self.partial.size, time.monotonic()
        deadline = since + self.patience.answer_s
        while True:
            try:
                return self._attempt(deadline)
            except (BrokenOffError, *FAILURES) as error:
                reason, asked_s = reason_of(error), getattr(error, "wait_s", 0.0)
            now, gained = time.monotonic(), self.partial.size - furthest
            if gained > self.patience.slow_bytes / self.patience.slow_s * (now - since):
                failures, furthest, since = 0, self.partial.size, now
                deadline = now + self.patience.answer_s
            failures += 1
            pause = max(self.patience.pause_s * failures, asked_s)
            deadline += asked_s
            if asked_s > self.patience.asked_s:
                raise self._given_up(f"{reason} and asks to be left alone for {asked_s:.0f} s")
            if failures >= self.patience.attempts or now + pause >= deadline:
                raise self._given_up(reason)
            logger.warning("%s: %s; trying again from byte %d in %g s", self.url, reason, self.partial.size, pause)
            time.sleep(pause)

    def _attempt(self, deadline: float) -> None:
        start = self.partial.size
        with self._answer(start, deadline) as response:
            self.reached = True
            status = response.status_code
            total = total_of(response)
            if status in TRANSIENT:
                raise BrokenOffError(f"the server answered {status} {response.reason}", asked_seconds(response))
            if status == 416 and start and total == start:
                return  # every byte had arrived already
            if start and (status == 416 or (status == 206 and first_of(response) != start)):
                self.partial.discard()
                raise BrokenOffError("what had arrived does not fit the server's file, so it is fetched anew")
            if status not in (200, 206):
                raise InputError(
                    f"{self.url}: the server answered {status} {response.reason}. Correct the address in "
                    f"archives.{self.cohort}.url, or {self._remedy()}"
                )
            self._learn(response, start)
            if status == 200:
                self.partial.begin(response.headers.get("ETag", ""))
            self._store(response, total)

    def _learn(self, response: requests.Response, start: int) -> None:
        """Note whether the server resumes, by what it says, and by what it does when asked to."""
        said = {"bytes": True, "none": False}.get(response.headers.get("Accept-Ranges", "").lower())
        same = not self.partial.etag or response.headers.get("ETag") == self.partial.etag
        if response.status_code == 206:
            self.resumes = True
        elif start and same:
            self.resumes = False
            logger.warning("%s: the server cannot resume, so it sends the %d bytes again", self.url, start)
        elif said is not None:
            self.resumes = said

    def _answer(self, start: int, deadline: float) -> requests.Response:
        # If the content were compressed on the way, offsets in the file and on the server would differ.
        headers = {"Accept-Encoding": "identity", "User-Agent": "chaos-liver"}
        if start:
            headers["Range"] = f"bytes={start}-"
        if start and self.partial.etag:
            headers["If-Range"] = self.partial.etag
        timeout = (self.patience.connect_s, self.patience.stall_s)
        try:
            return within(
                deadline - time.monotonic(),
                lambda: redirects.get(self.url, checked=self.checked, headers=headers, timeout=timeout),
            )
        except InputError as error:
            raise InputError(f"archives.{self.cohort}.url: {error}, or {self._remedy()}") from error
        except ValueError as error:  # what requests raises for a malformed address
            raise InputError(
                f"archives.{self.cohort}.url: {self.url} is, or redirects to, what is no address to download. Give one "
                "that begins with https://"
            ) from error

    def _store(self, response: requests.Response, total: int | None) -> None:
        start = self.partial.size
        logger.info("%s: fetching from byte %d of %s", self.url, start, total if total is not None else "unknown")
        with (
            room_for(self.partial.path.parent, (total or start) - start),
            self.partial.append() as stream,
            bar_of(self.partial.target.name, start, total) as bar,
        ):
            came, since = start, time.monotonic()
            # What has come, not a whole block: a trickle would fill none.
            while block := response.raw.read1(BLOCK_BYTES, decode_content=False):
                stream.write(block)
                bar.update(len(block))
                if (now := time.monotonic()) - since >= self.patience.slow_s:
                    if (gained := stream.tell() - came) < self.patience.slow_bytes:
                        raise BrokenOffError(f"only {gained:,} bytes came in {now - since:.0f} s")
                    came, since = stream.tell(), now
        if total is not None and self.partial.size != total:
            raise BrokenOffError(f"{self.partial.size:,} of {total:,} bytes arrived")

    def _given_up(self, reason: str) -> InputError:
        what = "could not download" if self.reached else "could not reach"
        kept = ""
        if self.partial.size:
            kept = f"The {self.partial.size:,} bytes that arrived are kept in {self.partial.path}, {self._next()}. "
        return InputError(f"{what} {self.url}: {reason}. {kept}Without a network, {self._remedy()}")

    def _next(self) -> str:
        """What the same command will do with the bytes that arrived."""
        if not (self.checked or self.partial.etag):
            return (
                f"but the same command starts anew: without archives.{self.cohort}.sha256 nothing tells whether the "
                "server's file is still the same"
            )
        if self.resumes is False:
            return "but the same command starts anew, since the server cannot resume"
        return f"and the same command resumes there{'' if self.resumes else ' if the server can'}"

    def _remedy(self) -> str:
        return (
            f"set `archives.{self.cohort}.path` to a local zip or unpacked folder (`--configfile my_study.yaml`), or "
            "run `make demo` for the embedded phantom"
        )


def _check(url: str, sha256: str | None, partial: _Partial, cohort: str) -> None:
    if sha256 is None:
        if not zipfile.is_zipfile(partial.path):
            raise InputError(
                f"{url}: what arrived is not a whole zip file. It is put aside as {partial.put_aside()}, and the next "
                f"run starts anew. Correct the address in archives.{cohort}.url"
            )
        return
    found = sha256_of(partial.path)
    if found != sha256.lower():
        size = partial.size
        raise InputError(
            f"{url}: wrong checksum: the config expects SHA-256 {sha256}, the {size:,} bytes that came have {found}: "
            f"they {_what(partial.path)}. They are put aside as "
            f"{partial.put_aside()}, and the next run starts anew. If this is the archive you mean, set "
            f"archives.{cohort}.sha256 to the SHA-256 found"
        )


def _what(path: Path) -> str:
    found = why_no_zip(path, zipfile.BadZipFile())
    if found.startswith("is a web page"):
        return "are a web page, as a login or a proxy sends it"
    return "were altered or cut short on the way, or the archive is another one"
