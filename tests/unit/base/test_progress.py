"""The time left follows from what jobs took, what running ones say, and how many run side by side."""

import logging
from pathlib import Path

import pytest

from chaosliver.base.progress import Job, Jobs, seconds_left_in
from chaosliver.network.job.progress import report_epoch


def run(jobs: Jobs, number: int, rule: str, began: float, ended: float) -> None:
    jobs.start(number, Job(rule, began, None))
    jobs.finish(number, ended)


def log_of(folder: Path, name: str, text: str) -> Path:
    path = folder / "logs" / f"{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_jobs_are_counted_by_rule():
    jobs = Jobs({"convert": 3, "train": 2})
    run(jobs, 1, "convert", 0, 4)
    run(jobs, 2, "convert", 4, 6)
    jobs.start(3, Job("train", 6, None))
    jobs.fail(3)
    assert (jobs.total, jobs.done, jobs.done_of("convert"), jobs.done_of("train")) == (5, 2, 2, 0)
    assert (jobs.failed, jobs.running) == (1, {})


def test_a_job_whose_beginning_was_not_told_is_not_counted():
    jobs = Jobs({"convert": 1})
    assert jobs.finish(7, 1.0) is None
    assert jobs.done == 0


def test_what_is_left_takes_as_long_as_the_same_rules_jobs_did():
    jobs = Jobs({"convert": 4, "plot": 2})
    run(jobs, 1, "convert", 0, 4)
    run(jobs, 2, "convert", 4, 6)
    run(jobs, 3, "plot", 6, 16)
    # Two of 3 s and one of 10 s, one at a time.
    assert jobs.seconds_left(16) == pytest.approx(2 * 3 + 10)
    jobs.start(4, Job("convert", 16, None))
    # One second of its three is over; one that takes longer than the others is always about to end.
    assert jobs.seconds_left(17) == pytest.approx(2 + 3 + 10)
    assert jobs.seconds_left(30) == pytest.approx(0 + 3 + 10)


def test_jobs_side_by_side_share_the_time():
    jobs = Jobs({"convert": 5})
    jobs.start(1, Job("convert", 0, None))
    jobs.start(2, Job("convert", 0, None))
    jobs.finish(1, 6)
    jobs.finish(2, 6)
    assert jobs.seconds_left(6) == pytest.approx(3 * 6 / 2)
    run(jobs, 3, "convert", 6, 12)
    run(jobs, 4, "convert", 12, 18)
    # The last has nothing beside it.
    assert jobs.seconds_left(18) == pytest.approx(6)


def test_a_rule_of_which_nothing_is_known_takes_as_long_as_jobs_in_the_mean():
    jobs = Jobs({"convert": 2, "predict": 3})
    run(jobs, 1, "convert", 0, 2)
    run(jobs, 2, "convert", 2, 6)
    assert jobs.seconds_left(6) == pytest.approx(3 * 3)


def test_nothing_is_said_before_a_decisive_job_is_done_or_tells(tmp_path):
    jobs = Jobs({"convert": 2, "train": 3}, decisive={"train"})
    run(jobs, 1, "convert", 0, 2)
    assert jobs.seconds_left(2) is None
    log = log_of(tmp_path, "train/a", "2026 INFO no epoch yet\n")
    jobs.start(2, Job("train", 10, log))
    assert jobs.seconds_left(20) is None
    log.write_text("INFO epoch 1/4: loss 0.5; 3.0 slices/s, about 90 s left\n")
    # A training takes 10 + 90 s: the rest of this one, two more, and an image of 2 s.
    assert jobs.seconds_left(20) == pytest.approx(90 + 2 * 100 + 2)
    jobs.finish(2, 130)
    assert jobs.seconds_left(130) == pytest.approx(2 * 120 + 2)


def test_a_decisive_rule_that_is_done_or_not_planned_hides_nothing():
    jobs = Jobs({"convert": 2, "train": 1}, decisive={"train", "other"})
    run(jobs, 1, "train", 0, 50)
    run(jobs, 2, "convert", 50, 54)
    assert jobs.seconds_left(54) == pytest.approx(4)


def test_nothing_is_left_at_the_end():
    jobs = Jobs({"convert": 1})
    run(jobs, 1, "convert", 0, 2)
    assert jobs.seconds_left(2) == 0


def test_the_last_word_of_a_training_is_read_from_its_own_log(tmp_path):
    log = tmp_path / "job.log"
    handler = logging.FileHandler(log)
    root = logging.getLogger()
    root.addHandler(handler)
    level, root.level = root.level, logging.INFO
    try:
        row = {"training_loss": 0.5, "validation_loss": 0.25, "validation_dice": 0.75}
        for epoch in range(1, 200):
            report_epoch({"epoch": epoch, **row}, 200, seconds=2.0, slices=40)
        logging.info("another word")
    finally:
        root.removeHandler(handler)
        root.level = level
        handler.close()
    assert log.stat().st_size > 3 * 4096
    assert seconds_left_in(log) == 2.0


def test_a_log_that_is_missing_empty_or_says_nothing_of_it_tells_nothing(tmp_path):
    assert seconds_left_in(None) is None
    assert seconds_left_in(tmp_path / "missing.log") is None
    assert seconds_left_in(log_of(tmp_path, "empty", "")) is None
    assert seconds_left_in(log_of(tmp_path, "other", "about 5 s left behind\n")) is None


def test_a_job_has_the_name_that_its_messages_have(tmp_path):
    assert Job("train", 0, tmp_path / "logs/train/small/fold0_seed1.log").name == "train/small/fold0_seed1"
    assert Job("all", 0, None).name == "all"
