"""How much one transaction takes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from storage.writer import Received
from telemetry.batch import Batch, Points, Run
from telemetry.target import Target, Window
from tests.support.messages import instance
from workers.ingest.chunks import MAX_BYTES, MAX_DAYS, MAX_MESSAGES, Chunk, chunks
from workers.ingest.parcel import Inlet, Item, Parcel

START = datetime(2026, 1, 1, tzinfo=UTC)


def _item(day: int, hours: int, size: int = 10) -> Item:
    begin = START + timedelta(days=day)
    run = Run.start(Target("generic", "a", "global", "push"), Window(begin, begin + timedelta(hours=hours)), 1, begin)
    points = Points([0], [int(begin.timestamp())], [1.0])
    batch = Batch(run, 1, True, begin, [instance(0)], [], points, [])
    inlet: Inlet = object()  # type: ignore[assignment]  # nothing of it is used here
    return Item(Parcel(inlet, object(), left=1), Received(batch, b"x" * size))  # type: ignore[arg-type]


def _days(chunk: Chunk) -> set[int]:
    days = set()
    for item in chunk.items:
        window = item.received.message.run.window
        days |= set(range(window.start.toordinal(), (window.end - timedelta.resolution).toordinal() + 1))
    return days


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 24 * 32)), max_size=200))
def test_no_chunk_has_more_days_than_a_server_has_locks_for_and_the_order_stays(spans: list[tuple[int, int]]) -> None:
    items = [_item(day, hours) for day, hours in spans]
    found = list(chunks(items))
    assert [item for chunk in found for item in chunk.items] == items
    assert all(len(_days(chunk)) <= MAX_DAYS for chunk in found)
    # As few as their order allows: the first of each would have been too much for the one before it.
    for former, chunk in pairwise(found):
        assert not former.add(chunk.items[0])


def test_messages_and_bytes_are_bounded_too() -> None:
    assert [len(chunk.items) for chunk in chunks(_item(0, 1) for _ in range(MAX_MESSAGES + 1))] == [MAX_MESSAGES, 1]
    assert [len(chunk.items) for chunk in chunks(_item(0, 1, MAX_BYTES // 2) for _ in range(3))] == [2, 1]
    # One that is too large by itself goes alone.
    assert [len(chunk.items) for chunk in chunks([_item(0, 1, MAX_BYTES + 1), _item(0, 1)])] == [1, 1]


def test_records_are_bounded_as_the_settings_say() -> None:
    items = [_item(0, 1) for _ in range(5)]  # of two records each
    assert [len(chunk.items) for chunk in chunks(items, 4)] == [2, 2, 1]
    assert [len(chunk.items) for chunk in chunks(items, 5)] == [2, 2, 1]
    assert [len(chunk.items) for chunk in chunks(items, 1)] == [1] * 5


def test_it_is_lazy() -> None:
    asked = []

    def parts() -> Iterator[Item]:
        for number in range(3):
            asked.append(number)
            yield _item(100 * number, 24 * 32 * 2)

    found = chunks(parts())
    next(found)
    assert asked == [0, 1]
