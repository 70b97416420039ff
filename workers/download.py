"""One file over HTTPS, within limits of time and size: what a person names, once."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import httpx

from telemetry.settings.fields import is_loopback, visible_address
from telemetry.text import shown

_TIMEOUT = 30.0
_DEADLINE = 120.0
_REDIRECTS = 3


def is_address(text: str) -> bool:
    """Whether it names no file here."""
    return "://" in text or text.lower().startswith(("http:", "https:"))


def named(text: str) -> str:
    """A file or an address for messages: without what may be a secret, as are a query, a user and a password."""
    return shown((visible_address(text) or "the address") if is_address(text) else text)


def download(address: str, limit: int) -> bytes:
    """The file at an address; ValueError in words where there is none, or more than ``limit`` bytes of it.

    The words do not name the address.
    """
    request: httpx.Request | None = None
    deadline = time.monotonic() + _DEADLINE
    fault = ""
    try:
        with httpx.Client(timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"}, trust_env=True) as client:
            request = client.build_request("GET", _safe(address))
            for _ in range(_REDIRECTS + 1):
                response = client.send(request, stream=True)
                try:
                    if response.next_request is None:
                        return _body(response, limit, deadline)
                    request = response.next_request
                    _safe(str(request.url))
                finally:
                    response.close()
            fault = "it leads from one address to the next"
    except httpx.HTTPError as error:
        fault = type(error).__name__
    except httpx.InvalidURL:
        fault = "it is no address"
    # Outside of the except blocks: the library's errors hold the address.
    raise ValueError(fault)


def _body(response: httpx.Response, limit: int, deadline: float) -> bytes:
    if not response.is_success:
        raise ValueError(f"the server answers {response.status_code}")
    found = bytearray()
    for piece in response.iter_raw():
        found += piece
        if len(found) > limit:
            raise ValueError(f"the file is longer than {limit} bytes")
        if time.monotonic() > deadline:
            raise ValueError(f"the file was not there within {_DEADLINE:g} s")
    return bytes(found)


def _safe(address: str) -> str:
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        raise ValueError("the address cannot be read") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError("write an address that starts with https:// (or http:// on this machine)")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the address must not hold a user or password")
    return address
