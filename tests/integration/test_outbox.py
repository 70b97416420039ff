"""The outbox: order for each target, locks, waiting, dead entries."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from storage import outbox
from storage.database import Connection, Database
from storage.errors import StorageUnavailable
from storage.outbox import OutboxWaiting
from telemetry.target import Target
from tests.support.outbox import EC2, add_target, make_batch, put, states, windows

_NAME = "openfinops"
_RDS = Target("aws", "prod", "us-east-1", "rds")


def _take(connection: Connection, target_id: int, *, even_if_waiting: bool = False) -> int | None:
    entry = outbox.take(connection, _NAME, target_id, hold=5, even_if_waiting=even_if_waiting)
    return None if entry is None else entry.outbox_id


def _put(connection: Connection, target_id: int, target: Target, count: int) -> list[int]:
    return [put(connection, target_id, make_batch(target, window)) for window in windows(count)]


def test_entries_are_offered_one_after_the_other(database: Database) -> None:
    with database.connection() as connection:
        target = add_target(connection, EC2)
        ids = _put(connection, target, EC2, 3)
        offered = []
        for _ in range(3):
            with connection.transaction():
                entry = outbox.take(connection, _NAME, target, hold=5)
                assert entry is not None
                offered.append(entry.outbox_id)
                outbox.mark_sent(connection, entry.outbox_id)
        assert offered == ids
        assert _take(connection, target) is None
        bodies = connection.execute(b"SELECT body, attempts, sent_at IS NOT NULL FROM finfleet.outbox").fetchall()
        assert bodies == [(None, 1, True)] * 3


def test_a_locked_head_holds_its_target_and_no_other(database: Database) -> None:
    with database.connection() as one, database.connection() as two:
        ec2, rds = add_target(one, EC2), add_target(one, _RDS)
        first = _put(one, ec2, EC2, 2)[0]
        other = _put(one, rds, _RDS, 1)[0]
        with one.transaction():
            assert _take(one, ec2) == first
            with two.transaction():
                assert _take(two, ec2) is None
                assert _take(two, rds) == other
            outbox.mark_sent(one, first)
        with two.transaction():
            assert _take(two, ec2) == first + 1


def test_an_entry_that_waits_holds_its_target_and_no_other(database: Database) -> None:
    with database.connection() as connection:
        ec2, rds = add_target(connection, EC2), add_target(connection, _RDS)
        head = _put(connection, ec2, EC2, 2)[0]
        _put(connection, rds, _RDS, 1)
        outbox.mark_retry(connection, head, 60, "500\0 from the server")
        assert outbox.due_targets(connection, _NAME) == [rds]
        assert _take(connection, ec2) is None
        assert _take(connection, ec2, even_if_waiting=True) == head
        (line,) = outbox.status(connection)
        assert line.error == "500 from the server"
        assert outbox.wake(connection, _NAME) == 1
        assert outbox.due_targets(connection, _NAME) == [ec2, rds]


def test_targets_come_by_age_within_the_limit_and_without_the_busy(database: Database) -> None:
    with database.connection() as connection:
        targets = [Target("aws", "prod", f"region-{index}", "ec2") for index in range(5)]
        ids = [add_target(connection, target) for target in targets]
        for target_id, target in reversed(list(zip(ids, targets, strict=True))):
            _put(connection, target_id, target, 2)
        assert outbox.due_targets(connection, _NAME) == ids[::-1]
        assert outbox.due_targets(connection, _NAME, busy=[ids[4], ids[2]], limit=2) == [ids[3], ids[1]]
        assert outbox.due_targets(connection, "another") == []


def test_a_destination_is_probed_by_what_failed_least(database: Database) -> None:
    with database.connection() as connection:
        ec2, rds = add_target(connection, EC2), add_target(connection, _RDS)
        bad, _ = _put(connection, ec2, EC2, 2)
        once = _put(connection, rds, _RDS, 1)[0]
        outbox.mark_retry(connection, bad, 60, "500")
        outbox.mark_retry(connection, bad, 60, "500")
        outbox.mark_retry(connection, once, 60, "500")
        assert outbox.due_targets(connection, _NAME) == []
        assert outbox.probe_targets(connection, _NAME, limit=1) == [rds]
        assert outbox.probe_targets(connection, _NAME, busy=[rds]) == [ec2]


def test_a_dead_entry_lets_the_next_one_go_and_can_be_replayed(database: Database) -> None:
    with database.connection() as connection:
        target = add_target(connection, EC2)
        first, second = _put(connection, target, EC2, 2)
        outbox.mark_dead(connection, first, "422 no such field")
        assert _take(connection, target) == second
        assert outbox.count_waiting(connection) == {_NAME: OutboxWaiting(pending=1, dead=1)}
        (dead,) = outbox.dead_entries(connection)
        assert (dead.outbox_id, dead.target, dead.error, dead.attempts) == (first, str(EC2), "422 no such field", 1)
        assert outbox.replay(connection, [second, 12345]) == 0
        assert outbox.replay(connection, [first]) == 1
        assert _take(connection, target) == first
        assert outbox.dead_entries(connection) == []
        outbox.mark_dead(connection, first, "again")
        outbox.mark_dead(connection, second, "again")
        assert outbox.replay(connection) == 2


def test_the_status_counts_what_waits(database: Database) -> None:
    with database.connection() as connection:
        assert outbox.status(connection) == []
        target = add_target(connection, EC2)
        first, second, _third = _put(connection, target, EC2, 3)
        outbox.mark_sent(connection, first)
        outbox.mark_dead(connection, second, "422")
        (line,) = outbox.status(connection)
        assert (line.destination, line.pending, line.sent, line.dead, line.error) == (_NAME, 1, 1, 1, None)
        assert line.oldest_pending is not None
        assert line.oldest_pending.utcoffset() == timedelta(0)
        assert line.last_sent is not None


def test_what_was_sent_long_ago_is_purged(database: Database) -> None:
    with database.connection() as connection:
        target = add_target(connection, EC2)
        old, new, dead, pending = _put(connection, target, EC2, 4)
        for sent in (old, new):
            outbox.mark_sent(connection, sent)
        outbox.mark_dead(connection, dead, "422")
        connection.execute(
            b"UPDATE finfleet.outbox SET sent_at = now() - interval '8 days' WHERE outbox_id = %s", [old]
        )
        assert outbox.purge_sent(connection, datetime.now(UTC) - timedelta(days=7)) == 1
        assert states(connection) == {new: "sent", dead: "dead", pending: "pending"}


def test_a_holder_that_hangs_is_ended_and_its_target_goes_on(database: Database) -> None:
    with database.connection() as connection:
        target = add_target(connection, EC2)
        put(connection, target, make_batch())
    with pytest.raises(StorageUnavailable), database.connection() as hanging, hanging.transaction():  # noqa: PT012
        entry = outbox.take(hanging, _NAME, target, hold=0.2)
        assert entry is not None
        with database.connection() as other:
            deadline = datetime.now(UTC) + timedelta(seconds=10)
            while _take(other, target) is None:
                assert datetime.now(UTC) < deadline
        outbox.mark_sent(hanging, entry.outbox_id)


def test_taking_looks_at_heads_only_however_many_wait(database: Database) -> None:
    with database.connection() as connection:
        target = add_target(connection, EC2)
        connection.execute(
            b"""
            INSERT INTO finfleet.outbox (destination, target_id, run_id, number, body)
            SELECT 'openfinops', %s, %s, number, '' FROM generate_series(1, 20000) AS number
            """,
            [target, uuid.uuid4()],
        )
        connection.execute(b"ANALYZE finfleet.outbox")
        parameters = {"destination": _NAME, "busy": [], "limit": 9, "target_id": target, "even_if_waiting": False}
        for query in ("due_targets", "probe_targets", "take"):
            explain = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + outbox._SQL[query]
            row = connection.execute(explain, parameters).fetchone()
            assert row is not None
            assert row[0][0]["Plan"]["Shared Hit Blocks"] + row[0][0]["Plan"]["Shared Read Blocks"] < 50
