"""A worker of one role beside the test, and the letters that it writes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
import yaml
from kombu.connection import Connection
from pydantic import SecretStr

from tasks.results import LETTERS, open_carrier
from telemetry.undeliverable import Undeliverable, unwrap
from tests.support.brokers import Broker
from tests.support.waiting import until

_CONFIG = {
    "generic": {
        "services": ["host"],
        "sources": [{"name": "training", "kind": "push"}, {"name": "other", "kind": "push"}],
    }
}


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
def read_letters(url: str) -> Iterator[Callable[[], list[Undeliverable]]]:
    """Gives every letter so far."""
    found: list[Undeliverable] = []
    carrier = open_carrier(SecretStr(url), LETTERS)
    with closing(carrier), closing(carrier.consumer()) as consumer:

        def read() -> list[Undeliverable]:
            deliveries = consumer.receive(500, 0.2)
            found.extend(unwrap(delivery.body) for delivery in deliveries)
            consumer.ack(deliveries)
            return found

        yield read


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
