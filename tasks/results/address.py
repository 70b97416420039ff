"""The broker's address: checked when it is configured, and shown without its credentials."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from telemetry.errors import ConfigError
from telemetry.redact import remember

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,19}")
REDIS_SCHEMES = frozenset({"redis", "rediss"})
AMQP_SCHEMES = frozenset({"amqp", "amqps"})
SOURCE = "broker_url"


@dataclass(frozen=True, slots=True)
class Address:
    """A broker URL in two forms."""

    scheme: str
    host: str
    #: ``redis://host:6379/0``: what may be shown.
    where: str
    #: The whole URL, credentials included, for the client library.
    url: SecretStr = field(repr=False)


def parse(broker_url: SecretStr) -> Address:
    """Check a broker URL; ConfigError says what is wrong, and never repeats what may be a part of a password."""
    text = broker_url.get_secret_value()
    scheme, separator, _ = text.partition("://")
    if not separator:
        raise _fault("not an address", "write it as redis://host:6379/0 or amqp://user:password@host:5672/vhost")
    if scheme not in REDIS_SCHEMES | AMQP_SCHEMES:
        known = ", ".join(f"{name}://" for name in sorted(REDIS_SCHEMES | AMQP_SCHEMES))
        shown = f"scheme {scheme!r}" if _SCHEME.fullmatch(scheme) else "this scheme"
        raise _fault(f"{shown} has no results queue", f"use one of {known}")
    parts, port = _split(text)
    if parts.password:
        remember(unquote(parts.password))
    if scheme in AMQP_SCHEMES and (parts.query or ";" in text):
        raise _fault("options and several hosts are not read from an AMQP address", "name one host and no '?' or ';'")
    host = parts.hostname or "localhost"
    shown = f"[{host}]" if ":" in host else host
    where = f"{scheme}://{shown}{f':{port}' if port else ''}{parts.path}"
    return Address(scheme=scheme, host=host, where=where, url=broker_url)


def _split(text: str) -> tuple[SplitResult, int | None]:
    remedy = "percent-encode the characters @ : / ? # ; of the user and the password"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        # The text of this error repeats what it took for the port: with an unescaped password, a part of that.
        raise _fault("the host or the port cannot be read", remedy) from None
    if parts.fragment or "@" in parts.path + parts.query:
        raise _fault("the host cannot be told from the password", remedy)
    return parts, port


def _fault(problem: str, remedy: str) -> ConfigError:
    return ConfigError(SOURCE, (f"{problem}: {remedy}",))
