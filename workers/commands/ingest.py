"""``finfleet ingest``: the consumer of the results queue."""

from __future__ import annotations

import logging

import click

from agents.core.service import services
from storage.timeouts import WRITE
from storage.writer import Written
from tasks.results import BILLS, LETTERS, PROCESSES, open_carrier, pushes_of
from telemetry.logs import fields
from telemetry.settings import Settings
from workers.health.presence import RELAYED_EVERY, Relay, by_database, present
from workers.ingest import Ingest, Queues
from workers.log_options import log_options
from workers.metrics.ingest import IngestMetrics
from workers.metrics.registry import metrics_options, serve
from workers.process import (
    fleet_settings,
    heartbeat,
    open_database,
    required_broker,
    required_signing_keys,
    stop_on_signals,
)

logger = logging.getLogger(__name__)

_CONNECTIONS = 7
"""Of the database: a lane uses one at a time, and a second for a moment; one is for signs of life."""


@click.command(name="ingest")
@metrics_options
@log_options
def command(metrics_port: int, metrics_address: str) -> None:
    """Write collected and pushed records to Postgres. You can run any number.

    Runs until SIGTERM or Ctrl-C, then finishes the current transaction.
    """
    settings = fleet_settings()
    stop = stop_on_signals()
    metrics = IngestMetrics()
    relay = Relay()
    with (
        open_database(settings, "finfleet ingest", size=_CONNECTIONS, timeouts=WRITE) as database,
        serve("ingest", metrics_port, metrics_address),
        present("ingest", by_database(database, relay), every=RELAYED_EVERY),
    ):
        queues = _queues(settings)
        logger.info("ingest: %s to %s", queues.results.where, database.address, extra=fields(event="started"))
        Ingest(
            queues=queues,
            database=database,
            settings=settings.ingest,
            destinations=settings.destinations,
            refresh={key: service.refresh for key, service in services().items()},
            max_attempts=settings.ledger.max_attempts,
            keys=required_signing_keys(settings),
            pushers=settings.pushers,
            max_waiting=settings.max_waiting,
            heartbeat=heartbeat(),
            notice=relay.add,
            on_written=lambda written: _note(written, metrics),
        ).run(stop)
    logger.info("ingest: stopped", extra=fields(event="stopped"))


def _queues(settings: Settings) -> Queues:
    broker = required_broker(settings)
    return Queues(
        results=open_carrier(broker),
        bills=open_carrier(broker, BILLS),
        letters=open_carrier(broker, LETTERS),
        processes=open_carrier(broker, PROCESSES),
        pushes={source: open_carrier(broker, pushes_of(source)) for source in settings.push_sources},
    )


def _note(written: Written, metrics: IngestMetrics) -> None:
    metrics.count(written)
    settled = ", ".join(f"{count} {state}" for state, count in sorted(written.settled.items()))
    logger.info(
        "%d batches with %d records written%s",
        written.batches,
        written.records,
        f"; windows: {settled}" if settled else "",
        extra=fields(
            event="written",
            batches=written.batches,
            records=written.records,
            reports=written.reports,
            duplicates=written.duplicates,
            rejected=len(written.rejected),
        ),
    )
    for report in written.ended:
        logger.debug(
            "%s",
            report.outcome,
            extra=fields(
                event="settled",
                target=report.run.target,
                window=report.run.window,
                attempt=report.run.attempt,
                run=report.run.run_id,
                outcome=report.outcome,
                records=report.records,
            ),
        )
