"""Cutting time into windows, and leaving pauses out."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from storage.ledger.cut import cut, owed
from telemetry.target import floor_time

START = datetime(2026, 11, 24, tzinfo=UTC)
SECONDS = st.integers(0, 20_000)


def second(count: int) -> datetime:
    return START + timedelta(seconds=count)


@given(SECONDS, SECONDS, st.integers(60, 7200))
def test_windows_follow_each_other_and_end_at_multiples(start: int, length: int, seconds: int) -> None:
    interval = timedelta(seconds=seconds)
    windows = list(cut(second(start), second(start + length), interval))
    assert sum((window.duration for window in windows), timedelta(0)) == timedelta(seconds=length)
    assert all(one.end == two.start for one, two in pairwise(windows))
    assert all(floor_time(window.end, interval) == window.end for window in windows[:-1])
    assert all(window.duration <= interval for window in windows)
    if windows:
        assert (windows[0].start, windows[-1].end) == (second(start), second(start + length))


@given(SECONDS, SECONDS, st.lists(st.tuples(SECONDS, st.one_of(st.none(), SECONDS))))
def test_owed_time_is_what_no_pause_covers(start: int, length: int, drawn: list[tuple[int, int | None]]) -> None:
    pauses = sorted(
        ((second(first), None if more is None else second(first + more)) for first, more in drawn),
        key=lambda pause: pause[0],
    )
    parts = list(owed(second(start), second(start + length), pauses))
    for moment in range(start, start + length, 97):
        at = second(moment)
        paused = any(first <= at and (last is None or at < last) for first, last in pauses)
        assert any(one <= at < two for one, two in parts) is not paused
    assert all(one < two for one, two in parts)
    assert all(one[1] <= two[0] for one, two in pairwise(parts))
