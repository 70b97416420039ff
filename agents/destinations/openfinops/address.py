"""Where OpenFinOps is: the address that a person writes, made into the base address of its HTTP API."""

from __future__ import annotations

from typing import NoReturn
from urllib.parse import urlsplit, urlunsplit

import httpx

from telemetry.errors import ConfigError
from telemetry.settings.fields import is_loopback, visible_address

INGEST = "/api/v1/telemetry/ingest"
REGISTER = "/api/v1/agents/register"
HEALTH = "/health"

# What an endpoint may end in beside the base: the second is what the reference configuration writes.
_KNOWN_PATHS = (INGEST, "/api/v1/metrics", REGISTER, "/api/v1")


def base_address(endpoint: str, *, allow_plaintext: bool = False) -> str:
    """The base address of the server, without a slash at its end, from any of the forms that an endpoint may have.

    ConfigError where it is no http(s) address, holds a user or a password, or would send the key in the open:
    plain http is for this machine, and for others only with ``allow_plaintext``.
    """
    if "@" in endpoint:
        # Neither the address nor a part of it is shown: where a password begins and ends is anybody's guess.
        _fail("it holds a user or password, which would show wherever it is printed: use api_key")
    try:
        parts = urlsplit(endpoint.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not host or " " in host:
        _fail(f"{_visible(endpoint)} is no web address: write https://host (or http://localhost:8080 on this machine)")
    if parts.query or parts.fragment:
        # The query may be a key: not shown either.
        _fail("it goes on after ? or #: write the base address alone, and put a key into api_key")
    if parts.scheme == "http" and not allow_plaintext and not is_loopback(str(host)):
        _fail(f"plain http to {host} shows the key to the network: use https, or set allow_plaintext")
    base = urlunsplit((parts.scheme, parts.netloc, _base_path(parts.path), "", ""))
    try:
        httpx.URL(base)
        str(host).encode("idna")  # as the look-up of its name does, whose error is not of httpx's
    except (httpx.InvalidURL, UnicodeError) as error:
        _fail(f"{_visible(endpoint)} is no web address: {error}")
    return base


def _base_path(path: str) -> str:
    path = path.rstrip("/")
    for known in _KNOWN_PATHS:
        if path.endswith(known):
            return path.removesuffix(known).rstrip("/")
    return path


def _visible(endpoint: str) -> str:
    """What was written, where it can be no key that got into the wrong place."""
    return repr(visible_address(endpoint)) if visible_address(endpoint) else "what is written there"


def _fail(problem: str) -> NoReturn:
    raise ConfigError("openfinops", (f"endpoint: {problem}",))
