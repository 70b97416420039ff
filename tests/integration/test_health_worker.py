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

# The program itself, with less patience.
_IMPATIENT = """
import workers.health_worker as health
health.EVERY, health.TAKEN_WITHIN = 0.3, 1.5
from workers.cli import main
main()
"""
_CONFIG = "generic: {services: [host], queue: collect.here}"


@contextmanager
def _worker(directory: Path, broker: str) -> Iterator[Path]:
    """A collector; the file of its sign of life."""
    config = directory / "telemetry.yaml"
    config.write_text(_CONFIG, encoding="utf-8")
    sign = directory / "alive"
    servers = {"FINFLEET_BROKER_URL": broker, "FINFLEET_CONFIG": str(config), "FINFLEET_HEARTBEAT": str(sign)}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _IMPATIENT, "worker", "generic"],
            env={**os.environ, **servers, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=log,
            stderr=log,
        )
    try:
        until(sign.exists, 60, "the worker is ready")
        yield sign
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_a_worker_that_lost_its_queue_without_losing_its_broker(redis_url: str, tmp_path: Path) -> None:
    app = Celery(broker=redis_url)
    with _worker(tmp_path, redis_url) as sign, redis.Redis.from_url(redis_url) as client:
        why = Path(f"{sign}.why")
        app.control.cancel_consumer("collect.here", reply=True, timeout=20, limit=1)
        # What it would take: it knows no such task, and would drop it.
        for _ in range(3):
            app.send_task("no.such.task", queue="collect.here")
        until(lambda: client.llen("collect.here") == 3, what="the tasks wait")
        until(why.exists, 30, "its sign is withheld")
        assert "3 tasks wait, and none was received" in why.read_text()
        stale = sign.stat().st_mtime
        app.control.add_consumer("collect.here", reply=True, timeout=20, limit=1)
        until(lambda: not client.llen("collect.here"), 30, "it takes them")
        until(lambda: sign.stat().st_mtime > stale, 30, "its sign is given again")
        assert not why.exists()
    app.close()
