"""What a transaction asks of Postgres: no statement for each window, and no wait for who has other windows."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self

import psycopg
import pytest

from storage.database import Connection, Database
from telemetry.batch import Message, Outcome
from telemetry.target import Target, Window
from tests.support import writing as w
from tests.support.waiting import until

FIVE = timedelta(minutes=5)
OUTCOMES = [Outcome.COMPLETE, Outcome.DENIED, Outcome.THROTTLED, Outcome.FAILED]


@contextmanager
def _counted(connection: Connection) -> Iterator[Counter[str]]:
    """How often each statement is sent."""
    sent: Counter[str] = Counter()

    class Counting(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Self:
            sent[query.decode()] += 1
            return super().execute(query, *args, **kwargs)

        def executemany(self, *_: object, **__: object) -> None:
            raise AssertionError("a statement for each row")

    former, connection.cursor_factory = connection.cursor_factory, Counting
    try:
        yield sent
    finally:
        connection.cursor_factory = former


def _windows(connection: Connection, first: int, count: int) -> list[Message]:
    """Runs of so many targets, each of another window, of every outcome."""
    messages: list[Message] = []
    for place in range(first, first + count):
        target = Target("aws", "default", f"region-{place}", "ec2")
        window = Window(w.START + place * FIVE, w.START + (place + 1) * FIVE)
        w.plan(connection, target, window)
        run = w.run(target, window)
        outcome = OUTCOMES[place % len(OUTCOMES)]
        if outcome is Outcome.COMPLETE:
            messages.append(w.batch(run, 1, [(f"i-{place}", 0, 1.0)]))
        messages.append(w.report(run, outcome, batches=int(outcome is Outcome.COMPLETE)))
    return messages


def test_many_windows_take_no_more_statements_than_few(database: Database) -> None:
    counts = []
    with database.connection() as connection:
        w.put(connection, *_windows(connection, 0, 4))  # the day's partition is there
        for first, count in ((10, 8), (100, 80)):
            messages = _windows(connection, first, count)
            with _counted(connection) as sent:
                written = w.put(connection, *messages)
            assert written.reports == count
            counts.append(sent)
    assert counts[0] == counts[1]
    assert counts[0].total() < 20


_HOLD_COMMIT = """
CREATE FUNCTION public.hold_batch() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.number = 1 THEN PERFORM pg_advisory_xact_lock(1); END IF; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER hold_batch AFTER INSERT ON finfleet.batches DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.hold_batch();
"""


def test_a_writer_waits_for_no_other_windows_where_nothing_is_forwarded(database: Database) -> None:
    later = Window(w.WINDOW.end, w.WINDOW.end + FIVE)
    with database.connection() as connection, ThreadPoolExecutor(1) as pool:
        w.plan(connection)
        w.plan(connection, window=later)
        w.put(connection, w.batch(w.run(second=3), 2, [("i-1", 4, 1.0), ("i-2", 0, 1.0)]), destinations=[])
        connection.execute(_HOLD_COMMIT.encode())
        with database.connection() as gate:
            gate.execute("SELECT pg_advisory_lock(1)")
            held = pool.submit(_write, database, w.batch(w.run(), 1))
            until(lambda: _waits(connection), what="the first writer commits")
            run = w.run(window=later)
            written = w.put(connection, w.batch(run, 2, [("i-2", 0, 1.0)]), w.report(run), destinations=[])
            assert written.batches == written.reports == 1
            assert not held.done()
            gate.execute("SELECT pg_advisory_unlock(1)")
        held.result(timeout=10)


def _write(database: Database, message: Message) -> None:
    with database.connection() as own:
        w.put(own, message, destinations=[])


def _waits(connection: Connection) -> bool:
    found = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'").fetchone()
    return found == (1,)


@pytest.mark.parametrize("destinations", [[], ["openfinops"]], ids=["kept", "forwarded"])
def test_writers_that_refuse_and_answer_for_the_same_targets_never_deadlock(
    database: Database, destinations: list[str]
) -> None:
    targets = [Target("aws", "default", f"region-{place}", "ec2") for place in range(8)]
    windows = [Window(w.START + place * FIVE, w.START + (place + 1) * FIVE) for place in range(8)]
    with database.connection() as connection:
        for target in targets:
            for window in windows:
                w.plan(connection, target, window)
    start = threading.Barrier(2)

    def consume(own: int) -> int:
        reports = 0
        with database.connection() as connection:
            start.wait()
            for place, window in enumerate(windows):
                if place % 2 != own:
                    continue
                order = targets if own else list(reversed(targets))
                messages: list[Message] = []
                for number, target in enumerate(order):
                    run = w.run(target, window, second=place)
                    if (number + own) % 2:
                        messages.append(w.report(run, Outcome.DENIED, batches=0))
                    else:
                        messages += [w.batch(run, 1, [(f"i-{own}", 0, 1.0)]), w.report(run)]
                reports += w.put(connection, *messages, destinations=destinations).reports
        return reports

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(consume, (0, 1))) == len(targets) * len(windows)
