"""Watches every request to Azure on the wire: counts it, and heeds what its answer says of waiting."""

from __future__ import annotations

import time
from typing import Any, Self
from urllib.parse import urlsplit

from agents.azure.api_call import AzureCall
from agents.azure.waits import pause_of
from agents.core.api_call import call_under_way

_TOO_MANY = 429
_FIRST_ERROR = 400
_CONNECT_TIMEOUT = 5
_READ_TIMEOUT = 60.0
_MIN_TIMEOUT = 1.0
_LOGIN = {"/oauth2/v2.0/token": "login:token", "/.well-known/openid-configuration": "login:configuration"}


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
        call = call_under_way(AzureCall)
        if call is None:
            return self._inner.send(request, **options)
        login = _login(request.url)
        api = login or call.api
        call.context.meter.call(api)
        left = max(_MIN_TIMEOUT, call.context.deadline - time.monotonic())
        options["read_timeout"] = min(options.get("read_timeout", _READ_TIMEOUT), left)
        if login:
            call.login.status = 0
        response = self._inner.send(request, **options)
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.status_code == _TOO_MANY:
            call.context.meter.throttle(api)
        if login:
            call.login.status, call.login.headers = response.status_code, headers
            return response
        call.answer.response = response
        if response.status_code < _FIRST_ERROR and (pause := pause_of(headers)) > 0:
            call.silence(pause)
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
