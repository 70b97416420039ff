"""The past on request."""

import pytest

from storage import ledger
from storage.database import Connection, Database
from telemetry.target import Window
from tests.support.ledger import NOW, at, clocks, minutes, plan, settle, sync, take, windows


def run(connection: Connection, start: str, end: str, *, again: bool = False) -> ledger.Backfill:
    targets = ledger.find_targets(connection)
    return ledger.backfill(connection, targets, Window(at(start), at(end)), NOW, again=again)


def test_time_before_the_target_was_enabled_is_opened(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(10)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        assert run(connection, "11:38", "11:50") == (3, 0)
        assert clocks(windows(connection)) == [
            "11:35-11:40", "11:40-11:45", "11:45-11:50", "11:50-11:55", "11:55-12:00",
        ]  # fmt: skip
        assert run(connection, "11:38", "11:50") == (0, 0)
        assert len(take(connection)) == 5


def test_the_time_between_is_not_asked_for(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(10)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        assert run(connection, "11:00", "11:10").opened == 2
        assert ledger.heal_gaps(connection, NOW) == (0, 0)
        assert run(connection, "11:05", "11:30").opened == 4  # it overlaps with the first
        assert run(connection, "10:00", "12:00").opened == 12 + 4
        assert connection.execute("SELECT * FROM finfleet.pauses").fetchall() == []


def test_a_pause_can_be_collected_on_request(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(), now=at("11:00"))
        sync(connection, now=at("11:15"))
        sync(connection, plan(), now=at("11:45"))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        assert len(windows(connection)) == 6
        assert run(connection, "11:20", "11:30").opened == 2
        assert ledger.heal_gaps(connection, NOW) == (0, 0)
        assert clocks(windows(connection))[3:5] == ["11:20-11:25", "11:25-11:30"]


def test_failed_and_denied_windows_are_due_again_and_complete_ones_only_on_demand(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(25)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        for dispatch, state in zip(take(connection), ("failed", "denied", "complete", "empty", "failed"), strict=True):
            settle(connection, dispatch, state, {"complete": 7, "empty": 0}.get(state))
        assert run(connection, "11:40", "12:00") == (0, 2)
        assert list(windows(connection).values()) == ["failed", "empty", "complete", "planned", "planned"]
        assert run(connection, "11:35", "12:00", again=True) == (0, 3)
        assert set(windows(connection).values()) == {"planned"}
        again = take(connection)
        assert [dispatch.attempt for dispatch in again] == [2] * 5


def test_a_window_that_waits_for_a_later_time_is_due_now(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(10)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        connection.execute("UPDATE finfleet.collections SET due_at = %s", (at("18:00"),))
        assert run(connection, "11:55", "12:00") == (0, 0)
        assert clocks([dispatch.window for dispatch in take(connection)]) == ["11:55-12:00"]


def test_a_permission_that_may_be_there_now_is_tried(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(60)))
        connection.execute("UPDATE finfleet.targets SET denied_until = %s", (at("23:00"),))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        assert run(connection, "11:00", "11:30") == (0, 6)
        assert len(take(connection)) == 6


def test_a_long_one_is_opened_whole(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(interval=minutes(1)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        span = Window(NOW - minutes(25_000), at("12:00"))
        opened = ledger.backfill(connection, ledger.find_targets(connection), span, NOW).opened
        assert opened == 25_000


def test_a_live_target_has_no_past(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(live=True), plan("eu-west-1"))
        with pytest.raises(ledger.BackfillRefused, match=r"^aws/default/us-east-1/ec2: only measured as it happens"):
            run(connection, "11:00", "12:00")
        assert windows(connection, "eu-west-1") == {}


def test_a_target_that_is_not_configured_is_refused(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan())
        sync(connection)
        with pytest.raises(ledger.BackfillRefused, match="not configured any more"):
            run(connection, "11:00", "12:00")


@pytest.mark.parametrize(
    ("pattern", "count"), [("*", 2), ("aws/*/us-east-1/*", 1), ("aws/default/eu-west-1/ec2", 1), ("gcp/*", 0)]
)
def test_targets_are_found_by_pattern(database: Database, pattern: str, count: int) -> None:
    with database.connection() as connection:
        sync(connection, plan(), plan("eu-west-1"))
        assert len(ledger.find_targets(connection, [pattern])) == count
