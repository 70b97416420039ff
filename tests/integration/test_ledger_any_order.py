"""Whatever happens to a target, in any order: its windows never overlap, and cover what is owed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from storage import ledger
from storage.database import Connection, Database
from telemetry.target import Window
from tests.support.databases import create_database, drop_database
from tests.support.ledger import NOW, minutes, overlaps, plan, sync, windows
from workers.embedded import EmbeddedPostgres

INTERVALS = st.sampled_from([minutes(1), minutes(5), minutes(7), minutes(60), timedelta(seconds=90)])
# What happens, and how many seconds after the step before it.
STEPS = st.lists(
    st.tuples(
        st.integers(0, 5000),
        st.one_of(
            st.tuples(st.just("tick"), st.integers(1, 30)),
            st.tuples(st.just("interval"), INTERVALS),
            st.tuples(st.just("off"), st.none()),
            st.tuples(st.just("delay"), st.integers(0, 20)),
            st.tuples(st.just("delete"), st.integers(0, 5)),
            st.tuples(st.just("backfill"), st.tuples(st.integers(1, 300), st.integers(1, 90))),
        ),
    ),
    min_size=4,
    max_size=10,
)
Steps = list[tuple[int, tuple[str, Any]]]
ALL = 1000  # more than there are to open


@pytest.fixture(scope="module")
def shared_database(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[Database]:
    """One for all examples, which are too many for a database each."""
    server = postgres_server.url.get_secret_value()
    url = create_database(server, migrated_template)
    with Database(SecretStr(url)) as database:
        yield database
    drop_database(server, url)


class Story:
    """A target that things happen to; the configuration is what `plan` says, or nothing."""

    def __init__(self, connection: Connection) -> None:
        connection.execute("TRUNCATE finfleet.targets, finfleet.pauses, finfleet.collections CASCADE")
        self.connection, self.now = connection, NOW
        self.wanted: dict[str, Any] = {"backfill": minutes(30), "interval": minutes(5), "delay": minutes(0)}
        sync(connection, plan(**self.wanted), now=NOW)

    def tick(self, limit: int) -> None:
        sync(self.connection, plan(**self.wanted), now=self.now)
        ledger.open_windows(self.connection, "aws", "ec2", self.now, limit=limit)

    def happen(self, after: int, what: str, argument: Any) -> None:
        self.now += timedelta(seconds=after)
        match what:
            case "tick":
                self.tick(argument)
            case "interval":
                self.wanted["interval"] = argument
                self.tick(ALL)
            case "delay":
                self.wanted["delay"] = minutes(argument)
                self.tick(ALL)
            case "off":
                sync(self.connection, now=self.now)
            case "delete":
                lost = list(windows(self.connection))[argument : argument + 2]
                self.connection.execute(
                    "DELETE FROM finfleet.collections WHERE window_start = ANY(%s)",
                    ([window.start for window in lost],),
                )
            case "backfill":
                self.backfill(*argument)

    def backfill(self, before: int, length: int) -> None:
        start = self.now - minutes(before)
        targets = [found for found in ledger.find_targets(self.connection) if found.enabled]
        ledger.backfill(self.connection, targets, Window(start, start + minutes(length)), self.now)

    def pauses(self) -> list[tuple[datetime, datetime]]:
        rows = self.connection.execute("SELECT paused_from, coalesce(paused_until, '2100-01-01') FROM finfleet.pauses")
        return [(start, end) for start, end in rows]

    def uncovered(self) -> list[tuple[datetime, datetime]]:
        """What is owed and has no window, found by other means than the ledger's."""
        row = self.connection.execute("SELECT enabled_since, planned_until FROM finfleet.targets").fetchone()
        assert row
        spans = [(window.start, window.end) for window in windows(self.connection)] + self.pauses()
        edges = sorted({*row} | {edge for span in spans for edge in span if row[0] <= edge <= row[1]})
        return [
            (start, end) for start, end in pairwise(edges) if not any(one <= start and end <= two for one, two in spans)
        ]

    def unowed(self) -> list[Window]:
        """Windows that lie in a pause."""
        return [
            window
            for window in windows(self.connection)
            if any(window.start < end and start < window.end for start, end in self.pauses())
        ]


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
# A pause; one that begins within a window of a former interval; one that begins before what was planned;
# asking for the past twice, with time between.
@example(steps=[(0, ("tick", ALL)), (1500, ("off", None)), (7000, ("tick", ALL))])
@example(steps=[(700, ("tick", ALL)), (60, ("interval", minutes(60))), (60, ("off", None)), (7000, ("tick", ALL))])
@example(steps=[(0, ("tick", ALL)), (0, ("backfill", (200, 10))), (0, ("backfill", (300, 50))), (0, ("tick", ALL))])
def test_windows_never_overlap_and_cover_what_is_owed(shared_database: Database, steps: Steps) -> None:
    with shared_database.connection() as connection:
        story = Story(connection)
        deleted = False
        for after, (what, argument) in steps:
            story.happen(after, what, argument)
            deleted = deleted or what == "delete"
            found = list(windows(connection))
            assert not overlaps(found)
            assert not story.unowed()
            assert all(window.end <= story.now for window in found)
            if not deleted:
                assert story.uncovered() == []
        # However it went: after one tick and one healing the ledger is whole.
        story.tick(ALL)
        ledger.heal_gaps(connection, story.now)
        assert not overlaps(list(windows(connection)))
        assert story.uncovered() == []
        assert ledger.heal_gaps(connection, story.now) == (0, 0)
