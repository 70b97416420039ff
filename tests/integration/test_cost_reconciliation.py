"""What a file says against what an API says: the kinds of the difference add up to it, and what lacks is said."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from storage.database import Connection, Database
from telemetry.costs import CostLine
from telemetry.target import Target, Window
from tests.support.bill_readings import DAY, day_of, line, rows, settle, target

OCTOBER = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
API, FILE = Target("aws", "payer", "global", "cost"), Target("aws", "payer", "cur", "bill_files")
_ON_IT: dict[str, Any] = {"billing_period_start": OCTOBER.start, "billing_period_end": OCTOBER.end}
_PARTS = ("tax", "credits", "timing", "rounding", "rest")


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def told(day: int, cost: str, category: str = "Usage", **fields: Any) -> CostLine:
    return line(
        OCTOBER.start + (day - 1) * DAY,
        billed_cost=Decimal(cost),
        charge_category=category,
        **{"sub_account_id": "1", "service_name": "EC2"} | fields,
    )


def both(connection: Connection, file: list[CostLine], api: list[CostLine], **of_file: Any) -> None:
    settle(connection, FILE, OCTOBER, file, version="v1", **of_file)
    for day in sorted({one.start for one in api}):
        settle(connection, API, day_of(day), [one for one in api if one.start == day])


def reconciled(connection: Connection, month: date = date(2026, 10, 1)) -> list[dict[str, Any]]:
    query = "SELECT * FROM reporting.cost_reconciliation WHERE month = %s ORDER BY sub_account_id, billing_currency"
    return rows(connection, query, [month])


def test_each_kind_of_a_difference_is_told_apart(connection: Connection) -> None:
    file = [
        told(1, "10.00", invoice_id="I-1"),
        told(1, "1.90", "Tax", invoice_id="I-1"),
        told(1, "-2", "Credit", invoice_id="I-1"),
        told(2, "7.0049"),
        told(3, "5"),
        told(4, "8", service_name="S3"),
        told(40, "0.50", **_ON_IT),  # of another month's day
        told(2, "3", currency="EUR"),
    ]
    api = [told(1, "10.00"), told(2, "7"), told(4, "7.50"), told(4, "-1", "Credit"), told(5, "100")]
    both(connection, file, api)
    dollars, euros = sorted(reconciled(connection), key=lambda one: one["billing_currency"], reverse=True)
    assert {name: dollars[name] for name in ("file_cost", "api_cost", "invoice_cost", "difference", *_PARTS)} == {
        "file_cost": Decimal("30.4049"),
        "api_cost": Decimal("123.50"),
        "invoice_cost": Decimal("9.90"),
        "difference": Decimal("-93.0951"),
        "tax": Decimal("1.90"),
        "credits": Decimal(-1),
        "timing": Decimal(5) + Decimal("0.50") - 100,
        "rounding": Decimal("0.0049"),
        "rest": Decimal("0.50"),
    }
    assert dollars["not_invoiced"] == Decimal("20.5049")
    assert (dollars["file_targets"], dollars["api_targets"]) == ([str(FILE)], [str(API)])
    assert (dollars["file_days"], dollars["api_days"]) == (4, 4)
    assert dollars["file_incomplete"] == "1 days are missing that the API tells of"
    assert dollars["api_incomplete"] == "1 days are missing that the file tells of"
    assert (euros["file_cost"], euros["api_cost"], euros["difference"], euros["rest"]) == (Decimal(3), None, None, None)
    assert euros["api_incomplete"] == "no API tells of it"


def test_what_stands_in_the_way_of_a_comparison_is_said(connection: Connection) -> None:
    both(connection, [told(1, "1", estimated=True), told(1, "1")], [told(1, "2"), told(2, "1", sub_account_id="2")])
    settle(connection, API, day_of(OCTOBER.start + 2 * DAY), [told(3, "4", effective_cost=Decimal(1))])
    connection.execute("UPDATE finfleet.collections SET partial = 'a part was refused' WHERE records = 1")
    one, other = reconciled(connection)
    assert one["file_incomplete"] == "some amounts are estimates; 1 days are missing that the API tells of"
    assert one["api_incomplete"] == "3 windows are not read, or not whole"
    assert other["file_cost"] is None
    assert other["file_incomplete"] == "no file tells of it"
    connection.execute(
        "INSERT INTO finfleet.deliveries (target_id, period_start, period_end, version, seen_at, last_seen_at, reason)"
        " SELECT target_id, %s, %s, '', now(), now(), 'the export is off' FROM finfleet.targets WHERE delivered",
        (OCTOBER.start, OCTOBER.end),
    )
    assert reconciled(connection)[0]["file_incomplete"].endswith(
        f"the delivery of {FILE} is missing: the export is off"
    )


def test_a_month_that_is_not_over_is_no_finding(connection: Connection) -> None:
    start = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (start + 32 * DAY).replace(day=1)
    settle(connection, FILE, Window(start, end), [line(start, sub_account_id="1")], version="v1")
    settle(connection, API, day_of(start), [line(start, sub_account_id="1")])
    (one,) = reconciled(connection, start.date())
    assert (one["difference"], one["file_incomplete"], one["api_incomplete"]) == (
        0,
        "the month is not over",
        "the month is not over",
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_kinds_add_up_whatever_there_is(connection: Connection, seed: int) -> None:
    """Payers and members by the API, two exports of the same, accounts in any case."""
    dice = random.Random(seed)

    def lines(days: int, **fields: Any) -> list[CostLine]:
        return [
            told(
                dice.randint(1, days),
                str(Decimal(dice.randint(-(10**6), 10**6)).scaleb(-dice.randint(0, 8))),
                dice.choice(["Usage", "Usage", "Tax", "Credit", "Purchase"]),
                sub_account_id=dice.choice(["", "a", "A", "b"]),
                currency=dice.choice(["USD", "EUR"]),
                invoice_id=dice.choice(["", "I-1"]),
                **fields,
            )
            for _ in range(dice.randint(1, 30))
        ]

    settle(connection, FILE, OCTOBER, lines(33, **_ON_IT), version="v1")
    settle(connection, Target("aws", "payer", "focus", "bill_files"), OCTOBER, lines(33, **_ON_IT), version="v1")
    invoices = [
        msgspec.structs.replace(
            one, breakdown="invoice", invoice_id=f"I-{place}", amounts={"Tax": one.billed_cost or 0}
        )
        for place, one in enumerate(lines(31, **_ON_IT))
    ]
    settle(connection, Target("aws", "payer", "global", "invoices"), OCTOBER, invoices, version="v1")
    for account in ("payer", "member"):
        api = lines(31)
        for day in sorted({one.start for one in api}):
            settle(connection, target(account), day_of(day), [one for one in api if one.start == day])
    found = reconciled(connection)
    assert len(found) == len({(one["sub_account_id"].lower(), one["billing_currency"]) for one in found})
    # Of each account and day one target that asks an API, and of each account one that reads files.
    assert all(len(one[side] or ["one"]) == 1 for one in found for side in ("file_targets",) if one["sub_account_id"])
    for one in found:
        if one["difference"] is None:
            assert [one[part] for part in _PARTS] == [None] * 5
        else:
            assert sum(one[part] for part in _PARTS) == one["difference"] == one["file_cost"] - one["api_cost"]
        if one["invoice_difference"] is not None:
            parts = sum(one[f"invoice_{part}"] for part in ("tax_difference", "rounding", "rest"))
            assert parts == one["invoice_difference"] == one["invoice_total"] - one["invoice_file_cost"]
    told_of = rows(connection, "SELECT * FROM reporting.invoices")
    assert len(told_of) == len(invoices)
    assert sum(one["total"] for one in told_of) == sum(one["invoice_total"] or 0 for one in found)
    for one in told_of:
        parts = [one[part] for part in ("tax_difference", "rounding", "rest")]
        assert parts == [None] * 3 if one["difference"] is None else sum(parts) == one["difference"]
