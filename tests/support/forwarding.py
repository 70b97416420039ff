"""A forwarder in a thread of the test, and what arrived by it."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from agents.core.destination import Destination
from agents.destinations.openfinops.client import OpenFinOpsClient
from agents.destinations.openfinops.destination import OpenFinOps
from storage.database import Database
from storage.outbox import status
from tests.support.scripted_http import Request
from workers.forward import Forwarder
from workers.forward.breaker import CircuitBreaker


def impatient(url: str) -> CircuitBreaker:
    """A circuit with short waits, for tests."""
    return CircuitBreaker(url, threshold=3, first_wait=0.05, longest_wait=0.2)


@contextmanager
def forwarding(
    database: Database,
    client: OpenFinOpsClient | Destination,
    *,
    name: str = "openfinops",
    heartbeat: Callable[[], None] = lambda: None,
    breaker: CircuitBreaker | None = None,
    parallel: int = 3,
) -> Iterator[Forwarder]:
    """A forwarder at work; stopped in the end, and what it raised is raised."""
    stop = threading.Event()
    destination = client if isinstance(client, Destination) else OpenFinOps(client)
    forwarder = Forwarder(
        database,
        destination,
        stop,
        heartbeat,
        name=name,
        parallel=parallel,
        poll=0.05,
        grace=0.2,
        breaker=breaker or impatient(destination.label),
    )
    failures: list[BaseException] = []

    def run() -> None:
        try:
            forwarder.run()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the test's own thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield forwarder
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


def nothing_waits(database: Database) -> bool:
    """Whether no entry is pending."""
    with database.connection() as connection:
        return all(line.pending == 0 for line in status(connection))


def by_target(requests: Iterable[Request]) -> dict[str, list[str]]:
    """The idempotency keys that arrived for each target, in order."""
    keys: dict[str, list[str]] = {}
    for request in requests:
        keys.setdefault(request.body["agent_id"].removeprefix("finfleet:"), []).append(request.key)
    return keys
