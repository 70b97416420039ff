"""``finfleet ingest``: the consumer of the results queue."""

from __future__ import annotations

import logging

import click

from agents.service import services
from storage.timeouts import WRITE
from storage.writer import Written
from workers.ingest import Ingest
from workers.metrics import metrics_options, serve
from workers.metrics_ingest import IngestMetrics
from workers.process import fleet_settings, heartbeat, open_database, open_results, stop_on_signals

logger = logging.getLogger(__name__)


@click.command(name="ingest")
@metrics_options
def command(metrics_port: int, metrics_address: str) -> None:
    """Write what the workers collect into Postgres. Any number may run.

    Runs until SIGTERM or Ctrl-C, and then finishes the transaction at hand.
    """
    logging.getLogger().setLevel(logging.INFO)
    settings = fleet_settings()
    stop = stop_on_signals()
    metrics = IngestMetrics()
    with (
        open_database(settings, "finfleet ingest", timeouts=WRITE) as database,
        serve("ingest", metrics_port, metrics_address),
    ):
        carrier = open_results(settings)
        logger.info("ingest: %s to %s", carrier.where, database.address)
        Ingest(
            carrier=carrier,
            database=database,
            settings=settings.ingest,
            destinations=settings.destinations,
            refresh={key: service.refresh for key, service in services().items()},
            max_attempts=settings.ledger.max_attempts,
            sources=settings.push_sources,
            heartbeat=heartbeat(),
            on_written=lambda written: _note(written, metrics),
        ).run(stop)
    logger.info("ingest: stopped")


def _note(written: Written, metrics: IngestMetrics) -> None:
    metrics.count(written)
    logger.info("%s", written)
