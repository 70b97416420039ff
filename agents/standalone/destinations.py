"""Where a script's numbers can go: OpenFinOps over HTTP, or through the fleet into Postgres.

The fleet's ways are named, not imported: an agent runs where neither Celery nor SQL is installed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

from agents.destinations.openfinops.client import OpenFinOpsClient
from agents.destinations.openfinops.destination import OpenFinOps
from telemetry.batch import Batch
from telemetry.errors import ConfigError
from telemetry.push.batches import expand
from telemetry.push.checks import parse

Store = Callable[[bytes], None]
"""Takes a pushed message in JSON; returns when it is safe there."""

FLEET = {"queue": "tasks.destination:publish", "postgres": "storage.destination:store"}
"""Destinations of the fleet: module and function."""


def forward(client: OpenFinOpsClient, body: bytes, source: str) -> None:
    """Send a pushed message to OpenFinOps; ForwardRetry or ForwardRejected where that failed."""
    destination = OpenFinOps(client)
    for message in expand(parse(body, [source])):
        if isinstance(message, Batch):
            destination.send(message)


def send(destination: str, body: bytes) -> None:
    """Hand a pushed message to the fleet's ``queue`` or ``postgres``; ConfigError where the fleet is not installed."""
    module, _, function = FLEET[destination].partition(":")
    try:
        store: Store = getattr(importlib.import_module(module), function)
        # A broker's library is imported when the broker is known.
        return store(body)
    except ModuleNotFoundError as error:
        problem = f"destination: {destination!r}: {error.name} is not installed: pip install 'finfleet[fleet]'"
    raise ConfigError("GenericTelemetryAgent", (problem,))
