"""How requests leave: gRPC channels and an HTTP session. Plaintext goes to this machine only."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from telemetry.errors import CollectionFailed
from telemetry.settings.fields import is_loopback

_AUTH_TIMEOUT = 15.0
_CHANNEL_OPTIONS = (
    # A page is bounded by its size in points, not by gRPC's 4 MB.
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 60_000),
    # Two accounts of one process, with other certificates, must not share a connection.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.primary_user_agent", "finfleet"),
)


def open_channel(address: str, ca_file: str | None) -> Any:
    """A gRPC channel to ``https://host[:port]``, or ``http://`` on this machine. It connects at the first call.

    The token goes along as metadata of each call, so that a refresh that fails is an error of the caller's thread, in
    google-auth's words, and no opaque UNAVAILABLE of gRPC's.
    """
    import grpc  # noqa: PLC0415 - an SDK is loaded where it is used

    parts = urlsplit(address)
    if parts.scheme == "http":
        if not is_loopback(parts.hostname or ""):
            raise CollectionFailed(f"gcp.endpoints: {address}: plain http is accepted for this machine only: use https")
        return grpc.insecure_channel(parts.netloc, options=_CHANNEL_OPTIONS)
    roots = None if ca_file is None else _read(ca_file)
    credentials = grpc.ssl_channel_credentials(root_certificates=roots)
    return grpc.secure_channel(f"{parts.hostname}:{parts.port or 443}", credentials, options=_CHANNEL_OPTIONS)


def auth_request(ca_file: str | None) -> Callable[..., Any]:
    """What google-auth sends its own requests with: as google-auth's, but it does not wait for two minutes."""
    import requests  # noqa: PLC0415 - an SDK is loaded where it is used
    from google.auth.transport.requests import Request  # noqa: PLC0415 - an SDK is loaded where it is used

    http = requests.Session()
    if ca_file is not None:
        http.verify = ca_file
    return functools.partial(_send_auth, Request(http))


def _send_auth(request: Any, url: str, **more: Any) -> Any:
    timeout = more.pop("timeout", None) or _AUTH_TIMEOUT
    return request(url, timeout=min(timeout, _AUTH_TIMEOUT), **more)


def open_http(send: Callable[..., Any], ca_file: str | None) -> Any:
    """A session of requests whose every request goes through ``send(go, method, url, headers)``.

    ``send`` calls ``go(headers)`` where the request may go out.
    """
    import requests  # noqa: PLC0415 - an SDK is loaded where it is used

    class _Session(requests.Session):
        def request(self, method: str, url: str, **more: Any) -> Any:  # type: ignore[override] # requests names them all
            headers: Mapping[str, str] = more.pop("headers", None) or {}
            parent = super().request
            return send(lambda given: _checked(parent(method, url, headers=dict(given), **more)), method, url, headers)

    session = _Session()
    if ca_file is not None:
        session.verify = ca_file
    return session


def _checked(response: Any) -> Any:
    """A refusal that is not of Google's form, as an error with its status: of one google-api-core raises anything."""
    if response.ok or _is_refusal(response):
        return response
    from google.api_core.exceptions import from_http_status  # noqa: PLC0415 - an SDK is loaded where it is used

    raise from_http_status(response.status_code, str(response.reason or ""), response=response)  # type: ignore[no-untyped-call] # google-api-core has no types


def _is_refusal(response: Any) -> bool:
    """Whether it is ``{"error": {"message": "...", "errors": [{...}], "details": [{...}]}}``."""
    try:
        error = response.json()["error"]
        told, lists = error.get("message", ""), [error.get(name, []) for name in ("errors", "details")]
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return isinstance(told, str) and all(
        isinstance(one, list) and all(isinstance(entry, dict) for entry in one) for one in lists
    )


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path as the configuration has it
            return file.read()
    except OSError as error:
        raise CollectionFailed(f"gcp.ca_file {path}: it cannot be read: {error.strerror}") from None
