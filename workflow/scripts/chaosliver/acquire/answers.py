"""What a server answers to a download, and how long it is waited for."""

import email.utils
import http.client
import queue
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests
import urllib3.exceptions
from tqdm import tqdm

BLOCK_BYTES = 1 << 16
# Statuses that are worth another attempt.
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
# What libraries raise, in plain words; the first that fits.
PLAIN: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((urllib3.exceptions.ProxyError,), "the proxy (HTTPS_PROXY, HTTP_PROXY) cannot be reached or refuses"),
    ((socket.gaierror,), "the server's name is not known (no network, or a mistyped address)"),
    ((requests.ConnectTimeout,), "no answer in time"),
    ((requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError), "no byte came in time"),
    ((ssl.SSLCertVerificationError,), "the server's certificate is not trusted"),
    ((ssl.SSLError,), "no secure connection came about"),
    ((http.client.RemoteDisconnected, http.client.IncompleteRead), "the server closed the connection too early"),
    ((urllib3.exceptions.IncompleteRead,), "the server closed the connection too early"),
    ((http.client.HTTPException,), "the server does not speak HTTP"),
)
# What a request raises that another attempt may mend.
FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError)


@dataclass(frozen=True)
class Patience:
    """When to give up; all times in seconds.

    `attempts` and `answer_s` start anew whenever bytes have arrived. `answer_s` limits the wait for an answer over all
    attempts, looking up the server's name included, which has no time limit of its own. Fewer than `slow_bytes` in
    `slow_s` are no progress. Of the pauses that servers ask for, those up to `asked_s` are kept.
    """

    attempts: int = 3
    connect_s: float = 5
    stall_s: float = 30
    answer_s: float = 40
    pause_s: float = 1
    slow_bytes: int = 600_000
    slow_s: float = 60
    asked_s: float = 120


class BrokenOffError(Exception):
    """The transfer ended early; another attempt may help, after `wait_s` seconds where the server asks for them."""

    def __init__(self, reason: str, wait_s: float = 0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def within(seconds: float, call: Callable[[], requests.Response]) -> requests.Response:
    """The result of `call`, or requests.ConnectTimeout after `seconds`; the thread left behind holds up no exit."""
    results: queue.SimpleQueue[requests.Response | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            results.put(call())
        except Exception as error:
            results.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        result = results.get(timeout=max(seconds, 0))
    except queue.Empty:
        raise requests.ConnectTimeout("no answer in time") from None
    if isinstance(result, Exception):
        raise result
    return result


def total_of(response: requests.Response) -> int | None:
    """Bytes of the whole file, or None where the answer does not tell."""
    if response.status_code in (206, 416):
        match = re.fullmatch(r"bytes .*/(\d+)", response.headers.get("Content-Range", ""))
        return int(match[1]) if match else None
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def first_of(response: requests.Response) -> int | None:
    """Offset of the first byte of a partial answer, or None where it does not tell."""
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def reason_of(error: BaseException) -> str:
    """The cause of a failure without the layers that libraries wrap around it."""
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    for kinds, words in PLAIN:
        if any(isinstance(cause, kinds) for cause in causes):
            return words
    error = causes[-1]
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def asked_seconds(response: requests.Response) -> float:
    """The seconds for which a server asks to be left alone: Retry-After as a number or a date; 0 where it asks none."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return 0.0


def bar_of(name: str, start: int, total: int | None) -> tqdm:
    """A bar of the bytes that arrived."""
    seconds = 0.5 if sys.stderr.isatty() else 30  # a log holds a line for each refresh
    return tqdm(initial=start, total=total, desc=name, unit="B", unit_scale=True, mininterval=seconds)
