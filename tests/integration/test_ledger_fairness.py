"""Who goes first: the present before the past, and accounts and lanes in turn."""

from collections import Counter
from datetime import timedelta

import pytest

from storage import ledger
from storage.database import Connection, Database
from storage.ledger import Choice, Dispatch, Room
from telemetry.target import Target
from tests.support.ledger import NOW, at, minutes

_LANES = {("aws", "ec2"): "paid", ("aws", "rds"): "", ("aws", "cost"): "slow"}
_LEASE = minutes(15)
_INTERVAL = minutes(5)


def _plan(account: str, service: str = "ec2", back: timedelta = _INTERVAL) -> ledger.TargetPlan:
    target = Target("aws", account, "us-east-1", service)
    return ledger.TargetPlan(target=target, queue="q", interval=_INTERVAL, delay=minutes(0), live=False, backfill=back)


def _owe(connection: Connection, *plans: ledger.TargetPlan) -> None:
    for service in {plan.target.service for plan in plans}:
        own = [plan for plan in plans if plan.target.service == service]
        ledger.sync_targets(connection, own, "aws", service, NOW)
    while ledger.open_windows(connection, None, None, NOW):
        pass


def _take(connection: Connection, rooms: dict[str, int], newest: int | None = None) -> list[Dispatch]:
    choice = Choice(_LANES, [Room("aws", "q", lane, room) for lane, room in rooms.items()])
    with connection.transaction():
        found = ledger.find_due(connection, choice, NOW, 1000, newest=newest)
        return ledger.take(connection, found, NOW, lease=_LEASE)


def test_no_account_holds_every_place_while_others_have_work(database: Database) -> None:
    with database.connection() as connection:
        small = [_plan(f"small-{number}") for number in range(5)]
        _owe(connection, _plan("large", back=minutes(500)), *small)
        taken = Counter(one.target.account for one in _take(connection, {"paid": 6}))
        assert taken == dict.fromkeys(("large", *(f"small-{number}" for number in range(5))), 1)
        assert Counter(one.target.account for one in _take(connection, {"paid": 20})) == {"large": 20}


def test_whose_attempts_are_out_waits_for_those_who_have_none(database: Database) -> None:
    with database.connection() as connection:
        _owe(connection, _plan("one", back=minutes(50)), _plan("two", back=minutes(50)))
        connection.execute(
            "UPDATE finfleet.collections AS c SET state = 'dispatched', due_at = %s FROM finfleet.targets AS t"
            " WHERE t.target_id = c.target_id AND t.account = 'one' AND c.window_start < %s",
            (at("13:00"), at("11:35")),
        )
        # Five of one are out: two catches up, and then they take turns. The newest two of each go before the past.
        assert Counter(one.target.account for one in _take(connection, {"paid": 4})) == {"one": 2, "two": 2}
        assert Counter(one.target.account for one in _take(connection, {"paid": 4})) == {"two": 4}


def test_with_fewer_places_than_accounts_each_gets_one_in_time(database: Database) -> None:
    with database.connection() as connection:
        accounts = [f"account-{number}" for number in range(12)]
        _owe(connection, *(_plan(name, back=minutes(10)) for name in accounts))
        turns = [one.target.account for _ in range(6) for one in _take(connection, {"paid": 2})]
        assert sorted(turns) == sorted(accounts)


def test_the_present_goes_before_any_past(database: Database) -> None:
    with database.connection() as connection:
        _owe(connection, _plan("old", back=minutes(500)), *(_plan(f"new-{number}") for number in range(10)))
        taken = _take(connection, {"paid": 12})
        assert {one.window.start for one in taken} == {at("11:50"), at("11:55")}
        assert Counter(one.target.account == "old" for one in taken) == {True: 2, False: 10}


def test_each_lane_has_room_of_its_own(database: Database) -> None:
    with database.connection() as connection:
        _owe(
            connection,
            _plan("a", "ec2", minutes(100)),
            _plan("a", "rds", minutes(100)),
            _plan("a", "cost", minutes(100)),
        )
        taken = Counter(one.target.service for one in _take(connection, {"paid": 3, "": 5, "slow": 1}))
        assert taken == {"ec2": 3, "rds": 5, "cost": 1}
        assert Counter(one.target.service for one in _take(connection, {"": 4})) == {"rds": 4}


def test_what_is_found_and_gone_meanwhile_is_not_taken(database: Database) -> None:
    with database.connection() as connection:
        _owe(connection, _plan("a", back=minutes(30)))
        choice = Choice(_LANES, [Room("aws", "q", "paid", 100)])
        found = ledger.find_due(connection, choice, NOW, 1000)
        connection.execute("UPDATE finfleet.collections SET state = 'complete' WHERE window_start < %s", (at("11:40"),))
        connection.execute(
            "UPDATE finfleet.collections SET due_at = %s WHERE window_start = %s", (at("12:30"), at("11:40"))
        )
        with connection.transaction():
            taken = ledger.take(connection, found, NOW, lease=_LEASE)
        assert [one.window.start for one in taken] == [at("11:55"), at("11:50"), at("11:45")]
        ledger.sync_targets(connection, [], "aws", "ec2", NOW)
        with connection.transaction():
            assert ledger.take(connection, found, at("13:00"), lease=_LEASE) == []


def test_few_of_each_target_are_the_newest_of_it(database: Database) -> None:
    with database.connection() as connection:
        _owe(connection, _plan("a", back=minutes(100)), _plan("b", back=minutes(100)))
        taken = _take(connection, {"paid": 100}, newest=3)
        assert Counter(one.target.account for one in taken) == {"a": 3, "b": 3}
        assert min(one.window.start for one in taken) == at("11:45")


@pytest.mark.parametrize("newest", [None, 2])
def test_a_large_fleet_is_found_due_before_the_tables_were_ever_analyzed(
    database: Database, newest: int | None
) -> None:
    with database.connection() as connection, connection.transaction():
        for table in ("targets", "collections"):
            connection.execute(f"ALTER TABLE finfleet.{table} SET (autovacuum_enabled = off)".encode())
        connection.execute(
            "INSERT INTO finfleet.targets (provider, account, region, service, queue, interval_seconds, delay_seconds,"
            " enabled_since, planned_until)"
            " SELECT 'aws', 'account-' || n %% 100, 'region-' || n, 'ec2', 'q', 300, 0, %(now)s, %(now)s"
            " FROM generate_series(1, 10000) AS n",
            {"now": NOW},
        )
        connection.execute(
            "INSERT INTO finfleet.collections (target_id, window_start, window_end, state, due_at)"
            " SELECT target_id, date_bin('5 min', %(now)s, 'epoch') - n * interval '5 min',"
            " date_bin('5 min', %(now)s, 'epoch') - (n - 1) * interval '5 min', 'planned', %(now)s"
            " FROM finfleet.targets, generate_series(1, 2) AS n",
            {"now": NOW},
        )
        connection.execute("SET LOCAL statement_timeout TO '5s'")
        choice = Choice(_LANES, [Room("aws", "q", "paid", 10_000)])
        assert len(ledger.find_due(connection, choice, NOW, 10_000, newest=newest)) == 10_000
        assert connection.execute("SHOW enable_nestloop").fetchone() == ("on",)
