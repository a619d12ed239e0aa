"""A server on the loopback address that sends parts of a file, and counts what it sends."""

import contextlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class RangeServer:
    """Serves ranges of `content`; its switches make it behave badly. `asked` holds (first, last) of each request."""

    def __init__(self, content: bytes) -> None:
        self.content, self.etag, self.ranges = content, '"one"', True
        self.statuses, self.retry_after = [], None
        self.break_after = []  # bytes of the bodies of the next answers
        self.asked, self.sent = [], 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.answer(self)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/archive.zip"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request):
        if self.statuses:
            request.send_response(self.statuses.pop(0))
            if self.retry_after:
                request.send_header("Retry-After", self.retry_after)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["Range"]).groups())
        fits = self.ranges and request.headers.get("If-Range", self.etag) == self.etag
        body = self.content[first : last + 1] if fits else self.content
        request.send_response(206 if fits else 200)
        if fits:
            request.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/{len(self.content)}")
        if self.etag:
            request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        self.asked.append((first, last))
        if self.break_after and last > first:
            body = body[: self.break_after.pop(0)]
        self.sent += len(body)
        # Who finds another version reads no further.
        with contextlib.suppress(OSError):
            request.wfile.write(body)

    def close(self):
        self._http.shutdown()
        self._http.server_close()
