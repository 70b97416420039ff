"""The configuration becomes the targets of the ledger."""

import pytest

from storage import ledger
from storage.database import Database
from tests.support.ledger import NOW, at, clocks, minutes, plan, sync, take, windows


def test_a_new_target_owes_windows_from_its_backfill_on(database: Database) -> None:
    with database.connection() as connection:
        assert sync(connection, plan(backfill=minutes(17))) == (1, 0, 0, 0)
        assert ledger.open_windows(connection, "aws", "ec2", NOW) == 4
        assert clocks(windows(connection)) == ["11:40-11:45", "11:45-11:50", "11:50-11:55", "11:55-12:00"]


def test_a_new_live_target_owes_nothing_of_the_past(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(live=True, backfill=minutes(60)))
        assert ledger.open_windows(connection, "aws", "ec2", NOW) == 0
        assert ledger.open_windows(connection, "aws", "ec2", at("12:05:00")) == 1
        assert list(windows(connection).values()) == ["planned"]
        assert clocks(windows(connection)) == ["12:00-12:05"]


def test_the_same_configuration_again_changes_nothing(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(), plan("eu-west-1"))
        assert sync(connection, plan(), plan("eu-west-1"), now=at("13:00")) == (0, 0, 0, 0)


def test_a_changed_plan_holds_from_the_next_window(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(10)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        changed = plan(interval=minutes(60), delay=minutes(2), queue="collect.slow")
        assert sync(connection, changed, now=at("12:07")) == (0, 1, 0, 0)
        ledger.open_windows(connection, "aws", "ec2", at("13:01:59"))
        assert clocks(windows(connection)) == ["11:50-11:55", "11:55-12:00"]
        ledger.open_windows(connection, "aws", "ec2", at("13:02"))
        assert clocks(windows(connection))[2:] == ["12:00-13:00"]
        assert {dispatch.queue for dispatch in take(connection, at("13:02"))} == {"collect.slow"}


def test_a_shorter_interval_cuts_on_its_own_multiples(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(interval=minutes(7), backfill=minutes(7)), now=at("11:58"))
        ledger.open_windows(connection, "aws", "ec2", at("11:58"))
        sync(connection, plan(interval=minutes(5)))
        ledger.open_windows(connection, "aws", "ec2", at("12:05"))
        first, *others = windows(connection)
        assert first.duration == minutes(7)
        assert others[0].start == first.end
        assert others[0].duration < minutes(5)
        assert all(window.end.minute % 5 == 0 for window in others)


def test_a_target_that_is_not_configured_owes_nothing_and_is_not_dispatched(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(5)), plan("eu-west-1"))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        assert sync(connection, plan("eu-west-1")) == (0, 0, 0, 1)
        assert ledger.open_windows(connection, None, None, at("12:29")) == 5  # of the other one
        assert [dispatch.target.region for dispatch in take(connection, at("12:29"))] == ["eu-west-1"] * 5
        assert clocks(windows(connection)) == ["11:55-12:00"]


def test_the_time_without_configuration_is_a_pause_and_what_was_owed_before_is_still_owed(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan())
        sync(connection, now=at("12:12"))  # 12:00 to 12:10 had closed, and no planner had run
        assert sync(connection, plan(), now=at("12:31")) == (0, 0, 1, 0)
        assert ledger.open_windows(connection, "aws", "ec2", at("12:41")) == 4
        assert clocks(windows(connection)) == ["12:00-12:05", "12:05-12:10", "12:30-12:35", "12:35-12:40"]
        assert ledger.heal_gaps(connection, at("12:41")) == (0, 0)


def test_a_pause_within_one_window_is_none(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan())
        sync(connection, now=at("12:01"))
        sync(connection, plan(), now=at("12:03"))
        ledger.open_windows(connection, "aws", "ec2", at("12:10"))
        assert clocks(windows(connection)) == ["12:00-12:05", "12:05-12:10"]


def test_pauses_that_follow_each_other_at_another_interval(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan())
        sync(connection, now=at("12:02"))
        sync(connection, plan(interval=minutes(1)), now=at("12:07"))
        sync(connection, plan(interval=minutes(60)), now=at("12:08"))
        sync(connection, now=at("12:09"))  # the window of the hour began in the first pause
        sync(connection, plan(interval=minutes(60)), now=at("14:20"))
        ledger.open_windows(connection, "aws", "ec2", at("15:00"))
        assert clocks(windows(connection)) == ["14:00-15:00"]
        assert ledger.heal_gaps(connection, at("15:00")) == (0, 0)


def test_services_that_are_not_configured_at_all_are_disabled(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(), plan("eu-west-1"))
        ledger.sync_targets(connection, [plan(service="rds")], "aws", "rds", NOW)
        assert ledger.disable_unknown(connection, [("aws", "rds"), ("generic", "host")], NOW) == 2
        assert ledger.disable_unknown(connection, [("aws", "rds"), ("generic", "host")], NOW) == 0
        enabled = [found.target.service for found in ledger.find_targets(connection) if found.enabled]
        assert enabled == ["rds"]
        assert sync(connection, plan()) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    ("plans", "message"),
    [
        ([plan(service="rds")], "aws/default/us-east-1/rds is not a target of aws/ec2"),
        ([plan(), plan(interval=minutes(1))], "aws/default/us-east-1/ec2 is planned twice"),
    ],
)
def test_plans_that_make_no_sense_are_named(database: Database, plans: list[ledger.TargetPlan], message: str) -> None:
    with database.connection() as connection, pytest.raises(ValueError, match=message):
        sync(connection, *plans)


@pytest.mark.parametrize("interval", [minutes(0), minutes(-5), minutes(1 / 8), minutes(60 * 24 * 33)])
def test_an_impossible_interval_is_named(interval: object) -> None:
    with pytest.raises(
        ValueError, match=r"aws/default/us-east-1/ec2: interval .*: whole seconds, from 0:00:01 to 32 d"
    ):
        plan(interval=interval)  # type: ignore[arg-type] # parametrized
