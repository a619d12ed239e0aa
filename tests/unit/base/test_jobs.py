"""An error that a user can mend is one line; a defect keeps its traceback."""

import io
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.iocontainers import Namedlist

from chaosliver.base.errors import InputError
from chaosliver.base.jobs import arguments_of, run, run_job


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
    assert "No space left on device: 'masks/1.png'" in capsys.readouterr().err


def test_a_defect_is_raised_and_its_traceback_logged(tmp_path):
    with pytest.raises(ZeroDivisionError):
        run_job(lambda: 1 // 0, log=str(tmp_path / "job.log"))
    first, *traceback = (tmp_path / "job.log").read_text().splitlines()
    assert first.endswith("stopped by a defect")
    assert traceback[0].startswith("Traceback") and traceback[-1].startswith("ZeroDivisionError")


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
    assert [line.split(" ", 2)[2] for line in lines] == ["INFO detail", "INFO epoch 1", "WARNING a gap"]


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
