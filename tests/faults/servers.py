"""Servers on this machine that answer slowly, badly or in the wrong place."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

BLOCK = 1 << 14


class Server:
    """Serves `content`; `behave(handler, number)` may answer the request of that number itself, and say so."""

    def __init__(self, content: bytes, behave: Callable) -> None:
        self.content, self.behave = content, behave
        self.ranges: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.ranges.append(self.headers.get("Range"))
                if not server.behave(self, len(server.ranges)):
                    begin(self, server.content)
                    send(self, server.content)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/CHAOS.zip"

    @contextmanager
    def running(self) -> Iterator["Server"]:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()


def first_of(handler: BaseHTTPRequestHandler) -> int:
    """The first byte that is asked for."""
    return int((handler.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))


def begin(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """The head of an answer with the rest of the content."""
    first = first_of(handler)
    handler.send_response(206 if first else 200)
    handler.send_header("ETag", '"one"')
    handler.send_header("Content-Length", str(len(content) - first))
    if first:
        handler.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
    handler.end_headers()


def send(handler: BaseHTTPRequestHandler, content: bytes, until: float = 1.0, pause_s: float = 0) -> None:
    """The rest of the content up to a share of all, block by block."""
    for at in range(first_of(handler), int(len(content) * until), BLOCK):
        handler.wfile.write(content[at : min(at + BLOCK, int(len(content) * until))])
        time.sleep(pause_s)


def refuse(handler: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    """An answer without content."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def path_of(handler: BaseHTTPRequestHandler) -> str:
    """The path that is asked for; a proxy is asked for a whole address."""
    return urlsplit(handler.path).path
