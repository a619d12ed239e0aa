"""In every Python process of a run (by PYTHONPATH): notes what it writes below a folder, and strikes where it is told.

FAULT names a JSON file:

- root: the folder of the study; writes elsewhere do not count.
- journal: a file that gets a line for each write, fsync, rename and removal, of all processes in their order.
- counts: a folder that gets a file <rule>.<pid> for each job that ended, with the number of its writes.
- strikes: by rule what happens at which write of its first job that comes so far: {"at": 3, "torn": 0.5, "signal": 9,
  "group": true, "delay": 1.0}. `torn` is the share that is kept of the file written before. Once each: `done` is a
  folder that keeps <rule> of those that happened.
- logs_count: whether the jobs' logs are among their writes.
- memory: by rule the bytes of address space that its jobs may have.
- late: by rule after how many seconds the files that its jobs rename appear.
"""

import atexit
import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

WRITES = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC


def rule_of_process() -> str:
    """The rule whose script this process runs; empty for Snakemake itself and for anything else."""
    names = [re.fullmatch(r"tmp\w+\.(\w+)\.py", Path(argument).name) for argument in sys.orig_argv]
    return next((name[1] for name in names if name), "")


class Shim:
    def __init__(self, plan: dict) -> None:
        self.root = os.path.realpath(plan["root"]) + "/"
        self.journal = os.open(plan["journal"], os.O_WRONLY | os.O_APPEND | os.O_CREAT) if "journal" in plan else None
        self.done, self.counts = plan.get("done"), plan.get("counts")
        self.logs_count = plan.get("logs_count", False)
        self.rule, self.count, self.last, self.busy = rule_of_process(), 0, None, False
        self.strike = plan.get("strikes", {}).get(self.rule)

    def audit(self, event: str, arguments: tuple) -> None:
        # What this hook does itself is audited too.
        if self.busy or event not in ("open", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"):
            return
        self.busy = True
        try:
            self.take(event, arguments)
        finally:
            self.busy = False

    def take(self, event: str, arguments: tuple) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = (isinstance(flags, int) and flags & WRITES) or (isinstance(mode, str) and set(mode) & set("wax+"))
            if not writes or not isinstance(path, (str, bytes, os.PathLike)):
                return
            path = self.below(path)
            if path and os.path.basename(path):
                self.write(path, "w", path)
        elif event == "os.rename":
            source, target = self.below(arguments[0]), self.below(arguments[1])
            if target:
                self.write(source or target, "r", source or "", target)
        elif path := self.below(arguments[0]):
            self.note("u", path)

    def below(self, path: object) -> str:
        path = os.path.abspath(os.fsdecode(path))
        folder = os.path.realpath(os.path.dirname(path))
        path = f"{folder}/{os.path.basename(path)}"
        return path if path.startswith(self.root) else ""

    def write(self, path: str, kind: str, *names: str) -> None:
        if self.rule and (self.logs_count or "/logs/" not in path):
            self.count += 1
            if self.strike and self.count == self.strike["at"]:
                self.hit()
            self.last = path
        self.note(kind, *names)

    def note(self, kind: str, *names: str) -> None:
        if self.journal is not None:
            os.write(self.journal, (json.dumps([kind, *names]) + "\n").encode())

    def hit(self) -> None:
        """Once for each rule, whichever of its jobs comes first."""
        try:
            os.close(os.open(f"{self.done}/{self.rule}", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        # As if the process had been stopped while it wrote.
        if self.last and os.path.isfile(self.last) and self.strike.get("torn") is not None:
            os.truncate(self.last, int(os.path.getsize(self.last) * self.strike["torn"]))
        if self.strike.get("group"):
            os.killpg(0, self.strike["signal"])
        os.kill(os.getpid(), self.strike["signal"])
        if self.strike["signal"] == signal.SIGTERM:
            time.sleep(0.05)

    def tell(self) -> None:
        self.busy = True
        Path(f"{self.counts}/{self.rule}.{os.getpid()}").write_text(str(self.count))


def note_syncs(shim: Shim) -> None:
    fsync = os.fsync

    def noting(stream: object) -> None:
        fsync(stream)
        number = stream if isinstance(stream, int) else stream.fileno()
        path = os.readlink(f"/proc/self/fd/{number}")
        if path.startswith(shim.root):
            shim.note("s", path)

    os.fsync = noting


def appear_late(seconds: float) -> None:
    replace = Path.replace

    def slow(path: Path, target: Path) -> None:
        hidden = replace(path, Path(target).with_name(f".late.{Path(target).name}"))
        command = f"sleep {seconds}; mv {shlex.quote(str(hidden))} {shlex.quote(str(target))}"
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.Popen(["sh", "-c", command], start_new_session=True, **quiet)

    Path.replace = slow


def begin() -> None:
    plan = json.loads(Path(os.environ["FAULT"]).read_text(encoding="utf-8"))
    shim = Shim(plan)
    if shim.journal is not None:
        note_syncs(shim)
    if shim.rule in plan.get("memory", {}):
        resource.setrlimit(resource.RLIMIT_AS, (plan["memory"][shim.rule],) * 2)
    if shim.rule in plan.get("late", {}):
        appear_late(plan["late"][shim.rule])
    if shim.counts and shim.rule:
        atexit.register(shim.tell)
    sys.addaudithook(shim.audit)


if "FAULT" in os.environ:
    begin()
