"""Opening windows: which, how many, and how the hopeless ones end at once."""

from datetime import datetime

import pytest

from storage import ledger
from storage.database import Connection, Database
from tests.support.ledger import NOW, at, clocks, minutes, plan, settle, sync, take, windows


def deny(connection: Connection, until: datetime | None) -> None:
    """As the writer does it when a report says denied, or when a later one does not."""
    connection.execute(
        "UPDATE finfleet.targets SET denied_until = %s, denied_error = 'not allowed',"
        " denied_permission = 'ec2:DescribeInstances'",
        (until,),
    )


def test_a_second_tick_opens_nothing(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(60)))
        assert ledger.open_windows(connection, "aws", "ec2", NOW) == 12
        assert ledger.open_windows(connection, "aws", "ec2", NOW) == 0
        assert ledger.open_windows(connection, None, None, at("11:00")) == 0  # a beat whose clock is behind


def test_a_window_opens_once_its_delay_has_passed(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(delay=minutes(3)), now=at("12:00"))
        assert ledger.open_windows(connection, "aws", "ec2", at("12:07:59")) == 0
        assert ledger.open_windows(connection, "aws", "ec2", at("12:08")) == 1


def test_a_long_backfill_is_opened_in_parts(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(60)), plan("eu-west-1", backfill=minutes(10)))
        opened = []
        while count := ledger.open_windows(connection, "aws", "ec2", NOW, limit=8):
            opened.append(count)
        assert opened == [4 + 2, 8]
        assert len(windows(connection)) == 12


def test_only_the_service_that_is_asked_for(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(5)))
        ledger.sync_targets(connection, [plan(service="rds", backfill=minutes(5))], "aws", "rds", NOW)
        assert ledger.open_windows(connection, "aws", "rds", NOW) == 1
        assert ledger.open_windows(connection, "gcp", None, NOW) == 0
        assert ledger.open_windows(connection, "aws", None, NOW) == 1


def test_the_past_of_a_live_target_is_failed_and_never_dispatched(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(live=True), now=at("11:00"))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        states = list(windows(connection).values())
        assert states == ["failed"] * 10 + ["planned"] * 2
        assert clocks([dispatch.window for dispatch in take(connection)]) == ["11:55-12:00", "11:50-11:55"]
        reasons = connection.execute("SELECT DISTINCT error FROM finfleet.collections WHERE state = 'failed'")
        assert reasons.fetchall() == [("no sampler was running, and a live target can only be measured as it happens",)]


def test_while_a_permission_is_missing_no_call_is_made(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(10)))
        deny(connection, at("13:00"))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        assert set(windows(connection).values()) == {"denied"}
        assert take(connection) == []
        row = connection.execute("SELECT DISTINCT error, permission FROM finfleet.collections").fetchall()
        assert row == [("not allowed", "ec2:DescribeInstances")]


def test_what_was_planned_before_the_refusal_is_denied_with_it(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(60)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        (first,) = take(connection, limit=1)
        settle(connection, first, "denied")
        deny(connection, at("13:00"))
        assert take(connection) == []
        assert list(windows(connection).values()) == ["denied"] * 12


def test_once_the_time_is_over_the_newest_window_probes_alone(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(10)))
        deny(connection, at("12:10"))
        ledger.open_windows(connection, "aws", "ec2", at("12:20"))
        assert list(windows(connection).values()) == ["denied"] * 5 + ["planned"]
        (probe,) = take(connection, at("12:20"))
        assert clocks([probe.window]) == ["12:15-12:20"]
        ledger.open_windows(connection, "aws", "ec2", at("12:25"))
        assert take(connection, at("12:25")) == []  # while the probe is out
        settle(connection, probe, "denied")
        deny(connection, at("13:00"))
        ledger.open_windows(connection, "aws", "ec2", at("12:30"))
        assert set(windows(connection).values()) == {"denied"}


def test_denied_windows_are_due_again_when_the_permission_is_there(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(20)))
        deny(connection, at("13:00"))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        assert ledger.heal_gaps(connection, NOW) == (0, 0)  # still denied
        deny(connection, None)
        assert ledger.heal_gaps(connection, NOW, reopen=minutes(11)) == (0, 2)  # the older ones stay
        assert list(windows(connection).values()) == ["denied"] * 2 + ["planned"] * 2
        assert len(take(connection)) == 2


@pytest.mark.parametrize("state", ["planned", "complete", "failed"])
def test_a_ledger_row_that_is_gone_comes_back(database: Database, state: str) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(60)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        connection.execute("UPDATE finfleet.collections SET state = %s", (state,))
        before = list(windows(connection))
        lost = [at("11:00"), at("11:20"), at("11:25"), at("11:55")]
        connection.execute("DELETE FROM finfleet.collections WHERE window_start = ANY(%s)", (lost,))
        assert ledger.heal_gaps(connection, NOW, limit=3).opened == 3
        assert at("11:00") not in {window.start for window in windows(connection)}  # the newest first
        assert ledger.heal_gaps(connection, NOW, limit=3).opened == 1
        assert ledger.heal_gaps(connection, NOW, limit=3).opened == 0
        assert list(windows(connection)) == before
        assert len(take(connection)) == (12 if state == "planned" else 4)


def test_a_long_gap_is_healed_window_by_window_where_the_limit_is_one(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(15)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        connection.execute("DELETE FROM finfleet.collections")
        healed = []
        while ledger.heal_gaps(connection, NOW, limit=1).opened:
            healed.append(len(windows(connection)))
        assert healed == [1, 2, 3]


@pytest.mark.parametrize("dice", [0, 1])
def test_of_a_large_ledger_mostly_the_last_two_days_are_looked_at(
    database: Database, monkeypatch: pytest.MonkeyPatch, dice: int
) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(60 * 48)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        monkeypatch.setattr("storage.ledger.heal._AT_ONCE", 5)
        monkeypatch.setattr("random.randrange", lambda _: dice)
        connection.execute("ANALYZE finfleet.collections")
        assert ledger.heal_gaps(connection, NOW).opened == 0
        for gone in ("2026-11-22 23:50Z", "2026-11-23 00:00Z"):  # before, and right at the edge
            connection.execute("DELETE FROM finfleet.collections WHERE window_start = %s", (gone,))
            assert ledger.heal_gaps(connection, NOW).opened == (0 if dice else 1)
        connection.execute("DELETE FROM finfleet.collections WHERE window_start = '2026-11-23 00:10Z'")
        assert ledger.heal_gaps(connection, NOW).opened == (3 if dice else 1)  # a target that misses one is made whole
