"""One release that takes windows in, on servers of its own, when it is told to: a child of benchmarks/ingest.py.

It runs the code that PYTHONPATH names, so it uses only what former releases have too.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import telemetry
from benchmarks import pipeline
from benchmarks.load import FIRST, Load
from benchmarks.servers import Servers, running
from storage.database import Connection, Database
from storage.partitions import create
from telemetry.codec import encode

_TABLES = (
    "outbox", "batches", "runs", "points", "cost_rates", "series", "resources", "collections", "targets",
)  # fmt: skip


def main() -> None:
    """Answer each line of three numbers (resources, targets, windows) with one of JSON."""
    with running() as servers:
        _say({"code": telemetry.__file__})
        for line in sys.stdin:
            resources, targets, windows = map(int, line.split())
            _say(_measure(servers, Load(targets=targets, windows=windows, resources=resources)))


def _measure(servers: Servers, load: Load) -> dict[str, float]:
    """Windows a second, and the seconds of our processor that a thousand take."""
    first = [encode(message) for message in load.messages(0, 1)]
    bodies = [encode(message) for message in load.messages(1, load.windows)]
    count = load.targets * load.windows
    with _ready(servers, load, first) as database, database.connection() as connection:
        before = time.process_time()
        memory = pipeline.from_memory(connection, bodies)
        busy = time.process_time() - before
        _check(connection, load)
    with _ready(servers, load, first) as database:
        _, queue = pipeline.off_the_queue(database, servers.broker, bodies)
        with database.connection() as connection:
            _check(connection, load)
    return {"memory": count / memory, "queue": count / queue, "busy": 1000 * busy / count}


@contextmanager
def _ready(servers: Servers, load: Load, first: list[bytes]) -> Iterator[Database]:
    """Every target has had its first window, so that resources and series are known."""
    with Database(servers.database, size=1) as database:
        with database.connection() as connection:
            names = ", ".join(f"finfleet.{table}" for table in _TABLES)
            connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE".encode())
            create(connection, [("points", FIRST.date()), ("cost_rates", FIRST.date())])
            load.plan(connection, 0, 1 + load.windows)
            pipeline.from_memory(connection, first)
            connection.execute("CHECKPOINT")
        yield database


def _check(connection: Connection, load: Load) -> None:
    row = connection.execute(
        """
        SELECT (SELECT count(*) FROM finfleet.points),
               (SELECT count(*) FROM finfleet.collections WHERE state = 'complete')
        """
    ).fetchone()
    expected = (load.points // load.windows * (1 + load.windows), load.targets * (1 + load.windows))
    if row != expected:
        raise SystemExit(f"points and complete windows: {row}, expected {expected}")


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
