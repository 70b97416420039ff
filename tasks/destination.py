"""The results queue as a destination of ``GenericTelemetryAgent.push_metrics``."""

from __future__ import annotations

from contextlib import closing

from tasks.results import open_carrier, pushes_of
from telemetry.errors import ConfigError
from telemetry.push.checks import parse
from telemetry.settings import load_settings


def publish(body: bytes) -> None:
    """Put a pushed message in JSON onto the queue of its source; returns when the configured broker has it.

    Raises:
        MessageError: it would become a dead letter: it has faults, or its source is not configured.
        PublishRefused: the broker does not take it.
    """
    settings = load_settings(providers=(), forwards=False, stores=False)
    address = settings.broker.address
    if address is None:
        raise ConfigError("configuration", ("broker.url: set it, or the environment variable FINFLEET_BROKER_URL",))
    push = parse(body, settings.push_sources)
    with (
        closing(open_carrier(address, pushes_of(push.source))) as carrier,
        closing(carrier.publisher()) as publisher,
    ):
        publisher.publish(body, message_id=f"push/{push.source}/{push.sent_at.isoformat()}")
