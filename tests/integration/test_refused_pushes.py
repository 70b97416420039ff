"""What was pushed and refused covers nothing: its window says so until something whole is stored."""

from datetime import timedelta

import pytest

from storage.database import Connection, Database
from storage.writer import name_sources, write_each
from telemetry.batch import Message, Outcome, Run
from telemetry.target import Target, Window
from tests.support import writing as w

TARGET = Target("generic", "training", "global", "push")
LATER = Window(w.WINDOW.end, w.WINDOW.end + timedelta(minutes=5))
REFUSED = "what was pushed for it was refused, or has not come whole; see finfleet dlq list"


def push(connection: Connection, *messages: Message) -> None:
    write_each(connection, w.received(*messages), destinations=[], now=w.NOW)


def states(connection: Connection) -> list[tuple[object, ...]]:
    return w.ledger(connection, "state", "records", "error", target=TARGET)


@pytest.mark.parametrize("refusal", ["database", "contradiction", "no report"])
def test_a_refused_push_covers_nothing_until_something_whole_comes(database: Database, refusal: str) -> None:
    with database.connection() as connection:
        name_sources(connection, ["training"], w.NOW)
        of = w.run(TARGET)
        if refusal == "database":
            w.refuse_dear_rates(connection)
            push(connection, w.batch(of, rates=[("i-1", 0, w.DEAR)]), w.report(of))
        elif refusal == "contradiction":
            elsewhere = Run(of.run_id, TARGET, LATER, 1, of.started_at)
            push(connection, w.batch(of), w.report(of))
            push(connection, w.batch(elsewhere), w.report(elsewhere))
            assert states(connection) == [("complete", 2, ""), ("failed", None, REFUSED)]
            return
        else:
            push(connection, w.batch(of))
        assert states(connection) == [("failed", None, REFUSED)]
        rows = connection.execute("SELECT reason, again FROM reporting.gaps WHERE account = 'training'").fetchall()
        assert rows == [(f"failed: {REFUSED}", False)]
        assert connection.execute("SELECT empty, failed, percent_covered FROM reporting.coverage").fetchall() == [
            (0, 1, 0)
        ]
        whole = w.run(TARGET, second=1)
        push(connection, w.batch(whole), w.report(whole))
        assert [state for state, *_ in states(connection)] == ["complete"]


def test_a_push_of_nothing_is_an_empty_window(database: Database) -> None:
    with database.connection() as connection:
        name_sources(connection, ["training"], w.NOW)
        push(connection, w.report(w.run(TARGET), Outcome.EMPTY, 0))
        assert states(connection) == [("empty", 0, "")]
