"""What a run shows on the terminal: its stages, one bar with the time left, warnings and errors.

Snakemake logs a page for every job. Its log file keeps them all; the terminal gets what a person waits for.
"""

import copy
import logging
import os
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from .jobs import CLEAR_LINE, job_name, last_words
from .progress import Job, Jobs

# A logging.LogRecord with what Snakemake adds to it, which no type names.
Record = Any

# Of no use to whoever waits: events of each job, and what is said before the first.
UNSEEN = {"workflow_started", "resources_info", "job_info", "job_started", "shellcmd", "job_finished", "progress"}
CHATTER = ("Select jobs to execute", "Assuming unrestricted shared filesystem", "Using shell:", "Conda environments:")
# Every job has them; `mem` is mem_mb in other units.
USUAL_RESOURCES = {"_cores", "_nodes", "tmpdir", "mem", "mem_mib"}
LONGEST_REASON = 160
# What an InputError in a Snakefile or an input function says, within what Snakemake shows of it.
SAID = re.compile(
    r'(?:^InputError in file [^\n]*:\n|^ *InputError: )(.*?)(?=\n *(?:File "|Wildcards:|Traceback:)|\Z)',
    re.DOTALL | re.MULTILINE,
)
FAILED = "At least one job did not complete successfully"
BAR = 20


class BriefHandler(logging.Handler):
    """Takes the place of `inner`, Snakemake's handler for the terminal, and hands it what is to be seen.

    A run tells how many jobs each stage has (`stages`: rule to stage) and when a stage is done. On a terminal a bar
    stands below that; elsewhere, a line tells of each tenth of the jobs. `decisive` are the rules that take nearly all
    the time. A dry run has a line for each job: what would run, why, and with which resources.
    """

    def __init__(
        self,
        inner: logging.StreamHandler,
        stages: Mapping[str, str],
        decisive: Collection[str],
        *,
        dry_run: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._inner, self._stages, self._decisive, self._dry_run, self._clock = inner, stages, decisive, dry_run, clock
        self._has_bar = inner.stream.isatty() and os.environ.get("TERM") != "dumb"
        self._began = clock()
        self._jobs = Jobs({})
        self._listed = False
        # The logs of failed jobs, by the job's number; a job that is tried again may still end well.
        self._failed: dict[int, Path] = {}
        self._ended = threading.Event()
        self._drawing = threading.RLock()

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record, or note what it says of the jobs."""
        try:
            with self._drawing:
                self._take(record, getattr(record, "event", None))
                self._draw_bar()
        except Exception:
            self.handleError(record)

    def take_bar_away(self) -> None:
        """Clear the bar for good."""
        self._ended.set()
        with self._drawing:
            self._clear()

    def close(self) -> None:
        """Clear the bar and close the handler for the terminal too."""
        self.take_bar_away()
        self._inner.close()
        super().close()

    def _take(self, record: Record, event: str | None) -> None:
        if event == "run_info":
            self._plan(record)
        elif event == "job_info" and self._dry_run:
            self._listed = True
            self._print(_planned_job(record))
        elif event == "job_info":
            log = Path(record.log[0]) if record.log else None
            self._jobs.start(record.jobid, Job(record.rule_name, self._clock(), log))
        elif event == "job_finished":
            self._failed.pop(record.job_id, None)
            self._finish(record.job_id)
        elif event == "job_error":
            self._jobs.fail(record.jobid)
            # As Snakemake shows it, without the names of all files that the job would have read and written.
            shown = copy.copy(record)
            shown.input, shown.output = [], []
            self._hand_on(shown)
            if record.log:
                self._failed[record.jobid] = Path(record.log[0])
        elif FAILED in str(record.msg):
            self._hand_on(record)
            for log in self._failed.values():
                self._print(f"ERROR {job_name(log)}: {last_words(log)}")
        elif event not in UNSEEN and not (record.levelno < logging.WARNING and str(record.msg).startswith(CHATTER)):
            self._hand_on(record)

    def _plan(self, record: Record) -> None:
        if self._dry_run:
            # Snakemake shows its table before the list as well.
            if self._listed:
                self._hand_on(record)
            return
        self._jobs = Jobs({rule: jobs for rule, jobs in record.stats.items() if rule != "total"}, self._decisive)
        stages: Counter[str] = Counter()
        for rule, stage in self._stages.items():
            stages[stage] += self._jobs.planned.get(rule, 0)
        told = ", ".join(f"{stage} {jobs}" for stage, jobs in stages.items() if jobs)
        self._print(f"{_counted(self._jobs.total)}{f': {told}' if told else ''}")
        if self._has_bar:
            threading.Thread(target=self._keep_drawing, daemon=True).start()

    def _finish(self, number: int) -> None:
        before = self._jobs.done
        job = self._jobs.finish(number, self._clock())
        if job is None:
            return
        stage = self._stages.get(job.rule)
        of_stage = [rule for rule in self._jobs.planned if self._stages.get(rule) == stage]
        if stage and all(self._jobs.done_of(rule) == self._jobs.planned[rule] for rule in of_stage):
            jobs = _counted(sum(self._jobs.planned[rule] for rule in of_stage))
            self._print(f"{stage}: {jobs} done after {clock_time(self._clock() - self._began)}")
        tenths = 10 * self._jobs.done // self._jobs.total
        if not self._has_bar and 10 * before // self._jobs.total < tenths < 10:
            self._print(self._so_far())

    def _so_far(self) -> str:
        left = self._jobs.seconds_left(self._clock())
        told = "time left: known after a first epoch" if left is None else f"about {clock_time(left)} left"
        failed = f", {self._jobs.failed} failed" if self._jobs.failed else ""
        return f"{self._jobs.done} of {_counted(self._jobs.total)} done{failed}, {told}"

    def _draw_bar(self) -> None:
        if not self._has_bar or not self._jobs.total or self._ended.is_set():
            return
        filled = BAR * self._jobs.done // self._jobs.total
        running = ", ".join(job.name for job in self._jobs.running.values())
        line = f"[{'#' * filled}{'.' * (BAR - filled)}] {self._so_far()}{f': {running}' if running else ''}"
        width = shutil.get_terminal_size().columns - 1
        # The cursor goes back to the line's beginning: what a job prints overwrites the bar, and not the reverse.
        self._inner.stream.write(f"{CLEAR_LINE}{line[:width]}\r")
        self._inner.stream.flush()

    def _keep_drawing(self) -> None:
        while not self._ended.wait(1.0):
            with self._drawing:
                self._draw_bar()

    def _clear(self) -> None:
        if self._has_bar:
            self._inner.stream.write(CLEAR_LINE)
            self._inner.stream.flush()

    def _print(self, line: str) -> None:
        self._clear()
        self._inner.stream.write(f"{line}\n")
        self._inner.stream.flush()

    def _hand_on(self, record: logging.LogRecord) -> None:
        self._clear()
        self._inner.handle(record)


def show_briefly(
    logger: logging.Logger, stages: Mapping[str, str], decisive: Collection[str], *, dry_run: bool
) -> Callable[[], None]:
    """Put a BriefHandler in the place of the logger's handler for the terminal; returns what takes its bar away.

    Where there is none, since the user asked for output of another kind, nothing changes.
    """
    placed = []
    for inner in list(logger.handlers):
        if inner.name != "DefaultStreamHandler" or not isinstance(inner, logging.StreamHandler):
            continue
        placed.append(BriefHandler(inner, stages, decisive, dry_run=dry_run))
        logger.removeHandler(inner)
        logger.addHandler(placed[-1])

    def take_bar_away() -> None:
        for handler in placed:
            handler.take_bar_away()

    return take_bar_away


class Sentences(logging.Filter):
    """Leaves of an InputError that Snakemake logs its sentence alone: where it was raised is of no use to a user."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change a record's message; no record is held back."""
        if record.levelno >= logging.ERROR and (said := SAID.search(str(record.msg))):
            record.msg, record.args = said[1], ()
        return True


def clock_time(seconds: float) -> str:
    """Hours, minutes and seconds as h:mm:ss, or as m:ss below an hour."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def short_reason(reason: str) -> str:
    """Why a job runs, with the first file of each list and the number of the others, cut where it is too long."""
    parts = []
    for part in reason.split("; "):
        said, colon, names = part.partition(": ")
        if "files" in said and ", " in names:
            first, *others = sorted(names.split(", "))
            part = f"{said}{colon}{first} and {len(others)} more"
        parts.append(part)
    text = " ".join("; ".join(parts).split())
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"


def _planned_job(record: Record) -> str:
    wildcards = ", ".join(f"{name}={value}" for name, value in record.wildcards.items())
    asked = ", ".join(f"{name}={value}" for name, value in record.resources.items() if name not in USUAL_RESOURCES)
    job = f"{record.rule_name}{f' ({wildcards})' if wildcards else ''}"
    return f"{job}: {short_reason(record.reason)}{f' [{asked}]' if asked else ''}"


def _counted(jobs: int) -> str:
    return "1 job" if jobs == 1 else f"{jobs} jobs"
