"""What the results queue does on Redis alone: the stream, its group, and their upkeep."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import redis
from pydantic import SecretStr

from tasks.results import Carrier, open_carrier
from tasks.results.redis_consumer import TRIM_AFTER
from telemetry.errors import ConfigError
from tests.support.brokers import (
    CLAIM_AFTER,
    Broker,
    bodies,
    fresh_name,
    numbered,
    publish,
    receive,
    running_broker,
    until_depth,
)
from tests.support.waiting import until

GROUP = "ingest"


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with running_broker("redis") as broker:
        yield broker


@pytest.fixture
def name() -> str:
    return fresh_name()


@pytest.fixture
def stream(name: str) -> str:
    return f"{name}:stream"


@pytest.fixture
def carrier(broker: Broker, name: str) -> Iterator[Carrier]:
    with closing(broker.carrier(name)) as carrier:
        yield carrier


@pytest.fixture
def client(broker: Broker) -> Iterator[redis.Redis]:
    with broker.redis() as client:
        yield client


def test_flushall_in_the_middle_loses_only_what_was_there(carrier: Carrier, client: redis.Redis) -> None:
    with closing(carrier.publisher()) as publisher, closing(carrier.consumer(claim_after=CLAIM_AFTER)) as consumer:
        publisher.publish(b"acked", message_id="1")
        publisher.publish(b"held", message_id="2")
        publisher.publish(b"released", message_id="3")
        acked, held, released = receive(consumer, 3)
        client.flushall()
        consumer.ack([acked])
        consumer.release([released])
        publisher.publish(b"after", message_id="4")
        assert bodies(receive(consumer, 1)) == [b"after"]
        consumer.ack([held])
        client.flushall()
        assert consumer.receive(1, 0.2) == []
        assert carrier.depth().messages == 0
        publisher.publish(b"again", message_id="5")
        assert bodies(receive(consumer, 1)) == [b"again"]


def test_flushall_below_a_read_that_waits(carrier: Carrier, client: redis.Redis) -> None:
    with closing(carrier.consumer()) as consumer, ThreadPoolExecutor(1) as pool:
        consumer.receive(1, 0)
        waiting = pool.submit(consumer.receive, 1, 20)
        until(lambda: any(row["cmd"] == "xreadgroup" and "b" in row["flags"] for row in client.client_list()))
        client.flushall()
        publish(carrier, b"x")
        assert bodies(waiting.result(10)) == [b"x"]


def test_what_was_acknowledged_is_trimmed(carrier: Carrier, client: redis.Redis, stream: str) -> None:
    big = b"x" * 5000  # an entry of more than 4,000 bytes has a node of its own, and so is trimmed exactly
    publish(carrier, *[big] * 50)
    with closing(carrier.consumer()) as consumer:
        consumer.ack(receive(consumer, 50))
        assert client.xlen(stream) == 50
        until(lambda: not consumer.receive(1, 0.1) and client.xlen(stream) == 1)  # the last one delivered stays
    assert carrier.depth().messages == 0
    assert carrier.depth().oldest_age is None


def test_a_busy_consumer_trims_between_two_looks(carrier: Carrier, client: redis.Redis, stream: str) -> None:
    publish(carrier, *[b"x" * 5000] * (TRIM_AFTER + 1))
    with closing(carrier.consumer(claim_after=3600)) as consumer:
        held = receive(consumer, TRIM_AFTER + 1)
        consumer.ack(held[:-1])
        assert client.xlen(stream) == 1
        assert carrier.depth().messages == 1


def test_nothing_that_was_not_acknowledged_is_trimmed(carrier: Carrier, client: redis.Redis, stream: str) -> None:
    unread = [b"unread" * 1000] * 3
    publish(carrier, *[b"read" * 2000] * 1000, *unread)
    with closing(carrier.consumer(claim_after=CLAIM_AFTER)) as consumer:
        read = receive(consumer, 1000)
        consumer.ack(read[:300] + read[301:])
        until(lambda: client.xlen(stream) == 703 or consumer.receive(0, 0))
        assert carrier.depth().messages == 4
    with closing(carrier.consumer(claim_after=CLAIM_AFTER)) as consumer:
        assert sorted(bodies(receive(consumer, 4))) == [read[300].body, *unread]


def test_names_are_unique_and_those_of_the_dead_go(carrier: Carrier, client: redis.Redis, stream: str) -> None:
    publish(carrier, *numbered(3))

    def names() -> set[str]:
        return {row["name"].decode() for row in client.xinfo_consumers(stream, GROUP)}

    dead, idle = [carrier.consumer(claim_after=CLAIM_AFTER) for _ in range(2)]
    receive(dead, 2)
    idle.ack(receive(idle, 1))
    assert len(names()) == 2
    # Neither says good-bye, and one has left something behind.
    with closing(carrier.consumer(claim_after=CLAIM_AFTER)) as consumer:
        found = receive(consumer, 2)
        until(lambda: not consumer.receive(1, 0.1) and len(names()) == 1)
        consumer.ack(found)
    assert names() == set()
    until_depth(carrier, 0)
    # One that was taken for dead goes on as if nothing had been.
    publish(carrier, b"x")
    assert bodies(receive(idle, 1)) == [b"x"]
    dead.close()
    idle.close()


def test_a_consumer_that_was_taken_for_dead_does_not_take_back(carrier: Carrier) -> None:
    publish(carrier, b"x")
    with (
        closing(carrier.consumer(claim_after=CLAIM_AFTER)) as slow,
        closing(carrier.consumer(claim_after=CLAIM_AFTER)) as other,
    ):
        [first] = receive(slow, 1)
        [second] = receive(other, 1)  # `slow` is busy, and says nothing
        assert second.delivery_count == 2
        until_gone = time.monotonic() + CLAIM_AFTER * 3
        while time.monotonic() < until_gone:
            assert other.receive(1, 0.05) == []
            assert slow.receive(1, 0.05) == []
        slow.ack([first])  # it did finish, after all
        until_depth(carrier, 0)
        other.ack([second])


def test_entries_of_others(carrier: Carrier, client: redis.Redis, stream: str) -> None:
    client.xadd(stream, {"body": b"by hand"})
    client.xadd(stream, {"something": "else"})
    with closing(carrier.consumer()) as consumer:
        assert bodies(receive(consumer, 2)) == [b"by hand", b""]


def test_an_entry_with_a_time_that_no_calendar_has(carrier: Carrier, client: redis.Redis, stream: str) -> None:
    client.xadd(stream, {"body": b"far"}, id="18446744073709551614-1")
    assert carrier.depth().messages == 1
    with closing(carrier.consumer()) as consumer:
        (found,) = receive(consumer, 1)
        assert (found.body, found.published_at) == (b"far", None)
        consumer.ack([found])
        until_depth(carrier, 0)


def test_a_key_of_another_kind_is_an_error(carrier: Carrier, client: redis.Redis, stream: str) -> None:
    client.set(stream, "x")
    with (
        closing(carrier.consumer()) as consumer,
        pytest.raises(ConfigError, match=f"refuses to read {stream}.*WRONGTYPE"),
    ):
        consumer.receive(1, 5)


def test_permissions_that_are_missing_are_an_error(broker: Broker, client: redis.Redis, name: str) -> None:
    client.acl_setuser("reader", enabled=True, passwords=["+reading"], keys=["other:*"], commands=["+@all"])
    url = SecretStr(f"redis://reader:reading@{broker.url.rpartition('@')[2]}")
    with (
        closing(open_carrier(url, name)) as carrier,
        closing(carrier.consumer()) as consumer,
        pytest.raises(ConfigError, match="refuses to read"),
    ):
        consumer.receive(1, 5)
