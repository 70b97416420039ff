"""The ledger is kept by the database's clock: how it is counted, what is told of ours, and who looks at ours."""

import ast
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import storage.clock
from storage.clock import TOLERATED, Clock

_ROOT = Path(__file__).parents[2]
_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
_SECOND = timedelta(seconds=1)

_OWN = {
    "storage/clock.py": "compares the two",
    "storage/destination.py": "of a script that stores what it measures: no window depends on it",
    "tasks/collect.py": "a worker has no database; the ingest refuses times that lie ahead",
    "tasks/foreign/consumer.py": "a worker has no database: how far ahead a task may be put off",
    "tasks/push.py": "a worker has no database: whether a message is of this time",
    "tasks/results/amqp.py": "the age of a message, for status and back-pressure",
    "tasks/results/redis_consumer.py": "entries with ids that lie ahead",
    "workers/commands/collect.py": "a collection without a fleet",
    "workers/commands/dlq.py": "a stamp",
    "workers/commands/plan.py": "a forecast",
    "workers/health/heartbeat.py": "the age of a file",
    "workers/health/presence.py": "a stamp",
    "workers/local/stack.py": "a stamp",
    "workers/local/view.py": "a stamp",
    "workers/metrics/fleet.py": "the day of a budget, which workers keep in Redis",
    "workers/parameters.py": "what a person means by `7d`",
    "workers/plan_compare.py": "a comparison of weeks",
    "workers/status/look.py": "the age of this process, and where no database answers",
}
"""Files that look at the clock of their machine, and why the ledger does not depend on it."""


class _Database:
    """Answers what time it is."""

    def __init__(self, shows: datetime) -> None:
        self.shows = shows
        self.asked = 0

    def execute(self, *_: object) -> Any:
        self.asked += 1
        return self

    def fetchone(self) -> tuple[datetime]:
        return (self.shows,)


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of the log says its time."""
    monkeypatch.setattr(storage.clock, "_say", lambda _: None)


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    shown = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: shown[0])
    return shown


def test_time_is_counted_between_two_questions(monotonic: list[float]) -> None:
    own = [_NOON]
    database, clock = _Database(_NOON - 5 * _SECOND), Clock(lambda: own[0])
    assert clock.known() == _NOON, "nobody was asked yet"
    assert clock.now(database) == _NOON - 5 * _SECOND  # type: ignore[arg-type]
    monotonic[0] += 3
    own[0] += timedelta(hours=7)  # somebody sets ours
    assert clock.now(database) == clock.known() == _NOON - 2 * _SECOND  # type: ignore[arg-type]
    assert database.asked == 1
    monotonic[0] += 3
    database.shows = _NOON
    assert clock.now(database) == _NOON  # type: ignore[arg-type]
    assert database.asked == 2


@pytest.mark.usefixtures("monotonic")
@pytest.mark.parametrize("ahead", [timedelta(0), _SECOND, timedelta(hours=1), timedelta(days=400)])
@pytest.mark.parametrize("sign", [1, -1])
def test_only_what_both_clocks_say_has_passed(ahead: timedelta, sign: int) -> None:
    own = [_NOON + sign * ahead]
    database, clock = _Database(_NOON), Clock(lambda: own[0])
    assert clock.passed(database) == min(_NOON, own[0]) == clock.known_passed()  # type: ignore[arg-type]
    assert clock.now(database) == _NOON  # type: ignore[arg-type]
    assert bool(clock.trouble) == (ahead > TOLERATED)
    assert (f"{ahead} {'ahead of' if sign > 0 else 'behind'}" in clock.trouble) == (ahead > TOLERATED)


@pytest.mark.usefixtures("monotonic")
def test_an_answer_that_takes_long_tells_nothing_of_our_clock() -> None:
    own = iter([_NOON, _NOON + timedelta(minutes=2)])
    clock = Clock(lambda: next(own))
    clock.now(_Database(_NOON + timedelta(minutes=1)))  # type: ignore[arg-type]
    assert not clock.trouble


def _readers() -> Iterator[str]:
    for folder in ("storage", "tasks", "workers"):
        for path in sorted((_ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="datetime"), attr="now" | "utcnow")):
                        yield path.relative_to(_ROOT).as_posix()
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="time"), attr="time")):
                        yield path.relative_to(_ROOT).as_posix()
                    case ast.Name(id="utc_now"):
                        yield path.relative_to(_ROOT).as_posix()


def test_who_decides_about_the_ledger_goes_by_the_database() -> None:
    found = set(_readers())
    assert found - _OWN.keys() == set(), "take the time from Database.clock, or say here why not"
    assert _OWN.keys() - found == set(), "no longer needed here"
