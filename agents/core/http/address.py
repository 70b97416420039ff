"""Addresses in the section of a destination."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from telemetry.settings.fields import Endpoint, HiddenAddress


def _without_query(value: str) -> str:
    parts = urlsplit(value)
    if parts.query or parts.fragment:
        raise ValueError("it goes on after ? or #, where a key would show: leave that out")
    return value


KeylessEndpoint = Annotated[Endpoint, AfterValidator(_without_query)]
"""https, or http on this machine; without a user, a password, a query or a fragment, which may be secrets."""
HiddenEndpoint = Annotated[HiddenAddress, AfterValidator(_without_query)]
"""As above, to the last slash as it was written, and shown nowhere."""
