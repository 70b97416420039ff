"""``finfleet beat``: the clock of the fleet."""

from __future__ import annotations

import click
from celery.signals import beat_init

from workers.ending import FAILED, at_end, end_at_once
from workers.health.presence import ByBroker, Presence
from workers.log_options import log_options
from workers.metrics.registry import metrics_options, serve
from workers.process import fleet_settings, required_broker


@click.command(name="beat")
@metrics_options
@log_options
def command(metrics_port: int, metrics_address: str) -> int:
    """Send scheduled ticks to the planner. You can run several: a second tick finds nothing to do.

    Stores nothing on disk: after a start, every tick is due once. SIGTERM or Ctrl-C stops it at once.
    """
    from tasks.app import app  # noqa: PLC0415 - it reads the configuration, which --help must not need

    presence = Presence("beat", (), ByBroker(required_broker(fleet_settings(stores=False))))
    at_end(presence.stopped)
    end_at_once()
    beat_init.connect(lambda **_: presence.start(), weak=False)
    with serve("beat", metrics_port, metrics_address):
        # Not by Celery's command line, which loads Flower, a shell and all of its commands first. The sign of life is
        # given at each turn, so that one takes no longer than these seconds.
        app.Beat(scheduler="workers.health.beat:TellingScheduler", max_interval=5, quiet=True).run()
    # Whoever stops it ends the process then and there.
    return FAILED
