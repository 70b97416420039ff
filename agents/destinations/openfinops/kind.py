"""The kind ``openfinops``, as the registry knows it."""

from __future__ import annotations

from typing import Any

from agents.core.destination import Destination, DestinationKind
from agents.destinations.openfinops.settings import OpenFinOpsSettings


class OpenFinOpsKind(DestinationKind):
    """OpenFinOps's HTTP API."""

    settings = OpenFinOpsSettings
    short_form = True

    def open(self, name: str, settings: Any) -> Destination:
        """The server that the section names."""
        from agents.destinations.openfinops.destination import OpenFinOps  # noqa: PLC0415 - only who forwards needs it

        del name
        return OpenFinOps.of(settings)
