"""Unit tests on mutants: each in a fork of one process that has imported the big libraries, in a copy of the tree."""

import contextlib
import gc
import importlib
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from .planting import Mutant

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = Path("workflow/scripts/chaosliver")
# What takes seconds to import; none of it starts threads before it computes.
BIG = (
    *("numpy", "torch", "torch.nn.functional", "torch._dynamo", "scipy.stats", "scipy.ndimage", "pandas", "cv2"),
    *("matplotlib.pyplot", "seaborn", "PIL.Image", "pydicom", "SimpleITK", "requests", "hypothesis", "Augmentor"),
    *("safetensors.torch", "torch.utils.tensorboard", "yaml"),
)
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "agg",
    # Nothing is compiled beside the sources, whose mutants may have the same size and second.
    "PYTHONDONTWRITEBYTECODE": "1",
    # Hypothesis draws the same examples each time.
    "CI": "true",
}
FLAGS = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--tb=short")
# Of the processor's time a mutant may take this many times as much as no mutant, and so many seconds more.
SLOWER, GRACE_S = 5, 20
# A mutant that waits for what never comes takes none of it: so many times that limit by the clock end it.
WAITING = 3
# A mutant that asks for more fails, before the machine does.
MEMORY_BYTES = 6 << 30


@dataclass(frozen=True)
class Outcome:
    """What became of one run of the tests.

    Attributes:
        passed: whether all passed.
        seconds: the processor's time that they took.
        timed_out: whether a time limit ended them.
        output: what pytest printed.
    """

    passed: bool
    seconds: float
    timed_out: bool
    output: str


def import_big_libraries() -> None:
    os.environ |= ENVIRONMENT
    for name in BIG:
        importlib.import_module(name)
    # Pytest collects garbage five times a run: among all these modules that takes longer than most tests.
    gc.freeze()


def copies(folder: Path, number: int) -> list[Path]:
    """Copies of the tree's own files below a folder, with the shared data and the packages beside them as here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    trees = [folder / str(slot) / "tree" for slot in range(number)]
    for tree in trees:
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, tree / name)
                shutil.copymode(ROOT / name, tree / name)
        (tree / ".venv").symlink_to(ROOT / ".venv")
        (tree.parent / "shared").symlink_to(ROOT.parent / "shared")
    return trees


class Quickest:
    """Plugin of pytest: keeps how long each test took without a mutant, and runs the quickest first with one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        self.seconds: dict[str, float] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.before.get(item.nodeid, 0.0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def keep(self) -> None:
        self.path.write_text(json.dumps(self.before | self.seconds), encoding="utf-8")


def _test(tree: Path, tests: Sequence[str], output: Path, limit_s: float, *, mutated: bool) -> None:
    """Runs pytest in this process, a fork, and ends it."""
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit_s), math.ceil(limit_s)))
    os.setsid()
    os.chdir(tree)
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    # Only what the tests themselves put there leads to their modules.
    sys.path[:] = [entry for entry in sys.path if not Path(entry or ".").resolve().is_relative_to(ROOT / "tests")]
    for name in [name for name in sys.modules if name.split(".")[0] in {"mutants", "chaosliver"}]:
        del sys.modules[name]
    code = 1
    # Beside all copies, for the mutants in each of them.
    quickest = Quickest(tree.parents[1] / "durations")
    try:
        flags = [*FLAGS, f"--basetemp={tree.parent}/tmp", f"--rootdir={tree}"]
        code = int(pytest.main([*flags, *tests], plugins=[quickest]))
        if not mutated:
            quickest.keep()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


@dataclass
class Run:
    """Tests that run in a fork: in which copy, on which mutant (None: on the sources), since when and until when."""

    tree: Path
    mutant: Mutant | None
    process: int
    started: float
    limit_s: float

    @classmethod
    def start(cls, tree: Path, mutant: Mutant | None, tests: Sequence[str], limit_s: float) -> "Run":
        if mutant:
            (tree / path_of(mutant.module)).write_text(mutant.source, encoding="utf-8")
        sys.stdout.flush()
        process = os.fork()
        if not process:
            _test(tree, tests, tree.parent / "output", limit_s, mutated=mutant is not None)
        return cls(tree, mutant, process, time.monotonic(), limit_s)

    def ended(self) -> Outcome | None:
        """The outcome, or None while the tests run; a run beyond its limit is ended as failed."""
        process, status, usage = os.wait4(self.process, os.WNOHANG)
        waited = not process and time.monotonic() - self.started > WAITING * self.limit_s
        if not process and not waited:
            return None
        # The tests may have left processes behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process, signal.SIGKILL)
        if waited:
            _, status, usage = os.wait4(self.process, 0)
        if self.mutant:
            path = path_of(self.mutant.module)
            shutil.copyfile(ROOT / path, self.tree / path)
        text = (self.tree.parent / "output").read_text(encoding="utf-8", errors="replace")
        code = os.waitstatus_to_exitcode(status)
        # The kernel says either at the hard limit.
        timed_out = waited or code in (-signal.SIGXCPU, -signal.SIGKILL)
        return Outcome(code == 0, usage.ru_utime + usage.ru_stime, timed_out, text)


def path_of(module: str) -> Path:
    """A module's file relative to the root."""
    path = LIBRARY / Path(*module.split("."))
    return path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")


def test_unmutated(tree: Path, tests: Sequence[str]) -> Outcome:
    """Runs the tests on the sources as they are."""
    run = Run.start(tree, None, tests, 900)
    while not (outcome := run.ended()):
        time.sleep(0.02)
    return outcome


def test_each(
    trees: Sequence[Path], work: Iterable[tuple[Mutant, Sequence[str], float]]
) -> Iterator[tuple[Mutant, Outcome]]:
    """Runs tests on mutants, one in each copy at a time.

    Args:
        trees: the copies.
        work: a mutant, its test files and the seconds of the processor's time that they may take, each.

    Yields:
        Mutants and what became of them, in the order in which they end.
    """
    waiting = iter(work)
    free, running = list(trees), []
    while True:
        while free and (item := next(waiting, None)):
            mutant, tests, limit_s = item
            running.append(Run.start(free.pop(), mutant, tests, limit_s))
        if not running:
            return
        for run in list(running):
            if outcome := run.ended():
                running.remove(run)
                free.append(run.tree)
                yield run.mutant, outcome
        time.sleep(0.02)
