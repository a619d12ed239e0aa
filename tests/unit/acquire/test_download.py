"""Downloads from a server that the test starts on the loopback address, whole, broken off and wrong."""

import contextlib
import email.utils
import errno
import hashlib
import io
import os
import re
import socket
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from chaosliver.acquire import answers, disk, download
from chaosliver.acquire.answers import Patience
from chaosliver.base.errors import InputError

QUICK = Patience(attempts=3, connect_s=1, stall_s=0.4, answer_s=5, pause_s=0.01)
ONCE = Patience(attempts=1, connect_s=1, stall_s=0.4, answer_s=5, pause_s=0.01)
CONTENT = bytes(os.urandom(1_000_000))
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Serves `content`; its switches make it behave badly.

    `sent` counts the bytes of the bodies, `starts` holds their offsets.
    """

    def __init__(self) -> None:
        self.content = CONTENT
        self.etag = '"one"'
        self.ranges = True
        self.length = True
        self.break_after: list[int] = []  # bytes of the next answers' bodies
        self.stall = False
        self.statuses: list[int] = []
        self.retry_after: str | None = None  # of those statuses
        self.locations: list[str] = []  # to which the next answers redirect
        self.accept_ranges: str | None = None
        self.drip_s: float | None = None  # between single bytes of the body
        self.sent = 0
        self.starts: list[int] = []
        self.asked: list[Mapping[str, str]] = []  # headers of the requests
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/archive.zip"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(dict(request.headers))
        if self.locations:
            request.send_response(302)
            request.send_header("Location", self.locations.pop(0))
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if self.statuses:
            request.send_response(self.statuses.pop(0))
            if self.retry_after is not None:
                request.send_header("Retry-After", self.retry_after)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        size, start = len(self.content), 0
        asked = request.headers.get("Range")
        fits = request.headers.get("If-Range", self.etag) == self.etag
        if self.ranges and asked and fits:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= size:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{size}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if self.length:
            request.send_header("Content-Length", str(size - start))
        if self.etag:
            request.send_header("ETag", self.etag)
        if self.accept_ranges:
            request.send_header("Accept-Ranges", self.accept_ranges)
        request.end_headers()
        body = self.content[start:]
        cut = self.break_after.pop(0) if self.break_after else len(body)
        self.starts.append(start)
        self.sent += len(body[:cut])
        with contextlib.suppress(OSError):
            while self.drip_s and len(body):
                request.wfile.write(body[:1])
                request.wfile.flush()
                time.sleep(self.drip_s)
                body = body[1:]
        request.wfile.write(body[:cut])
        if cut < len(body) and self.stall:
            time.sleep(1)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "raw" / "development.zip"


def fetch(server: Server, target: Path, sha256: str | None = SHA256, patience: Patience = QUICK) -> None:
    download.download(server.url, sha256, target, cohort="development", patience=patience)


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_an_archive_comes_with_its_receipt_and_another_is_refused(server: Server, target: Path) -> None:
    server.content = small_zip()
    found = hashlib.sha256(server.content).hexdigest()
    receipt = target.with_name("development.sha256")
    job = {"url": server.url, "cohort": "test", "archive": target, "receipt": receipt}
    download.download_archive(**job, sha256=found)
    assert target.read_bytes() == server.content
    assert receipt.read_text() == f"{found}\n"
    target.unlink()
    receipt.unlink()
    with pytest.raises(InputError, match=r"archives\.test\.sha256"):
        download.download_archive(**job, sha256="0" * 64)
    assert left(target) == ["development.zip.wrong"]


def small_zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("Train_Sets/MR/1/T2SPIR/Ground/a.png", os.urandom(200_000))
    return stream.getvalue()


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("length", [True, False])
def test_whole_file_arrives_and_nothing_else_is_left(server: Server, target: Path, ranges: bool, length: bool) -> None:
    server.ranges, server.length = ranges, length
    fetch(server, target, SHA256.upper())
    assert target.read_bytes() == CONTENT
    assert left(target) == [target.name]


def test_resumes_within_a_call_where_the_connection_broke(server: Server, target: Path) -> None:
    server.break_after = [300_000, 300_000]
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert len(server.starts) == 3
    assert server.sent < len(CONTENT) + 2 * download.BLOCK_BYTES


def test_next_call_resumes_and_the_server_sends_the_rest_only(server: Server, target: Path) -> None:
    server.break_after = [650_000]
    with pytest.raises(InputError, match=r"could not download .*kept in .*partial.*resumes") as raised:
        fetch(server, target, patience=ONCE)
    assert server.url in str(raised.value)
    assert "archives.development.path" in str(raised.value)
    assert not target.exists()
    kept = target.with_name("development.zip.partial").stat().st_size
    # What is lost is less than a block of 64 KiB.
    assert kept > 650_000 - (64 << 10)
    server.sent = 0
    fetch(server, target, patience=ONCE)
    assert target.read_bytes() == CONTENT
    assert server.sent == len(CONTENT) - kept
    assert left(target) == [target.name]


def test_attempts_count_anew_after_each_progress(server: Server, target: Path) -> None:
    server.break_after = [150_000] * 6
    fetch(server, target, patience=Patience(attempts=2, stall_s=0.4, answer_s=5, pause_s=0.01))
    assert target.read_bytes() == CONTENT
    assert len(server.starts) == 7


def test_starts_over_where_the_server_ignores_ranges(server: Server, target: Path) -> None:
    server.ranges = False
    server.break_after = [300_000]
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.starts == [0, 0]


def test_starts_over_where_the_file_on_the_server_became_another(server: Server, target: Path) -> None:
    old = small_zip()
    server.content, server.break_after = old, [150_000]
    with pytest.raises(InputError):
        fetch(server, target, sha256=None, patience=ONCE)
    server.content, server.etag = small_zip(), '"two"'
    fetch(server, target, sha256=None)
    assert target.read_bytes() == server.content
    assert server.starts == [0, 0]


def test_without_checksum_the_servers_version_is_resumed(server: Server, target: Path) -> None:
    server.content, server.break_after = small_zip(), [150_000]
    with pytest.raises(InputError):
        fetch(server, target, sha256=None, patience=ONCE)
    fetch(server, target, sha256=None)
    assert server.starts[0] == 0 and server.starts[1] > 150_000 - download.BLOCK_BYTES
    assert target.read_bytes() == server.content
    assert left(target) == [target.name]


def test_a_weak_tag_promises_nothing_so_nothing_is_resumed(server: Server, target: Path) -> None:
    server.content, server.etag, server.break_after = small_zip(), 'W/"one"', [150_000]
    with pytest.raises(InputError):
        fetch(server, target, sha256=None, patience=ONCE)
    fetch(server, target, sha256=None)
    assert server.starts == [0, 0]


def test_without_checksum_and_etag_nothing_is_resumed(server: Server, target: Path) -> None:
    server.content, server.etag, server.break_after = small_zip(), "", [150_000]
    with pytest.raises(InputError):
        fetch(server, target, sha256=None, patience=ONCE)
    assert left(target) == ["development.zip.partial"]
    fetch(server, target, sha256=None)
    assert server.starts == [0, 0]
    assert target.read_bytes() == server.content


def test_complete_partial_needs_no_network(target: Path) -> None:
    target.parent.mkdir()
    target.with_name("development.zip.partial").write_bytes(CONTENT)
    download.download("http://127.0.0.1:9/archive.zip", SHA256, target, patience=ONCE)
    assert target.read_bytes() == CONTENT
    assert left(target) == [target.name]


def test_complete_partial_without_checksum_is_taken_when_the_server_has_no_more(server: Server, target: Path) -> None:
    server.content = small_zip()
    target.parent.mkdir()
    target.with_name("development.zip.partial").write_bytes(server.content)
    target.with_name("development.zip.partial.etag").write_text(server.etag)
    fetch(server, target, sha256=None)
    assert target.read_bytes() == server.content
    assert server.sent == 0


def test_partial_longer_than_the_servers_file_is_fetched_anew(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("development.zip.partial").write_bytes(CONTENT + b"more")
    fetch(server, target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("length", [True, False])
def test_wrong_content_is_put_aside_and_the_next_run_starts_anew(server: Server, target: Path, length: bool) -> None:
    wrong = b"x" * 1000
    server.content, server.length = wrong, length
    with pytest.raises(InputError, match=r"wrong checksum") as raised:
        fetch(server, target)
    for told in (server.url, SHA256, hashlib.sha256(wrong).hexdigest(), "archives.development.sha256", ".wrong"):
        assert told in str(raised.value)
    assert left(target) == ["development.zip.wrong"]
    server.content = CONTENT
    fetch(server, target)
    assert server.starts == [0, 0]
    assert target.read_bytes() == CONTENT


def test_wrong_bytes_in_a_resumed_partial_are_found(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("development.zip.partial").write_bytes(b"x" * 1000)
    with pytest.raises(InputError, match=r"wrong checksum"):
        fetch(server, target)
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_cut_short_without_a_length_is_found_by_the_checksum(server: Server, target: Path) -> None:
    server.length, server.break_after = False, [500_000]
    with pytest.raises(InputError, match=r"500,000 bytes that came .*cut short"):
        fetch(server, target)
    assert not target.exists()


def test_without_a_checksum_a_page_is_not_taken_for_the_archive(server: Server, target: Path) -> None:
    server.content = b"<html>log in first</html>"
    with pytest.raises(InputError, match=r"not a whole zip file"):
        fetch(server, target, sha256=None)
    assert left(target) == ["development.zip.wrong"]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_refusal_names_the_address_and_is_not_repeated(server: Server, target: Path, status: int) -> None:
    server.statuses = [status] * 9
    with pytest.raises(InputError, match=rf"answered {status}.*archives.development.url") as raised:
        fetch(server, target)
    assert server.url in str(raised.value)
    assert len(server.statuses) == 8


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_each_answer_that_may_pass_is_asked_for_again(server: Server, target: Path, status: int) -> None:
    server.statuses = [status]
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_bytes_are_asked_for_as_they_lie_on_the_server(server: Server, target: Path) -> None:
    fetch(server, target)
    assert [headers["Accept-Encoding"] for headers in server.asked] == ["identity"]


def test_progress_counts_from_what_has_come_to_the_whole(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bar:
        def __init__(self, **settings: object) -> None:
            made.append(settings)

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: object) -> None: ...

        def update(self, count: int) -> None:
            counted.append(count)

    made, counted = [], []
    monkeypatch.setattr(answers, "tqdm", Bar)
    target.parent.mkdir()
    target.with_name("development.zip.partial").write_bytes(CONTENT[:400_000])
    fetch(server, target)
    assert [(bar["initial"], bar["total"], bar["desc"]) for bar in made] == [(400_000, 1_000_000, "development.zip")]
    assert sum(counted) == 600_000
    # A log is no terminal.
    assert made[0]["mininterval"] == 30
    monkeypatch.setattr(answers.sys, "stderr", type("Terminal", (), {"isatty": lambda _: True})())
    answers.bar_of("a.zip", 0, None)
    assert made[1]["mininterval"] == 0.5


def test_passing_refusal_is_repeated(server: Server, target: Path) -> None:
    server.statuses = [503, 429]
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    server.statuses = [503] * 3
    with pytest.raises(InputError, match=r"could not download .*answered 503"):
        fetch(server, target)


def test_stalled_transfer_goes_on_where_it_was(server: Server, target: Path) -> None:
    server.stall, server.break_after = True, [600_000]
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert len(server.starts) == 2
    assert server.starts[1] > 600_000 - download.BLOCK_BYTES


def test_unreachable_server_ends_soon_and_says_what_else_can_be_done(target: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/archive.zip"
        with pytest.raises(InputError, match=r"could not reach") as raised:
            download.download(url, SHA256, target, cohort="test", patience=QUICK)
    for told in (url, "Connection refused", "`archives.test.path`", "--configfile my_study.yaml", "`make demo`"):
        assert told in str(raised.value)
    assert left(target) == []


def test_name_server_that_never_answers_holds_up_nothing(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait())
    with pytest.raises(InputError, match=r"could not reach .*no answer in time"):
        download.download("http://example.invalid/a.zip", SHA256, target, patience=Patience(answer_s=0.3))
    # The thread that still waits keeps no process from its end.
    assert [thread for thread in threading.enumerate() if not thread.daemon] == [threading.main_thread()]
    answered.set()


class Clock:
    """A clock that stands still but for those who sleep, or wait by `wait`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        monkeypatch.setattr(download, "time", self)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def test_by_default_three_attempts_without_a_network_take_18_seconds(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, limits = Clock(monkeypatch), []

    def get(_: str, *, timeout: tuple[float, float], **__: object) -> None:
        limits.append(timeout)
        clock.sleep(timeout[0])
        raise requests.ConnectTimeout

    monkeypatch.setattr(download.requests, "get", get)
    with pytest.raises(
        InputError, match=r"could not reach http://example\.invalid/a\.zip: no answer in time\. Without"
    ):
        download.download("http://example.invalid/a.zip", SHA256, target)
    assert limits == [(5, 30)] * 3
    assert clock.waits == [5, 1, 5, 2, 5]


def test_no_pause_is_begun_that_would_end_with_the_patience(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)

    def get(*_: object, **__: object) -> None:
        clock.sleep(5)
        raise requests.ConnectTimeout

    monkeypatch.setattr(download.requests, "get", get)
    with pytest.raises(InputError, match="could not reach"):
        download.download("http://example.invalid/a.zip", SHA256, target, patience=Patience(answer_s=6))
    assert clock.waits == [5]


def test_by_default_a_name_server_that_never_answers_is_waited_for_40_seconds(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)

    def within(seconds: float, _: object) -> None:
        clock.sleep(seconds)
        raise requests.ConnectTimeout

    monkeypatch.setattr(download, "within", within)
    with pytest.raises(InputError, match="could not reach"):
        download.download("http://example.invalid/a.zip", SHA256, target)
    assert clock.waits == [40]


@pytest.mark.parametrize("url", ["zenodo.org/archive.zip", "ftp://127.0.0.1/a.zip", "http://"])
def test_malformed_address_is_named(target: Path, url: str) -> None:
    with pytest.raises(InputError, match=r"archives.development.url: .*is no address"):
        download.download(url, SHA256, target, patience=QUICK)


def test_too_little_space_is_told_before_the_first_byte(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.parent.mkdir()
    target.with_name("development.zip.partial").write_bytes(CONTENT[:400_000])
    usage = type("Usage", (), {"free": 599_999})
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(
        InputError, match=r"disk is full: 600,000 bytes are needed and 599,999 bytes are free"
    ) as raised:
        fetch(server, target)
    assert str(target.parent) in str(raised.value)
    usage.free = 600_000
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_disk_that_fills_up_meanwhile_keeps_the_partial(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.FileIO):
        def write(self, block: bytes) -> int:
            if self.tell() + len(block) > 300_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(block)

    with monkeypatch.context() as patch:
        patch.setattr(download._Partial, "append", lambda partial: Full(partial.path, "ab"))
        with pytest.raises(InputError, match=r"disk is full") as raised:
            fetch(server, target)
    assert str(target.parent) in str(raised.value)
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert 0 < server.starts[1] <= 300_000


def test_real_full_disk(server: Server, small_disk: Path) -> None:
    with pytest.raises(InputError, match=r"disk is full: 1,000,000 bytes are needed"):
        fetch(server, small_disk / "development.zip")
    server.length = False
    with pytest.raises(InputError, match=r"disk is full"):
        fetch(server, small_disk / "development.zip")
    assert 0 < (small_disk / "development.zip.partial").stat().st_size <= 200 << 10
    assert not (small_disk / "development.zip").exists()


# What is said of what has arrived.


@pytest.mark.parametrize(
    ("switches", "sha256", "said"),
    [
        ({"accept_ranges": "bytes"}, SHA256, "and the same command resumes there."),
        ({}, SHA256, "and the same command resumes there if the server can."),
        ({"accept_ranges": "none"}, SHA256, "but the same command starts anew, since the server cannot resume."),
        (
            {"accept_ranges": "bytes", "etag": ""},
            None,
            "starts anew: without archives.development.sha256 nothing tells",
        ),
    ],
    ids=["ranges", "unknown", "no ranges", "no tag"],
)
def test_what_the_next_run_does_with_the_bytes_is_said_as_it_is(server, target, switches, sha256, said) -> None:
    for name, value in switches.items():
        setattr(server, name, value)
    server.break_after = [300_000]
    with pytest.raises(InputError) as raised:
        fetch(server, target, sha256, ONCE)
    assert said in str(raised.value)


def test_a_server_that_answers_a_range_with_the_whole_is_known_not_to_resume(
    server: Server, target: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.ranges, server.break_after = False, [300_000] * 9
    with pytest.raises(InputError, match=r"but the same command starts anew, since the server cannot resume\."):
        fetch(server, target)
    assert "the server cannot resume, so it sends the" in caplog.text
    # A range answered as such proves that it can, whatever it says of itself.
    server.ranges, server.accept_ranges, server.break_after = True, "none", [100_000, 100_000, 1, 1, 1, 1]
    with pytest.raises(InputError, match=r"and the same command resumes there\."):
        fetch(server, target)


def test_a_new_version_on_the_server_says_nothing_of_whether_it_resumes(server: Server, target: Path) -> None:
    server.break_after = [300_000]
    with pytest.raises(InputError):
        fetch(server, target, patience=ONCE)
    server.etag, server.break_after = '"two"', [200_000]
    with pytest.raises(InputError, match="resumes there if the server can"):
        fetch(server, target, patience=ONCE)


# Servers that are slow, or ask to be left alone.


def test_a_trickle_ends_in_bounded_time_with_its_speed(server: Server, target: Path) -> None:
    server.drip_s = 0.02
    patience = Patience(attempts=2, stall_s=0.4, answer_s=5, pause_s=0.01, slow_bytes=1000, slow_s=0.2)
    with pytest.raises(InputError, match=r"could not download .*: only \d+ bytes came in 0 s\. The \d+ bytes"):
        fetch(server, target, patience=patience)
    # What came is kept, though it is less than a block.
    assert 0 < target.with_name("development.zip.partial").stat().st_size < 1000
    assert len(server.starts) == 2


def test_a_stall_that_sends_some_bytes_each_time_ends_too(server: Server, target: Path) -> None:
    server.stall, server.break_after = True, [100] * 30
    patience = Patience(attempts=3, stall_s=0.2, answer_s=5, pause_s=0.01, slow_bytes=1_000, slow_s=0.2)
    with pytest.raises(InputError, match=r"could not download .*: no byte came in time\. The 300 bytes"):
        fetch(server, target, patience=patience)
    assert len(server.starts) == 3


def test_a_slow_line_that_is_no_trickle_is_waited_for(server: Server, target: Path) -> None:
    server.content, server.drip_s = CONTENT[:60], 0.01
    patience = Patience(attempts=1, stall_s=0.4, answer_s=5, slow_bytes=5, slow_s=0.2)
    fetch(server, target, hashlib.sha256(CONTENT[:60]).hexdigest(), patience)
    assert target.read_bytes() == CONTENT[:60]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_pause_that_a_server_asks_for_is_kept(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch, status: int, form: str
) -> None:
    server.statuses = [status]
    server.retry_after = "60" if form == "seconds" else email.utils.formatdate(time.time() + 60, usegmt=True)
    waits: list[float] = []
    monkeypatch.setattr(download.time, "sleep", waits.append)
    # The pause is longer than the wait for an answer, of which it is no part.
    fetch(server, target, patience=Patience(attempts=2, stall_s=0.4, answer_s=5, pause_s=0.01))
    assert target.read_bytes() == CONTENT
    # A date has whole seconds.
    assert waits == [60.0] if form == "seconds" else 50 < waits[0] <= 60


def test_a_pause_of_an_hour_is_not_waited_for_but_told(server: Server, target: Path) -> None:
    server.statuses, server.retry_after = [429], "3600"
    with pytest.raises(InputError, match=r"answered 429 .*asks to be left alone for 3600 s\."):
        fetch(server, target)
    assert len(server.asked) == 1


@pytest.mark.parametrize("asked", ["", "soon", "-5", "Mon, 01 Jan 2001 00:00:00 GMT"])
def test_a_pause_that_is_none_is_not_waited_for(server: Server, target: Path, asked: str) -> None:
    server.statuses, server.retry_after = [429], asked
    fetch(server, target)
    assert target.read_bytes() == CONTENT


# Messages.


def test_no_message_has_the_words_of_a_library(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused, socket.create_server(("127.0.0.1", 0)) as babbler:
        unused.bind(("127.0.0.1", 0))
        refused, babbling = (f"127.0.0.1:{each.getsockname()[1]}" for each in (unused, babbler))

        def babble() -> None:
            while True:
                try:
                    connection, _ = babbler.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"220 ftp.example.org ready\r\n")

        threading.Thread(target=babble, daemon=True).start()
        messages = {}
        for case, url in {
            "refused": f"http://{refused}/a.zip",
            "no name": "http://archive.invalid/a.zip",
            "not HTTP": f"http://{babbling}/a.zip",
            "not HTTPS": server.url.replace("http:", "https:"),
            "no scheme": "zenodo.org/a.zip",
        }.items():
            with pytest.raises(InputError) as raised:
                download.download(url, SHA256, target, patience=ONCE)
            messages[case] = str(raised.value)
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.setenv("http_proxy", f"http://{refused}")
        with pytest.raises(InputError) as raised:
            download.download("http://example.org/a.zip", SHA256, target, patience=ONCE)
        messages["proxy"] = str(raised.value)
    for case, words in {
        "refused": "Connection refused",
        "no name": "the server's name is not known",
        "not HTTP": "the server (does not speak HTTP|closed the connection too early)",
        "not HTTPS": "no secure connection came about",
        "no scheme": "what is no address to download. Give one that begins with https://",
        "proxy": "the proxy .* cannot be reached or refuses",
    }.items():
        assert re.search(words, messages[case]), messages[case]
    for message in messages.values():
        assert not re.search(r"Pool|object at|Max retries|urllib3|Errno|Error\b|requests", message), message
        assert "\n" not in message


def test_a_web_page_in_the_archives_place_is_told_as_one(server: Server, target: Path) -> None:
    server.content = b"<!DOCTYPE html><html>log in first</html>"
    with pytest.raises(InputError, match=r"wrong checksum: .* they are a web page, as a login or a proxy sends it"):
        fetch(server, target)


def test_bytes_that_come_in_chunks_are_put_together(target: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(CONTENT), 300_000):
                part = CONTENT[start : start + 300_000]
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as chunking:
        threading.Thread(target=chunking.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        download.download(f"http://127.0.0.1:{chunking.server_port}/a.zip", SHA256, target, patience=ONCE)
        chunking.shutdown()
    assert target.read_bytes() == CONTENT


# Redirects.


def test_a_redirect_on_the_same_host_is_followed_and_resumed(server: Server, target: Path) -> None:
    server.locations, server.break_after = ["/elsewhere.zip?token=1"], [300_000]
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert server.starts[1] > 0


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("file:///etc/passwd", "it is no address of the web"),
        ("ftp://127.0.0.1/a.zip", "it is no address of the web"),
        ("http://169.254.169.254/latest/meta-data", "it lies in a private network"),
        ("http://10.0.0.1/a.zip", "it lies in a private network"),
        ("http://[::ffff:192.168.0.1]/a.zip", "it lies in a private network"),
        ("http://[::1]/a.zip", "it lies in a private network"),
    ],
    ids=["file", "ftp", "metadata", "private", "private v6", "loopback v6"],
)
def test_a_redirect_that_leads_astray_is_refused_at_once(server, target, location: str, words: str) -> None:
    server.locations = [location]
    with pytest.raises(InputError, match=rf"archives\.development\.url: .*{words}\. Give the address") as raised:
        fetch(server, target)
    assert location in str(raised.value)
    assert len(server.asked) == 1 and left(target) == []


def test_a_redirect_to_a_malformed_address_is_refused_at_once(server: Server, target: Path) -> None:
    server.locations = ["http://[::1/a.zip"]
    with pytest.raises(InputError, match=r"is, or redirects to, what is no address to download"):
        fetch(server, target)
    assert len(server.asked) == 1


def test_a_redirect_in_a_circle_ends_soon(server: Server, target: Path) -> None:
    server.locations = ["/again"] * 99
    with pytest.raises(InputError, match="redirects more than 10 times"):
        fetch(server, target)
    assert len(server.asked) == 11
