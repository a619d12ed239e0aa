"""A headless Chromium, spoken to by the WebDriver protocol, which needs no package of its own."""

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import requests

DRIVER = shutil.which("chromedriver")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# No host name is found, so that a page which needs the network shows it. Root has no sandbox.
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    # WebGL without a graphics card.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--window-size=1600,1000",
)
# The longest that an answer, a start or a condition may take.
SECONDS = 120


class Browser:
    """The one page of a running Chromium."""

    def __init__(self, session: str) -> None:
        self.session = session

    def ask(self, command: str, **body: Any) -> Any:
        answer = requests.post(f"{self.session}/{command}", json=body, timeout=SECONDS)
        value = answer.json()["value"]
        assert answer.ok, value
        return value

    def open(self, page: Path) -> None:
        self.ask("url", url=page.resolve().as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns; it has `arguments`."""
        return self.ask("execute/sync", script=script, args=list(arguments))

    def wait_for(self, script: str, *arguments: Any) -> Any:
        """What a script returns, as soon as that is true."""
        end = time.monotonic() + SECONDS
        while not (value := self.run(script, *arguments)):
            assert time.monotonic() < end, f"never true: {script} {arguments}"
            time.sleep(0.1)
        return value

    @contextlib.contextmanager
    def frame(self, selector: str) -> Iterator[None]:
        """Scripts run within a frame of the page."""
        self.ask("frame", id=self.run("return document.querySelector(arguments[0])", selector))
        try:
            yield
        finally:
            self.ask("frame", id=None)

    def complaints(self) -> list[str]:
        """Errors in the console since the last call."""
        return [entry["message"] for entry in self.ask("se/log", type="browser") if entry["level"] == "SEVERE"]

    def requested(self) -> list[str]:
        """Addresses asked for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.ask("se/log", type="performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def picture(self, path: Path) -> None:
        """Save what the window shows, to look at it."""
        shown = requests.get(f"{self.session}/screenshot", timeout=SECONDS).json()["value"]
        path.write_bytes(base64.b64decode(shown))


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A browser that has ended when the block is left, however it is left."""
    port = _free_port()
    server = f"http://127.0.0.1:{port}"
    driver = subprocess.Popen([DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_ready(server)
        wanted = {
            "goog:chromeOptions": {"binary": CHROMIUM, "args": list(ARGUMENTS)},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        answer = requests.post(f"{server}/session", json={"capabilities": {"alwaysMatch": wanted}}, timeout=SECONDS)
        assert answer.ok, answer.text
        session = f"{server}/session/{answer.json()['value']['sessionId']}"
        yield Browser(session)
        requests.delete(session, timeout=SECONDS)
    finally:
        for process in [*psutil.Process(driver.pid).children(recursive=True), driver]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        driver.wait(SECONDS)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _wait_until_ready(server: str) -> None:
    end = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"{server}/status", timeout=SECONDS).json()["value"]["ready"]:
                return
        assert time.monotonic() < end, "chromedriver does not start"
        time.sleep(0.1)
