"""What the results queue does on AMQP alone: the topology, the dead-letter queue, heartbeats."""

# mypy: allow-untyped-calls
# (kombu has annotations for a few of its functions only)

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from kombu.connection import Connection
from kombu.messaging import Producer

from tasks.results import Carrier, amqp_consumer
from tasks.results.amqp_consumer import AmqpConsumer
from tasks.results.amqp_link import DELIVERY_LIMIT
from telemetry.errors import ConfigError
from tests.support.brokers import Broker, Lending, bodies, fresh_name, numbered, publish, receive, until_depth
from tests.support.waiting import until

pytestmark = pytest.mark.amqp


@pytest.fixture(scope="module")
def broker(brokers: Lending) -> Iterator[Broker]:
    with brokers.lend("amqp") as broker:
        yield broker


@pytest.fixture
def name() -> str:
    return fresh_name()


@pytest.fixture
def carrier(broker: Broker, name: str) -> Iterator[Carrier]:
    with closing(broker.carrier(name)) as carrier:
        yield carrier


@pytest.fixture
def other_client(broker: Broker) -> Iterator[Connection]:
    with Connection(broker.url) as connection:
        yield connection


def test_what_nobody_can_take_ends_in_the_dead_letter_queue(
    carrier: Carrier, name: str, other_client: Connection
) -> None:
    publish(carrier, b"poison", b"next")
    with closing(carrier.consumer(prefetch=1)) as consumer:
        counts = []

        def next_comes() -> bool:
            [delivery] = receive(consumer, 1)
            if delivery.body == b"next":
                return True
            counts.append(delivery.delivery_count)
            consumer.release([delivery])
            return False

        until(next_comes)
    assert counts == list(range(1, DELIVERY_LIMIT + 2))
    channel = other_client.channel()
    until(lambda: channel.queue_declare(f"{name}.dead", passive=True).message_count == 1)
    assert channel.basic_get(f"{name}.dead").body == b"poison"


def test_messages_of_others(carrier: Carrier, name: str, other_client: Connection) -> None:
    with closing(carrier.consumer()) as consumer:
        consumer.receive(1, 0)
        Producer(other_client).publish({"a": 1}, exchange=name, routing_key=name)
        Producer(other_client).publish("text", exchange=name, routing_key=name, headers={"published_at": "yesterday"})
        far = {"published_at": 2**62, "x-delivery-count": -(2**40)}
        Producer(other_client).publish(b"far", exchange=name, routing_key=name, headers=far)
        found = receive(consumer, 3)
    assert bodies(found) == [b'{"a": 1}', b"text", b"far"]
    assert [delivery.published_at for delivery in found] == [None, None, None]
    assert all(delivery.delivery_count == 1 for delivery in found)


def test_a_queue_that_is_deleted_comes_back(carrier: Carrier, name: str, other_client: Connection) -> None:
    with closing(carrier.publisher()) as publisher, closing(carrier.consumer()) as consumer:
        publisher.publish(b"1", message_id="1")
        held = receive(consumer, 1)
        other_client.channel().queue_delete(name)
        publisher.publish(b"2", message_id="2")
        consumer.ack(held)
        assert bodies(receive(consumer, 1)) == [b"2"]


def test_a_queue_of_another_kind_is_an_error(carrier: Carrier, name: str, other_client: Connection) -> None:
    other_client.channel().queue_declare(name, durable=True, auto_delete=False)
    with (
        closing(carrier.consumer()) as consumer,
        pytest.raises(ConfigError, match=r"refuses .* PRECONDITION_FAILED"),
    ):
        consumer.receive(1, 5)


def test_prefetch_bounds_what_is_held(carrier: Carrier) -> None:
    publish(carrier, *numbered(5))
    with closing(carrier.consumer(prefetch=2)) as consumer:
        held = receive(consumer, 2)
        assert consumer.receive(3, 0.3) == []
        consumer.ack(held[:1])
        assert bodies(receive(consumer, 1)) == [b"2"]


@pytest.mark.parametrize("idle", [True, False], ids=["waiting", "busy"])
def test_the_connection_is_kept(carrier: Carrier, monkeypatch: pytest.MonkeyPatch, idle: bool) -> None:
    """Beyond twice the heartbeat while it waits; up to the heartbeat while the thread is elsewhere."""
    monkeypatch.setattr(amqp_consumer, "HEARTBEAT", 1 if idle else 4)
    publish(carrier, b"x")
    with closing(carrier.consumer()) as consumer:
        assert isinstance(consumer, AmqpConsumer)
        held = receive(consumer, 1)
        link = consumer._link
        if idle:
            assert consumer.receive(1, 3.5) == []
        else:
            time.sleep(3.5)  # in a transaction
        consumer.ack(held)
        assert consumer.receive(1, 0.1) == []
        assert consumer._link is link
    until_depth(carrier, 0)
