"""Watches every request to Azure on the wire: counts it, and heeds what its answer says of waiting.

Clients are shared by the runs of many threads. Which run a request belongs to is in a context variable, set only
around the call itself, since the SDKs send in the thread that calls.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from agents.azure.quotas import Scope
from agents.azure.waits import pause_of
from agents.core.context import Context

_TOO_MANY = 429
_FIRST_ERROR = 400
_CONNECT_TIMEOUT = 5
_READ_TIMEOUT = 60.0
_MIN_TIMEOUT = 1.0
_LOGIN = {"/oauth2/v2.0/token": "login:token", "/.well-known/openid-configuration": "login:configuration"}


@dataclass
class Asking:
    """A call that is on its way."""

    context: Context
    #: ``metrics:getBatch``.
    api: str
    scopes: tuple[Scope, ...]
    #: What the last answer on the way to a token was; 0 where there was none.
    login_status: int | None = None
    login_headers: dict[str, str] = field(default_factory=dict)


_asking: ContextVar[Asking | None] = ContextVar("finfleet_azure_asking", default=None)


@contextmanager
def asking(current: Asking) -> Iterator[None]:
    """Requests of this thread belong to ``current``. Nothing may be yielded to a caller inside."""
    token = _asking.set(current)
    try:
        yield
    finally:
        _asking.reset(token)


def open_transport(ca_file: str | None, connections: int) -> WatchedTransport:
    """The connections of one account; ``ca_file`` holds the certificates to trust, None for the usual ones."""
    import requests  # noqa: PLC0415 - it comes with the SDK, and is loaded where it is used
    from azure.core.pipeline.transport import RequestsTransport  # noqa: PLC0415 - an SDK is loaded where it is used

    session = requests.Session()
    session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=connections))
    inner = RequestsTransport(
        session=session,
        session_owner=False,
        connection_timeout=_CONNECT_TIMEOUT,
        read_timeout=_READ_TIMEOUT,
        connection_verify=ca_file or True,
    )
    return WatchedTransport(inner)


class WatchedTransport:
    """azure-core's transport, with an eye on what goes through it. Closing a client leaves it open."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def send(self, request: Any, **options: Any) -> Any:
        """Send one request; it is counted whether it is answered or not."""
        current = _asking.get()
        if current is None:
            return self._inner.send(request, **options)
        login = _login(request.url)
        api = login or current.api
        current.context.meter.call(api)
        left = max(_MIN_TIMEOUT, current.context.deadline - time.monotonic())
        options["read_timeout"] = min(options.get("read_timeout", _READ_TIMEOUT), left)
        if login:
            current.login_status = 0
        response = self._inner.send(request, **options)
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.status_code == _TOO_MANY:
            current.context.meter.throttle(api)
        if login:
            current.login_status, current.login_headers = response.status_code, headers
        elif response.status_code < _FIRST_ERROR:
            _slow_down(current, headers)
        return response

    def open(self) -> None:
        """Nothing to do: connections are made when they are needed."""

    def close(self) -> None:
        """Leave the connections to the other clients."""

    def sleep(self, duration: float) -> None:
        """Wait between attempts of azure-core's own, of which there are none."""
        time.sleep(duration)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the connections to the other clients."""


def _login(url: str) -> str:
    path = urlsplit(url).path
    return next((api for end, api in _LOGIN.items() if path.endswith(end)), "")


def _slow_down(current: Asking, headers: dict[str, str]) -> None:
    pause = pause_of(headers)
    if pause > 0:
        for scope in current.scopes:
            current.context.shared.limiter.quiet(scope.name, pause)
