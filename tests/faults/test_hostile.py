"""Hostile messages on every queue of the ingest, among good ones: nothing ends, everything is accounted for.

``make fuzz`` does the same with a million.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psutil
import pytest
import yaml
from pydantic import SecretStr

from storage.database import Connection, Database
from tasks.results import Carrier, Publisher, ingest_queues, open_carrier, pushes_of
from telemetry.codec import encode
from telemetry.target import Window
from tests.support import pushing, writing
from tests.support.brokers import Broker, Lending
from tests.support.foreign import foreign_messages, good_push
from tests.support.foreign_run import putting, read_letters, running_worker
from tests.support.hostile import hostile_bodies
from tests.support.ingesting import run_messages, windows
from tests.support.waiting import patient, until

SOURCES = ("training", "billing")
GOOD_WITHIN = 10.0
BURST = 500
TOTAL = int(os.environ.get("HOSTILE_MESSAGES", "12500"))
"""The least that has every kind on every queue, and as many different bombs as there are of more: the seed is fixed."""
GROWTH = (140 if TOTAL < 25_000 else 200) * 1024 * 1024
"""Bytes of memory that an ingest may take beyond what it has taken for a first few hundred of every kind.

It takes 90 MB for the bombs; what is left is five kilobytes for each message, which would be a leak."""
BOMB_EVERY = min(3000, TOTAL // 15)
"""Of few messages as many are bombs as of many, and each is another one."""
CARRIERS = [
    pytest.param("redis", TOTAL * 4 // 5, id="redis"),
    pytest.param("amqp", TOTAL // 5, id="amqp", marks=pytest.mark.amqp),
]


FOREIGN = [
    pytest.param("redis", TOTAL // 5, id="redis"),
    pytest.param("amqp", TOTAL // 10, id="amqp", marks=pytest.mark.amqp),
]
"""Likewise for the queues of tasks."""


pytestmark = pytest.mark.timeout(max(600, TOTAL // 20))


@dataclass
class Fleet:
    """An ingest as a program, and every queue that it takes messages off."""

    process: "subprocess.Popen[bytes]"
    log: Path
    publishers: dict[str, Publisher]
    carriers: dict[str, Carrier]

    @property
    def memory(self) -> int:
        """Bytes."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def check(self) -> None:
        """It lives."""
        assert self.process.poll() is None, self.log.read_text(encoding="utf-8", errors="replace")[-4000:]


@contextmanager
def _fleet(broker: Broker, database_url: str, directory: Path) -> Iterator[Fleet]:
    config = directory / "telemetry.yaml"
    sources = [{"name": name, "kind": "push"} for name in SOURCES]
    settings = {"flush_interval": 0.05, "max_messages": 64}
    config.write_text(yaml.safe_dump({"generic": {"sources": sources}, "ingest": settings}), encoding="utf-8")
    variables = {
        "FINFLEET_CONFIG": str(config),
        "FINFLEET_DATABASE_URL": database_url,
        "FINFLEET_BROKER_URL": broker.url,
    }
    log = directory / "ingest.log"
    carriers = {label: open_carrier(SecretStr(broker.url), name) for label, name in ingest_queues(SOURCES).items()}
    publishers = {label: carrier.publisher() for label, carrier in carriers.items()}
    command = [sys.executable, "-m", "workers.cli", "ingest"]
    with log.open("wb") as output, closing(_Closing([*publishers.values(), *carriers.values()])):
        process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=output, stderr=output)
        try:
            fleet = Fleet(process, log, publishers, carriers)
            yield fleet
            fleet.check()
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()


class _Closing:
    def __init__(self, several: Sequence[Publisher | Carrier]) -> None:
        self._several = several

    def close(self) -> None:
        for one in self._several:
            one.close()


@pytest.mark.parametrize(("kind", "number"), CARRIERS)
def test_nothing_ends_and_every_message_is_accounted_for(
    kind: str, number: int, *, brokers: Lending, database: Database, database_url: str, tmp_path: Path
) -> None:
    bodies = hostile_bodies(seed=20261127, source="training", bomb_every=BOMB_EVERY)
    sent: Counter[str] = Counter()
    with (
        brokers.lend(kind) as broker,
        _fleet(broker, database_url, tmp_path) as fleet,
        database.connection() as connection,
    ):
        labels = list(fleet.publishers)
        bursts = max(1, number // BURST)
        good = windows(connection, bursts)
        start = 0
        for index in range(bursts):
            for place, (family, body) in enumerate(islice(bodies, BURST)):
                # Every kind on every queue in the long run.
                fleet.publishers[labels[(place + index) % len(labels)]].publish(body, message_id=family)
                sent[family] += 1
            _good(fleet, connection, index, good[index])
            fleet.check()
            start = start or fleet.memory
            assert fleet.memory < start + GROWTH, (start, fleet.memory, index)
        until(lambda: not any(one.depth().messages for one in fleet.carriers.values()), 60, "every queue is empty")
        # A queue of RabbitMQ is empty when the last ones are out, and those may not be stored yet.
        until(lambda: _letters(connection) >= sum(sent.values()), 20, "every message is a letter")
        assert _letters(connection) == sum(sent.values()), sent
        (odd,) = connection.execute(
            "SELECT count(*) FROM finfleet.dead_letters WHERE reason = '' OR reason_code = 'poison'"
        ).fetchone() or (9,)
        assert odd == 0
        assert len({family.partition("/")[0] for family in sent}) >= 5


def _letters(connection: Connection) -> int:
    (letters,) = connection.execute("SELECT coalesce(sum(times), 0) FROM finfleet.dead_letters").fetchone() or (0,)
    return int(letters)


def _good(fleet: Fleet, connection: Connection, index: int, window: Window) -> None:
    """A good message on each queue that takes one, behind the hostile ones: each is stored soon."""
    batch, report = run_messages(writing.run(window=window), series=1, batches=1)
    begun = time.monotonic()
    lane = "bills" if index % 2 else "results"
    for message in (batch, report):
        fleet.publishers[lane].publish(encode(message), message_id="good")
    for source in SOURCES:
        time_of_day = f"05:{index // 60 % 60:02}:{index % 60:02}"
        metric = {"name": "good", "value": index, "time": pushing.at(time_of_day, 1)}
        fleet.publishers[f"push.{source}"].publish(
            pushing.body(source=source, metrics=[metric], key=f"good {index}"), message_id="good"
        )

    def stored() -> bool:
        fleet.check()
        row = connection.execute(
            """
            SELECT (SELECT count(*) FROM finfleet.collections WHERE state = 'complete' AND window_start = %s),
                   (SELECT count(*) FROM reporting.resource_metrics WHERE metric = 'good' AND value = %s)
            """,
            (window.start, float(index)),
        ).fetchone()
        return row is not None and row[0] >= 1 and row[1] >= len(SOURCES)

    until(stored, GOOD_WITHIN, f"burst {index}: the good ones are stored")
    assert time.monotonic() - begun < patient(GOOD_WITHIN) + 5


@pytest.mark.parametrize(("kind", "number"), FOREIGN)
def test_no_worker_ends_and_every_foreign_message_is_accounted_for(
    kind: str, number: int, brokers: Lending, tmp_path: Path
) -> None:
    """On the queues of tasks: a worker that takes what is pushed, and a collector."""
    queues = {"push": "push", "generic": "collect.generic"}
    foreign = foreign_messages(seed=20261127)
    with ExitStack() as stack:
        broker = stack.enter_context(brokers.lend(kind))
        client = stack.enter_context(putting(broker))
        letters = stack.enter_context(read_letters(broker.url))
        workers = [stack.enter_context(running_worker(tmp_path, broker.url, role)) for role in queues]
        pushed = stack.enter_context(closing(open_carrier(SecretStr(broker.url), pushes_of("training"))))
        start = [psutil.Process(worker.process.pid).memory_info().rss for worker in workers]
        sent = 0
        for index in range(max(1, number // BURST)):
            for place, (_, put) in enumerate(islice(foreign, BURST)):
                put(client, list(queues.values())[place % len(queues)])
                sent += 1
            good_push(pushing.message(key=f"good {index}")).put(client, queues["push"])
            until(lambda: pushed.depth().messages == index + 1, 60, f"burst {index}: the good one goes on")  # noqa: B023 - called at once
            until(lambda: len(letters()) == sent, 120, f"burst {index}: {sent} letters")  # noqa: B023 - called at once
            for worker, before in zip(workers, start, strict=True):
                assert worker.process.poll() is None, worker.said[-4000:]
                assert psutil.Process(worker.process.pid).memory_info().rss < before + GROWTH
        assert all(letter.reason for letter in letters())
