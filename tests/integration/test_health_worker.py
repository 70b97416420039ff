"""A worker that runs and consumes nothing, which looks alive from outside, is found out."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from celery import Celery

from tests.support.waiting import until

pytestmark = pytest.mark.timeout(120)

# The program itself, with less patience, and with signals by which it loses its queue and finds it again.
_IMPATIENT = """
import signal
import workers.health.worker as health
from celery.signals import worker_ready
from workers.cli import main

def listen(sender, **_):
    queue = "collect.here"
    signal.signal(signal.SIGUSR1, lambda *_: sender.call_soon(sender.cancel_task_queue, queue))
    signal.signal(signal.SIGUSR2, lambda *_: sender.call_soon(sender.add_task_queue, queue))

worker_ready.connect(listen, weak=False)
health.EVERY, health.TAKEN_WITHIN = 0.3, 1.5
main()
"""
_CONFIG = "generic: {services: [host], queue: collect.here}"


@contextmanager
def _worker(directory: Path, broker: str) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """A collector, and the file of its sign of life."""
    config = directory / "telemetry.yaml"
    config.write_text(_CONFIG, encoding="utf-8")
    heartbeat = directory / "alive"
    servers = {"FINFLEET_BROKER_URL": broker, "FINFLEET_CONFIG": str(config), "FINFLEET_HEARTBEAT": str(heartbeat)}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _IMPATIENT, "worker", "generic", "--log-level-sdk", "INFO"],
            env={**os.environ, **servers, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=log,
            stderr=log,
        )
    try:
        until(heartbeat.exists, 60, "the worker is ready")
        yield process, heartbeat
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_a_worker_that_lost_its_queue_without_losing_its_broker(redis_url: str, tmp_path: Path) -> None:
    app = Celery(broker=redis_url)
    with _worker(tmp_path, redis_url) as (process, heartbeat), redis.Redis.from_url(redis_url) as client:
        why = Path(f"{heartbeat}.why")
        process.send_signal(signal.SIGUSR1)
        until(lambda: "Canceling queue" in (tmp_path / "log").read_text(), 20, "it has lost its queue")
        # What it would take: it knows no such task, and would make a dead letter of it.
        for _ in range(3):
            app.send_task("no.such.task", queue="collect.here")
        until(lambda: client.llen("collect.here") == 3, what="the tasks wait")
        until(why.exists, 30, "its sign is withheld")
        assert "3 tasks wait, and none was received" in why.read_text()
        stale = heartbeat.stat().st_mtime
        process.send_signal(signal.SIGUSR2)
        until(lambda: not client.llen("collect.here"), 30, "it takes them")
        until(lambda: heartbeat.stat().st_mtime > stale, 30, "its sign is given again")
        assert not why.exists()
    app.close()
