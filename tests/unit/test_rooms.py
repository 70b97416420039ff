"""How much may go out: enough that no thread waits, and hardly more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ledger import LastLook
from tasks.lanes import SLOW
from tasks.rooms import HANDFUL, Outlet, Rooms, Seen

FAST = Outlet("aws", "q", "")
PAID = Outlet("aws", "q", "paid")
BILLS = Outlet("aws", "q", SLOW)
ALL = frozenset({"q", "q.paid", "q.slow"})


def _room(seen: Seen, outlet: Outlet = FAST, every: tuple[Outlet, ...] = (FAST,)) -> int:
    return Rooms(every, seen).of(outlet)


def test_a_queue_that_nobody_takes_from_is_given_a_handful() -> None:
    assert _room(Seen()) == HANDFUL
    assert _room(Seen(waiting={"q": HANDFUL}, out={FAST: HANDFUL})) == 0


def test_idle_threads_get_one_task_each_and_one_in_reserve() -> None:
    assert _room(Seen(consumers=[(ALL, 8)])) == 16
    busy = Seen(consumers=[(ALL, 8)], waiting={"q": 8}, out={FAST: 16})
    assert _room(busy) == 0


def test_what_is_drained_faster_is_filled_more() -> None:
    last = {"q": LastLook(1, left_waiting=100, drained=0.0, age=0.25)}
    out = {FAST: 28}
    assert _room(Seen([(ALL, 8)], {"q": 20}, last, out)) == 2 * 80 - 20
    ran_dry = Seen([(ALL, 8)], {"q": 0}, last, {FAST: 8})
    assert _room(ran_dry) == 3 * 100


def test_a_queue_that_was_drained_fast_long_ago_is_taken_for_slow() -> None:
    last = {"q": LastLook(1, left_waiting=0, drained=1000.0, age=60.0)}
    assert _room(Seen([(ALL, 8)], {}, last)) == 16


@pytest.mark.parametrize(
    ("age", "drained"), [(60.0, 1000 / 60), (2.0, 500), (1.0, 1000), (0.3, 1000), (0.25, 1000), (0.01, 1000)]
)
def test_how_fast_a_queue_is_drained_is_a_matter_of_the_time_that_it_took(age: float, drained: float) -> None:
    seen = Seen([(ALL, 8)], {"q": 0}, {"q": LastLook(1, left_waiting=1000, drained=0.0, age=age)})
    assert seen.drained("q") == pytest.approx(drained)


def test_where_the_broker_cannot_say_what_is_out_counts() -> None:
    assert _room(Seen([(ALL, 8)], waiting=None, out={FAST: 10})) == 6
    assert _room(Seen(waiting=None, out={FAST: HANDFUL})) == 0


def test_slow_work_leaves_half_of_the_threads_to_the_rest() -> None:
    every = (FAST, BILLS)
    assert _room(Seen([(ALL, 8)]), BILLS, every) == 4
    assert _room(Seen([(ALL, 8)], out={BILLS: 4}), BILLS, every) == 0
    assert _room(Seen([(ALL, 1)]), BILLS, every) == 1
    # Workers of that lane alone, and a provider of which nothing else is collected.
    assert _room(Seen([(frozenset({"q.slow"}), 8)]), BILLS, every) == 8
    assert _room(Seen([(ALL, 8)]), BILLS, (BILLS,)) == 16


def test_without_a_worker_that_takes_a_lane_its_work_goes_where_it_always_went() -> None:
    former = Seen([(frozenset({"q"}), 0)])
    rooms = Rooms((FAST, PAID, BILLS), former)
    assert {rooms.queues[outlet] for outlet in (FAST, PAID, BILLS)} == {"q"}
    newer = Seen([(frozenset({"q"}), 0), (ALL, 8)])
    assert Rooms((FAST, PAID, BILLS), newer).queues == {FAST: "q", PAID: "q.paid", BILLS: "q.slow"}


def test_a_lane_that_shares_a_queue_is_never_shut_out_of_it() -> None:
    full = Seen(waiting={"q": HANDFUL}, out={PAID: HANDFUL})
    rooms = Rooms((FAST, PAID, BILLS), full)
    assert [rooms.of(outlet) for outlet in (FAST, PAID, BILLS)] == [4, 0, 1]


@pytest.mark.parametrize("bound", [1, 5, 100])
def test_a_bound_that_somebody_has_set_holds(bound: int) -> None:
    rooms = Rooms((FAST, PAID), Seen([(ALL, 8)], out={PAID: 3}), max_in_flight=bound)
    taken = sum(rooms.take(outlet) for _ in range(200) for outlet in (FAST, PAID))
    assert taken == max(0, min(bound - 3, 26))


@given(
    threads=st.integers(0, 64),
    waiting=st.integers(0, 500),
    left=st.integers(0, 500),
    running=st.integers(0, 64),
    lanes=st.sets(st.sampled_from([FAST, PAID, BILLS]), min_size=1),
)
def test_whatever_is_seen_a_queue_holds_a_bounded_time_and_idle_threads_get_work(
    threads: int, waiting: int, left: int, running: int, lanes: set[Outlet]
) -> None:
    outlet = min(lanes)
    seen = Seen(
        [(ALL, threads)] if threads else [],
        {f"q.{outlet.lane}".rstrip(".") if threads else "q": waiting},
        {f"q.{outlet.lane}".rstrip(".") if threads else "q": LastLook(1, left, 0.0, 0.25)},
        {outlet: waiting + min(running, threads)},
    )
    rooms = Rooms(sorted(lanes), seen)
    room = rooms.of(outlet)
    assert sum(rooms.take(outlet) for _ in range(room + 10)) == room
    assert 0 <= room <= threads + max(threads, HANDFUL, 3 * left)
    if threads and waiting == 0 and outlet.lane != SLOW:
        assert room >= threads - min(running, threads)
