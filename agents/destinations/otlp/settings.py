"""``kind: otlp``: an OpenTelemetry collector, or whatever else takes OTLP over HTTP."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from agents.core.http.address import KeylessEndpoint
from telemetry.settings.destinations import DestinationSettings
from telemetry.settings.fields import Duration, FilePath

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", re.ASCII)
_OURS = {
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
}
"""A second one beside ours would be sent, too."""
_MAX_HEADERS = 20


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value) or value.lower() in _OURS:
        raise ValueError("it is no name of a header that may be set")
    return value


_Name = Annotated[str, AfterValidator(_header)]


class OtlpSettings(DestinationSettings):
    """Where metrics are taken, and by which headers we are known there."""

    kind: Literal["otlp"]
    #: The base address, to which ``/v1/metrics`` is added, or all of it. https, or http on this machine.
    endpoint: KeylessEndpoint
    #: ``{Authorization: Bearer ...}``, ``{api-key: ...}``: all of them are kept secret.
    headers: dict[_Name, SecretStr] = Field(default_factory=dict, max_length=_MAX_HEADERS)
    timeout: Duration = timedelta(seconds=10)
    ca_file: FilePath | None = None
