"""An error that a user can mend is one line; a defect keeps its traceback."""

import logging

import pytest

from chaosliver.base.errors import InputError
from chaosliver.base.jobs import run_job


def test_an_input_error_ends_the_job_with_its_message_alone(tmp_path, capsys):
    def main() -> None:
        raise InputError("slice.dcm: is empty. Fetch it anew")

    with pytest.raises(SystemExit) as stop:
        run_job(main, log=str(tmp_path / "logs" / "inventory" / "7.log"))
    assert stop.value.code == 1
    assert capsys.readouterr().err == "ERROR inventory/7: slice.dcm: is empty. Fetch it anew\n"
    assert "slice.dcm: is empty" in (tmp_path / "logs/inventory/7.log").read_text()


def test_a_full_disk_is_one_line_too(tmp_path, capsys):
    def main() -> None:
        raise OSError(28, "No space left on device", "masks/1.png")

    with pytest.raises(SystemExit):
        run_job(main, log=str(tmp_path / "job.log"))
    assert "No space left on device: 'masks/1.png'" in capsys.readouterr().err


def test_a_defect_is_raised_and_its_traceback_logged(tmp_path):
    with pytest.raises(ZeroDivisionError):
        run_job(lambda: 1 // 0, log=str(tmp_path / "job.log"))
    assert "ZeroDivisionError" in (tmp_path / "job.log").read_text()


def test_the_terminal_shows_warnings_and_progress_and_the_log_shows_all(tmp_path, capsys):
    def main() -> None:
        logging.info("detail")
        logging.getLogger("progress").info("epoch 1")
        logging.warning("a gap")

    run_job(main, log=str(tmp_path / "job.log"))
    shown = capsys.readouterr().err
    assert "detail" not in shown
    assert "epoch 1" in shown and "a gap" in shown
    assert "detail" in (tmp_path / "job.log").read_text()
