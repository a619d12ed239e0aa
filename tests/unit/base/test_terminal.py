"""What Snakemake logs, and what of it the terminal shows."""

import io
import logging
import re

import pytest
from snakemake.logging import ColorizingTextHandler, DefaultFormatter

from chaosliver.base.terminal import BriefHandler, Sentences, clock_time, short_reason, show_briefly

STAGES = {"convert": "prepare", "check": "prepare", "train": "train", "prepared": "prepare", "unused": "evaluate"}
RESOURCES = {rule: {"_cores": 1, "_nodes": 1, "tmpdir": "/tmp"} for rule in (*STAGES, "all")}
RESOURCES["train"] |= {"gpu": 1, "mem_mb": 4000, "mem": "4 GB", "mem_mib": 3815, "runtime": 30}


class Terminal(io.StringIO):
    """A stream that a person looks at; `seen` is what stands there, line by line."""

    def isatty(self) -> bool:
        return True

    def seen(self) -> list[str]:
        lines, line, column = [], "", 0
        for token in re.findall(r"\x1b\[K|\x1b\[\d*m|\r|\n|[^\x1b\r\n]+", self.getvalue()):
            if token == "\r":
                column = 0
            elif token == "\n":
                lines, line, column = [*lines, line], "", 0
            elif token == "\x1b[K":
                line = line[:column]
            elif not token.startswith("\x1b"):
                line, column = line[:column] + token + line[column + len(token) :], column + len(token)
        return [*lines, line]


class Run:
    """A logger with Snakemake's own handler, replaced, and the records that Snakemake logs."""

    def __init__(self, stream: io.StringIO, *, dry_run: bool = False) -> None:
        self.stream = stream
        self.logger = logging.Logger("snakemake")
        inner = ColorizingTextHandler(stream=stream, formatter=DefaultFormatter())
        inner.name = "DefaultStreamHandler"
        self.logger.addHandler(inner)
        self.take_bar_away = show_briefly(self.logger, STAGES, {"train"}, dry_run=dry_run)

    def plan(self, **jobs: int) -> None:
        stats = {**jobs, "total": sum(jobs.values())}
        self.logger.info("Job stats:\ntable", extra={"event": "run_info", "stats": stats})

    def start(self, number: int, rule: str, reason: str = "Forced execution", **wildcards: str) -> None:
        log = [f"results/logs/{rule}/{'/'.join(wildcards.values())}.log"]
        files = {"input": [f"in{n}.tsv" for n in range(500)], "output": ["out.tsv"], "log": log, "benchmark": None}
        said = {
            "rule_msg": None,
            "rule_name": rule,
            "reason": reason,
            "wildcards": wildcards,
            "resources": RESOURCES[rule],
        }
        other = {"local": False, "is_checkpoint": False, "priority": 0, "threads": 1, "indent": False}
        self.logger.info("Rule", extra={"event": "job_info", "jobid": number, **files, **said, **other})
        self.logger.info("Shell command: None", extra={"event": "shellcmd", "shellcmd": None, "indent": False})

    def finish(self, number: int) -> None:
        self.logger.info(f"Finished jobid: {number}", extra={"event": "job_finished", "job_id": number})
        self.logger.info(None, extra={"event": "progress", "done": 1, "total": 9})
        self.logger.info("Select jobs to execute...")
        self.logger.info("Execute 1 jobs...", extra={"event": "job_started", "jobs": [number + 1]})

    def fail(self, number: int, rule: str) -> None:
        files = {
            "input": [f"in{n}.tsv" for n in range(500)],
            "output": ["out.tsv"],
            "log": [f"results/logs/{rule}.log"],
        }
        other = {
            "rule_msg": None,
            "conda_env": None,
            "shellcmd": None,
            "aux": {"external_jobid": "4711"},
            "indent": False,
        }
        extra = {"event": "job_error", "rule_name": rule, "jobid": number, **files, **other}
        self.logger.error(f"Error in rule {rule}, jobid: {number}", extra=extra)


@pytest.fixture
def piped():
    return Run(io.StringIO())


@pytest.fixture
def live(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    run = Run(Terminal())
    yield run
    run.take_bar_away()


def test_a_run_shows_its_stages_and_no_page_for_a_job(piped):
    piped.plan(convert=2, check=1, train=1, all=1)
    for number, rule in enumerate(("convert", "check", "convert", "train", "all")):
        piped.start(number, rule, patient="7")
        piped.finish(number)
    lines = piped.stream.getvalue().splitlines()
    assert lines[0] == "5 jobs: prepare 3, train 1"
    assert [line.split(" done ")[0] for line in lines[1:] if ":" in line.split(" done")[0]] == [
        "prepare: 3 jobs",
        "train: 1 job",
    ]
    assert [line.split(" done")[0] for line in lines if " of 5 jobs" in line] == [
        f"{done} of 5 jobs" for done in range(1, 5)
    ]
    assert len(lines) == 7


def test_the_lines_do_not_grow_with_the_jobs(piped):
    piped.plan(convert=500, train=1)
    for number in range(500):
        piped.start(number, "convert", patient=str(number))
        piped.finish(number)
    assert len(piped.stream.getvalue().splitlines()) < 15


def test_what_a_person_must_know_passes(piped):
    piped.logger.info("Using shell: /bin/sh")
    piped.logger.info("Provided cores: 2", extra={"event": "resources_info", "cores": 2})
    piped.logger.info("Building DAG of jobs...")
    piped.logger.warning("Conda environments: something is wrong with them")
    piped.logger.error("WorkflowError: no", extra={"event": "error"})
    assert piped.stream.getvalue().splitlines() == [
        "Building DAG of jobs...",
        "Conda environments: something is wrong with them",
        "WorkflowError: no",
    ]


def test_a_failure_is_shown_with_its_log_and_without_the_names_of_its_files(piped):
    piped.plan(convert=2, train=1)
    piped.start(1, "convert", patient="7")
    piped.fail(1, "convert")
    piped.start(2, "convert", patient="8")
    piped.finish(2)
    shown = piped.stream.getvalue()
    assert "Error in rule convert" in shown and "results/logs/convert.log" in shown and "4711" in shown
    assert "in1.tsv" not in shown and "out.tsv" not in shown
    assert "1 of 3 jobs done, 1 failed" in shown
    assert "prepare: " not in shown


END = "WorkflowError:\nAt least one job did not complete successfully."


def test_the_last_lines_of_a_run_say_why_each_job_failed_that_did_not_end_well_later(piped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logs = tmp_path / "results/logs"
    logs.mkdir(parents=True)
    for rule, words in (
        ("convert", "1.dcm: is empty. Fetch it anew"),
        ("train", "again"),
        ("check", "wrong:\n  a key"),
    ):
        (logs / f"{rule}.log").write_text(f"2026-11-30 07:43:03,123 ERROR {words}\n")
    piped.plan(convert=1, check=2, train=1)
    for number, rule in enumerate(("convert", "train", "check", "unlogged")):
        piped.fail(number, rule)
    piped.finish(1)
    piped.logger.error(END, extra={"event": "error"})
    *_, before, first, second, third, fourth = piped.stream.getvalue().splitlines()
    assert before == END.splitlines()[1]
    assert (first, second, third) == ("ERROR convert: 1.dcm: is empty. Fetch it anew", "ERROR check: wrong:", "  a key")
    assert fourth.startswith("ERROR unlogged: ended without a word")


IN_A_FILE = """InputError in file "/a b/workflow/rules/common.smk", line 42:
the configuration is wrong:
  config key epochs: unknown. Known: results
  File "/a b/workflow/rules/common.smk", line 42, in <module>
  File "/a b/workflow/scripts/chaosliver/study/configuration.py", line 33, in check_config"""
IN_A_FUNCTION = """InputFunctionException in rule make_submission in file "/a/publish.smk", line 34:
Error:
  InputError: config key patients: none is of the test cohort. Add one
Wildcards:

Traceback:
  File "/a/publish.smk", line 37, in <lambda>"""


@pytest.mark.parametrize(
    ("logged", "seen"),
    [
        (IN_A_FILE, "the configuration is wrong:\n  config key epochs: unknown. Known: results"),
        (IN_A_FILE.splitlines()[0] + "\n/no/exam: no such file", "/no/exam: no such file"),
        (IN_A_FUNCTION, "config key patients: none is of the test cohort. Add one"),
        ("KeyError in file \"a\", line 1:\n'x'", "KeyError in file \"a\", line 1:\n'x'"),
    ],
    ids=["file", "params", "function", "defect"],
)
def test_of_an_error_that_a_user_can_mend_its_sentence_alone_is_shown(logged, seen, capsys):
    logger = logging.Logger("snakemake")
    logger.addHandler(logging.StreamHandler())
    logger.addFilter(Sentences())
    logger.error(logged)
    assert capsys.readouterr().err == f"{seen}\n"
    logger.warning(logged)
    assert capsys.readouterr().err == f"{logged}\n"


def test_a_dry_run_says_of_each_job_what_would_run_and_why_and_ends_with_the_table():
    dry = Run(io.StringIO(), dry_run=True)
    dry.plan(convert=2)
    dry.start(1, "convert", "Missing output files: b.tsv, a.tsv, c.tsv; Code has changed", encoding="8bit", patient="7")
    dry.start(2, "train", "Updated input files: d.tsv")
    dry.plan(convert=1, train=1)
    assert dry.stream.getvalue().splitlines() == [
        "convert (encoding=8bit, patient=7): Missing output files: a.tsv and 2 more; Code has changed",
        "train: Updated input files: d.tsv [gpu=1, mem_mb=4000, runtime=30]",
        "Job stats:",
        "table",
    ]


def test_a_terminal_has_one_bar_below_what_was_said(live):
    live.plan(convert=3, train=1)
    live.start(1, "convert", patient="7")
    live.finish(1)
    live.start(2, "convert", patient="8")
    live.logger.warning("mind the gap")
    *above, bar = live.stream.seen()
    assert above == ["4 jobs: prepare 3, train 1", "mind the gap"]
    assert bar.startswith("[#####...............] 1 of 4 jobs done") and bar.endswith(": convert/8")
    assert "left: known after" in bar


def test_what_a_job_prints_takes_the_bars_place_and_is_kept(live):
    live.plan(convert=2)
    live.start(1, "convert", patient="7")
    live.stream.write("\r\x1b[KERROR convert/7: 1.dcm: is empty\n")
    live.start(2, "convert", patient="8")
    *above, bar = live.stream.seen()
    assert above == ["2 jobs: prepare 2", "ERROR convert/7: 1.dcm: is empty"]
    assert bar.endswith("convert/7, convert/8")


def test_the_bar_is_gone_at_the_end_and_fits_the_width(live, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    live.plan(convert=2)
    live.start(1, "convert", patient="a_patient_with_a_long_name")
    assert len(live.stream.seen()[-1]) == 39
    live.take_bar_away()
    live.start(2, "convert", patient="8")
    assert live.stream.seen() == ["2 jobs: prepare 2", ""]


def test_the_time_left_is_told():
    now = 100.0
    run = Run(io.StringIO())
    (placed,) = run.logger.handlers
    inner = logging.StreamHandler(run.stream)
    run.logger.removeHandler(placed)
    run.logger.addHandler(BriefHandler(inner, STAGES, {"train"}, dry_run=False, clock=lambda: now))
    run.plan(convert=3)
    run.start(1, "convert", patient="7")
    now += 60
    run.finish(1)
    assert run.stream.getvalue().splitlines()[-1] == "1 of 3 jobs done, about 2:00 left"


def test_output_of_another_kind_is_left_alone():
    logger, other = logging.Logger("snakemake"), logging.NullHandler()
    logger.addHandler(other)
    show_briefly(logger, STAGES, {"train"}, dry_run=False)()
    assert logger.handlers == [other]


def test_times_are_told_as_on_a_clock():
    assert [clock_time(seconds) for seconds in (0, 59.4, 59.6, 3599.7, 3661, 360000)] == [
        *("0:00", "0:59", "1:00"),
        *("1:00:00", "1:01:01", "100:00:00"),
    ]


def test_a_reason_names_the_first_file_and_is_cut():
    assert short_reason("Code has changed since last execution") == "Code has changed since last execution"
    assert (
        short_reason("Input files updated by another job: b, a") == "Input files updated by another job: a and 1 more"
    )
    long = short_reason(f"Params have changed since last execution: {'x' * 500}")
    assert len(long) == 160 and long.endswith("x…")
