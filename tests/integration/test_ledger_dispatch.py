"""Handing out windows: order, leases, bounds, refreshes."""

from storage import ledger
from storage.database import Connection, Database
from tests.support.ledger import NOW, at, clocks, minutes, plan, settle, sync, take, windows


def open_hour(connection: Connection) -> None:
    sync(connection, plan(backfill=minutes(60)))
    ledger.open_windows(connection, "aws", "ec2", NOW)


def test_the_newest_window_goes_first_and_each_goes_once(database: Database) -> None:
    with database.connection() as connection:
        open_hour(connection)
        first, second = take(connection, limit=2)
        assert clocks([first.window, second.window]) == ["11:55-12:00", "11:50-11:55"]
        assert (str(first.target), first.attempt, first.queue) == ("aws/default/us-east-1/ec2", 1, "collect.aws")
        assert len(take(connection)) == 10
        assert take(connection) == []


def test_a_lost_attempt_is_handed_out_again_with_the_next_number(database: Database) -> None:
    with database.connection() as connection:
        open_hour(connection)
        take(connection)
        assert take(connection, at("12:15:29")) == []
        again = take(connection, at("12:15:30"))
        assert [dispatch.attempt for dispatch in again] == [2] * 12


def test_no_more_than_the_bound_of_a_provider_are_out(database: Database) -> None:
    with database.connection() as connection:
        open_hour(connection)
        other = plan(provider="gcp", service="compute", queue="collect.gcp", backfill=minutes(20))
        ledger.sync_targets(connection, [other], "gcp", "compute", NOW)
        ledger.open_windows(connection, None, None, NOW)
        taken = take(connection, max_in_flight=5)
        assert sorted(dispatch.target.provider for dispatch in taken) == ["aws"] * 5 + ["gcp"] * 4
        assert take(connection, max_in_flight=5) == []
        settle(connection, next(d for d in taken if d.target.provider == "aws"), "complete", 10)
        assert [dispatch.target.provider for dispatch in take(connection, max_in_flight=5)] == ["aws"]


def test_only_the_provider_that_is_asked_for(database: Database) -> None:
    with database.connection() as connection:
        open_hour(connection)
        options = {"lease": minutes(1), "max_attempts": 3, "max_in_flight": 100}
        assert ledger.take_due(connection, "gcp", NOW, **options) == []  # type: ignore[arg-type] # mixed dict
        assert len(ledger.take_due(connection, "aws", NOW, **options)) == 12  # type: ignore[arg-type] # mixed dict


def test_what_could_not_be_sent_is_given_back_without_a_failure(database: Database) -> None:
    with database.connection() as connection:
        open_hour(connection)
        taken = take(connection)
        assert ledger.give_back(connection, taken[2:], minutes(1), NOW) == 10
        assert take(connection, at("12:01:29")) == []
        again = take(connection, at("12:01:30"))
        assert [dispatch.window for dispatch in again] == [dispatch.window for dispatch in taken[2:]]
        assert {dispatch.attempt for dispatch in again} == {2}
        assert connection.execute("SELECT sum(failures) FROM finfleet.collections").fetchone() == (0,)


def test_giving_back_touches_neither_a_later_attempt_nor_a_settled_window(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(10)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        late = take(connection)
        later = take(connection, at("12:20"))
        settle(connection, later[0], "complete", 1)
        assert ledger.give_back(connection, late, minutes(1), at("12:20")) == 0
        assert ledger.give_back(connection, later, minutes(1), at("12:20")) == 1
        assert list(windows(connection).values()) == ["planned", "complete"]


def test_a_refresh_comes_after_what_was_never_read(database: Database) -> None:
    with database.connection() as connection:
        open_hour(connection)
        for dispatch in take(connection, limit=3):
            settle(connection, dispatch, "complete", 10)
        connection.execute("UPDATE finfleet.collections SET refresh_at = %s WHERE state = 'complete'", (at("12:30"),))
        assert len(take(connection, at("12:29"), limit=8)) == 8
        (planned, refresh, another) = take(connection, at("12:30"), limit=3, max_in_flight=11)
        assert (planned.window.start, planned.attempt) == (at("11:00"), 1)
        assert (refresh.attempt, another.attempt) == (2, 2)
        states = connection.execute(
            "SELECT refresh_at, refreshes FROM finfleet.collections WHERE attempt = 2 ORDER BY 1"
        ).fetchall()
        assert states == [(None, 1), (None, 1)]


def test_a_lost_refresh_leaves_the_window_as_it_was(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(10)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        full, none = take(connection)
        settle(connection, full, "complete", 10)
        settle(connection, none, "empty", 0)
        connection.execute("UPDATE finfleet.collections SET refresh_at = %s", (at("12:30"),))
        for clock in ("12:30", "12:50", "13:10"):
            assert len(take(connection, at(clock))) == 2
        assert take(connection, at("13:30")) == []
        assert list(windows(connection).values()) == ["empty", "complete"]
        rows = connection.execute("SELECT DISTINCT refresh_at - %s FROM finfleet.collections", (at("13:30"),))
        assert rows.fetchall() == [(minutes(24 * 60),)]


def test_progress_is_counted_by_provider_and_state(database: Database) -> None:
    with database.connection() as connection:
        assert ledger.is_settled(connection)
        open_hour(connection)
        taken = take(connection, limit=4)
        settle(connection, taken[0], "complete", 1)
        assert ledger.count_states(connection) == {"aws": {"complete": 1, "dispatched": 3, "planned": 8}}
        assert not ledger.is_settled(connection)
        sync(connection)  # nothing is configured any more
        assert ledger.count_states(connection) == {}
        assert ledger.is_settled(connection)
