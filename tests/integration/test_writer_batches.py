"""The writer: batches into rows, each once, and the newest of two values wins."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest

from storage.database import Database
from telemetry.target import Target, Window
from tests.support import writing as w


def test_the_same_batch_three_times_among_its_neighbours_is_there_once(database: Database) -> None:
    run = w.run()
    first, second, third = (w.batch(run, number, [("i-1", number, float(number))]) for number in (1, 2, 3))
    with database.connection() as connection:
        w.plan(connection)
        written = w.put(connection, third, first, second, first, third)
        assert (written.batches, written.duplicates, written.records) == (3, 2, 6)
        again = w.put(connection, second, first, third, second)
        assert (again.batches, again.duplicates, again.records) == (0, 4, 0)
        assert w.points(connection) == {("i-1", 1): 1.0, ("i-1", 2): 2.0, ("i-1", 3): 3.0}
        # In the order in which they came, with the bodies as they came.
        bodies = {message.number: body for message, body in w.received(first, second, third)}  # type: ignore[union-attr]  # batches
        assert w.outbox(connection) == [(run.run_id, number, bodies[number]) for number in (3, 1, 2)]
        assert w.count(connection, "batches") == 3
        assert connection.execute("SELECT batches_committed, records_committed FROM finfleet.runs").fetchall() == [
            (3, 6)
        ]


def test_each_destination_gets_every_batch_and_none_gets_none(database: Database) -> None:
    run = w.run()
    with database.connection() as connection:
        w.plan(connection)
        w.put(connection, w.batch(run, 1), destinations=["openfinops", "lake"])
        w.put(connection, w.batch(run, 2), destinations=[])
        rows = connection.execute("SELECT destination, number FROM finfleet.outbox ORDER BY outbox_id").fetchall()
        assert rows == [("openfinops", 1), ("lake", 1)]


def test_a_later_attempt_replaces_and_an_earlier_one_only_adds(database: Database) -> None:
    old, new = w.run(attempt=1, second=40), w.run(attempt=2, second=20)
    with database.connection() as connection:
        w.plan(connection, attempt=2)
        w.put(connection, w.batch(new, 1, [("i-1", 0, 20.0), ("i-2", 0, 21.0)], [("i-1", 0, "0.2")], kind="m5.xlarge"))
        w.put(connection, w.batch(old, 1, [("i-1", 0, 10.0), ("i-3", 0, 11.0)], [("i-1", 0, "0.1"), ("i-3", 0, "0.3")]))
        assert w.points(connection) == {("i-1", 0): 20.0, ("i-2", 0): 21.0, ("i-3", 0): 11.0}
        assert w.rates(connection) == {("i-1", 0): ("0.2", "m5.xlarge"), ("i-3", 0): ("0.3", "m5.large")}
        assert w.ledger(connection, "newest_attempt", "newest_started_at") == [(2, new.started_at)]


def test_a_rerun_of_an_attempt_replaces_the_first_run(database: Database) -> None:
    first, second = w.run(second=1), w.run(second=2)
    with database.connection() as connection:
        w.plan(connection)
        w.put(connection, w.batch(first, 1, [("i-1", 0, 1.0)]), w.batch(second, 1, [("i-1", 0, 2.0)]))
        w.put(connection, w.batch(first, 2, [("i-1", 0, 3.0), ("i-1", 1, 4.0)]))
        assert w.points(connection) == {("i-1", 0): 2.0, ("i-1", 1): 4.0}


def test_of_three_runs_the_middle_one_replaces_only_the_oldest(database: Database) -> None:
    oldest, middle, newest = (w.run(attempt=attempt) for attempt in (1, 2, 3))
    with database.connection() as connection:
        w.plan(connection, attempt=3)
        w.put(connection, w.batch(newest, 1, [("i-1", 0, 3.0)]))
        w.put(connection, w.batch(oldest, 1, [("i-1", 0, 1.0), ("i-2", 0, 1.0)]))
        w.put(connection, w.batch(middle, 1, [("i-1", 0, 2.0), ("i-2", 0, 2.0)]))
        assert w.points(connection) == {("i-1", 0): 3.0, ("i-2", 0): 2.0}


def test_amounts_are_kept_digit_by_digit(database: Database) -> None:
    amounts = ["0.0960", "0.1", "123456789012345678901234567890.123456789012345678901234567890", "0E-10", "1E+3"]
    with database.connection() as connection:
        w.plan(connection)
        w.put(connection, w.batch(w.run(), 1, [], [("i-1", minute, text) for minute, text in enumerate(amounts)]))
        stored = [amount for (_, _), (amount, _) in sorted(w.rates(connection).items())]
        assert stored == ["0.0960", "0.1", amounts[2], "0.0000000000", "1000"]
        assert [Decimal(text) for text in stored] == [Decimal(text) for text in amounts]


def test_a_rate_keeps_the_type_of_its_own_reading(database: Database) -> None:
    resized = Window(w.WINDOW.end, w.WINDOW.end + timedelta(minutes=5))
    with database.connection() as connection:
        w.plan(connection)
        w.plan(connection, window=resized)
        w.put(connection, w.batch(w.run(window=resized), 1, [], [("i-1", 0, "0.2")], kind="m5.xlarge"))
        w.put(connection, w.batch(w.run(), 1, [], [("i-1", 0, "0.1")], kind="m5.large"))
        assert w.rates(connection) == {("i-1", 0): ("0.1", "m5.large"), ("i-1", 5): ("0.2", "m5.xlarge")}
        kinds = connection.execute("SELECT type, first_seen, last_seen FROM finfleet.resources").fetchall()
        assert kinds == [("m5.xlarge", w.run().started_at, w.run(window=resized).started_at)]


def test_a_resource_that_does_not_change_is_written_once_an_hour(database: Database) -> None:
    def seen_at(minute: int, **change: object) -> object:
        start = w.START + timedelta(minutes=minute)
        window = Window(start, start + timedelta(minutes=5))
        w.plan(connection, window=window)
        w.put(connection, w.batch(w.run(window=window), 1, **change))  # type: ignore[arg-type]  # the test's own
        return connection.execute("SELECT xmin::text, last_seen, tags FROM finfleet.resources").fetchall()

    with database.connection() as connection:
        first = seen_at(0)
        assert seen_at(5) == first
        assert seen_at(10, tags={"team": "a"}) != first
        tagged = seen_at(15, tags={"team": "a"})
        assert seen_at(60, tags={"team": "a"}) == tagged
        late = seen_at(90, tags={"team": "a"})
        assert late != tagged


def test_a_point_from_an_overlapping_target_is_merged_not_refused(database: Database) -> None:
    twin = Target("aws", "again", "us-east-1", "ec2")  # the same account under another name
    with database.connection() as connection:
        w.plan(connection)
        w.plan(connection, twin)
        w.put(connection, w.batch(w.run(), 1, [("i-1", 0, 1.0), ("i-1", 1, 1.0)]))
        w.put(connection, w.batch(w.run(twin), 1, [("i-1", 1, 2.0), ("i-1", 2, 2.0)]))
        assert w.points(connection) == {("i-1", 0): 1.0, ("i-1", 1): 2.0, ("i-1", 2): 2.0}


def test_days_get_their_partitions_and_get_them_again(database: Database) -> None:
    midnight = Window(w.START.replace(hour=23, minute=58), w.START.replace(hour=23, minute=58) + timedelta(minutes=5))
    with database.connection() as connection:
        w.plan(connection, window=midnight, attempt=2)
        w.put(connection, w.batch(w.run(window=midnight), 1, [("i-1", 0, 1.0), ("i-1", 3, 2.0)]))
        for day in ("20261124", "20261125"):
            assert w.count(connection, f"points_{day}") == 1
        connection.execute("DROP TABLE finfleet.points_20261125")
        w.put(connection, w.batch(w.run(window=midnight, attempt=2), 1, [("i-1", 3, 3.0)]))
        assert w.count(connection, "points_20261125") == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"target": Target("aws", "other", "us-east-1", "ec2")}, "target aws/other/us-east-1/ec2 is not in the ledger"),
        ({"window": Window(w.WINDOW.start, w.WINDOW.end + timedelta(minutes=1))}, "has no window"),
        ({"window": Window(w.WINDOW.end, w.WINDOW.end + timedelta(minutes=5))}, "has no window"),
        ({"attempt": 2}, "only 1 were handed out"),
    ],
)
def test_what_the_ledger_never_planned_is_rejected(database: Database, change: dict[str, object], reason: str) -> None:
    good, stray = w.batch(w.run()), w.batch(w.run(**change))  # type: ignore[arg-type]  # the parameters above
    with database.connection() as connection:
        w.plan(connection)
        written = w.put(connection, stray, good)
        assert [(item.received.message, item.code) for item in written.rejected] == [(stray, "unplanned")]
        assert reason in written.rejected[0].reason
        assert written.batches == w.count(connection, "batches") == w.count(connection, "outbox") == 1


def test_a_run_that_contradicts_itself_is_rejected(database: Database) -> None:
    later = Window(w.WINDOW.end, w.WINDOW.end + timedelta(minutes=5))
    run = w.run()
    forged = w.run(window=later)
    forged = type(run)(run.run_id, forged.target, forged.window, forged.attempt, forged.started_at)
    with database.connection() as connection:
        w.plan(connection)
        w.plan(connection, window=later)
        together = w.put(connection, w.batch(run, 1), w.batch(forged, 2))
        apart = w.put(connection, w.batch(forged, 3))
        assert [item.code for item in together.rejected + apart.rejected] == ["contradiction"] * 2
        assert w.count(connection, "batches") == 1


def test_a_failed_transaction_leaves_no_ids_behind(database: Database) -> None:
    run = w.run()
    poison = w.batch(run, 2, [("i-1", 1, 1.0)], [("i-9", 1, w.DEAR)])
    with database.connection() as connection:
        w.plan(connection)
        w.refuse_dear_rates(connection)
        with pytest.raises(Exception, match="overflow"):
            w.put(connection, w.batch(run, 1, [("i-1", 0, 1.0)]), poison)
        for table in ("resources", "series", "points", "runs", "batches", "outbox"):
            assert w.count(connection, table) == 0
        # Were the ids of the lost rows remembered, this would hang in the air.
        w.put(connection, w.batch(run, 1, [("i-1", 0, 1.0)]))
        assert w.points(connection) == {("i-1", 0): 1.0}


def test_it_wants_a_connection_without_a_transaction(database: Database) -> None:
    with (
        database.connection() as connection,
        connection.transaction(),
        pytest.raises(RuntimeError, match="transaction"),
    ):
        w.put(connection, w.batch(w.run()))


def test_nothing_is_nothing(database: Database) -> None:
    with database.connection() as connection:
        assert w.put(connection).batches == 0
        assert uuid.UUID(int=0) not in {row[0] for row in w.outbox(connection)}
