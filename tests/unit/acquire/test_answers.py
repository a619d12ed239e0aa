"""What a server answers, and what went wrong, in few words."""

import errno

import pytest
import requests

from chaosliver.acquire.answers import first_of, reason_of, total_of


def test_a_cause_without_words_is_told_by_its_name() -> None:
    assert reason_of(TimeoutError()) == "TimeoutError"
    assert reason_of(ConnectionError("reset")) == "reset"
    assert reason_of(OSError(errno.ECONNREFUSED, "refused")) == "refused"
    try:
        try:
            raise ValueError("the cause")
        except ValueError as cause:
            raise RuntimeError("around it") from cause
    except RuntimeError as error:
        assert reason_of(error) == "the cause"
    try:
        try:
            raise ValueError("what came first")
        except ValueError:
            raise RuntimeError("what came of it")  # noqa: B904
    except RuntimeError as error:
        assert reason_of(error) == "what came first"


@pytest.mark.parametrize(
    ("status", "headers", "total", "first"),
    [
        (200, {"Content-Length": "70"}, 70, None),
        (200, {"Content-Range": "bytes 3-69/70"}, None, 3),
        (206, {"Content-Range": "bytes 3-69/70", "Content-Length": "67"}, 70, 3),
        (206, {"Content-Range": "bytes 3-69/*", "Content-Length": "67"}, None, 3),
        (206, {"Content-Length": "67"}, None, None),
        (416, {"Content-Range": "bytes */70", "Content-Length": "0"}, 70, None),
    ],
)
def test_what_an_answer_says_of_the_whole_file_and_of_its_own_place(status, headers, total, first) -> None:
    response = requests.Response()
    response.status_code = status
    response.headers.update(headers)
    assert (total_of(response), first_of(response)) == (total, first)
