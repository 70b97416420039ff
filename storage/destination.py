"""The database as a destination of ``GenericTelemetryAgent.push_metrics``."""

from __future__ import annotations

from datetime import UTC, datetime

from storage.database import Database
from storage.errors import StorageRejected
from storage.writer import Received, name_sources, write
from telemetry.errors import ConfigError
from telemetry.push.batches import messages_of
from telemetry.settings import load_settings


def store(body: bytes) -> None:
    """Write a pushed message in JSON into the database of the configuration; returns after the commit.

    Raises:
        MessageError: it has faults, or its source is not configured.
        StorageRejected: the database refuses it.
        StorageUnavailable: it cannot be reached.
    """
    settings = load_settings(providers=(), forwards=False)
    if settings.database.url is None:
        raise ConfigError("configuration", ("database.url: set it, or the environment variable FINFLEET_DATABASE_URL",))
    now = datetime.now(UTC)
    received = [Received(*item) for item in messages_of(body, settings.pushers, now)]
    with Database(settings.database.url, application="finfleet push") as database, database.connection() as connection:
        name_sources(connection, settings.pushers.owner_names, now)
        written = write(connection, received, destinations=settings.destinations, now=now)
    if written.rejected:
        raise StorageRejected("; ".join(item.reason for item in written.rejected))
