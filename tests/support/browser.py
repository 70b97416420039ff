"""A page as a person sees it: headless Chromium, behind a small proxy that knows the password."""

import base64
import shutil
import struct
import subprocess
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.support.absent import absent

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def chromium() -> str:
    """The browser; without one the test is skipped, in CI it fails."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        reason = "Chromium is not installed: apt-get install chromium"
        absent(reason)
    return found


def screenshot(url: str, file: Path, profile: Path, size: tuple[int, int] = (1280, 720)) -> None:
    """Write what the page looks like after its scripts have had five seconds."""
    _run(url, profile, f"--window-size={size[0]},{size[1]}", f"--screenshot={file}")


def rendered(url: str, profile: Path) -> str:
    """The HTML of the page after its scripts have had five seconds."""
    return _run(url, profile, "--dump-dom")


def _run(url: str, profile: Path, *options: str) -> str:
    command = [chromium(), *_FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=5000", *options, url]
    return subprocess.run(command, check=True, capture_output=True, timeout=90).stdout.decode()


@contextmanager
def logged_in(url: str, user: str, password: str) -> Iterator[str]:
    """The address of the same server for somebody who has given the password already."""
    token = base64.b64encode(f"{user}:{password}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass_on("GET")

        def do_POST(self) -> None:  # the tasks page asks for its rows so
            self._pass_on("POST")

        def _pass_on(self, method: str) -> None:
            headers = {"Authorization": f"Basic {token}"}
            if kind := self.headers.get("Content-Type"):
                headers["Content-Type"] = kind
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = httpx.request(method, f"{url}{self.path}", headers=headers, content=body, trust_env=False)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("content-type", "text/plain"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def colours(file: Path) -> int:
    """How many different bytes a picture's pixels have; a blank page has few."""
    data = file.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    pixels, at = b"", 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            pixels += data[at + 8 : at + 8 + length]
        at += 12 + length
    return len(set(zlib.decompress(pixels)))
