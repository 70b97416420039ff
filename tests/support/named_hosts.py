"""A local server by the name of a real one: a proxy that speaks TLS as that host, and leads to a port of ours."""

import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme

_END = b"\r\n\r\n"


@contextmanager
def named(host: str, port: int, asked: list[str]) -> Iterator[tuple[str, Path]]:
    """The URL of the proxy, and the file of the authority of the host's certificate; ``asked`` gets every host."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def accept() -> None:
        while not stopped.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(target=lead, args=(connection,), daemon=True).start()

    def lead(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            head = b""
            while _END not in head:
                head += connection.recv(4096)
            asked.append(head.split()[1].decode())
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with (
                context.wrap_socket(connection, server_side=True) as client,
                socket.create_connection(("127.0.0.1", port)) as server,
            ):
                back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
                back.start()
                _pass_on(client, server)
                back.join()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    with tempfile.TemporaryDirectory(prefix="finfleet-ca-") as folder:
        ca_file = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(ca_file)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", ca_file
        finally:
            stopped.set()
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(10)


def _pass_on(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            to.sendall(piece)
        to.shutdown(socket.SHUT_WR)
