"""A TCP proxy on loopback whose connections can be cut in the middle of a conversation, or led to another server."""

import contextlib
import selectors
import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from workers.embedded.ports import LOOPBACK


class Proxy:
    """Passes bytes on between its own port and a server's, until it is told not to. A context manager."""

    def __init__(self, port: int, certificate: Path | None = None) -> None:
        """Stand before the server on this port of the loopback address; with a certificate, speak TLS to clients."""
        self.server_port = port
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._tls.load_cert_chain(certificate)
        self._listener = socket.create_server((LOOPBACK, 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._open = True
        #: Bytes that the server has sent.
        self.served = 0
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def port(self) -> int:
        """Where to connect to."""
        return int(self._listener.getsockname()[1])

    def before(self, url: str, host: str = LOOPBACK) -> str:
        """The URL of the server, led through the proxy."""
        parts = urlsplit(url)
        address = f"{parts.netloc.rpartition('@')[0]}@{host}:{self.port}"
        scheme = parts.scheme if self._tls is None else f"{parts.scheme}s"
        return urlunsplit(parts._replace(scheme=scheme, netloc=address))

    def cut(self, *, for_good: bool = False) -> None:
        """Reset every connection; with ``for_good``, every later one too."""
        with self._lock:
            self._open = self._open and not for_good
            for pair in self._pairs:
                for end in pair:
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
            self._pairs.clear()

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut(for_good=True)
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._tls is not None:
                try:
                    client = self._tls.wrap_socket(client, server_side=True)
                except OSError:  # it does not trust us
                    client.close()
                    continue
            with self._lock:
                if not self._open:
                    client.close()
                    continue
                try:
                    server = socket.create_connection((LOOPBACK, self.server_port))
                except OSError:
                    client.close()
                    continue
                self._pairs.append((client, server))
                thread = threading.Thread(target=self._pass_on, args=(client, server), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with client, server, selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    source, other = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    try:
                        data = source.recv(1 << 16)
                        while isinstance(source, ssl.SSLSocket) and source.pending():
                            data += source.recv(1 << 16)
                        if source is server:
                            with self._lock:
                                self.served += len(data)
                        other.sendall(data)
                    except OSError:
                        return
                    if not data:
                        return
