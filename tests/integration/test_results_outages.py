"""What every carrier of the results queue does while its broker is away, full, forgetful or unwilling."""

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit, urlunsplit

import pytest
from pydantic import SecretStr

from tasks.results import Carrier, CarrierUnavailable, open_carrier
from telemetry.errors import ConfigError, PublishRefused
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
from tests.support.waiting import patient, until

pytestmark = pytest.mark.xdist_group("results_outages")  # brokers of their own, one of each kind for all


@pytest.fixture(scope="module", params=["redis", pytest.param("amqp", marks=pytest.mark.amqp)])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    with running_broker(request.param) as broker:
        yield broker


@pytest.fixture
def name() -> str:
    return fresh_name()


@pytest.fixture
def carrier(broker: Broker, name: str) -> Iterator[Carrier]:
    with closing(broker.carrier(name)) as carrier:
        yield carrier


def test_depth_is_what_was_not_acknowledged(broker: Broker, carrier: Carrier) -> None:
    assert carrier.depth().messages == 0
    assert carrier.depth().oldest_age is None
    started = time.monotonic()
    publish(carrier, *numbered(5))
    until_depth(carrier, 5)
    with closing(carrier.consumer(prefetch=2)) as consumer:
        held = receive(consumer, 2)
        if broker.kind == "amqp":
            # The broker does not tell of what a consumer holds, nor of the age of anything.
            until_depth(carrier, 3)
            assert carrier.depth().oldest_age is None
        else:
            until(lambda: (carrier.depth().oldest_age or 0) > 0.05)
            depth = carrier.depth()
            assert depth.messages == 5
            assert depth.oldest_age
            assert depth.oldest_age <= time.monotonic() - started + 0.002
        consumer.ack(held)
        until_depth(carrier, 3 if broker.kind == "redis" else 1)
        consumer.ack(receive(consumer, 2))
        consumer.ack(receive(consumer, 1))
    until_depth(carrier, 0)
    assert carrier.depth().oldest_age is None


def test_a_broker_that_is_away_refuses_and_gives_nothing(
    broker: Broker, carrier: Carrier, caplog: pytest.LogCaptureFixture
) -> None:
    broker.server.stop()
    try:
        started = time.monotonic()
        with closing(carrier.publisher()) as publisher, pytest.raises(PublishRefused, match="take message 17: ") as no:
            publisher.publish(b"x", message_id="17")
        with pytest.raises(CarrierUnavailable, match="cannot tell the depth") as silent:
            carrier.depth()
        assert time.monotonic() - started < patient(5)
        with closing(carrier.consumer()) as consumer:
            for wait in (0.0, 0.5, 0.5):
                started = time.monotonic()
                assert consumer.receive(10, wait) == []
                assert wait - 0.01 <= time.monotonic() - started < wait + patient(1)
            consumer.ack([])
    finally:
        broker.server.start()
    assert len([line for line in caplog.messages if "is away" in line]) == 1
    for error in (no, silent):
        assert str(urlsplit(broker.url).port) in str(error.value)
    texts = [caplog.text, *(str(error.getrepr(style="long", showlocals=False)) for error in (no, silent))]
    assert not [text for text in texts if broker.password in text]


def test_a_broker_that_is_full_refuses_until_it_is_not(broker: Broker, carrier: Carrier) -> None:
    publish(carrier, b"before")
    carrier.accept()
    assert carrier.depth().messages == 1, "to ask leaves nothing there"
    with closing(carrier.publisher()) as publisher:
        publisher.publish(b"too", message_id="1")
        with broker.full():
            with pytest.raises(CarrierUnavailable, match=r"takes no messages: .*(memory|[Bb]locked)"):
                carrier.accept()
            started = time.monotonic()
            with pytest.raises(PublishRefused, match=r"memory|blocked"):
                publisher.publish(b"not now", message_id="2")
            assert time.monotonic() - started < patient(5)
            with closing(carrier.consumer()) as consumer:
                consumer.ack(receive(consumer, 2))  # draining is what helps
        publisher.publish(b"after", message_id="3")
    carrier.accept()
    with closing(carrier.consumer()) as consumer:
        until(lambda: b"after" in bodies(consumer.receive(10, 0.5)))


@pytest.mark.parametrize("crash", [False, True], ids=["stop", "kill"])
def test_everybody_lives_through_a_restart(
    broker: Broker, carrier: Carrier, name: str, caplog: pytest.LogCaptureFixture, crash: bool
) -> None:
    with (
        closing(carrier.publisher()) as publisher,
        closing(carrier.consumer(prefetch=2, claim_after=CLAIM_AFTER)) as consumer,
    ):
        for body in numbered(4):
            publisher.publish(body, message_id=body.decode())
        first, second = receive(consumer, 2)
        consumer.ack([first])
        until_depth(carrier, 3 if broker.kind == "redis" else 1)
        if crash:
            broker.crash(name)
        else:
            broker.server.stop()
        assert consumer.receive(2, 0.3) == []
        broker.server.start()
        publisher.publish(b"4", message_id="4")
        consumer.ack([second])
        seen: set[bytes] = {b"1"}

        def all_seen() -> bool:
            found = consumer.receive(2, 0.2)
            seen.update(bodies(found))
            consumer.ack(found)
            return seen >= set(numbered(5)[1:])

        until(all_seen, 30)
        until_depth(carrier, 0)
    assert len([line for line in caplog.messages if "is away" in line]) == 1
    assert len([line for line in caplog.messages if "is back after" in line]) == 1
    assert broker.password not in caplog.text


def test_credentials_that_are_refused_are_an_error(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    parts = urlsplit(broker.url)
    host = parts.netloc.rpartition("@")[2]
    canary = secrets.token_hex(8)
    wrong = urlunsplit(parts._replace(netloc=f"somebody:{canary}@{host}"))
    with closing(open_carrier(SecretStr(wrong), fresh_name())) as carrier, closing(carrier.consumer()) as consumer:
        with pytest.raises(ConfigError, match=f"refuses .*{host}|{host}.* refuses") as refused:
            consumer.receive(1, 5)
        with closing(carrier.publisher()) as publisher, pytest.raises(PublishRefused) as no:
            publisher.publish(b"x", message_id="1")
        with pytest.raises(CarrierUnavailable) as silent:
            carrier.depth()
    texts = [str(error.getrepr(style="long", showlocals=False)) for error in (refused, no, silent)]
    assert not [text for text in [*texts, caplog.text, repr(carrier)] if canary in text]
