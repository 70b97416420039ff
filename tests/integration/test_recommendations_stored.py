"""Recommendations in Postgres: the newest delivery that was read whole counts, and those before are history."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from storage.database import Connection, Database
from storage.folding.bills import fold_bills
from storage.folding.ledger import fold_ledger
from storage.ledger import Dispatch
from storage.retention import Kept, forget_history, forget_recommendations
from telemetry.batch import Batch, Message, Outcome, Points, Run
from telemetry.deliveries import Delivery
from telemetry.recommendations import Recommendation
from telemetry.target import Target, Window
from tests.support.deliveries import NOW, look, minutes, missing, plan, read, rows, seen, states, take
from tests.support.granting import granted
from tests.support.writing import put, report

LOOKS = Target("aws", "payer", "hub", "recommendation_deliveries")
READS = Target("aws", "payer", "hub", "recommendation_files")
TODAY = Window(NOW.replace(hour=0), NOW.replace(hour=0) + timedelta(days=1))
YESTERDAY = Window(TODAY.start - timedelta(days=1), TODAY.start)
FIELDS: dict[str, Any] = {
    "recommendation_id": "r-1",
    "source": "ComputeOptimizer",
    "sub_account_id": "210987654321",
    "sub_account_name": "shop\tand\\more",
    "region_id": "us-east-1",
    "resource_id": "arn:aws:ec2:us-east-1:210987654321:instance/i-1",
    "resource_type": "Ec2Instance",
    "resource_summary": "m5.large\nold",
    "action": "Rightsize",
    "recommended_type": "Ec2Instance",
    "recommended_summary": "t3.medium",
    "currency": "USD",
    "monthly_cost": Decimal("70.08000000000000000000000000000000001"),
    "monthly_cost_after_discount": None,
    "monthly_savings": Decimal("-0.1"),
    "monthly_savings_after_discount": None,
    "savings_percentage": Decimal("50.0"),
    "savings_percentage_after_discount": None,
    "effort": "Low",
    "restart_needed": True,
    "rollback_possible": None,
    "lookback_days": 14,
    "refreshed_at": NOW,
    "tags": {"team": 'a "b" \\ c'},
    "resource_details": '{"ec2Instance": {"type": "m5\\\\large", "n": 1.10}}',
    "recommended_details": "{}",
    "details": {"x_new": "1"},
}


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        plan(connection, LOOKS, READS)
        yield connection


def found(version: str, period: Window = TODAY, **more: Any) -> Delivery:
    """A version that was seen."""
    told = seen(version, period, **more)
    return Delivery(**{name: getattr(told, name) for name in told.__struct_fields__} | {"service": READS.service})


def one(name: str = "r-1", **changes: Any) -> Recommendation:
    return Recommendation(**(FIELDS | {"recommendation_id": name} | changes))


def reading(
    dispatch: Dispatch, version: str, recommended: Sequence[Recommendation], *, at: datetime, proof: bool = True
) -> list[Message]:
    """What an attempt publishes that reads a version whole."""
    window = dispatch.window
    run = Run(
        uuid.uuid4(), dispatch.target, window, dispatch.attempt, at, granted(dispatch.target, window, dispatch.attempt)
    )
    told = [read(version, len(recommended), window)] if proof else []
    batch = Batch(run, 1, True, at, [], [], Points([], [], []), [], deliveries=told, recommendations=list(recommended))
    return [batch, report(run, Outcome.COMPLETE, 1)]


def deliver(
    connection: Connection, version: str, *recommended: Recommendation, at: int, period: Window = TODAY
) -> list[Message]:
    """See a version, and read it."""
    look(connection, found(version, period), at=minutes(at), looks=LOOKS)
    (dispatch,) = take(connection, minutes(at + 1), READS)
    messages = reading(dispatch, version, recommended, at=minutes(at + 2))
    put(connection, *messages, now=minutes(at + 3))
    return messages


def current(connection: Connection) -> list[str]:
    """The ids of what is recommended now."""
    found = rows(connection, "SELECT recommendation_id FROM reporting.recommendations ORDER BY 1")
    return [row["recommendation_id"] for row in found]


def history(connection: Connection) -> list[tuple[date, str]]:
    """The ids of what was, by day."""
    found = rows(connection, "SELECT day, recommendation_id FROM reporting.recommendation_history ORDER BY 1, 2")
    return [(row["day"], row["recommendation_id"]) for row in found]


def test_every_field_comes_back_digit_by_digit(connection: Connection) -> None:
    deliver(connection, "v1", one(), one("r-2", **dict.fromkeys(["monthly_savings", "monthly_cost"])), at=0)
    first, second = rows(connection, "SELECT * FROM reporting.recommendations ORDER BY recommendation_id")
    documents = {
        "resource_details": {"ec2Instance": {"type": "m5\\large", "n": 1.10}},
        "recommended_details": {},
    }
    assert {name: first[name] for name in FIELDS} == FIELDS | documents
    assert str(first["monthly_cost"]) == str(FIELDS["monthly_cost"])
    assert (first["provider"], first["account"], first["export"], first["day"]) == (
        "aws",
        "payer",
        "hub",
        TODAY.start.date(),
    )
    assert (second["monthly_savings"], second["monthly_cost"]) == (None, None), "unknown, and not zero"
    assert rows(connection, "SELECT * FROM reporting.costs") == []
    assert rows(connection, "SELECT * FROM reporting.bill_versions") == []
    assert rows(connection, "SELECT * FROM finfleet.outbox") == [], "no destination has them"


def test_what_a_newer_delivery_no_longer_has_is_gone_and_stays_in_the_history(connection: Connection) -> None:
    deliver(connection, "v1", one("stays"), one("goes"), at=0, period=YESTERDAY)
    deliver(connection, "v2", one("stays"), one("comes"), at=10)
    assert current(connection) == ["comes", "stays"]
    assert history(connection) == [
        (YESTERDAY.start.date(), "goes"),
        (YESTERDAY.start.date(), "stays"),
        (TODAY.start.date(), "comes"),
        (TODAY.start.date(), "stays"),
    ]
    deliver(connection, "v3", at=20)
    assert current(connection) == [], "whole, and empty"
    assert states(connection, TODAY) == {"v2": "superseded", "v3": "current"}


def test_the_former_delivery_stands_until_the_newer_one_is_read_whole(connection: Connection) -> None:
    deliver(connection, "v1", one("old"), at=0)
    look(connection, found("v2"), at=minutes(10), looks=LOOKS)
    (dispatch,) = take(connection, minutes(11), READS)
    batch, ended = reading(dispatch, "v2", [one("new")], at=minutes(12), proof=False)
    put(connection, batch, now=minutes(13))
    assert current(connection) == ["old"]
    put(connection, ended, now=minutes(14))
    assert current(connection) == ["old"], "without a proof it counts for nothing"
    (again,) = take(connection, minutes(60 * 24), READS)
    messages = reading(again, "v2", [one("new")], at=minutes(60 * 24 + 1))
    for message in (*messages, *reversed(messages), *messages):
        put(connection, message, now=minutes(60 * 24 + 2))
    assert current(connection) == ["new"], "whatever comes twice, and in which order"
    assert len(rows(connection, "SELECT FROM finfleet.recommendations AS r JOIN finfleet.collections ON"
                                " settled_run = run_id")) == 1  # fmt: skip


def test_an_older_day_takes_the_place_of_no_newer_one(connection: Connection) -> None:
    deliver(connection, "v2", one("new"), at=0)
    deliver(connection, "v1", one("old"), at=10, period=YESTERDAY)
    assert current(connection) == ["new"]


def test_a_day_that_is_missing_is_none_any_more_once_another_comes(connection: Connection) -> None:
    def gap(day: Window) -> Delivery:
        told = missing("nothing new has come", day)
        return Delivery(**{name: getattr(told, name) for name in told.__struct_fields__} | {"service": READS.service})

    def told() -> dict[date, str]:
        found = rows(connection, "SELECT * FROM reporting.deliveries WHERE version = ''")
        return {row["period_start"].date(): row["state"] for row in found}

    long_ago = Window(YESTERDAY.start - timedelta(days=5), YESTERDAY.start - timedelta(days=4))
    look(connection, found("v1", long_ago), gap(YESTERDAY), at=minutes(0), looks=LOOKS)
    assert told() == {YESTERDAY.start.date(): "missing"}
    look(connection, found("v1", long_ago), gap(TODAY), at=minutes(60), looks=LOOKS)
    assert told() == {YESTERDAY.start.date(): "superseded", TODAY.start.date(): "missing"}
    tomorrow = Window(TODAY.end, TODAY.end + timedelta(days=1))
    look(connection, found("v1", long_ago), found("v2", tomorrow), at=minutes(120), looks=LOOKS)
    assert set(told().values()) == {"superseded"}


def test_an_export_that_is_not_configured_any_more_recommends_nothing(connection: Connection) -> None:
    deliver(connection, "v1", one(), at=0)
    connection.execute("UPDATE finfleet.targets SET enabled = false")
    assert (current(connection), len(history(connection))) == ([], 1)


def test_maintenance_keeps_what_is_recommended_and_forgets_the_past_when_it_is_told_to(connection: Connection) -> None:
    deliver(connection, "v1", one("old"), at=0, period=YESTERDAY)
    deliver(connection, "v2", one("replaced"), at=10)
    deliver(connection, "v3", one("new"), at=20)
    late = NOW + timedelta(days=400)
    while fold_bills(connection, late) or fold_ledger(connection, late):
        continue
    assert forget_history(connection, late, Kept(history=timedelta(days=1))) == 0
    assert forget_recommendations(connection, late, Kept()) == 0
    assert (current(connection), len(history(connection))) == (["new"], 2)
    assert forget_recommendations(connection, NOW + timedelta(days=2), Kept(history=timedelta(days=30))) == 0
    while forget_recommendations(connection, late, Kept(history=timedelta(days=30))):
        continue
    assert (current(connection), history(connection)) == (["new"], [(TODAY.start.date(), "new")])
    assert len(rows(connection, "SELECT FROM finfleet.recommendations")) == 1
