"""When a window is tried or read again, and what is remembered between transactions."""

from datetime import UTC, datetime, timedelta

import pytest

from storage.writer.memory import Generations
from storage.writer.messages import Policy

END = datetime(2026, 11, 24, 5, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(("failures", "seconds"), [(1, 30), (2, 60), (3, 120), (7, 1800), (8, 1800), (10_000, 1800)])
def test_the_longest_wait_doubles_up_to_a_cap(failures: int, seconds: int) -> None:
    assert Policy(jitter=lambda ceiling: ceiling).backoff(failures) == timedelta(seconds=seconds)


def test_the_wait_is_spread_over_its_whole_length() -> None:
    waits = [Policy().backoff(3).total_seconds() for _ in range(200)]
    assert 0 <= min(waits) < 30
    assert 90 < max(waits) <= 120


@pytest.mark.parametrize(
    ("read", "due"),
    [
        (timedelta(0), HOUR),
        (HOUR - timedelta(minutes=2), HOUR),
        (HOUR - timedelta(seconds=30), 6 * HOUR),  # its clock was behind: this was the refresh
        (HOUR, 6 * HOUR),
        (6 * HOUR, None),
        (1000 * HOUR, None),
    ],
)
def test_the_next_refresh_is_the_first_that_lies_ahead_of_the_reading(read: timedelta, due: timedelta | None) -> None:
    policy = Policy(refresh={("aws", "ec2"): (6 * HOUR, HOUR)})
    assert policy.next_refresh(("aws", "ec2"), END, END + read) == (None if due is None else END + due)
    assert policy.next_refresh(("aws", "rds"), END, END + read) is None


def test_what_is_used_stays_and_the_rest_goes() -> None:
    ids: Generations[str] = Generations(2)
    ids.add({"a": 1, "b": 2})
    ids.add({"c": 3})  # full: the next one is the first of a new generation
    assert ids.find(["a", "x"]) == [1, None]
    ids.add({"d": 4, "e": 5})
    assert ids.find(["a", "b", "d"]) == [1, None, 4]
    for number in range(100):
        ids.add({str(number): number})
    assert len(ids) <= 6
