"""Inputs in forks of one process that has imported the big libraries, so that a hang or a crash ends one of them alone.

A fork reads a batch of inputs, each in an empty folder, and says before and after each which one it is. Processor time,
memory and what is written or started are those of the library alone: the other reader has no limits.
"""

import contextlib
import os
import random
import resource
import selectors
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaosliver.base.errors import InputError

from .kinds import KINDS, Kind
from .outcomes import ACCEPTED, REFUSED, Outcome, WrongError

# Of the processor's time, for one small file.
HANG_S = 5
# By the clock, for one that waits for what never comes, on a machine that may be busy.
WAIT_S = 60
MEMORY_BYTES = 1 << 30
# Beyond this an input fails before the machine does.
MOST_BYTES = 6 << 30
BATCH = 40
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# What Python tells of before it is done: the first argument is a path that changes, or something is started.
CHANGING = (
    "os.mkdir",
    "os.remove",
    "os.rmdir",
    "os.rename",
    "os.symlink",
    "os.link",
    "os.truncate",
    "os.chmod",
    "shutil.rmtree",
)
RELATIVE = ("os.remove", "os.rmdir", "shutil.rmtree")
STARTING = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "os.putenv")


@dataclass
class Watch:
    """What the library does outside of the folder of results, told by Python's audit."""

    results: Path
    on: bool = False
    told: list[str] = field(default_factory=list)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open":
            path, _, flags = arguments
            changes = isinstance(flags, int) and bool(flags & WRITING)
        elif event in CHANGING:
            # A path is relative to an open folder where one is given.
            path, changes = _absolute(*arguments[:2]) if event in RELATIVE else arguments[0], True
        else:
            path, changes = "", event in STARTING
        if changes and not self._is_result(path):
            self.told.append(f"{event} {str(path)[:200]!r}")

    def _is_result(self, path: Any) -> bool:
        if not isinstance(path, str | bytes | os.PathLike) or not path:
            return False
        return Path(os.path.realpath(os.fsdecode(path))).is_relative_to(self.results)


def _absolute(path: Any, folder: Any) -> Any:
    return Path(f"/proc/self/fd/{folder}").readlink() / os.fsdecode(path) if folder not in (None, -1) else path


def input_of(seed: int, number: int, only: Sequence[str] = ()) -> tuple[str, bytes]:
    """The kind and the content of an input: the same for the same seed, number and kinds, whatever came before."""
    rng = random.Random(f"{seed}/{number}")
    names = list(only or KINDS)
    name = names[number % len(names)]
    return name, KINDS[name].draw(rng)


def _peak_bytes() -> int:
    """The largest resident memory since the last call of `_forget_peak`."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def _forget_peak() -> None:
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("5")


def try_input(kind: Kind, content: bytes, folder: Path, watch: Watch) -> tuple[str, str]:
    """What becomes of an input, and the message."""
    path = folder / "input" / kind.name
    path.write_bytes(content)
    (folder / "results").mkdir(exist_ok=True)
    _forget_peak()
    before = _peak_bytes()
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    watch.told.clear()
    watch.on = True
    what, detail, found = ACCEPTED, "", None
    try:
        found = kind.read(path, folder / "results")
    except (InputError, *kind.refusals) as error:
        what, detail = REFUSED, str(error)
        if not detail.strip():
            what, detail = "an empty message", traceback.format_exc()
    except BaseException:
        what, detail = "a traceback", traceback.format_exc()
    finally:
        watch.on = False
        signal.setitimer(signal.ITIMER_PROF, 0)
    if (grown := _peak_bytes() - before) > MEMORY_BYTES:
        return "too much memory", f"{grown / (1 << 20):,.0f} MiB; {detail}"
    if watch.told:
        return "a change outside the results", "; ".join(watch.told)
    if what == ACCEPTED:
        try:
            kind.compare(path, found)
        except WrongError as error:
            return "a wrong acceptance", str(error)
        except Exception:
            return "a wrong acceptance", f"the other reader fails: {traceback.format_exc()}"
    return what, detail


def _work(numbers: Sequence[int], seed: int, only: Sequence[str], folder: Path, pipe: int) -> None:
    """Try inputs in this process, a fork, and end it."""
    try:
        os.setsid()
        for name in ("input", "results", "elsewhere"):
            (folder / name).mkdir()
        os.chdir(folder / "elsewhere")
        output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
        warnings.simplefilter("ignore")
        watch = Watch(Path(os.path.realpath(folder / "results")))
        sys.addaudithook(watch)
        for number in numbers:
            name, content = input_of(seed, number, only)
            os.write(pipe, f"{number}\n".encode())
            what, detail = try_input(KINDS[name], content, folder, watch)
            text = detail.encode("utf-8", "backslashreplace").hex()
            os.write(pipe, f"{number} {what.replace(' ', '_')} {text or '-'}\n".encode())
            for held in ("input", "results", "elsewhere"):
                shutil.rmtree(folder / held)
                (folder / held).mkdir()
            os.chdir(folder / "elsewhere")
    except BaseException:
        os.write(pipe, f"! {traceback.format_exc().encode().hex()}\n".encode())
    finally:
        os._exit(0)


class Fork:
    """A fork that tries a batch of inputs."""

    def __init__(self, numbers: Sequence[int], seed: int, only: Sequence[str]) -> None:
        self.waiting = list(numbers)
        self.trying: int | None = None
        self.heard = time.monotonic()
        self.folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        self._left = b""
        self.pipe, writing = os.pipe()
        sys.stdout.flush()
        self.process = os.fork()
        if not self.process:
            os.close(self.pipe)
            _work(numbers, seed, only, self.folder, writing)
        os.close(writing)

    def hear(self) -> tuple[list[Outcome], bool]:
        """What became of inputs since the last call, and whether the fork has ended."""
        data = os.read(self.pipe, 1 << 16)
        self.heard = time.monotonic()
        *lines, self._left = (self._left + data).split(b"\n")
        outcomes = []
        for line in lines:
            number, *rest = line.decode().split(" ")
            if number == "!":
                raise RuntimeError(bytes.fromhex(rest[0]).decode())
            if not rest:
                self.trying = int(number)
                continue
            self.waiting.remove(int(number))
            self.trying = None
            detail = "" if rest[1] == "-" else bytes.fromhex(rest[1]).decode("utf-8", "replace")
            outcomes.append(Outcome(int(number), rest[0].replace("_", " "), detail))
        return outcomes, not data

    def end(self) -> Outcome | None:
        """Clear up; what became of the input that ended the fork, if one did."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process, signal.SIGKILL)
        os.close(self.pipe)
        code = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.trying is None:
            return None
        self.waiting.remove(self.trying)
        if -code in (signal.SIGPROF, signal.SIGKILL):
            return Outcome(self.trying, "a hang", f"more than {HANG_S} s")
        return Outcome(self.trying, "a crash", f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit {code}")


def try_each(numbers: Iterable[int], seed: int, only: Sequence[str], jobs: int, until: float) -> Iterator[Outcome]:
    """Try the inputs of these numbers, `jobs` at a time, and yield what became of each as it ends.

    No batch is begun after `until` (time.monotonic).
    """
    waiting = iter(numbers)
    with selectors.DefaultSelector() as selector:

        def start(batch: Sequence[int]) -> None:
            if batch:
                fork = Fork(batch, seed, only)
                selector.register(fork.pipe, selectors.EVENT_READ, fork)

        def start_next() -> None:
            start(
                [] if time.monotonic() > until else [number for _, number in zip(range(BATCH), waiting, strict=False)]
            )

        for _ in range(jobs):
            start_next()
        while selector.get_map():
            ready = [key.data for key, _ in selector.select(timeout=1)]
            for fork in [key.data for key in selector.get_map().values()]:
                outcomes, ended = fork.hear() if fork in ready else ([], False)
                yield from outcomes
                if ended or time.monotonic() - fork.heard > WAIT_S:
                    selector.unregister(fork.pipe)
                    if fault := fork.end():
                        yield fault
                    # What was left behind the input that ended the fork.
                    start(fork.waiting) if fork.waiting else start_next()
