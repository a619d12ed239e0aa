"""Finished work that people share: entries in a folder or an object store, found by a key of all that made them.

An entry is a zip with the SHA-256 of each of its files, written in one go. Nothing in it is believed that differs from
its checksum. What cannot be reached costs a warning and the time to make the work again, never the work.
"""

import hashlib
import json
import logging
import shutil
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from .errors import InputError
from .files import force_to_disk, sha256_of, write_atomically
from .jobs import arguments_of, inputs_of_job, run_job

if TYPE_CHECKING:
    from obstore.store import RetryConfig

# Who works on an entry renews its claim so often; one that is not renewed for so long was left by a killed job.
RENEWED_SECONDS = 20.0
ABANDONED_SECONDS = 120.0
POLL_SECONDS = 2.0
OLD_CLAIM = timedelta(days=1)
RETRYING: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
LISTING = "entry.json"
LONGEST_CAUSE = 200
BYTES_PER_GB = 10**9
# What a store raises; a missing entry is a FileNotFoundError.
FAULTS = (BaseError, OSError)
# Whose versions decide what a step makes.
PACKAGES = ("torch", "numpy", "scipy", "opencv-python-headless", "Pillow", "Augmentor", "safetensors")


class DamagedError(ValueError):
    """An entry is not what was written, or not the one that was looked for."""


@dataclass
class Cache:
    """A folder, or a URL such as s3://bucket/name, where finished work lies; with a limit, the oldest entries go first.

    The name of an entry is <kind>/<key>. One that could not be reached once is not asked again.
    """

    path: str
    most_gb: float | None = None
    reachable: bool = field(default=True, init=False)

    @classmethod
    def of(cls, settings: Mapping[str, Any] | None) -> "Cache | None":
        """The cache of the config's `cache`, which may be null."""
        return cls(**settings) if settings else None

    @cached_property
    def _store(self) -> ObjectStore:
        if "://" not in self.path:
            return LocalStore(self.path)
        return from_url(self.path, retry_config=RETRYING)

    def take(self, name: str, root: Path, outputs: Sequence[str]) -> bool:
        """Write the files of an entry below `root`; False where there is none that can be believed.

        Its files are `outputs` or lie below them, all relative to `root`. The outputs that are files are written last.
        An entry that is damaged is deleted.
        """
        if not self.reachable:
            return False
        try:
            with tempfile.TemporaryFile() as copy:
                for block in obstore.get(self._store, _file(name)).stream():
                    copy.write(block)
                made = _unpack(copy, name, root, outputs)
        except FileNotFoundError:
            return False
        except (DamagedError, zipfile.BadZipFile) as error:
            logging.warning("%s/%s: %s, so it is not used, and deleted", self.path, _file(name), error)
            self._delete(_file(name))
            return False
        except FAULTS as error:
            self._warn(error)
            return False
        logging.info("taken from %s, where it was put on %s: %s", self.path, made, name)
        return True

    def give(self, name: str, root: Path, outputs: Sequence[str]) -> None:
        """Put `outputs`, files or folders relative to `root`, into an entry, unless there is one."""
        if not self.reachable:
            return
        try:
            if self._has(name):
                return
            with tempfile.TemporaryFile() as packed:
                _pack(packed, name, root, outputs)
                packed.seek(0)
                obstore.put(self._store, _file(name), packed)
            logging.info("put into %s: %s", self.path, name)
            self.prune()
        except FAULTS as error:
            self._warn(error)

    @contextmanager
    def claimed(self, name: str) -> Iterator[None]:
        """Wait until nobody else works on an entry, and keep others from it meanwhile.

        A store that cannot be reached keeps nobody, and what two make at once is the same.
        """
        claim = f"claims/{name}"
        if not self._wait_for(claim):
            yield
            return
        done = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(claim, done), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            done.set()
            renewing.join()
            self._delete(claim)

    def prune(self) -> tuple[int, int]:
        """Delete the oldest entries until the others keep to the limit, and claims that were left long ago.

        Returns the number of the entries that stay, and their bytes.
        """
        found = [listed for block in obstore.list(self._store) for listed in block]
        for listed in found:
            if listed["path"].startswith("claims/") and datetime.now(UTC) - listed["last_modified"] > OLD_CLAIM:
                self._delete(listed["path"])
        entries = sorted(
            (listed for listed in found if listed["path"].endswith(".zip")), key=lambda listed: listed["last_modified"]
        )
        held = sum(entry["size"] for entry in entries)
        while self.most_gb is not None and held > self.most_gb * BYTES_PER_GB:
            oldest = entries.pop(0)
            self._delete(oldest["path"])
            held -= oldest["size"]
        return len(entries), held

    def _has(self, name: str) -> bool:
        with suppress(FileNotFoundError):
            obstore.head(self._store, _file(name))
            return True
        return False

    def _wait_for(self, claim: str) -> bool:
        """Wait until the claim is ours, which it never is where the store cannot be reached."""
        seen, since, told = b"", time.monotonic(), False
        while not self._create(claim):
            if not self.reachable:
                return False
            if not told:
                logging.info("someone else works on the same: waiting for it to be in %s", self.path)
                told = True
            time.sleep(POLL_SECONDS)
            content = self._content(claim)
            # Of a claim's age, their clock is not asked.
            if content != seen:
                seen, since = content, time.monotonic()
            elif time.monotonic() - since > ABANDONED_SECONDS:
                self._delete(claim)
        return True

    def _create(self, claim: str) -> bool:
        if not self.reachable:
            return False
        try:
            obstore.put(self._store, claim, uuid.uuid4().bytes, mode="create")
            return True
        except AlreadyExistsError:
            pass
        except FAULTS as error:
            self._warn(error)
        return False

    def _content(self, claim: str) -> bytes:
        try:
            return bytes(obstore.get(self._store, claim).bytes())
        except FileNotFoundError:
            pass
        except FAULTS as error:
            self._warn(error)
        return b""

    def _renew(self, claim: str, done: threading.Event) -> None:
        while not done.wait(RENEWED_SECONDS):
            with suppress(*FAULTS):
                obstore.put(self._store, claim, uuid.uuid4().bytes)

    def _delete(self, file: str) -> None:
        with suppress(*FAULTS):
            obstore.delete(self._store, file)

    def _warn(self, error: BaseException) -> None:
        self.reachable = False
        logging.warning("the cache %s cannot be used (%s): going on without it", self.path, _cause(error))


def make_or_take(
    cache: Cache | None, name: str, root: Path, outputs: Sequence[str], make: Callable[[], object]
) -> bool:
    """Take the entry from the cache, or call `make`, which makes `outputs` below `root`, and put them there.

    Of several at a time, one makes it, and the others wait. Returns whether it was made.
    """
    if cache is None:
        make()
        return True
    if cache.take(name, root, outputs):
        return False
    with cache.claimed(name):
        if cache.take(name, root, outputs):
            return False
        make()
        cache.give(name, root, outputs)
    return True


def run_shared(job: Any, function: Callable[..., None]) -> None:
    """`jobs.run`, but what the same inputs, parameters and packages gave is taken from the cache of the config."""

    def main() -> None:
        arguments = arguments_of(job, function)
        root, outputs = Path(job.config["results"]), [_below(path, Path(job.config["results"])) for path in job.output]
        cache = Cache.of(job.config["cache"])
        name = f"{job.rule}/{_key_of(job, root)}" if cache else ""
        make_or_take(cache, name, root, outputs, lambda: function(**arguments))

    run_job(main, log=job.log[0])


def prune_cache(settings: Mapping[str, Any] | None) -> None:
    """Prune the cache of the config's `cache` and say what it holds. Raises InputError where none can be reached."""
    cache = Cache.of(settings)
    if cache is None:
        raise InputError("config key cache: is null, so there is nothing to prune. Name a folder or a bucket")
    try:
        number, held = cache.prune()
    except FAULTS as error:
        raise InputError(f"config key cache.path: {cache.path}: {_cause(error)}. Mend that, and run again") from None
    logging.getLogger("progress").info("%s holds %d entries, %.1f MB", cache.path, number, held / 1e6)


def versions_of(packages: Sequence[str]) -> dict[str, str | None]:
    """The versions of the installed packages, by name; None of one that is missing."""
    found: dict[str, str | None] = dict.fromkeys(packages)
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _key_of(job: Any, root: Path) -> str:
    """SHA-256 of all that decides a job's outputs, where its files have the same names and bytes in any folder."""
    parts = {
        # Where patients are prepared in lots, their files count, and not the lists of the lots.
        "params": {name: value for name, value in job.params.items() if name != "of_patients"},
        "inputs": [[_below(path, root), sha256_of(Path(path))] for path in _flat(inputs_of_job(job).values())],
        "outputs": [_below(path, root) for path in job.output],
        "versions": versions_of(PACKAGES),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _flat(inputs: Iterable[Any]) -> Iterator[str]:
    for paths in inputs:
        yield from [paths] if isinstance(paths, str) else paths


def _below(path: str, root: Path) -> str:
    return Path(path).relative_to(root).as_posix()


def _cause(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:LONGEST_CAUSE]


def _file(name: str) -> str:
    return f"{name}.zip"


def _pack(packed: Any, name: str, root: Path, outputs: Sequence[str]) -> None:
    files = []
    for output in outputs:
        path = root / output
        inner = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        files += [_below(str(file), root) for file in inner if file.name != ".snakemake_timestamp"]
    listing = {
        "name": name,
        "made": datetime.now(UTC).date().isoformat(),
        "sha256": {file: sha256_of(root / file) for file in files},
    }
    with zipfile.ZipFile(packed, "w") as opened:
        opened.writestr(LISTING, json.dumps(listing))
        for file in files:
            opened.write(root / file, file)


def _unpack(packed: Any, name: str, root: Path, outputs: Sequence[str]) -> str:
    """Write an entry's files below `root`; when it was put there."""
    with zipfile.ZipFile(packed) as opened:
        listing = _listing_of(opened, name, outputs)
        inner = [file for file in listing["sha256"] if file not in outputs]
        for file in inner:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            _write(opened, file, listing["sha256"][file], root / file)
        force_to_disk(root, inner)
        for file in sorted(set(outputs) & set(listing["sha256"])):
            write_atomically(root / file, partial(_write, opened, file, listing["sha256"][file]))
    return str(listing["made"])


def _listing_of(opened: zipfile.ZipFile, name: str, outputs: Sequence[str]) -> dict[str, Any]:
    """What an entry says of itself. Raises DamagedError where it is another's, or has a file that the job does not."""
    try:
        listing: dict[str, Any] = json.loads(opened.read(LISTING))
        files = set(dict[str, str](listing["sha256"]))
        if listing["name"] != name or {LISTING, *files} != set(opened.namelist()):
            raise DamagedError("its list is not of this entry")
    except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DamagedError("its list is damaged") from error
    expected, found = set(map(PurePosixPath, outputs)), set[PurePosixPath]()
    for file in map(PurePosixPath, files):
        found |= (own := expected & {file, *file.parents})
        if ".." in file.parts or not own:
            raise DamagedError(f"it holds {file}, which is no output of the job")
    if expected != found:
        raise DamagedError(f"it lacks {min(expected - found)}")
    return listing


def _write(opened: zipfile.ZipFile, file: str, sha256: str, path: Path) -> None:
    try:
        with opened.open(file) as stream, path.open("wb") as written:
            shutil.copyfileobj(stream, written)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise DamagedError(f"{file} is damaged") from error
    if sha256_of(path) != sha256:
        raise DamagedError(f"{file} differs from its SHA-256")
