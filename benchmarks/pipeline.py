"""finfleet's own way, from encoded messages to committed rows: out of memory, and off the real results queue."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import wraps
from typing import Any
from unittest.mock import patch

from benchmarks.load import KEY
from storage.database import Connection, Database
from storage.writer import Received, Written, take_in, writing
from storage.writer.identities import Identities
from tasks.results import open_carrier
from telemetry.batch import Batch
from telemetry.codec import decode
from telemetry.settings.model import IngestSettings
from workers.ingest import Ingest, Queues

DESTINATIONS = ("openfinops",)
SETTINGS = IngestSettings()
"""As a user gets them."""
_STEPS = {
    "admit": "lock windows and targets, tell new from known",
    "save_runs": "runs and reports",
    "resolve": "ids of resources and series",
    "read": "columns into arrays",
    "store": "points and rates into their tables",
    "save_batches": "batches and outbox",
    "settle": "decide on windows",
    "save_settlement": "ledger",
}


def transactions(bodies: Iterable[bytes]) -> Iterator[list[Received]]:
    """Decoded as they are asked for, as many in each as the consumer takes into one transaction."""
    taken: list[Received] = []
    records = 0
    for body in bodies:
        message = decode(body)
        size = message.record_count if isinstance(message, Batch) else 1
        if taken and (records + size > SETTINGS.max_records or len(taken) >= SETTINGS.max_messages):
            yield taken
            taken, records = [], 0
        taken.append(Received(message, body))
        records += size
    if taken:
        yield taken


def from_memory(connection: Connection, bodies: Sequence[bytes]) -> float:
    """Seconds to decode, write and commit, the next transaction being decoded while the last one is written."""
    start = time.perf_counter()
    with ThreadPoolExecutor(1) as writer:
        former: Future[Written] | None = None
        for received in transactions(bodies):
            if former:
                former.result()
            former = writer.submit(_take_in, connection, received)
        if former:
            former.result()
    return time.perf_counter() - start


def one_after_the_other(connection: Connection, bodies: Sequence[bytes]) -> dict[str, float]:
    """Seconds of each step, without overlap; what is left of the whole is the transaction's own time and our code."""
    with _measured() as spent:
        whole = start = time.perf_counter()
        for received in transactions(bodies):
            spent["decode and check messages"] += time.perf_counter() - start
            _take_in(connection, received)
            start = time.perf_counter()
        whole = time.perf_counter() - whole
    spent["begin, commit and the rest"] = whole - sum(spent.values())
    return spent


def off_the_queue(database: Database, broker: Any, bodies: Sequence[bytes]) -> tuple[float, float]:
    """Seconds to publish to the broker, and seconds from the first receive until everything is committed and acked."""
    carrier = open_carrier(broker)
    publisher = carrier.publisher()
    start = time.perf_counter()
    for number, body in enumerate(bodies):
        publisher.publish(body, message_id=str(number))
    published = time.perf_counter() - start
    publisher.close()
    stop, left = threading.Event(), [len(bodies)]

    def on_written(written: Written) -> None:
        left[0] -= written.batches + written.reports + written.duplicates + len(written.rejected)
        if left[0] <= 0:
            stop.set()

    ingest = Ingest(Queues(carrier), database, SETTINGS, DESTINATIONS, {}, 8, keys=(KEY,), on_written=on_written)
    start = time.perf_counter()
    ingest.run(stop)
    return published, time.perf_counter() - start


def _take_in(connection: Connection, received: Sequence[Received]) -> Written:
    return take_in(connection, received, [], destinations=DESTINATIONS, now=datetime.now(UTC))


@contextmanager
def _measured() -> Iterator[dict[str, float]]:
    """Adds up how long each step of the writer takes."""
    spent: dict[str, float] = defaultdict(float)

    def timed(step: Callable[..., Any], label: str) -> Callable[..., Any]:
        @wraps(step)
        def run(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return step(*args, **kwargs)
            finally:
                spent[label] += time.perf_counter() - start

        return run

    with ExitStack() as patches:
        for name, label in _STEPS.items():
            owner: Any = Identities if name == "resolve" else writing
            patches.enter_context(patch.object(owner, name, timed(getattr(owner, name), label)))
        yield spent
