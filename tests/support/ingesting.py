"""Ledger, messages and consumer for tests of the ingest."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from storage.database import Connection, Database
from tasks.results import BILLS, LETTERS, NAME, Carrier, open_carrier, pushes_of
from telemetry.batch import Batch, Message, Outcome, Points, Report, Run, Series
from telemetry.codec import encode
from telemetry.push.sources import Pushers
from telemetry.records import Resource
from telemetry.settings.model import IngestSettings
from telemetry.target import Target, Window
from tests.support import writing
from tests.support.brokers import Broker, publish
from tests.support.granting import KEY
from tests.support.prepared import Fork, Prepared
from workers.ingest import Ingest, Queues

SETTINGS = IngestSettings.model_validate({"flush_interval": 0.05, "claim_after": 1, "max_messages": 8})


def ingest(carrier: Carrier, database: Database, settings: IngestSettings = SETTINGS, *sources: str) -> Ingest:
    """A consumer that forwards to OpenFinOps, and lets ``sources`` push."""
    return Ingest(
        Queues(carrier),
        database,
        settings,
        destinations=("openfinops",),
        refresh={},
        max_attempts=8,
        keys=(KEY,),
        pushers=Pushers.alone(*sources),
    )


@contextmanager
def all_queues(broker_url: str, *sources: str) -> Iterator[Queues]:
    """Those of a fleet on this broker, as `finfleet ingest` opens them."""
    url = SecretStr(broker_url)
    with ExitStack() as stack:

        def opened(name: str) -> Carrier:
            return stack.enter_context(closing(open_carrier(url, name)))

        pushes = {source: opened(pushes_of(source)) for source in sources}
        yield Queues(opened(NAME), opened(BILLS), opened(LETTERS), pushes)


@contextmanager
def running_ingest(
    carrier: Carrier,
    database: Database,
    settings: IngestSettings = SETTINGS,
    *,
    consumer: Ingest | None = None,
) -> Iterator[None]:
    """The consumer in a thread of its own, stopped in order at the end; what it raises fails the test."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def consume() -> None:
        try:
            (consumer or ingest(carrier, database, settings)).run(stop)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    thread = threading.Thread(target=consume)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()
    assert not failures, failures


def put(carrier: Carrier, *messages: Message | bytes) -> None:
    """Publish these, one after the other."""
    publish(carrier, *(message if isinstance(message, bytes) else encode(message) for message in messages))


def windows(connection: Connection, count: int, target: Target = writing.TARGET) -> list[Window]:
    """So many windows in a row of five minutes each, in the ledger, an attempt at each handed out."""
    five = timedelta(minutes=5)
    found = [Window(writing.START + number * five, writing.START + (number + 1) * five) for number in range(count)]
    for window in found:
        writing.plan(connection, target, window)
    return found


def run_messages(run: Run, series: int, batches: int) -> list[Message]:
    """A whole run: so many batches, each with one point of ``series`` resources of its own, and the report."""
    found: list[Message] = [_batch(run, number, series, final=number == batches) for number in range(1, batches + 1)]
    return [*found, Report(run, Outcome.COMPLETE, batches, 2 * series * batches, run.started_at, [])]


def _batch(run: Run, number: int, series: int, *, final: bool) -> Batch:
    target, start = run.target, int(run.window.start.timestamp())
    names = [f"i-{number}-{index}" for index in range(series)]
    resources = [
        Resource(provider="aws", account="1", region=target.region, service=target.service, resource_id=name)
        for name in names
    ]
    points = Points(list(range(series)), [start] * series, [number * 1e6 + index for index in range(series)])
    columns = [Series(index, "cpu", "CPU", "percent", "average", 300) for index in range(series)]
    return Batch(run, number, final, run.started_at, resources, columns, points, [])


@contextmanager
def ingest_process(programs: Prepared, broker: Broker, database_url: str, directory: Path) -> Iterator[Fork]:
    """``finfleet ingest`` as a program; killed at the end where it still runs."""
    config = directory / "telemetry.yaml"
    settings = {"flush_interval": 0.05, "claim_after": 1, "max_messages": 4}
    document = {"ingest": settings, "openfinops": {"endpoint": "http://127.0.0.1:9/"}}
    config.write_text(yaml.safe_dump(document), encoding="utf-8")
    environment = {
        **os.environ,
        "FINFLEET_CONFIG": str(config),
        "FINFLEET_DATABASE_URL": database_url,
        "FINFLEET_BROKER_URL": broker.url,
    }
    with programs.running("workers.cli:main", ["finfleet", "ingest"], environment, directory / "ingest.log") as fork:
        yield fork


def totals(connection: Connection) -> tuple[Any, ...]:
    """Points, their sum, batches, outbox entries, complete windows, dead letters."""
    row = connection.execute(
        """
        SELECT (SELECT count(*) FROM finfleet.points), (SELECT sum(value) FROM finfleet.points),
               (SELECT count(*) FROM finfleet.batches), (SELECT count(*) FROM finfleet.outbox),
               (SELECT count(*) FROM finfleet.collections WHERE state = 'complete'),
               (SELECT count(*) FROM finfleet.dead_letters)
        """
    ).fetchone()
    assert row is not None
    return row
