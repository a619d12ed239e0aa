"""Whatever ends a job is told in one sentence; a defect keeps its traceback in the log."""

import errno
import hashlib
import io
import logging
import re
import shutil
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.iocontainers import Namedlist

from chaosliver.base.errors import InputError, StoppedError
from chaosliver.base.jobs import MEMORY_REMEDY, arguments_of, last_words, run, run_job, run_lot

SCRIPTS = str(Path(__file__).resolve().parents[3] / "workflow/scripts")


def test_an_input_error_ends_the_job_with_its_message_alone(tmp_path, capsys):
    def main() -> None:
        raise InputError("slice.dcm: is empty. Fetch it anew")

    with pytest.raises(SystemExit) as stop:
        run_job(main, log=str(tmp_path / "logs" / "inventory" / "7.log"))
    assert stop.value.code == 1
    assert capsys.readouterr().err == "ERROR inventory/7: slice.dcm: is empty. Fetch it anew\n"
    assert "slice.dcm: is empty" in (tmp_path / "logs/inventory/7.log").read_text()


def test_a_message_with_a_name_that_is_no_utf_8_is_one_line_too(tmp_path, capfd):
    def main() -> None:
        raise InputError("Gr\udcf6\udcdfe.dcm: is empty")

    with pytest.raises(SystemExit):
        run_job(main, log=str(tmp_path / "job.log"))
    assert "Traceback" not in capfd.readouterr().err
    assert "Gr\\udcf6\\udcdfe.dcm: is empty" in (tmp_path / "job.log").read_text()


def test_a_full_disk_is_one_line_too(tmp_path, capsys):
    def main() -> None:
        raise OSError(28, "No space left on device", "masks/1.png")

    with pytest.raises(SystemExit):
        run_job(main, log=str(tmp_path / "job.log"))
    assert capsys.readouterr().err == (
        "ERROR job: masks/1.png: No space left on device. Make space on that disk, and run again\n"
    )


def test_a_defects_traceback_is_in_the_log_and_the_last_line_is_a_sentence(tmp_path, capsys):
    log = tmp_path / "job.log"
    with pytest.raises(SystemExit) as stop:
        run_job(lambda: 1 // 0, log=str(log))
    assert stop.value.code == 1
    first, *traceback, last = log.read_text().splitlines()
    assert first.endswith("stopped by a defect")
    assert traceback[0].startswith("Traceback") and traceback[-1].startswith("ZeroDivisionError")
    sentence = (
        "stopped by a defect of the workflow (ZeroDivisionError: integer division or modulo by zero). Its traceback is "
        f"in {log}: report it with that file"
    )
    assert last.endswith(f" ERROR {sentence}")
    assert capsys.readouterr().err == f"ERROR job: {sentence}\n"


def endless():
    return endless()


def raising(error):
    def main() -> None:
        raise error

    return main


ENDS = {
    "a missing key": (raising(KeyError("seed")), 1, r"stopped by a defect of the workflow \(KeyError: 'seed'\)"),
    "many lines": (
        raising(RuntimeError("one\ntwo")),
        1,
        r"stopped by a defect of the workflow \(RuntimeError: one\)\. Its traceback",
    ),
    "endless recursion": (
        endless,
        1,
        r"stopped by a defect of the workflow \(RecursionError: maximum recursion depth exceeded",
    ),
    "memory": (raising(MemoryError()), 1, r"not enough memory \(nothing more is free\)\. Run fewer jobs at a time"),
    "an array": (lambda: bytearray(1 << 62), 1, r"not enough memory"),
    "an interruption": (raising(KeyboardInterrupt()), 130, r"was interrupted\. Run the same command again"),
    "a stop": (
        raising(StoppedError("SIGTERM: epoch 3 is saved. Run again")),
        1,
        r"SIGTERM: epoch 3 is saved\. Run again",
    ),
    "a disk's error": (
        raising(OSError(errno.EIO, "I/O", "a.png")),
        1,
        r"a\.png: I/O\. The disk or the network to it fails",
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_whatever_ends_a_job_is_one_sentence_on_the_terminal_and_the_last_of_its_log(tmp_path, capsys, end):
    main, status, sentence = ENDS[end]
    log = tmp_path / "logs/train/small.log"
    with pytest.raises(SystemExit) as stop:
        run_job(main, log=str(log))
    assert stop.value.code == status
    (shown,) = capsys.readouterr().err.splitlines()
    assert re.match(f"ERROR train/small: {sentence}", shown)
    assert last_words(log) == shown.removeprefix("ERROR train/small: ")


def test_a_log_that_cannot_be_opened_is_told_in_a_sentence(tmp_path, capsys):
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(SystemExit):
        run_job(lambda: None, log=str(tmp_path / "logs/train.log"))
    assert re.fullmatch(r"ERROR train: .*/logs: File exists\. .*, and run again\n", capsys.readouterr().err)


REFUSING = """
from chaosliver.base.errors import InputError
from chaosliver.base.jobs import run_job
def main():
    raise InputError("slice.dcm: is empty. Fetch it anew")
run_job(main, log="/dev/full")
"""


def test_a_log_that_takes_nothing_more_adds_no_traceback():
    done = subprocess.run([sys.executable, "-c", REFUSING], capture_output=True, text=True, env={"PYTHONPATH": SCRIPTS})
    assert (done.returncode, done.stderr) == (1, "ERROR full: slice.dcm: is empty. Fetch it anew\n")


def test_the_last_words_of_a_log_are_its_last_error_with_all_its_lines(tmp_path):
    log = tmp_path / "job.log"
    log.write_text(
        "2026-11-30 07:43:03,123 ERROR the first\n2026-11-30 07:43:03,124 INFO on\n"
        "2026-11-30 07:43:03,125 ERROR wrong:\n  a key\n2026-11-30 07:43:04,125 WARNING a gap\n"
    )
    assert last_words(log) == "wrong:\n  a key"


def test_a_job_that_was_killed_is_told_as_one(tmp_path):
    log = tmp_path / "job.log"
    log.write_text("2026-11-30 07:43:03,123 INFO epoch 1\n")
    for path in (log, tmp_path / "none.log"):
        assert last_words(path).startswith(
            f"ended without a word in {path}. What it printed above says why; if that is"
        )
        assert last_words(path).endswith(f"where memory is short. {MEMORY_REMEDY}")


def test_a_job_whose_log_lies_on_a_full_disk_is_told_as_that(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    log = tmp_path / "job.log"
    assert last_words(log) == f"{log}: the disk is full. Make space on it, and run again"


def test_the_terminal_shows_warnings_and_progress_and_the_log_shows_all(tmp_path, capsys):
    def main() -> None:
        logging.info("detail")
        logging.getLogger("progress").info("epoch 1")
        logging.warning("a gap")

    run_job(main, log=str(tmp_path / "job.log"))
    shown = capsys.readouterr().err
    assert "detail" not in shown
    assert "epoch 1" in shown and "a gap" in shown
    lines = (tmp_path / "job.log").read_text().splitlines()
    *said, last = (line.split(" ", 2)[2] for line in lines)
    assert said == ["INFO detail", "INFO epoch 1", "WARNING a gap"]
    seconds = re.fullmatch(r"INFO took ([\d.]+) s of processor time", last)
    assert seconds and 0 < float(seconds[1]) <= time.process_time() + 0.1


def test_a_log_is_of_the_last_run_alone(tmp_path):
    for message in ("first", "second"):
        run_job(logging.warning, log=str(tmp_path / "job.log"), msg=message)
    assert "second" in (tmp_path / "job.log").read_text()
    assert "first" not in (tmp_path / "job.log").read_text()


@dataclass(frozen=True)
class Window:
    low: float
    high: float


def job(**parts):
    """A job as a script sees it."""
    empty = {name: Namedlist() for name in ("input", "output", "params", "wildcards")}
    return SimpleNamespace(**{**empty, **{name: Namedlist(fromdict=values) for name, values in parts.items()}})


def test_arguments_are_found_by_name_and_become_what_the_annotations_say():
    def function(
        *, images: list[Path], card: Path, logits: Path | None, masks: Path | None, folder: Path, window: Window,
        sequence: str, shape: tuple[int, int], names: list[str], share: float = 0.5,
    ) -> None: ...  # fmt: skip

    inputs = {"images": ["a.tsv", "b.tsv"], "card": "card.json", "logits": [], "masks": ["m.tsv"]}
    params = {"window": {"low": 1, "high": 2.5}, "shape": [3, 4], "names": ["x"], "code": "not asked for"}
    parts = {"input": inputs, "output": {"folder": "png/7"}, "params": params, "wildcards": {"sequence": "t2_spir"}}
    assert arguments_of(job(**parts), function) == {
        "images": [Path("a.tsv"), Path("b.tsv")],
        "card": Path("card.json"),
        "logits": None,
        "masks": Path("m.tsv"),
        "folder": Path("png/7"),
        "window": Window(1.0, 2.5),
        "sequence": "t2_spir",
        "shape": (3, 4),
        "names": ["x"],
    }


@pytest.fixture
def raw_lot(tmp_path):
    """The list of a lot with the index of patient 7, whose content is `seven`."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/7.tsv").write_text("seven")
    made = tmp_path / "lots/raw/a_0001.tsv"
    made.parent.mkdir(parents=True)
    made.write_text(f"patient\tfile\tsha256\n7\traw/7.tsv\t{hashlib.sha256(b'seven').hexdigest()}\n")
    return made


def test_where_patients_are_prepared_in_lots_a_function_gets_each_patients_files_after_a_check(tmp_path, raw_lot):
    def function(*, indexes: list[Path], checked: Path) -> None: ...

    short = {"patients": ["7"], "files": {"indexes": [[f"{tmp_path}/raw/", ".tsv", 0]]}}
    asked = job(input={"indexes": [str(raw_lot)], "checked": "checked.tsv"}, params={"of_patients": short})
    assert arguments_of(asked, function) == {"indexes": [tmp_path / "raw/7.tsv"], "checked": Path("checked.tsv")}
    (tmp_path / "raw/7.tsv").write_text("eleven")
    with pytest.raises(InputError, match="its content differs from what"):
        arguments_of(asked, function)


def test_a_lots_function_gets_what_is_common_what_is_shared_and_what_is_each_patients_own(tmp_path, raw_lot):
    called = []

    def function(*, patient: str, sequence: str, bits: int, opened: str, source: Path, index: Path) -> None:
        called.append((patient, sequence, bits, opened, source))
        index.parent.mkdir(parents=True, exist_ok=True)
        index.write_text("made")

    listed = tmp_path / "lots/png/t2_spir/a_0001.tsv"
    asked = job(
        input={"lists": [str(raw_lot)]},
        output={"lot": str(listed)},
        params={
            "patients": {"7": {"bits": 16}},
            "reads": {"source": f"{tmp_path}/raw/{{patient}}.tsv"},
            "makes": {"index": f"{tmp_path}/png/{{sequence}}/{{patient}}.tsv"},
            "bits": 8,
            "code": "not asked for",
        },
        wildcards={"sequence": "t2_spir", "lot": "a_0001"},
    )
    asked.log = [str(tmp_path / "logs/lot.log")]
    run_lot(asked, function, nullcontext({"opened": "archive"}))
    assert called == [("7", "t2_spir", 16, "archive", tmp_path / "raw/7.tsv")]
    assert "png/t2_spir/7.tsv" in listed.read_text()


def test_a_name_that_the_rule_lacks_or_says_twice_is_a_defect():
    def function(*, card: Path, fold: str) -> None: ...

    with pytest.raises(TypeError, match="does not say fold"):
        arguments_of(job(input={"card": "card.json"}), function)
    with pytest.raises(TypeError, match="says card twice"):
        arguments_of(job(input={"card": "a"}, output={"card": "b"}, wildcards={"fold": "1"}), function)


def test_wrong_settings_end_the_job_with_their_message_alone(tmp_path, capsys):
    def function(*, window: Window) -> None: ...

    wrong = job(params={"window": {"low": 1}})
    wrong.log = [str(tmp_path / "job.log")]
    with pytest.raises(SystemExit):
        run(wrong, function)
    assert "Window" in capsys.readouterr().err


def test_a_message_takes_the_place_of_a_terminals_bar(tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    run_job(logging.warning, log=str(tmp_path / "logs/train/small.log"), msg="a gap")
    # To the beginning of the line, and clear it.
    assert sys.stderr.getvalue() == "\r\x1b[KWARNING train/small: a gap\n"


def test_annotations_that_are_text_are_understood():
    def function(*, card: "Path", names: "list[Path]") -> None: ...

    found = arguments_of(job(input={"card": "card.json", "names": ["a", "b"]}), function)
    assert found == {"card": Path("card.json"), "names": [Path("a"), Path("b")]}
