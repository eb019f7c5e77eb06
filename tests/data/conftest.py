"""A server on loopback that can break off."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sample_files import ML_100K, zip_of


class FileServer:
    """Serves `content` at any path; the next answers send only the bytes of `breaks`, then close the line."""

    def __init__(self) -> None:
        self.content = b""
        self.tag = '"one"'
        self.ranges = True
        self.status = 200
        self.breaks: list[int] = []
        self.stalls_at: int | None = None  # after so many bytes the answer waits until this is None again
        self.asked: list[str] = []  # the Range header of each request, empty without one
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/files/set.zip"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range", "")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        whole = not (self.ranges and wanted and request.headers.get("If-Range") == self.tag)
        body = self.content if whole else self.content[start:]
        if not whole and start >= len(self.content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
            request.end_headers()
            return
        request.send_response(self.status if whole else 206)
        if not whole:
            request.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        request.send_header("ETag", self.tag)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if self.stalls_at is not None:
            request.wfile.write(body[: self.stalls_at])
            while self.stalls_at is not None:
                time.sleep(0.01)
            return
        request.wfile.write(body[: self.breaks.pop(0)] if self.breaks else body)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[FileServer]:
    served = FileServer()
    yield served
    served.close()


@pytest.fixture
def ml_100k_zip(tmp_path: Path) -> Path:
    return zip_of(tmp_path / "ml-100k.zip", ML_100K)
