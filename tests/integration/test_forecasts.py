"""Forecasts in the database: of whole days alone, by account and service, made anew where a bill has changed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from storage.allocation.allocating import allocate_due
from storage.allocation.reading import read_rules
from storage.allocation.stored import save
from storage.database import Connection, Database
from storage.forecasts import keeping
from telemetry.batch import Batch, Message, Outcome, Points
from telemetry.costs import CostLine
from telemetry.target import Target, Window
from tests.support import writing
from tests.support.writing import put, report

DAY = timedelta(days=1)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 100
NOW = FIRST + (DAYS + 3) * DAY
SETTLE = timedelta(hours=48)
ACCOUNTS = ("111111111111", "222222222222")


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def bill(account: str, number: int, *, usd: str = "10", attempt: int = 1) -> tuple[Message, ...]:
    window = Window(FIRST + number * DAY, FIRST + (number + 1) * DAY)
    run = writing.run(Target("aws", account, "global", "cost"), window, attempt=attempt, second=attempt)
    lines = [
        CostLine(
            start=window.start,
            end=window.end,
            currency=currency,
            billed_cost=Decimal(amount),
            effective_cost=Decimal(amount),
            charge_category="Usage",
            sub_account_id=account,
            service_name=service,
        )
        for service, amount, currency in (("EC2", usd, "USD"), ("S3", "2.5", "USD"), ("S3", "1", "EUR"))
    ]
    batch = Batch(run, 1, True, run.started_at, [], [], Points([], [], []), [], lines)
    return batch, report(run, Outcome.COMPLETE, 1)


@pytest.fixture
def bills(connection: Connection) -> Connection:
    messages: list[Message] = []
    for account in ACCOUNTS:
        for number in range(DAYS):
            window = Window(FIRST + number * DAY, FIRST + (number + 1) * DAY)
            writing.plan(connection, Target("aws", account, "global", "cost"), window, attempt=3)
            # The second account lacks its last day.
            if (account, number) != (ACCOUNTS[1], DAYS - 1):
                messages += bill(account, number)
    put(connection, *messages, now=NOW)
    return connection


def test_each_grain_and_currency_has_its_own(bills: Connection) -> None:
    assert keeping.look(bills, NOW, SETTLE) == 4 * 2 * (1 + 1 + 2) + 4 * 3
    by = {of: keeping.listing(bills, of, NOW.date()) for of in keeping.GRAINS}
    june = {(of, one.name, one.billing_currency): one for of in by for one in by[of] if one.month.month == 6}

    first = june["account", ACCOUNTS[0], "USD"]
    assert (first.known_days, first.expected_days, first.actual_cost) == (8, 22, 8 * Decimal("12.5"))
    assert first.total_cost == 30 * Decimal("12.5")
    assert june["account", ACCOUNTS[0], "EUR"].total_cost == 30
    # A day is known of all where it is of each of them.
    assert (june["all", "", "USD"].known_days, june["all", "", "USD"].total_cost) == (7, 60 * Decimal("12.5"))
    assert june["service", "EC2", "USD"].total_cost == 600
    assert june["provider", "aws", "EUR"].total_cost == 60


def test_they_are_made_again_where_a_bill_or_the_day_has_changed(bills: Connection) -> None:
    keeping.look(bills, NOW, SETTLE)
    assert keeping.look(bills, NOW, SETTLE) == 0
    put(bills, *bill(ACCOUNTS[0], DAYS - 2, usd="110", attempt=2), now=NOW + timedelta(minutes=1))
    assert keeping.look(bills, NOW + timedelta(hours=5), SETTLE) == 0, "they were made a moment ago"
    assert keeping.look(bills, NOW + timedelta(hours=6), SETTLE) > 0
    told = {one.actual_cost for one in keeping.listing(bills, "service", NOW.date(), name="ec2")}
    assert 15 * Decimal(10) + 100 in told
    assert keeping.look(bills, NOW + DAY, SETTLE) > 0


@pytest.mark.parametrize(("days", "left_out", "accounts"), [(60, 0, 2), (40, 1, 1)])
def test_an_account_is_forecast_by_its_own_days_until_nothing_is_known_of_it_for_long(
    connection: Connection, days: int, left_out: int, accounts: int
) -> None:
    messages: list[Message] = []
    for account, number_of_days in zip(ACCOUNTS, (DAYS, days), strict=True):
        for number in range(number_of_days):
            window = Window(FIRST + number * DAY, FIRST + (number + 1) * DAY)
            writing.plan(connection, Target("aws", account, "global", "cost"), window, attempt=3)
            messages += bill(account, number)
    put(connection, *messages, now=NOW)
    keeping.look(connection, NOW, SETTLE)
    (june, *_) = [one for one in keeping.listing(connection, "all", NOW.date()) if one.billing_currency == "USD"]
    assert june.actual_cost == 8 * Decimal("12.5")
    assert june.total_cost == accounts * 30 * Decimal("12.5")
    assert june.accounts_left_out == left_out


def test_teams_are_forecast_by_what_is_allocated_of_the_bill_as_it_is(bills: Connection, tmp_path: Path) -> None:
    path = tmp_path / "allocation.yaml"
    path.write_text(
        """
versions:
  - effective_from: 2026-01
    dimensions: [{name: team, rules: [{value: data, where: {services: [EC2]}}]}]
""",
        encoding="utf-8",
    )
    save(bills, read_rules(path), NOW, "test")
    while allocate_due(bills, NOW, by="test"):
        continue
    keeping.look(bills, NOW, SETTLE)
    june = {
        one.name: one
        for one in keeping.listing(bills, "team", NOW.date())
        if (one.month.month, one.billing_currency) == (6, "USD")
    }
    assert june["data"].total_cost == 600
    assert june["data"].known_days == 7
    assert june["unallocated"].total_cost == 150

    # The bill of June is another one since: until it is allocated again, nothing of June is known to be anybody's.
    put(bills, *bill(ACCOUNTS[0], DAYS - 3, usd="110", attempt=2), now=NOW + timedelta(minutes=1))
    keeping.look(bills, NOW, SETTLE, anyway=True)
    (june_of_data,) = [one for one in keeping.listing(bills, "team", NOW.date(), name="data") if one.month.month == 6]
    assert (june_of_data.known_days, june_of_data.actual_cost) == (0, Decimal(0))
    assert june_of_data.total_cost == 600
