"""An HTTP server on loopback: a cloud's services behind one port, and its `/_local` pages beside them."""

import io
import os
import socket
import ssl
import threading
import traceback
from collections.abc import Iterable
from contextlib import closing, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Response

from emulators.core.cloud import HOST, not_bound
from emulators.core.control import PREFIX, ControlPages
from emulators.core.reply import Reply

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication  # exists for type checkers only

Environ = dict[str, Any]

_POLL_SECONDS = 0.02
_WAITING = 512


def read_body(environ: Environ) -> bytes:
    """Take the whole body, and leave it in `environ` for the next application."""
    stream = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    body: bytes = stream.read(int(length)) if length else stream.read() if "wsgi.input_terminated" in environ else b""
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def respond(reply: Reply) -> Response:
    """The answer as an application of WSGI."""
    return Response(reply.body, reply.status, reply.headers, content_type=reply.content_type)


class RequestHandler(WSGIRequestHandler):
    """Keeps connections open, as the clouds do, and sends answers at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Answer one request; werkzeug's own way would end the connection, and wait a hundredth of a second before."""
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
            head[:] = [status.partition(" "), headers]
            return None

        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(HTTPStatus.CONTINUE)
            self.end_headers()
        environ = self.make_environ()
        try:
            answer = self.server.app(environ, start_response)
            body = b"".join(answer)
        except Exception:  # noqa: BLE001 - whatever a local cloud raises, its client is answered
            head[:] = [("500", " ", "INTERNAL SERVER ERROR"), []]
            body = traceback.format_exc().encode()
        (code, _, reason), headers = head
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in {name.lower() for name, _ in headers} and int(code) != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if environ["REQUEST_METHOD"] != "HEAD":
            self.wfile.write(body)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  # werkzeug's own name
        """Say nothing: the calls are on record."""


class HttpServer:
    """Serves an application, and the pages. The port is bound at once; it accepts connections once it is started.

    `tls` is the certificate to serve with, plaintext where None.

    Raises:
        OSError: the port is taken.
    """

    def __init__(
        self,
        name: str,
        application: "WSGIApplication",
        control: ControlPages,
        *,
        port: int = 0,
        handler: type[WSGIRequestHandler] = RequestHandler,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._application = application
        self._control = control
        with _listening(port) as bound:
            self._server = _Server(HOST, port, self._answer, handler=handler, fd=bound.fileno())
        self._server.ssl_context = tls  # by which werkzeug tells the scheme
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name=name, daemon=True
        )
        self.port: int = self._server.port

    def start(self) -> None:
        """Accept connections."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.hang_up()

    def _answer(self, environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        body = read_body(environ)  # what an application left unread would be taken for the next request
        if not path.startswith(PREFIX):
            return self._application(environ, start_response)
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        reply = self._control.handle(environ["REQUEST_METHOD"], path, query, body)
        return respond(reply)(environ, start_response)


def _listening(port: int) -> socket.socket:
    # Werkzeug ends the process where a port is taken, so it is given one that is bound.
    try:
        return socket.create_server((HOST, port), backlog=_WAITING)
    except OSError as refused:
        raise not_bound(port, os.strerror(refused.errno or 0)) from refused


class _Server(ThreadedWSGIServer):
    """Shakes hands in the connection's own thread: a client that says nothing keeps no other waiting."""

    daemon_threads = True

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._connections: set[socket.socket] = set()

    def hang_up(self) -> None:
        """End the connections that clients keep."""
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection."""
        self._connections.add(request)
        try:
            self._serve(request, client_address)
        finally:
            self._connections.discard(request)

    def _serve(self, request: Any, client_address: Any) -> None:
        if self.ssl_context is None:
            super().finish_request(request, client_address)
            return
        try:
            secured = self.ssl_context.wrap_socket(request, server_side=True)
        except OSError:
            return  # it gave up, or does not trust us
        with closing(secured):
            super().finish_request(secured, client_address)
