"""How far a run is: which jobs are planned, running and done, and how long the rest will take."""

import os
import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from .jobs import job_name

# What a training writes into its log after each epoch.
SECONDS_LEFT = re.compile(r"about (\d+) s left$")


class Job(NamedTuple):
    """A running job: its rule, when it began (seconds of any clock) and its log, None for a rule without one."""

    rule: str
    began: float
    log: Path | None

    @property
    def name(self) -> str:
        """The rule and its wildcards, as messages of the job say them."""
        return job_name(self.log) if self.log else self.rule


class Jobs:
    """The jobs of one run.

    `planned` holds the number of jobs by rule. Jobs of the `decisive` rules take so much longer than all others that
    nothing is said of the time left before one of them is done or has told its own.
    """

    def __init__(self, planned: Mapping[str, int], decisive: Collection[str] = ()) -> None:
        self.planned = dict(planned)
        self.running: dict[int, Job] = {}
        self.failed = 0
        self._decisive = decisive
        self._seconds: dict[str, list[float]] = {}
        self._side_by_side: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """Number of planned jobs."""
        return sum(self.planned.values())

    @property
    def done(self) -> int:
        """Number of jobs that succeeded."""
        return sum(map(len, self._seconds.values()))

    def done_of(self, rule: str) -> int:
        """Number of a rule's jobs that succeeded."""
        return len(self._seconds.get(rule, ()))

    def start(self, number: int, job: Job) -> None:
        """Note that a job began, under the number by which its end will be told."""
        self.running[number] = job
        alike = sum(other.rule == job.rule for other in self.running.values())
        self._side_by_side[job.rule] = max(self._side_by_side[job.rule], alike)

    def finish(self, number: int, now: float) -> Job | None:
        """Note that a job succeeded, and return it; None where its beginning was not told."""
        job = self.running.pop(number, None)
        if job:
            self._seconds.setdefault(job.rule, []).append(now - job.began)
        return job

    def fail(self, number: int) -> None:
        """Note that a job failed."""
        self.running.pop(number, None)
        self.failed += 1

    def seconds_left(self, now: float) -> float | None:
        """An estimate of the seconds until all is done, None where nothing can be said yet.

        A rule's jobs take as long as those of it that are done, or as a running one says in its log, or else as all
        jobs so far; as many of them run side by side as did before, and one rule's after another's.
        """
        left = [self._seconds_left_of(rule, now) for rule in self.planned]
        known = [seconds for seconds in left if seconds is not None]
        return sum(known) if len(known) == len(left) else None

    def _seconds_left_of(self, rule: str, now: float) -> float | None:
        running = [job for job in self.running.values() if job.rule == rule]
        waiting = max(0, self.planned[rule] - self.done_of(rule) - len(running))
        if not running and not waiting:
            return 0.0
        told = [seconds_left_in(job.log) for job in running]
        ages = [now - job.began for job in running]
        whole = self._seconds.get(rule) or [
            age + rest for age, rest in zip(ages, told, strict=True) if rest is not None
        ]
        if not whole and rule in self._decisive:
            return None
        each = mean(whole or [second for seconds in self._seconds.values() for second in seconds] or [0.0])
        rests = [max(0.0, each - age) if rest is None else rest for age, rest in zip(ages, told, strict=True)]
        lanes = self._side_by_side[rule] or max(self._side_by_side.values(), default=1)
        return (waiting * each + sum(rests)) / min(lanes, waiting + len(running))


def seconds_left_in(log: Path | None) -> float | None:
    """The seconds that a job says in its log are left, as it wrote last; None where it says none."""
    if log is None or not log.is_file():
        return None
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = file.read().decode(errors="replace").splitlines()
    told = [float(match[1]) for line in lines if (match := SECONDS_LEFT.search(line))]
    return told[-1] if told else None
