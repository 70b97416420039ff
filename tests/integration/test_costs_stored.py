"""Lines of costs in Postgres: restated days, one row of history for each reading, totals that never double."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg.rows import dict_row

from storage.database import Connection, Database
from telemetry.batch import Batch, Message, Outcome, Points, Run
from telemetry.costs import CostLine
from telemetry.target import Target, Window
from tests.support import writing
from tests.support.forgetting import forget
from tests.support.writing import put, report

TARGET = Target("aws", "payer", "global", "cost")
DAY = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
READINGS = ({"EC2": "10.00", "S3": "2.50"}, {"EC2": "11.25", "S3": "2.50", "Tax": "1.00"}, {"EC2": "11.25"})


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        writing.plan(connection, TARGET, DAY, attempt=3)
        yield connection


def line(service: str, amount: str | None, **changes: Any) -> CostLine:
    billed = None if amount is None else Decimal(amount)
    fields: dict[str, Any] = {"start": DAY.start, "end": DAY.end, "currency": "USD", "billed_cost": billed}
    return CostLine(**({**fields, "service_name": service, "estimated": True} | changes))


def attempt(number: int) -> Run:
    return writing.run(TARGET, DAY, attempt=number, second=number)


def batch(of: Run, lines: Sequence[CostLine], number: int = 1, *, final: bool = True) -> Batch:
    return Batch(of, number, final, of.started_at, [], [], Points([], [], []), [], list(lines))


def reading(number: int) -> list[Message]:
    """A whole reading of the day, in a batch for each service."""
    of, amounts = attempt(number), READINGS[number - 1]
    batches = [
        batch(of, [line(service, amount)], index, final=index == len(amounts))
        for index, (service, amount) in enumerate(amounts.items(), 1)
    ]
    return [*batches, report(of, batches=len(batches))]


def rows(connection: Connection, statement: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement.encode()).fetchall()


def bill(connection: Connection) -> dict[str, Decimal]:
    return {row["service_name"]: row["billed_cost"] for row in rows(connection, "SELECT * FROM reporting.costs")}


def history(connection: Connection) -> list[tuple[Any, ...]]:
    found = rows(connection, "SELECT * FROM reporting.cost_history ORDER BY attempt, billing_currency")
    return [(row["attempt"], row["is_current"], row["billed_cost"], row["billed_cost_change"]) for row in found]


def test_of_a_day_that_is_restated_the_last_reading_stands_and_all_are_history(connection: Connection) -> None:
    expected = []
    for number, (amounts, change) in enumerate(zip(READINGS, (None, "2.25", "-3.50"), strict=True), 1):
        put(connection, *reading(number))
        assert bill(connection) == {service: Decimal(amount) for service, amount in amounts.items()}
        expected.append((sum(map(Decimal, amounts.values())), None if change is None else Decimal(change)))
        seen = history(connection)
        assert [entry[2:] for entry in seen] == expected
        assert [current for _, current, *_ in seen] == [False] * (number - 1) + [True]
    (day,) = rows(connection, "SELECT sum(billed_cost) AS total, bool_or(estimated) AS e FROM reporting.daily_costs")
    assert day == {"total": Decimal("11.25"), "e": True}


@pytest.mark.parametrize("seed", range(8))
def test_readings_that_arrive_in_any_order_and_twice_give_the_same_bill(connection: Connection, seed: int) -> None:
    dice = random.Random(seed)
    messages = [message for number in (1, 2, 3) for message in reading(number)]
    messages += dice.sample(messages, 4)
    dice.shuffle(messages)
    while messages:
        size = dice.randint(1, 4)
        put(connection, *messages[:size])
        del messages[:size]
    assert bill(connection) == {"EC2": Decimal("11.25")}
    totals = [Decimal("12.50"), Decimal("14.75"), Decimal("11.25")]
    assert [(entry[0], entry[2]) for entry in history(connection)] == list(enumerate(totals, 1))
    assert writing.count(connection, "cost_lines") == 6


def test_a_reading_that_breaks_off_leaves_the_former_bill(connection: Connection) -> None:
    put(connection, *reading(1))
    second = reading(2)
    put(connection, *second[:2])
    put(connection, report(second[0].run, Outcome.FAILED, batches=2, error="a page failed"))
    assert bill(connection) == {"EC2": Decimal("10.00"), "S3": Decimal("2.50")}
    assert [entry[0] for entry in history(connection)] == [1]


def test_a_day_may_turn_out_to_have_no_costs(connection: Connection) -> None:
    put(connection, *reading(1))
    put(connection, report(attempt(2), Outcome.EMPTY, batches=0))
    assert bill(connection) == {}
    assert history(connection) == [(1, False, Decimal("12.50"), None)]


def test_other_cuts_and_currencies_are_kept_apart(connection: Connection) -> None:
    of = attempt(1)
    lines = [
        line(
            "EC2", "10", effective_cost=Decimal("7.123456789012345678"), amounts={"NetUnblendedCost": Decimal("9.90")}
        ),
        line("EC2", None, effective_cost=Decimal(1), tags={"team": "Größe \u2028"}, estimated=None),
        line("EC2", "4", currency="EUR", quantity=Decimal("0.5"), unit="Hrs"),
        line("", "10", breakdown="region", region_id="eu-west-1"),
    ]
    put(connection, batch(of, lines), report(of))
    totals = rows(
        connection,
        "SELECT billing_currency, sum(billed_cost) AS billed, sum(effective_cost) AS effective"
        "  FROM reporting.costs GROUP BY 1 ORDER BY 1",
    )
    assert totals == [
        {"billing_currency": "EUR", "billed": Decimal(4), "effective": None},
        {"billing_currency": "USD", "billed": Decimal(10), "effective": Decimal("8.123456789012345678")},
    ]
    (region,) = rows(connection, "SELECT * FROM reporting.cost_breakdowns")
    assert (region["breakdown"], region["region_id"], region["billed_cost"]) == ("region", "eu-west-1", Decimal(10))
    first, *_ = rows(
        connection, "SELECT amounts->>'NetUnblendedCost' AS net FROM reporting.costs WHERE amounts <> '{}'"
    )
    assert first["net"] == "9.90"
    (tagged,) = rows(connection, "SELECT tags, estimated FROM reporting.costs WHERE tags <> '{}'")
    assert tagged == {"tags": {"team": "Größe \u2028"}, "estimated": None}
    assert [entry[:3] for entry in history(connection)] == [(1, True, Decimal(4)), (1, True, Decimal(10))]


def test_former_readings_are_forgotten_and_what_they_came_to_stays(connection: Connection) -> None:
    for number in (1, 2):
        put(connection, *reading(number))
    week, never = timedelta(days=7), timedelta(0)
    said = history(connection)
    forget(connection, DAY.end + 5 * week, points=never, runs=week, sent=never)
    assert sum(bill(connection).values()) == Decimal("14.75")
    assert (history(connection), writing.count(connection, "runs")) == (said, 1)
    assert writing.count(connection, "cost_lines") == 3


def test_former_lines_are_forgotten_before_their_runs(connection: Connection) -> None:
    for number in (1, 2):
        put(connection, *reading(number))
    put(connection, batch(attempt(3), [line("EC2", "1")]))  # without its report: it may be whole yet, and count
    week, never = timedelta(days=7), timedelta(0)
    before, held = (bill(connection), history(connection)), writing.count(connection, "cost_lines")
    forget(connection, DAY.end + timedelta(days=1), points=never, runs=never, sent=never, history=week)
    assert writing.count(connection, "cost_lines") == held
    forget(connection, DAY.end + 5 * week, points=never, runs=never, sent=never, history=week)
    # Their sums stay.
    assert (bill(connection), history(connection)) == before
    assert [entry[0] for entry in history(connection)] == [1, 2]
    assert writing.count(connection, "cost_lines") == held - len(READINGS[0])
    assert writing.count(connection, "runs") == 3
