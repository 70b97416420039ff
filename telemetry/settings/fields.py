"""Field types of the configuration: durations, names, secrets in URLs, addresses."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from telemetry.target import PART

_DURATION = re.compile(r"(\d+)\s*(s|m|h|d)")
_LEAST_KEY = 32
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Section(BaseModel):
    """A part of the configuration: unknown keys are faults, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _duration(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("write seconds, or a number with s, m, h or d")  # noqa: TRY004 - pydantic wants ValueError
    if isinstance(value, int | float):
        return timedelta(seconds=value)
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match:
            return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
        if value.strip().isdigit():
            return timedelta(seconds=int(value))
        raise ValueError("write seconds, or a number with s, m, h or d: 300, 5m, 2h")
    return value


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than 0 seconds")
    return value


def _not_negative(value: timedelta) -> timedelta:
    if value < timedelta(0):
        raise ValueError("must not be negative")
    return value


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


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write an address that starts with https:// (or http:// on this machine)")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user or password: they would show wherever the address is printed")
    return value


def _without_slash(value: str) -> str:
    return value.rstrip("/")


def _endpoint(value: str) -> str:
    address = _without_slash(_web_address(value))
    parts = urlsplit(address)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("plain http is accepted for this machine only: use https")
    return address


def _service_url(schemes: tuple[str, ...]) -> Any:
    def validate(value: SecretStr) -> SecretStr:
        if urlsplit(value.get_secret_value()).scheme not in schemes:
            raise ValueError(f"must start with one of {', '.join(scheme + '://' for scheme in schemes)}")
        return value

    return AfterValidator(validate)


def _listed(value: Any) -> Any:
    # A variable of the environment holds one text.
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _hard_to_guess(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _LEAST_KEY:
        raise ValueError(f"must have {_LEAST_KEY} characters at least; `openssl rand -hex 32` makes a good one")
    return value


def _money(value: Any) -> Any:
    # YAML reads 0.1 as a float; its shortest text is what was written.
    return Decimal(str(value)) if isinstance(value, float) else value


Duration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_positive)]
OptionalDuration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_not_negative)]
Name = Annotated[str, AfterValidator(_part)]
PageAddress = Annotated[str, AfterValidator(_web_address)]
"""As it was written, to the last slash."""
WebAddress = Annotated[PageAddress, AfterValidator(_without_slash)]
"""What paths are added to."""
Endpoint = Annotated[str, AfterValidator(_endpoint)]
DatabaseUrl = Annotated[SecretStr, _service_url(("postgresql", "postgres"))]
BrokerUrl = Annotated[SecretStr, _service_url(("redis", "rediss", "amqp", "amqps"))]
SigningKeys = Annotated[tuple[Annotated[SecretStr, AfterValidator(_hard_to_guess)], ...], BeforeValidator(_listed)]
"""A list, or one text with commas."""
Dollars = Annotated[Decimal, BeforeValidator(_money), Field(ge=0, allow_inf_nan=False)]
