"""An HTTP server on loopback that answers as the test says, and keeps what it was asked."""

import contextlib
import json
import ssl
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self


class Request(NamedTuple):
    """What the server was asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    #: The JSON in it; None where it is none.
    body: Any
    raw: bytes = b""

    @property
    def key(self) -> str:
        """The idempotency key; empty where there is none."""
        return self.headers.get("Idempotency-Key", "")


class Reply(NamedTuple):
    """What the server answers."""

    status: int = 200
    body: bytes = b'{"status": "success"}'
    headers: Mapping[str, str] = {"Content-Type": "application/json"}


OK = Reply()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class ScriptedServer:
    """Calls `script` for each request, in the thread of its connection: it may wait. A context manager."""

    def __init__(self, script: Callable[[Request], Reply] = lambda _: OK, certificate: Path | None = None) -> None:
        """Answer by `script`, which can be replaced at any time; over TLS, where a PEM file is given."""
        self.script = script
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            # Each connection's thread shakes hands: a client that refuses must not stop the one that accepts.
            self._http.socket = context.wrap_socket(self._http.socket, True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._http.serve_forever, args=[0.02])

    @property
    def url(self) -> str:
        """The base address."""
        return f"{self._scheme}://127.0.0.1:{self._http.server_port}"

    def ingests(self) -> list[Request]:
        """The requests that brought telemetry, in order."""
        with self._lock:
            return [request for request in self.requests if request.path == "/api/v1/telemetry/ingest"]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _answer(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
        return self.script(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet: two would wait for each other

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                text = self.rfile.read(length)
                if len(text) < length:
                    return  # the client was killed while it sent
                packed = self.headers.get("Content-Encoding") or "json" not in self.headers.get("Content-Type", "json")
                body = json.loads(text) if text and not packed else None
                reply = answer(Request(self.command, self.path, dict(self.headers), body, text))
                with contextlib.suppress(ConnectionError):  # the client may have given up
                    self.send_response(reply.status)
                    for name, value in reply.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(reply.body)))
                    self.end_headers()
                    self.wfile.write(reply.body)

            do_GET = do_POST  # noqa: N815 - the name that the library looks for

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler
