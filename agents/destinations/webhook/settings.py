"""``kind: webhook``: an address of yours that takes JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import SecretStr

from agents.core.http.address import HiddenEndpoint
from telemetry.settings.destinations import DestinationSettings
from telemetry.settings.fields import Duration, FilePath


class WebhookSettings(DestinationSettings):
    """Where to post, and what to sign with."""

    kind: Literal["webhook"]
    #: https, or http on this machine. Its path may be a secret.
    url: HiddenEndpoint
    #: ``whsec_`` and 24 to 64 bytes in base64.
    secret: SecretStr
    #: Signed with as well, while receivers change to the new one.
    previous_secret: SecretStr | None = None
    timeout: Duration = timedelta(seconds=15)
    ca_file: FilePath | None = None
