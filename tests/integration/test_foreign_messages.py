# mypy: allow-untyped-calls
# (kombu has annotations for a few of its functions only)
"""What is no task message of ours, on every queue of every role: a dead letter with its reason, and nothing else."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from kombu.connection import Connection
from pydantic import SecretStr

from tasks.results import LETTERS, open_carrier, pushes_of
from telemetry.undeliverable import Undeliverable, unwrap
from tests.support.brokers import Broker, running_broker
from tests.support.foreign import TaskMessage, named
from tests.support.pushing import message
from tests.support.waiting import until

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("foreign")]

_CONFIG = {
    "generic": {
        "services": ["host"],
        "sources": [{"name": "training", "kind": "push"}, {"name": "other", "kind": "push"}],
    }
}
_HOST = ("generic/default/local/host", "2026-11-20T05:00:00Z/2026-11-20T05:05:00Z", 1)


@pytest.fixture(scope="module", params=["redis", pytest.param("amqp", marks=pytest.mark.amqp)])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    with running_broker(request.param) as running:
        yield running


@dataclass
class Worker:
    """One worker that runs."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def running_worker(directory: Path, url: str, role: str, **variables: str) -> Iterator[Worker]:
    config = directory / "telemetry.yaml"
    config.write_text(yaml.safe_dump(_CONFIG), encoding="utf-8")
    log = directory / f"{role}.log"
    sign = directory / f"{role}.alive"
    servers = {"FINFLEET_BROKER_URL": url, "FINFLEET_CONFIG": str(config), "FINFLEET_HEARTBEAT": str(sign)}
    command = [sys.executable, "-P", "-m", "workers.cli", "worker", role, "--concurrency", "4"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, **servers, **variables}, stdout=output, stderr=output)
    try:
        until(sign.exists, 60, f"worker {role} is ready")
        yield Worker(process, log)
        assert process.poll() is None, log.read_text()[-5000:]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


@contextmanager
def putting(broker: Broker) -> Iterator[Any]:
    """A client that puts messages."""
    if broker.kind == "redis":
        with redis.Redis.from_url(broker.url, protocol=2) as client:
            client.flushall()
            yield client
    else:
        with Connection(broker.url) as connection:
            yield connection.channel()


@contextmanager
def reading_letters(broker: Broker) -> Iterator[Callable[[], list[Undeliverable]]]:
    """Gives every letter so far."""
    found: list[Undeliverable] = []
    carrier = open_carrier(SecretStr(broker.url), LETTERS)
    with closing(carrier), closing(carrier.consumer()) as consumer:

        def read() -> list[Undeliverable]:
            deliveries = consumer.receive(500, 0.2)
            found.extend(unwrap(delivery.body) for delivery in deliveries)
            consumer.ack(deliveries)
            return found

        yield read


def _results(broker: Broker) -> int:
    with closing(open_carrier(SecretStr(broker.url), pushes_of("training"))) as carrier:
        return carrier.depth().messages


def _is_empty(client: Any, queue: str) -> bool:
    if isinstance(client, redis.Redis):
        return not client.llen(queue) and not client.exists("unacked", "unacked_index")
    return not client.queue_declare(queue, passive=True).message_count


_GOOD: Mapping[str, tuple[str, Callable[[], TaskMessage]]] = {
    "push": ("push", lambda: TaskMessage("finfleet.push", (message(),))),
    "generic": ("collect.generic", lambda: TaskMessage("tasks.collect.collect", _HOST)),
    "plan": ("plan", lambda: TaskMessage("tasks.plan.sweep", ())),
}


@pytest.mark.parametrize("role", ["push", "generic", "plan"])
def test_each_is_a_dead_letter_and_its_neighbours_run(
    broker: Broker, role: str, tmp_path: Path, database_url: str
) -> None:
    queue, good = _GOOD[role]
    kinds = named()
    variables = {"FINFLEET_DATABASE_URL": database_url} if role == "plan" else {}
    with (
        putting(broker) as client,
        reading_letters(broker) as letters,
        running_worker(tmp_path, broker.url, role, **variables) as worker,
    ):
        before = _results(broker)
        for put in kinds.values():
            good().put(client, queue)
            put(client, queue)
        # A task of another queue's.
        for other, (_, foreign) in _GOOD.items():
            if other != role:
                foreign().put(client, queue)
        good().put(client, queue)
        wanted = len(kinds) + 2
        until(lambda: len(letters()) >= wanted, 90, f"{wanted} letters")
        until(lambda: _is_empty(client, queue), 60, "nothing is left")
        if role == "plan":
            until(lambda: worker.said.count("sweep: ") == len(kinds) + 1, 60, "the neighbours have run")
        else:
            until(lambda: _results(broker) - before >= len(kinds) + 1, 60, "the neighbours have run")
        found = letters()
    assert len(found) == wanted
    assert {letter.queue for letter in found} == {queue}
    assert all(letter.reason for letter in found)
    assert Counter(letter.code for letter in found).keys() <= _CODES
    assert "\x1b" not in worker.said


_CODES = {
    *("arguments", "canvas", "content_type", "encoding", "headers", "malformed", "not_json"),
    *("protocol", "source", "time", "too_large", "unknown_task"),
}
