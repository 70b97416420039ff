"""Field types of the configuration: durations, names, secrets in URLs, addresses."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from telemetry import broker
from telemetry.target import PART

_DURATION = re.compile(r"([0-9]{1,18})\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_HOST = re.compile(r"(\[[^\]@]*\]|[^:@\[\]]*)(:[0-9]*)?")
_LEAST_KEY = 32
_LONGEST = timedelta(days=3660)
_TOO_LONG = "must be at most ten years: 3660d"

ADDRESS = "an address: may be shown without its user, password and query"
"""Marks a field whose value may hold a secret in one part of it."""
HIDDEN_ADDRESS = "an address: its path may be all that keeps strangers out"
"""Marks a field whose value is shown nowhere, though it is a text."""


_Check = TypeVar("_Check", bound=Callable[[Any], None])


def check(method: _Check) -> _Check:
    """Mark a method of a section that raises ValueError where its values do not go together."""
    method.is_check = True  # type: ignore[attr-defined]
    return method


@cache
def _checks_of(section: type[BaseModel]) -> tuple[str, ...]:
    """The names of its checks, in the order in which they are written."""
    names = {
        name: None
        for one in reversed(section.__mro__)
        for name, found in vars(one).items()
        if getattr(found, "is_check", False)
    }
    return tuple(names)


class Section(BaseModel):
    """A part of the configuration: unknown keys are faults, values never change, texts have an end."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, str_max_length=65_536)

    @model_validator(mode="after")
    def _values_go_together(self) -> Self:
        """Run every check, so that none hides another; a line each."""
        faults = []
        for name in _checks_of(type(self)):
            try:
                getattr(self, name)()
            except ValueError as error:
                faults.append(str(error))
        if faults:
            raise ValueError("\n".join(faults))
        return self


def _duration(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("write seconds, or a number with s, m, h or d")  # noqa: TRY004 - pydantic wants ValueError
    if isinstance(value, str):
        text = value.strip()
        match = _DURATION.fullmatch(text if text[-1:].isalpha() else f"{text}s")
        if match is None:
            raise ValueError("write seconds, or a number with s, m, h or d: 300, 5m, 2h")
        value = int(match[1]) * _SECONDS[match[2]]
    if isinstance(value, int | float):
        if math.isnan(value):
            raise ValueError("write seconds, or a number with s, m, h or d: 300, 5m, 2h")
        if abs(value) > _LONGEST.total_seconds():
            raise ValueError(_TOO_LONG)
        return timedelta(seconds=value)
    return value


def span(value: timedelta) -> str:
    """A duration as it is written: 90s, 5m, 2h."""
    seconds = value.total_seconds()
    unit = next((unit for unit in ("d", "h", "m") if seconds and seconds % _SECONDS[unit] == 0), "s")
    return f"{seconds / _SECONDS[unit]:g}{unit}"


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than 0 seconds")
    return _bounded(value)


def _bounded(value: timedelta) -> timedelta:
    if value > _LONGEST:
        raise ValueError(_TOO_LONG)
    return value


def _not_negative(value: timedelta) -> timedelta:
    if value < timedelta(0):
        raise ValueError("must not be negative")
    return _bounded(value)


def _part(value: str) -> str:
    if not PART.fullmatch(value):
        raise ValueError("letters, digits and . _ : - only, at most 128")
    return value


def is_loopback(host: str) -> bool:
    """Whether ``host`` can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(value: str) -> SplitResult:
    """The parts of an address; what is wrong with one is said without quoting it, as the library would."""
    try:
        parts = urlsplit(value)
        _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the host or the port cannot be read") from None
    return parts


def password_of(url: str) -> str:
    """The password in an address; empty where there is none, or it is no address."""
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""


def visible_address(text: str) -> str:
    """An address without its query; empty where it may hold a password, or is none."""
    address = re.split(r"[?#]", text, maxsplit=1)[0]
    return address if "://" in address and "@" not in text else ""


def _web_address(value: str) -> str:
    parts = _split(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write an address that starts with https:// (or http:// on this machine)")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user or password: they would show wherever the address is printed")
    return value


def _without_slash(value: str) -> str:
    return value.rstrip("/")


def _not_in_the_open(value: str) -> str:
    parts = _split(value)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("plain http is accepted for this machine only: use https")
    return value


def _broker_url(value: SecretStr) -> SecretStr:
    broker.read(value.get_secret_value())
    return value


def _redis_url(value: SecretStr) -> SecretStr:
    if not broker.read(value.get_secret_value()).is_redis:
        raise ValueError("must start with one of redis://, rediss://")
    return value


def _database_url(value: SecretStr) -> SecretStr:
    """Refuse what libpq would take for something else, and quote: an unescaped password is in the host or the port."""
    scheme, _, rest = value.get_secret_value().partition("://")
    if scheme not in {"postgresql", "postgres"}:
        raise ValueError("must start with one of postgresql://, postgres://")
    authority, _, path = rest.partition("/")
    hosts, query, _ = (authority.partition("@")[2] if "@" in authority else authority).partition("?")
    stray = not query and "@" in path.partition("?")[0]
    readable = rest.isprintable() and broker.is_encoded(rest)
    if stray or not readable or not all(_HOST.fullmatch(host) for host in hosts.split(",")):
        raise ValueError(
            "the host cannot be told from the password: percent-encode the characters @ : / ? # % of the user and the"
            " password, as %40 for @"
        )
    return value


def _listed(value: Any) -> Any:
    # A variable of the environment holds one text.
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _hard_to_guess(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if len(text) < _LEAST_KEY or "," in text or not text.isprintable():
        raise ValueError(f"must have {_LEAST_KEY} characters at least, and no comma: `openssl rand -hex 32` makes one")
    return value


def _path(value: str) -> str:
    if not value.isprintable():
        raise ValueError("write the path of a file, not what is in it")
    return value


def _money(value: Any) -> Any:
    # YAML reads 0.1 as a float; its shortest text is what was written.
    return Decimal(str(value)) if isinstance(value, float) else value


Duration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_positive)]
OptionalDuration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_not_negative)]
Name = Annotated[str, AfterValidator(_part)]
PageAddress = Annotated[str, ADDRESS, AfterValidator(_web_address)]
"""As it was written, to the last slash."""
WebAddress = Annotated[PageAddress, AfterValidator(_without_slash)]
"""What paths are added to."""
Endpoint = Annotated[WebAddress, AfterValidator(_not_in_the_open)]
HiddenAddress = Annotated[
    str, HIDDEN_ADDRESS, AfterValidator(_web_address), AfterValidator(_not_in_the_open), Field(repr=False)
]
"""As it was written, and shown nowhere."""
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
BrokerUrl = Annotated[SecretStr, AfterValidator(_broker_url)]
RedisUrl = Annotated[BrokerUrl, AfterValidator(_redis_url)]
Dollars = Annotated[Decimal, BeforeValidator(_money), Field(ge=0, le=1_000_000_000, allow_inf_nan=False)]
SigningKeys = Annotated[tuple[Annotated[SecretStr, AfterValidator(_hard_to_guess)], ...], BeforeValidator(_listed)]
"""A list, or one text with commas."""
FilePath = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_path)]
"""Of a file: without line breaks and the like, so never what is in the file."""
