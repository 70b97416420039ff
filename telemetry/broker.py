"""The broker's address: read in one way for every process, and shown without its credentials.

Celery, the results queue and the fleet's rate limit each bring a client library of their own, which reads addresses in
its own way. None of them is given more than what is read here; the certificate of the server is verified by all.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

from pydantic import SecretStr

from telemetry.errors import ConfigError
from telemetry.redact import remember

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,19}")
_STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})")
REDIS_SCHEMES = frozenset({"redis", "rediss"})
AMQP_SCHEMES = frozenset({"amqp", "amqps"})
SECURE_SCHEMES = frozenset({"rediss", "amqps"})
SOURCE = "broker_url"
_ENCODE = "percent-encode the characters @ : / ? # ; % of the user and the password, as %40 for @"
_INSTEAD = {
    "sentinel": "name the primary itself, or a name or a proxy that follows it",
    "redis+socket": "have the server listen on a port of 127.0.0.1, and name that",
    "unix": "have the server listen on a port of 127.0.0.1, and name that",
}
_CA_FILE = "ssl_ca_certs"
_VERIFIED = {"ssl_cert_reqs": {"required", "CERT_REQUIRED"}, "ssl_check_hostname": {"true", "True", "1"}}
"""What an address may say of the verification, since it is so in any case."""


@dataclass(frozen=True, slots=True)
class Address:
    """A broker's address in two forms."""

    scheme: str
    host: str
    #: ``redis://host:6379/0``: what may be shown.
    where: str
    #: The whole URL, credentials included and without options, for the client library.
    url: SecretStr = field(repr=False)
    #: Of authorities to trust instead of those of the system.
    ca_file: str | None = None

    @property
    def is_redis(self) -> bool:
        """Redis, and not AMQP."""
        return self.scheme in REDIS_SCHEMES

    @property
    def is_secure(self) -> bool:
        """Whether the server has to show a certificate, which is verified."""
        return self.scheme in SECURE_SCHEMES


def parse(broker_url: SecretStr, ca_file: str | None = None) -> Address:
    """Read a broker URL; ConfigError says what is wrong, and never repeats what may be a part of a password."""
    try:
        found = read(broker_url.get_secret_value(), ca_file)
    except ValueError as error:
        raise ConfigError(SOURCE, (str(error),)) from None
    if found.ca_file is not None and found.is_secure:
        _check_authorities(found.ca_file)
    return found


def read(text: str, ca_file: str | None = None) -> Address:
    """The same without a look at the file; ValueError says what is wrong with the address, and how to mend it."""
    scheme, separator, _ = text.partition("://")
    if not separator:
        raise _fault("not an address", "write it as redis://host:6379/0 or amqp://user:password@host:5672/vhost")
    if scheme not in REDIS_SCHEMES | AMQP_SCHEMES:
        raise _unknown(scheme)
    parts, port = _split(text)
    _check_path(scheme, parts.path)
    given = _options(scheme, parts.query)
    if parts.password:
        remember(unquote(parts.password))
    host = parts.hostname or "localhost"
    shown = f"[{host}]" if ":" in host else host
    where = f"{scheme}://{shown}{f':{port}' if port else ''}{parts.path}"
    bare = SecretStr(urlunsplit(parts._replace(query="")) if parts.netloc else f"{scheme}://{parts.path}")
    return Address(scheme, host, where, bare, given or ca_file)


def _unknown(scheme: str) -> ValueError:
    known = ", ".join(f"{name}://" for name in sorted(REDIS_SCHEMES | AMQP_SCHEMES))
    shown = f"scheme {scheme!r}" if _SCHEME.fullmatch(scheme) else "this scheme"
    remedy = _INSTEAD.get(scheme.lower().partition("+ssl")[0])
    return _fault(f"{shown} has no results queue", f"use one of {known}" + (f": {remedy}" if remedy else ""))


def _split(text: str) -> tuple[SplitResult, int | None]:
    if not text.isprintable():  # such characters are dropped by some readers, and kept by others
        raise _fault("it has characters that nobody sees, such as line breaks", _ENCODE)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        # The text of this error repeats what it took for the port: with an unescaped password, a part of that.
        raise _fault("the host or the port cannot be read", _ENCODE) from None
    if parts.fragment or "#" in text or "@" in parts.path + parts.query:
        raise _fault("the host cannot be told from the password", _ENCODE)
    if ";" in text or "," in (parts.hostname or ""):
        raise _fault("several hosts are not read from an address, nor an unescaped ;", f"name one host; {_ENCODE}")
    if not is_encoded(parts.netloc + parts.path):
        raise _fault("a % is not followed by two digits of UTF-8", _ENCODE)
    if port == 0:
        raise _fault("the host or the port cannot be read", _ENCODE)
    return parts, port


def is_encoded(text: str) -> bool:
    """Whether each % begins an escape, and what they stand for is UTF-8: any reader makes the same of it."""
    try:
        return not _STRAY.search(text) and "\0" not in unquote(text, errors="strict")
    except UnicodeError:
        return False


def _check_path(scheme: str, path: str) -> None:
    if scheme in REDIS_SCHEMES and not re.fullmatch(r"/?[0-9]{0,5}", path):
        raise _fault("behind the host of a Redis stands the number of a database, or nothing", _ENCODE)


def _options(scheme: str, query: str) -> str | None:
    """The file of authorities that the address names."""
    ca_file = None
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in _VERIFIED and value not in _VERIFIED[name]:
            raise _fault(
                f"{name} would let anybody have the password",
                "leave it out, and name broker.ca_file where it is needed",
            )
        if name == _CA_FILE:
            ca_file = value
        elif name not in _VERIFIED:
            raise _fault("no options are read behind the ? of an address but ssl_ca_certs", "leave them out")
    if query and scheme not in SECURE_SCHEMES:
        raise _fault("no options are read behind the ? of an address without TLS", "use rediss:// or amqps://")
    return ca_file


def _check_authorities(ca_file: str) -> None:
    try:
        ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        problem = f"broker.ca_file: {ca_file!r} cannot be read as certificates in PEM: {error}"
        raise ConfigError(SOURCE, (problem,)) from None


def _fault(problem: str, remedy: str) -> ValueError:
    return ValueError(f"{problem}: {remedy}")
