"""``kind: webhook``: an address of yours that takes JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from telemetry.settings.destinations import DestinationSettings
from telemetry.settings.fields import Duration, Endpoint, FilePath


def _without_query(value: str) -> str:
    parts = urlsplit(value)
    if parts.query or parts.fragment:
        raise ValueError("it goes on after ? or #, where a key would show: the signature says who sends")
    return value


class WebhookSettings(DestinationSettings):
    """Where to post, and what to sign with."""

    kind: Literal["webhook"]
    #: https, or http on this machine.
    url: Annotated[Endpoint, AfterValidator(_without_query)]
    #: ``whsec_`` and 24 to 64 bytes in base64.
    secret: SecretStr
    #: Signed with as well, while receivers change to the new one.
    previous_secret: SecretStr | None = None
    timeout: Duration = timedelta(seconds=15)
    ca_file: FilePath | None = None
