"""Whatever happens to a ledger, in any order: folded after each step it is the same as one that is never folded."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from storage import ledger
from storage.database import Connection, Database
from storage.folding.runs import fold_runs, forget_runs
from telemetry.batch import Message, Outcome
from telemetry.target import Window
from tests.support import writing as w
from tests.support.databases import create_database, drop_database
from tests.support.folded import fold, ledger_of, views
from tests.support.ledger import NOW, minutes, overlaps, plan, sync, take
from workers.embedded import EmbeddedPostgres

HOUR = timedelta(hours=1)
SPAN = st.tuples(st.integers(1, 30), st.integers(1, 30), st.booleans())  # hours ago, hours, again
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("collect"), st.lists(st.sampled_from("wwwedfs"), min_size=3, max_size=10)),
        st.tuples(st.just("late"), st.lists(st.integers(0, 1000), min_size=1, max_size=4)),
        st.tuples(st.just("backfill"), SPAN),
        st.tuples(st.just("cancel"), st.none()),
        st.tuples(st.just("heal"), st.none()),
        st.tuples(st.just("interval"), st.sampled_from([60, 90, 120])),
        st.tuples(st.just("forget"), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([1, 10, 200])),
    ),
    min_size=5,
    max_size=12,
)
Steps = list[tuple[str, Any]]
_TABLES = "targets, pauses, collections, folded_windows, run_days, runs, points, series, resources, outbox, backfills"


class Story:
    """A ledger that things happen to."""

    def __init__(self, connection: Connection, *, folds: bool) -> None:
        # The connection remembers ids of what is truncated: they must not be given again.
        names = ", ".join(f"finfleet.{name}" for name in _TABLES.split(", "))
        connection.execute(f"TRUNCATE {names} CASCADE".encode())
        self.connection, self.folds, self.now = connection, folds, NOW
        self.interval = 60
        self.published: list[list[Message]] = []
        self.handed_out = 0
        self.numbers: list[int] = []
        # Twelve windows, which no back-fill has opened: while one runs its windows stay rows.
        sync(connection, plan(interval=minutes(self.interval)), now=NOW - 12 * HOUR)
        self.tick()

    def tick(self) -> None:
        sync(self.connection, plan(interval=minutes(self.interval)), now=self.now)
        ledger.open_windows(self.connection, None, None, self.now)

    def happen(self, what: str, argument: Any) -> None:
        getattr(self, f"_{what}")(argument)
        if self.folds:
            fold(self.connection, self.now, timedelta(0))
            while fold_runs(self.connection, self.now, after=-24 * HOUR):
                pass

    def _collect(self, outcomes: list[str]) -> None:
        self.tick()
        self.collect(outcomes)

    def _late(self, places: list[int]) -> None:
        for place in places if self.published else ():
            self.put(self.published[place % len(self.published)])

    def _backfill(self, span: tuple[int, int, bool]) -> None:
        before, length, again = span
        start = self.now - before * HOUR
        window = Window(start, start + length * HOUR)
        asked = [ledger.Asked(target_id, window) for target_id in self.ids()]
        self.numbers.append(ledger.begin_backfill(self.connection, asked, self.now))
        targets = ledger.find_targets(self.connection)
        told = ledger.preview(self.connection, targets, window, again=again)
        number = self.numbers[-1]
        done = ledger.backfill(self.connection, targets, window, self.now, again=again, backfill_id=number)
        assert sum(one.again for one in told) == done.reopened

    def _cancel(self, _: None) -> None:
        if self.numbers:
            ledger.cancel_backfills(self.connection, self.ids(), self.now, [self.numbers.pop()])

    def _heal(self, _: None) -> None:
        ledger.heal_gaps(self.connection, self.now)

    def _interval(self, length: int) -> None:
        self.interval = length
        self.tick()

    def _forget(self, _: None) -> None:
        while forget_runs(self.connection, self.now - 24 * HOUR, None):
            pass

    def _wait(self, hours: int) -> None:
        self.now += hours * HOUR

    def collect(self, outcomes: list[str]) -> None:
        for outcome, one in zip(outcomes, take(self.connection, self.now, limit=len(outcomes)), strict=False):
            self.handed_out += 1
            run = w.run(one.target, one.window, attempt=one.attempt)
            value = float(self.handed_out)
            # Resources in common with other hand-outs, and one of its own.
            names = ["i-1", "i-2" if self.handed_out % 2 else "i-3"]
            batch = w.batch(run, points=[(name, 0, value) for name in names])
            match outcome:
                case "w" | "s":
                    messages: list[Message] = [batch, w.report(run)]
                case "e":
                    messages = [w.report(run, Outcome.EMPTY, 0)]
                case "d":
                    messages = [w.report(run, Outcome.DENIED, 0, permission="p")]
                case _:
                    messages = [w.report(run, Outcome.FAILED, 0, error="broken")]
            self.published.append(messages)
            if outcome != "s":  # it comes later, or never
                self.put(messages)

    def put(self, messages: list[Message]) -> None:
        written = w.put(self.connection, *messages, now=self.now, max_attempts=2)
        assert not written.rejected

    def ids(self) -> list[int]:
        return [one.target_id for one in ledger.find_targets(self.connection)]

    def told(self) -> dict[str, Any]:
        found = ledger_of(self.connection)
        assert not overlaps(list(found))
        listed = [one[:1] + one[4:] for one in ledger.list_backfills(self.connection)]
        points = self.connection.execute(
            "SELECT p.start, r.name, p.value FROM finfleet.points AS p"
            " JOIN finfleet.series USING (series_id) JOIN finfleet.resources AS r USING (resource_id)"
            " ORDER BY 1, 2"
        ).fetchall()
        return {
            "windows": found,
            "gaps": views(self.connection)["gaps"],
            "coverage": views(self.connection)["coverage"],
            "states": ledger.count_states(self.connection),
            "backfills": [one[1:] for one in listed],
            "points": points,
        }


@pytest.fixture(scope="module")
def both(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[list[Connection]]:
    """A ledger that is folded, and one that is not, for all examples."""
    server = postgres_server.url.get_secret_value()
    urls = [create_database(server, migrated_template) for _ in range(2)]
    with (
        Database(SecretStr(urls[0])) as one,
        Database(SecretStr(urls[1])) as other,
        one.connection() as first,
        other.connection() as second,
    ):
        yield [first, second]
    for url in urls:
        drop_database(server, url)


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
# What is folded comes again after its runs were forgotten, and what never came.
@example(steps=[("collect", ["w", "s", "w", "e"]), ("wait", 200), ("forget", None), ("late", [2, 3, 1, 0])])
# What is asked for again is given up in the middle, and asked for once more.
@example(
    steps=[
        ("collect", list("wedwww")),
        ("wait", 200),
        ("backfill", (220, 30, True)),
        ("collect", list("ws")),
        ("cancel", None),
        ("wait", 200),
        ("backfill", (440, 40, True)),
        ("collect", list("wwww")),
    ]
)
def test_folded_after_each_step_all_is_as_if_it_never_was(both: list[Connection], steps: Steps) -> None:
    folded, plain = Story(both[0], folds=True), Story(both[1], folds=False)
    forgotten = False
    for step in steps:
        for story in (folded, plain):
            story.happen(*step)
        assert folded.told() == plain.told(), step
        # What comes again after its run was forgotten has taken calls once more, for all that anybody knows.
        forgotten = forgotten or step[0] == "forget"
        assert forgotten or views(both[0])["collection_cost"] == views(both[1])["collection_cost"]
    assert w.count(both[1], "folded_windows") == 0
