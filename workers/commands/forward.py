"""``finfleet forward``: drains the outbox to OpenFinOps."""

from __future__ import annotations

import logging

import click

from agents.destinations.openfinops.client import OpenFinOpsClient
from storage.timeouts import WRITE
from telemetry.errors import ConfigError
from telemetry.settings.model import OpenFinOpsSettings
from workers.forward import Forwarder
from workers.metrics.forward import ForwardCollector
from workers.metrics.registry import REGISTRY, metrics_options, serve
from workers.process import fleet_settings, heartbeat, open_database, stop_on_signals

logger = logging.getLogger(__name__)

_PARALLEL = 3


@click.command(name="forward")
@metrics_options
def command(metrics_port: int, metrics_address: str) -> None:
    """Send what is committed to OpenFinOps, in order for each target. Any number may run.

    Runs until SIGTERM or Ctrl-C.
    """
    logging.getLogger().setLevel(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line per request is too many
    settings = fleet_settings(forwards=True)
    if settings.openfinops is None or not settings.destinations:
        raise ConfigError("configuration", ("openfinops: there is no such section, so there is nowhere to forward to",))
    stop = stop_on_signals()
    with (
        open_database(settings, "finfleet forward", size=_PARALLEL + 1, timeouts=WRITE) as database,
        _client(settings.openfinops) as client,
        serve("forward", metrics_port, metrics_address),
    ):
        forwarder = Forwarder(database, client, stop, heartbeat(), parallel=_PARALLEL)
        REGISTRY.register(ForwardCollector(forwarder))
        logger.info("forward: %s to %s", database.address, client.base)
        logger.info("forward: stopped; %s", forwarder.run())


def _client(settings: OpenFinOpsSettings) -> OpenFinOpsClient:
    return OpenFinOpsClient(
        settings.endpoint,
        settings.api_key,
        settings.timeout.total_seconds(),
        settings.ca_file,
        allow_plaintext=settings.allow_plaintext,
    )
