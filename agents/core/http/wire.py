"""Requests to one server, each over a connection that is its own while it lasts, and each over in time.

A time-out of each read ends no answer that comes byte by byte, or begins without an end: a clock closes its connection.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from typing import Any
from urllib.request import Request

import httpx

_OPENED = (".connect_tcp.complete", ".start_tls.complete")


class Line:
    """One connection at a time, used by one request at a time."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        #: Whether it was broken off, and whether that was because the time was up.
        self.ended = self.late = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def end(self, *, late: bool = False) -> None:
        """Break off what is under way, from another thread."""
        with self._lock:
            self.ended, self.late = True, late or self.late
            self._shut()

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Learn the socket: httpx's own way to tell of it."""
        if event.endswith(_OPENED):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
                if self.ended:
                    self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # closed already
                # Not an SSLSocket's own method, which takes the layer away under the thread that reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class Wire:
    """The connections to one server. Safe to share between threads; close it when done."""

    def __init__(
        self, headers: Mapping[str, str], timeout: httpx.Timeout, verify: ssl.SSLContext, *, trust_env: bool
    ) -> None:
        """Connect to nothing yet."""
        self._headers = dict(headers)
        self._timeout = timeout
        self._verify = verify
        self._trust_env = trust_env
        self._busy: set[Line] = set()
        self._lock = threading.Lock()
        # Now, and not with the first request: a proxy of the environment that cannot be is an error of the start.
        self._idle = [Line(self._client())]

    @contextmanager
    def line(self, within: float) -> Iterator[Line]:
        """A connection for one request, which ends after ``within`` seconds, whatever it does until then.

        It is kept for the next one, unless the block raises.
        """
        with self._lock:
            line = self._idle.pop() if self._idle else Line(self._client())
            self._busy.add(line)
        clock = threading.Timer(within, line.end, kwargs={"late": True})
        clock.daemon = True
        good = False
        try:
            clock.start()
            yield line
            good = True
        finally:
            clock.cancel()
            with self._lock:
                self._busy.discard(line)
                good = good and not line.ended
                if good:
                    self._idle.append(line)
            if not good:
                line.client.close()

    def abort(self) -> None:
        """End the requests that are under way."""
        with self._lock:
            busy = set(self._busy)
        for line in busy:
            line.end()

    def close(self) -> None:
        """Close the connections that are not in use, and end the others."""
        self.abort()
        with self._lock:
            idle, self._idle = self._idle, []
        for line in idle:
            line.client.close()

    def _client(self) -> httpx.Client:
        return httpx.Client(
            headers=self._headers,
            cookies=_NoCookies(),
            timeout=self._timeout,
            verify=self._verify,
            trust_env=self._trust_env,
            limits=httpx.Limits(max_connections=1),
            # The key goes to the address that was configured, and to no other.
            follow_redirects=False,
        )


class _NoCookies(CookieJar):
    """Keeps none: what a server sets would be sent back, and add up."""

    def extract_cookies(self, response: HTTPResponse, request: Request) -> None:
        """Leave them."""
