"""A consumer of the results queue that is killed in the middle of its work loses nothing, on either carrier."""

import json
import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tasks.results import Carrier
from tests.support.brokers import CLAIM_AFTER, Broker, Lending, fresh_name, until_depth
from tests.support.prepared import Prepared, prepared
from tests.support.waiting import until

KILLS = 10


@pytest.fixture(params=["redis", pytest.param("amqp", marks=pytest.mark.amqp)])
def broker(request: pytest.FixtureRequest, brokers: Lending) -> Iterator[Broker]:
    with brokers.lend(request.param) as broker:
        yield broker


class Victim:
    """The consumer process, as often as it is started, and what it has written down."""

    def __init__(self, programs: Prepared, directory: Path, broker: Broker, name: str) -> None:
        self._programs = programs
        self._log = directory / "log"
        self._seen = directory / "seen"
        self._seen.touch()
        self._settings = directory / "settings.json"
        settings = {"url": broker.url, "name": name, "claim_after": CLAIM_AFTER, "seen": str(self._seen)}
        self._settings.write_text(json.dumps(settings), encoding="utf-8")
        self._settings.chmod(0o600)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Killed in the end."""
        argv = ["results_consumer", str(self._settings)]
        with self._programs.running("tests.support.results_consumer:main", argv, os.environ, self._log) as process:
            yield
            assert not process.ended, self._log.read_text(encoding="utf-8")

    def seen(self) -> list[bytes]:
        """Every body that was written down, as often as it was."""
        return self._seen.read_bytes().splitlines()

    def until_it_writes(self) -> None:
        """Wait for the next line."""
        before = self._seen.stat().st_size
        until(lambda: self._seen.stat().st_size > before, 20, "the consumer has written something")


def publish_until(done: threading.Event, carrier: Carrier) -> list[bytes]:
    """Publish numbers, and return those that the broker has taken."""
    published: list[bytes] = []
    with closing(carrier.publisher()) as publisher:
        while not done.is_set():
            body = b"%d" % len(published)
            publisher.publish(body, message_id=body.decode())
            published.append(body)
    return published


def test_nothing_is_lost_by_killing_the_consumer(broker: Broker, tmp_path: Path) -> None:
    name = fresh_name()
    done = threading.Event()
    with (
        prepared("tests.support.results_consumer") as programs,
        closing(broker.carrier(name)) as carrier,
        ThreadPoolExecutor(1) as pool,
    ):
        victim = Victim(programs, tmp_path, broker, name)
        publishing = pool.submit(publish_until, done, carrier)
        try:
            for _ in range(KILLS):
                with victim.running():
                    victim.until_it_writes()
                    time.sleep(random.uniform(0, 0.2))  # anywhere between two of its steps
        finally:
            done.set()
        published = publishing.result()
        with victim.running():
            until(lambda: set(victim.seen()) >= set(published), 20, "all that was published")
            until_depth(carrier, 0)
        assert set(victim.seen()) == set(published)
    assert len(published) > 100 * KILLS
