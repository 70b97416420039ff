"""``finfleet forward``: drains the outbox to the destinations."""

from __future__ import annotations

import logging
from contextlib import ExitStack

import click

from agents.core.destination import open_destination
from storage.timeouts import WRITE
from telemetry.closest import did_you_mean
from telemetry.errors import ConfigError
from telemetry.logs import fields
from telemetry.settings import Settings
from telemetry.settings.destinations import DestinationSettings
from workers import completion
from workers.forward import Forwarder, run_side_by_side
from workers.forward.side_by_side import Beats
from workers.health.presence import by_database, present
from workers.log_options import log_options
from workers.metrics.forward import ForwardCollector
from workers.metrics.registry import REGISTRY, metrics_options, serve
from workers.process import fleet_settings, heartbeat, open_database, stop_on_signals

logger = logging.getLogger(__name__)

_PARALLEL = 3


@click.command(name="forward")
@click.argument("names", metavar="[DESTINATION]...", nargs=-1, shell_complete=completion.destinations)
@metrics_options
@log_options
def command(names: tuple[str, ...], metrics_port: int, metrics_address: str) -> None:
    """Send committed batches to the destinations, in order for each target. You can run any number.

    Sends to all destinations that are enabled in the configuration, or only to those you name. Runs until SIGTERM or
    Ctrl-C.
    """
    settings = fleet_settings(forwards=True)
    sections = _chosen(settings, names)
    stop = stop_on_signals()
    with ExitStack() as stack:
        # First all that may have a fault in its section.
        destinations = {
            name: stack.enter_context(open_destination(name, section)) for name, section in sections.items()
        }
        size = len(sections) * (_PARALLEL + 1) + 1
        database = stack.enter_context(open_database(settings, "finfleet forward", size=size, timeouts=WRITE))
        stack.enter_context(serve("forward", metrics_port, metrics_address))
        stack.enter_context(present("forward", by_database(database)))
        beats = Beats(tuple(sections), heartbeat())
        forwarders = [
            Forwarder(database, destination, stop, beats.of(name), name=name, parallel=_PARALLEL)
            for name, destination in destinations.items()
        ]
        REGISTRY.register(ForwardCollector(*forwarders))
        for name, destination in destinations.items():
            logger.info(
                "forward: %s to %s (%s)",
                database.address,
                destination.label,
                name,
                extra=fields(event="started", destination=name),
            )
        for name, totals in run_side_by_side(forwarders, stop).items():
            said = f"{totals.sent} batches sent, {totals.retried} tries again, {totals.dead} dead"
            logger.info("forward: %s stopped; %s", name, said, extra=fields(event="stopped", destination=name))


def _chosen(settings: Settings, names: tuple[str, ...]) -> dict[str, DestinationSettings]:
    known = settings.known_destinations
    enabled = {name: known[name] for name in settings.destinations}
    if not enabled:
        raise ConfigError("configuration", ("destinations: none is enabled, so there is nowhere to forward to",))
    unknown = [name for name in names if name not in enabled]
    if unknown:
        raise click.UsageError(
            f"{unknown[0]}: no destination of this name is enabled; {did_you_mean(unknown[0], enabled)}"
        )
    return {name: section for name, section in enabled.items() if not names or name in names}
