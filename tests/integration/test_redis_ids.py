"""Entries that somebody has appended with an id, or of a size, of his own choice."""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis
from pydantic import SecretStr

from tasks.results import MOST_BYTES, Carrier, Consumer, open_carrier
from telemetry.errors import PublishRefused
from telemetry.limits import MAX_BODY
from tests.support.brokers import publish
from tests.support.waiting import until

KEY = "ids:stream"
LARGEST = 2**64 - 1
LATER = 4_102_444_800_000  # milliseconds: the year 2100


@pytest.fixture
def carrier(redis_url: str) -> Iterator[Carrier]:
    with closing(open_carrier(SecretStr(redis_url), "ids")) as carrier:
        yield carrier


@pytest.fixture
def client(redis_url: str) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def _taken(consumer: Consumer) -> list[bytes]:
    found = consumer.receive(16, 0.1)
    consumer.ack(found)
    return [delivery.body for delivery in found]


class _Found:
    """What a consumer has been given so far."""

    def __init__(self, consumer: Consumer) -> None:
        self.bodies: list[bytes] = []
        self.most_bytes = 0
        self._consumer = consumer

    def so_far(self) -> list[bytes]:
        bodies = _taken(self._consumer)
        self.most_bytes = max(self.most_bytes, sum(map(len, bodies)))
        self.bodies += bodies
        return self.bodies


@pytest.mark.parametrize("chosen", [f"{LARGEST}-{LARGEST}", f"{LARGEST}-0", f"{LATER}-7"])
def test_an_id_of_a_time_to_come_stops_nobody_for_good(carrier: Carrier, client: "redis.Redis", chosen: str) -> None:
    with closing(carrier.consumer(claim_after=1)) as consumer, closing(carrier.publisher()) as publisher:
        publish(carrier, b"before")
        assert carrier.depth().messages == 1
        client.xadd(KEY, {"body": b"strange"}, id=chosen)
        assert carrier.depth().messages == 2
        found = _Found(consumer)
        until(lambda: len(found.so_far()) == 2, 10, "both are taken")
        assert carrier.depth().messages in {0, 1}

        def taken_again() -> bool:
            _taken(consumer)
            try:
                publisher.publish(b"after", message_id="x")
            except PublishRefused:
                return False
            return True

        until(taken_again, 10, "the stream takes messages again")
        until(lambda: b"after" in found.so_far(), 10, "and gives them")
        for number in range(20):
            publish(carrier, b"%d" % number)
        until(lambda: len(found.so_far()) == 23, 10, "each once")
        assert sorted(found.bodies) == sorted(
            [b"before", b"strange", b"after", *(b"%d" % number for number in range(20))]
        )

        def is_now() -> bool:
            assert _taken(consumer) == []
            last = client.xinfo_stream(KEY)["last-generated-id"]
            return int(last.split(b"-")[0]) < time.time() * 1000 + 60_000

        until(is_now, 10, "ages are true again")
        until(lambda: _taken(consumer) == [] and carrier.depth().messages == 0, 10, "nothing is left")


def test_what_is_not_done_is_not_forgotten(carrier: Carrier, client: "redis.Redis") -> None:
    with closing(carrier.consumer(claim_after=1)) as consumer:
        assert _taken(consumer) == []
        for number in range(3):
            client.xadd(KEY, {"body": b"%d" % number}, id=f"{LATER}-{number}")
        held = consumer.receive(1, 1)
        assert [delivery.body for delivery in held] == [b"0"]
        until(
            lambda: len(_taken(consumer)) or client.xpending(KEY, "ingest")["pending"] == 1, 10, "the others are done"
        )
    with closing(carrier.consumer(claim_after=1)) as other:
        found = _Found(other)
        until(lambda: b"0" in found.so_far(), 10, "it comes again")


def test_a_receive_takes_no_more_bytes_than_it_may(carrier: Carrier) -> None:
    large, count = b"x" * MAX_BODY, 10
    with closing(carrier.consumer(claim_after=1)) as consumer:
        assert _taken(consumer) == []
        publish(carrier, b"small", *([large] * count), b"small")
        found = _Found(consumer)
        until(lambda: len(found.so_far()) == count + 2, 20, "all is taken")
        assert found.most_bytes <= MOST_BYTES
    with closing(carrier.consumer(claim_after=1, most_bytes=1)) as narrow:
        publish(carrier, large, large)
        assert [len(body) for body in _taken(narrow)] == [MAX_BODY], "one at least"
