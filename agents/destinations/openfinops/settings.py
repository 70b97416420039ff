"""``openfinops:``: an OpenFinOps server, under its own name or among ``destinations:``."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, model_validator

from telemetry.settings.destinations import DestinationSettings
from telemetry.settings.fields import Duration, FilePath, WebAddress, is_loopback


class OpenFinOpsSettings(DestinationSettings):
    """Where an OpenFinOps server is, and who asks."""

    kind: Literal["openfinops"] = "openfinops"
    #: The base address, ``.../api/v1/telemetry/ingest``, or ``.../api/v1/metrics``.
    endpoint: WebAddress
    api_key: SecretStr | None = None
    timeout: Duration = timedelta(seconds=30)
    ca_file: FilePath | None = None
    #: Plain http to another machine: the key travels in the open.
    allow_plaintext: bool = False

    @model_validator(mode="after")
    def _a_key_is_not_sent_in_the_open(self) -> Self:
        parts = urlsplit(self.endpoint)
        if parts.scheme == "http" and not self.allow_plaintext and not is_loopback(parts.hostname or ""):
            raise ValueError("endpoint: plain http to another machine shows the key: use https, or set allow_plaintext")
        return self
