"""A local cloud all of whose services are behind one HTTP port."""

import ssl
from abc import abstractmethod
from contextlib import ExitStack
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler

from emulators.core.calls import C
from emulators.core.cloud import F, LocalCloud
from emulators.core.http import HttpServer, RequestHandler

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication  # exists for type checkers only


class HttpCloud(LocalCloud[C, F]):
    """A cloud with one address."""

    _server: HttpServer | None = None

    def serve(
        self,
        stack: ExitStack,
        application: "WSGIApplication",
        *,
        port: int = 0,
        handler: type[WSGIRequestHandler] = RequestHandler,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Bind the port, 0 a free one, and serve until `stack` is closed."""
        name = f"local-{self.name.lower()}"
        self._server = HttpServer(name, application, self.control, port=port, handler=handler, tls=tls)
        stack.callback(self._server.stop)
        self._server.start()

    @property
    def port(self) -> int:
        """The port that is served.

        Raises:
            RuntimeError: it is not started.
        """
        return self.started(self._server).port

    @property
    @abstractmethod
    def url(self) -> str:
        """The address of every service."""

    @property
    def addresses(self) -> str:
        """Where it listens."""
        return self.url
