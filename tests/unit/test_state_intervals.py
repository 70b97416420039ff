"""In which parts of a window a state is known."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.core.state_intervals import Known, State, covers, intervals_in, length, length_between, priced
from telemetry.target import Window


def _at(minute: int) -> datetime:
    return datetime(2026, 11, 24, 11, tzinfo=UTC) + timedelta(minutes=minute)


WINDOW = Window(_at(40), _at(45))
LATER = _at(600)


def test_what_is_known_is_cut_to_the_window() -> None:
    known = [Known(State.RUNNING, _at(10), _at(42)), Known(State.STOPPED, _at(42))]
    found = list(intervals_in(WINDOW, LATER, known))
    assert found == [(State.RUNNING, _at(40), _at(42)), (State.STOPPED, _at(42), _at(45))]
    assert length(found) == timedelta(minutes=5)
    assert list(priced(found, by_type=True)) == found
    assert list(priced(found, by_type=False)) == found[1:], "what is stopped costs the same, whatever its type"


@pytest.mark.parametrize(
    "known",
    [
        Known(State.RUNNING, _at(0), _at(40)),
        Known(State.RUNNING, _at(45)),
        Known(State.RUNNING, _at(43), _at(42)),
    ],
)
def test_what_lies_outside_says_nothing(known: Known) -> None:
    assert list(intervals_in(WINDOW, LATER, [known])) == []


def test_nothing_is_known_of_the_future() -> None:
    assert list(intervals_in(WINDOW, _at(41), [Known(State.RUNNING, _at(0))])) == [(State.RUNNING, _at(40), _at(41))]
    assert list(intervals_in(WINDOW, _at(30), [Known(State.RUNNING, _at(0))])) == []


@pytest.mark.parametrize(
    ("since", "until", "minutes"), [(None, LATER, 5), (_at(43), LATER, 2), (_at(43), _at(44), 1), (_at(50), LATER, 0)]
)
def test_how_much_of_a_window_lies_between_two_times(since: datetime | None, until: datetime, minutes: int) -> None:
    assert length_between(WINDOW, since, until) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("minutes", "all_of_it"),
    [
        ([(40, 45)], True),
        ([(39, 42), (41, 43), (43, 50)], True),
        ([(40, 42), (43, 45)], False),
        ([(41, 45)], False),
        ([(40, 44)], False),
        ([], False),
    ],
)
def test_times_cover_a_window_or_leave_a_gap(minutes: list[tuple[int, int]], all_of_it: bool) -> None:
    assert covers([(_at(start), _at(end)) for start, end in minutes], WINDOW) is all_of_it
