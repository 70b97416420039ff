"""What every carrier of the results queue promises, on the real brokers."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from tasks.results import Carrier
from tests.support.brokers import (
    CLAIM_AFTER,
    Broker,
    Lending,
    bodies,
    fresh_name,
    numbered,
    publish,
    receive,
    until_depth,
)
from tests.support.waiting import until


@pytest.fixture(scope="module", params=["redis", pytest.param("amqp", marks=pytest.mark.amqp)])
def broker(request: pytest.FixtureRequest, brokers: Lending) -> Iterator[Broker]:
    with brokers.lend(request.param) as broker:
        yield broker


@pytest.fixture
def name() -> str:
    return fresh_name()


@pytest.fixture
def carrier(broker: Broker, name: str) -> Iterator[Carrier]:
    with closing(broker.carrier(name)) as carrier:
        yield carrier


class TestDelivery:
    def test_keeps_the_order_of_a_publisher(self, carrier: Carrier) -> None:
        publish(carrier, *numbered(100))
        with closing(carrier.consumer(prefetch=100)) as consumer:
            found = receive(consumer, 100)
        assert bodies(found) == numbered(100)
        assert {delivery.delivery_count for delivery in found} == {1}

    def test_takes_no_more_bytes_at_a_time_than_it_may(self, carrier: Carrier) -> None:
        large = [bytes([number]) * 1000 for number in range(6)]
        publish(carrier, *large)
        with closing(carrier.consumer(most_bytes=2500)) as consumer:
            taken: list[list[bytes]] = []

            def all_came() -> bool:
                taken.append(bodies(consumer.receive(100, 0.5)))
                consumer.hold()
                return sum(map(len, taken)) == len(large)

            until(all_came, 20, "all of it comes")
        assert [body for found in taken for body in found] == large
        assert max(map(len, taken)) == 2

    def test_tells_when_a_message_was_published(self, carrier: Carrier) -> None:
        before = datetime.now(UTC) - timedelta(milliseconds=1)
        publish(carrier, b"x")
        after = datetime.now(UTC)
        with closing(carrier.consumer()) as consumer:
            [delivery] = receive(consumer, 1)
        assert delivery.published_at
        assert before <= delivery.published_at <= after

    def test_gives_no_more_than_was_asked_for(self, carrier: Carrier) -> None:
        publish(carrier, *numbered(10))
        with closing(carrier.consumer()) as consumer:
            assert bodies(receive(consumer, 3)) == numbered(3)
            assert len(consumer.receive(3, 5)) <= 3

    @pytest.mark.parametrize("wait", [0.0, 0.3])
    def test_returns_nothing_after_the_wait(self, carrier: Carrier, wait: float) -> None:
        with closing(carrier.consumer()) as consumer:
            consumer.receive(1, 0)  # connects
            started = time.monotonic()
            assert consumer.receive(10, wait) == []
            assert wait <= time.monotonic() - started < wait + 1

    def test_wakes_up_for_a_message(self, carrier: Carrier) -> None:
        with closing(carrier.consumer()) as consumer, ThreadPoolExecutor(1) as pool:
            assert consumer.receive(1, 0.1) == []
            waiting = pool.submit(consumer.receive, 1, 30)
            publish(carrier, b"x")
            started = time.monotonic()
            assert bodies(waiting.result(10)) == [b"x"]
            assert time.monotonic() - started < 3

    def test_carries_any_bytes_of_any_size(self, carrier: Carrier) -> None:
        big = bytes(range(256)) * (8 * 1024 * 4)  # 8 MiB
        publish(carrier, b"", big, b"\x00\xff")
        with closing(carrier.consumer()) as consumer:
            assert bodies(receive(consumer, 3)) == [b"", big, b"\x00\xff"]

    def test_delivers_each_of_many_once(self, carrier: Carrier) -> None:
        count = 10_000
        seen: list[bytes] = []
        with closing(carrier.publisher()) as publisher, ThreadPoolExecutor(8) as pool:

            def publish_one(body: bytes) -> None:
                publisher.publish(body, message_id=body.decode())

            publishing = pool.map(publish_one, numbered(count))
            with closing(carrier.consumer()) as consumer:
                while len(seen) < count:
                    found = receive(consumer, min(64, count - len(seen)))
                    seen += bodies(found)
                    consumer.ack(found)
            list(publishing)
        assert sorted(seen) == sorted(numbered(count))
        until_depth(carrier, 0)

    def test_shares_the_work_between_consumers(self, carrier: Carrier) -> None:
        count = 1000
        publish(carrier, *numbered(count))
        shares: list[list[bytes]] = [[], []]

        def work(share: list[bytes]) -> None:
            with closing(carrier.consumer(prefetch=10, claim_after=CLAIM_AFTER)) as consumer:
                while sum(map(len, shares)) < count:
                    found = consumer.receive(10, 0.05)
                    share += bodies(found)
                    consumer.ack(found)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, shares))
        assert sorted(shares[0] + shares[1]) == sorted(numbered(count))
        assert all(shares)

    def test_publishes_from_many_threads(self, carrier: Carrier) -> None:
        expected = {b"%d/%d" % (thread, number) for thread in range(8) for number in range(50)}
        with closing(carrier.publisher()) as publisher, ThreadPoolExecutor(8) as pool:
            start = threading.Barrier(8)

            def publish_some(thread: int) -> None:
                start.wait()
                for number in range(50):
                    publisher.publish(b"%d/%d" % (thread, number), message_id=f"{thread}/{number}")

            list(pool.map(publish_some, range(8)))
        with closing(carrier.consumer(prefetch=400)) as consumer:
            found = bodies(receive(consumer, 400))
        assert set(found) == expected
        for thread in range(8):
            own = [body for body in found if body.startswith(b"%d/" % thread)]
            assert own == sorted(own, key=lambda body: int(body.split(b"/")[1]))


class TestAcknowledgement:
    def test_removes_for_good(self, carrier: Carrier) -> None:
        publish(carrier, *numbered(5))
        with closing(carrier.consumer()) as consumer:
            consumer.ack(receive(consumer, 5))
        with closing(carrier.consumer(claim_after=CLAIM_AFTER)) as consumer:
            assert consumer.receive(5, CLAIM_AFTER * 3) == []
        until_depth(carrier, 0)

    def test_may_come_in_any_order(self, carrier: Carrier) -> None:
        publish(carrier, *numbered(6))
        with closing(carrier.consumer()) as consumer:
            found = receive(consumer, 6)
            consumer.ack([found[4], found[1]])
            consumer.ack([found[5]])
        with closing(carrier.consumer(claim_after=CLAIM_AFTER)) as consumer:
            assert sorted(bodies(receive(consumer, 3))) == [b"0", b"2", b"3"]

    def test_twice_or_of_nothing_is_no_error(self, carrier: Carrier, caplog: pytest.LogCaptureFixture) -> None:
        publish(carrier, *numbered(2))
        with closing(carrier.consumer()) as consumer:
            first = receive(consumer, 1)
            consumer.ack([])
            consumer.ack(first)
            consumer.ack(first)
            consumer.release(first)
            assert bodies(receive(consumer, 1)) == [b"1"]
            assert consumer.receive(1, 0.3) == []
        assert not [line for line in caplog.messages if "is away" in line]  # no broker hung up over it

    def test_missing_it_comes_again_to_another(self, carrier: Carrier) -> None:
        publish(carrier, *numbered(3))
        with closing(carrier.consumer()) as consumer:
            receive(consumer, 3)
        with closing(carrier.consumer(claim_after=CLAIM_AFTER)) as consumer:
            found = receive(consumer, 3)
        assert bodies(found) == numbered(3)
        assert {delivery.delivery_count for delivery in found} == {2}

    def test_missing_it_comes_again_when_the_consumer_is_lost(
        self, broker: Broker, carrier: Carrier, name: str
    ) -> None:
        publish(carrier, *numbered(3))
        with broker.proxy() as proxy, closing(broker.carrier(name, proxy)) as remote:
            lost = remote.consumer()
            receive(lost, 3)
            proxy.cut(for_good=True)
            with closing(carrier.consumer(claim_after=CLAIM_AFTER)) as consumer:
                assert bodies(receive(consumer, 3)) == numbered(3)
            lost.close()

    def test_of_what_a_lost_connection_brought_is_no_error(self, broker: Broker, carrier: Carrier, name: str) -> None:
        publish(carrier, *numbered(3))
        with (
            broker.proxy() as proxy,
            closing(broker.carrier(name, proxy)) as remote,
            closing(remote.consumer(claim_after=CLAIM_AFTER)) as consumer,
        ):
            stale = receive(consumer, 2)
            proxy.cut()
            consumer.ack(stale[:1])
            consumer.release(stale[1:])
            seen: list[bytes] = []

            def nothing_is_left() -> bool:
                found = consumer.receive(3, 0.2)
                seen.extend(bodies(found))
                consumer.ack(found)
                consumer.ack(stale[:1])
                # A broker that has not noticed the cut counts what it delivered before as delivered.
                return {b"1", b"2"} <= set(seen) and carrier.depth().messages == 0

            until(nothing_is_left)
        assert set(seen) <= set(numbered(3))

    def test_counts_the_deliveries(self, carrier: Carrier) -> None:
        publish(carrier, b"x")
        for expected in (1, 2, 3):
            with closing(carrier.consumer(claim_after=CLAIM_AFTER)) as consumer:
                [delivery] = receive(consumer, 1)
                assert delivery.delivery_count == expected

    def test_released_comes_again_here(self, carrier: Carrier) -> None:
        publish(carrier, *numbered(2))
        with closing(carrier.consumer()) as consumer:
            first, second = receive(consumer, 2)
            consumer.release([first])
            consumer.ack([second])
            [again] = receive(consumer, 1, within=5)
            assert (again.body, again.delivery_count) == (b"0", 2)
            consumer.ack([again])
        until_depth(carrier, 0)

    def test_released_comes_again_elsewhere(self, carrier: Carrier) -> None:
        publish(carrier, b"x")
        seen: Counter[str] = Counter()
        with closing(carrier.consumer()) as one, closing(carrier.consumer()) as other:
            consumers = {"one": one, "other": other}

            def both_had_it() -> bool:
                for who, consumer in consumers.items():
                    found = consumer.receive(1, 0.05)
                    seen[who] += len(found)
                    consumer.release(found)
                return len(+seen) == 2

            until(both_had_it)

    def test_held_by_a_living_consumer_goes_to_nobody_else(self, carrier: Carrier) -> None:
        publish(carrier, b"x")
        with closing(carrier.consumer(claim_after=CLAIM_AFTER)) as one:
            [held] = receive(one, 1)
            with closing(carrier.consumer(claim_after=CLAIM_AFTER)) as other:
                until_gone = time.monotonic() + CLAIM_AFTER * 4
                while time.monotonic() < until_gone:
                    assert one.receive(1, 0.05) == []
                    assert other.receive(1, 0.05) == []
            one.ack([held])
        until_depth(carrier, 0)
