"""An HTTP server on loopback: a cloud's services behind one port, and its `/_local` pages beside them."""

import io
import os
import socket
import ssl
import threading
from collections.abc import Iterable
from contextlib import closing
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

    def _answer(self, environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if not path.startswith(PREFIX):
            return self._application(environ, start_response)
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        reply = self._control.handle(environ["REQUEST_METHOD"], path, query, read_body(environ))
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

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection."""
        if self.ssl_context is None:
            super().finish_request(request, client_address)
            return
        try:
            secured = self.ssl_context.wrap_socket(request, server_side=True)
        except OSError:
            return  # it gave up, or does not trust us
        with closing(secured):
            super().finish_request(secured, client_address)
