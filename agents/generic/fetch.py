"""Asks a polled source: one GET within limits of time and size, and with an address that was checked."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from agents.core.meter import Meter
from agents.core.retry_after import parse_retry_after
from agents.core.unpacking import ACCEPTED, unpacked
from agents.generic.address import API, Place, find
from agents.generic.settings import PolledSource
from telemetry.errors import CollectionError, CollectionFailed, Denied, Throttled, Unavailable
from telemetry.redact import redact

_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class NotAcceptable(CollectionFailed):
    """The source has no such form."""


@dataclass(frozen=True)
class Page:
    """An answer whose body is still on its way."""

    place: Place
    content_type: str
    #: Piece by piece, unpacked; CollectionFailed past the source's max_bytes.
    body: Iterator[bytes]


@contextmanager
def fetch(source: PolledSource, accept: str, meter: Meter, patience: float) -> Iterator[Page]:
    """The answer of a source. Everything, redirects and body included, ends within its timeout or ``patience``.

    CollectionError's kinds where there is none, and out of the block where the body breaks off.
    """
    request = _Request(source, accept, meter, time.monotonic() + min(patience, source.timeout.total_seconds()))
    try:
        with request.answer() as page:
            yield page
    except httpx.HTTPError as error:
        fault = request.fault or f"{redact(str(error))[:200] or type(error).__name__}"
    except CollectionError as error:
        if not request.fault:
            raise
        fault = f"{request.fault} ({error})"
    else:
        # A body without a length ends where the door is closed: it is not whole then.
        if not (fault := request.fault):
            return
    # Outside of the except block: the library's error holds the request, and so what it was sent with.
    raise Unavailable(f"source {source.name}: {fault}")


@dataclass
class _Request:
    source: PolledSource
    accept: str
    meter: Meter
    deadline: float
    #: Set when the time was up.
    fault: str = ""
    _socket: socket.socket | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def answer(self) -> Iterator[Page]:
        # A read has a time-out, but a server that sends a byte a second never lets it come: the clock closes the door.
        clock = threading.Timer(self._left(), self._give_up)
        clock.daemon = True
        clock.start()
        try:
            with (
                # Not a client: that would look at redirects by itself, and at proxies, which would resolve names and so
                # go where we would not.
                httpx.HTTPTransport(verify=_certificates(self.source.ca_file), trust_env=False) as transport,
                self._follow(transport) as (place, response),
            ):
                if response.status_code != httpx.codes.OK:
                    _refuse(place, response)
                encoding = response.headers.get("Content-Encoding", "")
                body = unpacked(response.iter_raw(), encoding, self.source.max_bytes)
                yield Page(place, response.headers.get("Content-Type", ""), self._in_time(body))
        finally:
            clock.cancel()

    def _in_time(self, body: Iterator[bytes]) -> Iterator[bytes]:
        """The body while there is time: what is read already, and unpacks to much, waits for no socket."""
        for piece in body:
            if self.fault:
                raise Unavailable("the rest was not read")
            yield piece

    @contextmanager
    def _follow(self, transport: httpx.HTTPTransport) -> Iterator[tuple[Place, httpx.Response]]:
        url, former = self.source.url, None
        for _ in range(_MAX_REDIRECTS + 1):
            place = self._find(url, former)
            with_secrets = former is None or place.origin == former.origin
            with self._ask(transport, place, with_secrets=with_secrets) as response:
                location = response.headers.get("Location")
                if response.status_code not in _REDIRECTS or not location:
                    yield place, response
                    return
            url, former = self._join(place, location), former or place
        raise CollectionFailed(f"source {self.source.name}: more than {_MAX_REDIRECTS} redirects from {former}")

    def _join(self, place: Place, location: str) -> str:
        try:
            return urljoin(f"{place.scheme}://{place.authority}{place.target}", location)
        except ValueError as error:
            raise CollectionFailed(
                f"source {self.source.name}: a redirect from {place} cannot be read: {error}"
            ) from None

    def _find(self, url: str, first: Place | None) -> Place:
        own = urlsplit(self.source.url).hostname or ""
        try:
            place = find(
                url,
                (own, *self.source.allow_hosts),
                allow_private=self.source.allow_private,
                patience=self._left(),
            )
        except CollectionFailed as error:
            where = f"a redirect from {first}: " if first else ""
            raise CollectionFailed(f"source {self.source.name}: {where}{error}") from None
        if first and first.scheme == "https" and place.scheme == "http":
            raise CollectionFailed(f"source {self.source.name}: {first} leads to plain http: that is not followed")
        return place

    @contextmanager
    def _ask(self, transport: httpx.HTTPTransport, place: Place, *, with_secrets: bool) -> Iterator[httpx.Response]:
        headers = {"Host": place.authority, "Accept": self.accept, "Accept-Encoding": ACCEPTED}
        headers |= {"User-Agent": "finfleet", "Connection": "close"}
        if with_secrets:
            headers |= _secrets(self.source)
        self.meter.call(API)
        response = self._connect(transport, place, headers)
        try:
            yield response
        finally:
            response.close()

    def _connect(self, transport: httpx.HTTPTransport, place: Place, headers: dict[str, str]) -> httpx.Response:
        """The answer of the first address that takes the connection: localhost is two, and few hear on both."""
        *others, last = place.addresses
        for address in others:
            with contextlib.suppress(httpx.ConnectError):
                return self._request(transport, place, place.pinned(address), headers)
        return self._request(transport, place, place.pinned(last), headers)

    def _request(
        self, transport: httpx.HTTPTransport, place: Place, url: str, headers: dict[str, str]
    ) -> httpx.Response:
        extensions = {
            "timeout": httpx.Timeout(max(0.001, self._left())).as_dict(),
            # The certificate is that of the name, not of the address that the name had.
            "sni_hostname": place.host,
            "trace": self._trace,
        }
        try:
            request = httpx.Request("GET", url, headers=headers, extensions=extensions)
        except httpx.InvalidURL as error:
            raise CollectionFailed(f"source {self.source.name}: {place!s:.200}: {error}") from None
        response = transport.handle_request(request)
        response.request = request
        return response

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        # httpx's own way to tell of its sockets.
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
                if self.fault:
                    self._shut()

    def _give_up(self) -> None:
        with self._lock:
            self.fault = f"no whole answer within {self.source.timeout.total_seconds():g} s: raise timeout"
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # closed already
                # Not an SSLSocket's own method, which takes the layer away under the thread that reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _left(self) -> float:
        return max(0.0, self.deadline - time.monotonic())


def _secrets(source: PolledSource) -> dict[str, str]:
    headers = {name: secret.get_secret_value() for name, secret in source.headers.items()}
    if source.auth is None:
        return headers
    if source.auth.bearer is not None:
        return headers | {"Authorization": f"Bearer {source.auth.bearer.get_secret_value()}"}
    password = source.auth.password.get_secret_value() if source.auth.password else ""
    pair = b64encode(f"{source.auth.username}:{password}".encode()).decode()
    return headers | {"Authorization": f"Basic {pair}"}


def _certificates(ca_file: str | None) -> ssl.SSLContext:
    if ca_file is None:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # an SSLError is one
        problem = f"ca_file: {ca_file!r} cannot be read ({error}): name a file of certificates in PEM form"
    raise CollectionFailed(problem)


def _refuse(place: Place, response: httpx.Response) -> None:
    status = response.status_code
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise Denied(f"{place}: {status}: set auth or headers of the source")
    wait = parse_retry_after(response.headers.get("Retry-After", ""))
    if status == httpx.codes.TOO_MANY_REQUESTS or (status == httpx.codes.SERVICE_UNAVAILABLE and wait is not None):
        raise Throttled(f"{place}: {status}: it asks to wait", str(place), wait)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise Unavailable(f"{place}: {status}")
    if status == httpx.codes.NOT_ACCEPTABLE:
        raise NotAcceptable(f"{place}: {status}: it has no such form")
    raise CollectionFailed(f"{place}: {status}: not 200")
