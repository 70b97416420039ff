"""A server on loopback that answers HTTP byte for byte as the test says: slow, endless, broken, or well."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from tests.support.waiting import until

Script = Callable[[str], Iterable[bytes]]
"""From the head of a request to the pieces of what is sent."""


def answer(
    body: bytes, content_type: str = "application/json", *headers: str, status: str = "200 OK", length: bool = True
) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", "Connection: close", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def redirect(location: str) -> bytes:
    """An answer that leads elsewhere."""
    return answer(b"", "text/plain", f"Location: {location}", status="302 Found")


class RawServer:
    """Calls `script` with the head of each request, and sends the pieces until the client goes away."""

    def __init__(self, script: Script | bytes = b"", tls: ssl.SSLContext | None = None) -> None:
        self.script: Script = script if callable(script) else lambda _: [script]
        self.requests: list[str] = []
        #: Bytes that were sent.
        self.sent = 0
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port: int = self._socket.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def url(self, host: str = "127.0.0.1", path: str = "/metrics") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._accepting.join(10)
        until(lambda: not any(thread.is_alive() for thread in self._threads), 10, "the clients have gone")

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=[connection], daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(10)
            channel = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
            with channel:
                head = self._read_head(channel)
                self.requests.append(head)
                for piece in self.script(head):
                    channel.sendall(piece)
                    self.sent += len(piece)

    @staticmethod
    def _read_head(channel: socket.socket) -> str:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = channel.recv(4096)
            if not piece:
                raise ConnectionError("gone")
            head += piece
        return head.decode("latin-1")
