"""The kind ``webhook``, as the registry knows it."""

from __future__ import annotations

from typing import Any

from agents.core.destination import Destination, DestinationKind
from agents.destinations.webhook.settings import WebhookSettings


class WebhookKind(DestinationKind):
    """Signed JSON, posted to an address of yours."""

    settings = WebhookSettings

    def open(self, name: str, settings: Any) -> Destination:
        """The address that the section names."""
        from agents.destinations.webhook.destination import Webhook  # noqa: PLC0415 - only who forwards needs it

        return Webhook(name, settings)

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a message."""
        from agents.destinations.webhook.message import schema  # noqa: PLC0415 - as above

        return schema()
