"""The views of FOCUS, on a seeded year of bills: columns to the letter, each charge once, the unknown null."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg.rows import dict_row

from storage.database import Connection, Database
from storage.views import load
from telemetry.batch import Outcome
from telemetry.costs import CostLine
from telemetry.target import Target, Window
from tests.support import deliveries
from tests.support.deliveries import NOVEMBER
from tests.support.focus_year import AWS, AZURE, DAY, FILES, MONTHS, write
from tests.support.writing import plan, put, report, run

pytestmark = pytest.mark.xdist_group("focus")

_SPEC = json.loads((Path(__file__).parents[1] / "data" / "focus" / "columns.json").read_text())
_VIEWS = {"1.2": "focus_1_2", "1.4": "focus_1_4", "1.4 billing period": "focus_1_4_billing_periods"}
_LEFT_OUT = {
    "BillingAccountType", "ContractedUnitPrice", "ListUnitPrice", "PricingCurrency",
    "PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice",
}  # fmt: skip
"""Conditional, and most bills do not tell them: docs/focus.md."""
_TYPES = {"String": "text", "Decimal": "numeric", "Date/Time": "timestamp with time zone"}
_JSON = {"text", "jsonb"}


@pytest.fixture
def connection(seeded_focus: Database) -> Iterator[Connection]:
    with seeded_focus.connection() as connection, connection.transaction(force_rollback=True):
        yield connection


@pytest.fixture
def empty(database: Database) -> Iterator[Connection]:
    """Of a database without a year, to write to."""
    with database.connection() as connection:
        yield connection


def _rows(connection: Connection, statement: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement.encode()).fetchall()


@pytest.mark.parametrize("of", _VIEWS)
def test_columns_are_those_of_the_version_in_its_order_and_then_ours(connection: Connection, of: str) -> None:
    statement = "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::text::regclass"
    found = connection.execute(f"{statement} AND attnum > 0 ORDER BY attnum".encode(), (f"reporting.{_VIEWS[of]}",))
    types: dict[str, str] = dict(found.fetchall())
    focus = [name for name in types if not name.startswith("x_")]
    wanted = [name for name in _SPEC[of] if name not in _LEFT_OUT]
    assert focus == sorted(wanted)
    assert list(types)[len(focus) :] == sorted(types.keys() - set(focus))
    for name in focus:
        spec = _SPEC[of][name]
        assert types[name] in (_JSON if spec["type"] == "JSON" else {_TYPES[spec["type"]]}), name
    assert all(_SPEC[of][name]["level"] == "Conditional" for name in _SPEC[of].keys() & _LEFT_OUT)


@pytest.mark.parametrize("of", _VIEWS)
def test_what_must_not_be_null_is_not_and_no_text_stands_for_nothing(connection: Connection, of: str) -> None:
    view = _VIEWS[of]
    rows = _rows(connection, f"SELECT * FROM reporting.{view}")  # noqa: S608 - ours
    assert rows
    required = [name for name, spec in _SPEC[of].items() if not spec["nulls"] and name not in _LEFT_OUT]
    assert {name for name in required for row in rows if row[name] is None} == set()
    assert {name for row in rows for name, value in row.items() if value in ("", {})} == set()


def test_categories_are_those_of_focus(connection: Connection) -> None:
    del connection
    (query,) = (view.query for view in load() if view.name == "focus_1_4")
    arrays = [set(re.findall(r"'([^']+)'", text)) for text in re.findall(r"ARRAY\[([^\]]+)\]", query)]
    categories: dict[str, list[str]] = _SPEC["service categories"]
    own = {f"{category}/{name}" for category, names in categories.items() for name in names}
    others = {f"{category}/Other ({category})" for category in categories}
    assert set(categories) in arrays
    assert own - others in arrays
    assert others <= own


def test_each_charge_is_there_once_and_sums_are_those_of_the_bill(connection: Connection) -> None:
    bill = """SELECT billing_currency, sum(billed_cost), sum(effective_cost), sum(list_cost)
                FROM reporting.costs GROUP BY 1 ORDER BY 1"""
    told = """SELECT "BillingCurrency", sum("BilledCost"), sum("EffectiveCost"),
                     sum("ListCost") FILTER (WHERE "x_ListCostBasis" IS NULL)
                FROM reporting.{} GROUP BY 1 ORDER BY 1"""
    wanted = connection.execute(bill.encode()).fetchall()
    assert [currency for currency, *_ in wanted] == ["EUR", "USD"]
    for view in ("focus_1_2", "focus_1_4"):
        assert connection.execute(told.format(view).encode()).fetchall() == wanted
        ids = _rows(connection, f'SELECT count(*), count(DISTINCT "x_ChargeId") AS ids FROM reporting.{view}')  # noqa: S608
        assert ids[0]["count"] == ids[0]["ids"]


def test_a_bill_that_files_and_an_api_tell_of_is_there_once(empty: Connection) -> None:
    account, day = "999999999999", Window(NOVEMBER.start, NOVEMBER.start + DAY)
    told = CostLine(
        start=day.start, end=day.end, currency="USD", billed_cost=Decimal(7), effective_cost=Decimal(7),
        charge_category="Usage", service_name="EC2", sub_account_id=account,
    )  # fmt: skip
    write(empty, AWS, day, [told])
    deliveries.plan(empty)
    deliveries.look(empty, deliveries.seen("a"))
    (given,) = deliveries.take(empty)
    put(empty, *deliveries.bill_of(given, "a", ["7"], account=account, effective_cost=Decimal(7)), now=deliveries.NOW)
    rows = _rows(empty, 'SELECT "BilledCost", "EffectiveCost", "x_RunId" FROM reporting.focus_1_4')
    (run_id,) = (row["run_id"] for row in _rows(empty, "SELECT run_id::text FROM finfleet.bills WHERE version = 'a'"))
    assert [tuple(row.values()) for row in rows] == [(Decimal(7), Decimal(7), run_id)]


def test_what_is_told_in_two_lines_is_one_charge(connection: Connection) -> None:
    found = _rows(connection, "SELECT * FROM reporting.focus_1_4 WHERE \"x_Provider\" = 'azure'")
    costs = {
        (row["ChargeCategory"], row["BilledCost"], row["EffectiveCost"], row["x_EffectiveCostBasis"]) for row in found
    }
    assert costs == {
        ("Usage", Decimal(2), Decimal("1.5"), None),
        ("Tax", Decimal("0.4"), Decimal("0.4"), None),
        # Asked for its amortized costs, Azure told of none of this charge: they are in others.
        ("Purchase", Decimal(30), Decimal(0), "other line"),
    }
    assert len(found) == 3 * 3
    assert {tuple(row["x_Amounts"]) for row in found if row["ChargeCategory"] == "Usage"} == {
        ("ActualCost", "AmortizedCost")
    }


def test_a_cost_that_a_bill_tells_nowhere_is_unknown_and_no_zero(empty: Connection) -> None:
    target, month = Target("azure", "prod", "amortized", "bill_files"), MONTHS[0]
    line = CostLine(
        start=month.start, end=month.start + DAY, currency="EUR", effective_cost=Decimal(5), charge_category="Usage",
        service_name="Half",
    )  # fmt: skip
    write(empty, target, month, [line])
    (row,) = _rows(empty, """SELECT * FROM reporting.focus_1_4 WHERE "ServiceName" = 'Half'""")
    assert row["EffectiveCost"] == Decimal(5)
    for name in ("BilledCost", "ListCost", "ContractedCost"):
        assert row[name] is None
        assert row[f"x_{name}Basis"] == "unknown"


def test_what_is_assumed_says_so(connection: Connection) -> None:
    rows = _rows(connection, "SELECT * FROM reporting.focus_1_2 WHERE \"x_Provider\" = 'aws'")
    assert {(row["ListCost"] == row["BilledCost"], row["x_ListCostBasis"]) for row in rows} == {(True, "BilledCost")}
    assert {(row["BillingAccountId"], row["x_BillingAccountIdBasis"]) for row in rows} == {("payer", "configuration")}
    assert {(row["ServiceCategory"], row["x_ServiceCategoryBasis"]) for row in rows} == {("Other", "unknown")}
    assert {(row["BillingPeriodStart"], row["BillingPeriodEnd"], row["x_BillingPeriodBasis"]) for row in rows} == {
        (MONTHS[-1].start, MONTHS[-1].end, "ChargePeriodStart")
    }
    assert {row["PublisherName"] for row in rows} == {"AWS"}
    told = _rows(connection, "SELECT * FROM reporting.focus_1_2 WHERE \"x_Provider\" = 'focus'")
    for name in ("BilledCost", "EffectiveCost", "BillingAccountId", "BillingPeriod", "ServiceCategory"):
        assert {row[f"x_{name}Basis"] for row in told} == {None}, name


def test_a_category_that_focus_does_not_have_is_other_and_named(empty: Connection) -> None:
    day = MONTHS[0]
    line = CostLine(
        start=day.start, end=day.start + DAY, currency="USD", billed_cost=Decimal(1), effective_cost=Decimal(1),
        charge_category="Usage", service_name="New", service_category="Quantum", details={"ServiceSubcategory": "X"},
        quantity=Decimal(3), unit="1", pricing_quantity=Decimal(3),
    )  # fmt: skip
    write(empty, Target("focus", "acme", "other", "files"), day, [line])
    (row,) = _rows(empty, """SELECT * FROM reporting.focus_1_4 WHERE "ServiceName" = 'New'""")
    assert (row["ServiceCategory"], row["ServiceSubcategory"]) == ("Other", "Other (Other)")
    assert row["x_ServiceCategoryBasis"] == "Quantum"
    # A quantity without a unit, or with a number for one, is none.
    assert [row[name] for name in ("ConsumedQuantity", "ConsumedUnit", "PricingQuantity", "PricingUnit")] == [None] * 4


_ALLOWED: tuple[tuple[dict[str, Any], str, str | None], ...] = (
    ({"charge_class": "CORRECTION"}, "ChargeClass", "Correction"),
    ({"charge_class": "adjustment"}, "ChargeClass", None),
    ({"commitment_discount_id": "c", "commitment_discount_status": "unused"}, "CommitmentDiscountStatus", "Unused"),
    ({"commitment_discount_id": "c", "commitment_discount_status": "idle"}, "CommitmentDiscountStatus", None),
    ({"commitment_discount_status": "Used"}, "CommitmentDiscountStatus", None),
    (
        {"commitment_discount_id": "c", "commitment_discount_type": "Savings Plan"},
        "CommitmentDiscountCategory",
        "Spend",
    ),
    ({"pricing_category": "committed"}, "PricingCategory", "Committed"),
    ({"pricing_category": "SavingsPlan"}, "PricingCategory", "Committed"),
    ({"pricing_category": "haggled"}, "PricingCategory", None),
    ({"charge_category": "Tax", "pricing_category": "Standard"}, "PricingCategory", None),
    ({"charge_category": "Tax", "sku_id": "s"}, "SkuId", None),
    ({"charge_type": "RIFee", "charge_category": "Purchase"}, "ChargeFrequency", "Recurring"),
    ({"details": {"ChargeFrequency": "Recurring"}}, "ChargeFrequency", "Recurring"),
    (
        {"details": {"CapacityReservationId": "c", "CapacityReservationStatus": "USED"}},
        "CapacityReservationStatus",
        "Used",
    ),
)


def test_values_are_those_that_focus_allows(empty: Connection) -> None:
    usual = {"charge_category": "Usage", "currency": "USD", "billed_cost": Decimal(1), "effective_cost": Decimal(1)}
    start = MONTHS[0].start
    lines = [
        CostLine(start=start, end=start + DAY, service_name=str(number), **{**usual, **fields})
        for number, (fields, _, _) in enumerate(_ALLOWED)
    ]
    write(empty, FILES, MONTHS[0], lines)
    rows = {int(row["ServiceName"]): row for row in _rows(empty, "SELECT * FROM reporting.focus_1_4")}
    found = [(fields, column, rows[number][column]) for number, (fields, column, _) in enumerate(_ALLOWED)]
    assert found == list(_ALLOWED)


def _days(connection: Connection, target: Target) -> dict[datetime, tuple[bool, str, int]]:
    rows = _rows(connection, f"SELECT * FROM reporting.focus_1_4_recency WHERE \"x_Target\" = '{target}'")  # noqa: S608
    return {
        row["TimeSectorStart"].astimezone(UTC): (row["TimeSectorComplete"], row["x_Reason"], row["x_Versions"])
        for row in rows
    }


def test_the_ledger_says_which_days_are_complete_and_which_were_restated(connection: Connection) -> None:
    aws, azure, files = (_days(connection, target) for target in (AWS, AZURE, FILES))
    first = MONTHS[-1].start
    assert aws[first] == (True, "", 1)
    assert aws[first + 2 * DAY] == (False, "the provider still calls amounts an estimate", 1)
    assert aws[first + 3 * DAY] == (False, "never planned", 0)
    assert azure[first + 2 * DAY] == (False, "partial: 1 row of the bill lacks an amount", 1)
    assert {files[month.start][2] for month in MONTHS[3:5]} == {2}
    assert {files[month.start] for month in (*MONTHS[:3], *MONTHS[5:])} == {(True, "", 1)}


def test_a_bill_that_was_delivered_before_its_period_was_over_is_not_complete(connection: Connection) -> None:
    connection.execute("UPDATE finfleet.targets SET delivered = true WHERE provider = 'focus'")
    connection.execute(
        "UPDATE finfleet.runs SET started_at = %s WHERE window_start = %s",
        (MONTHS[-1].start + 9 * DAY, MONTHS[-1].start),
    )
    days = _days(connection, FILES)
    assert days[MONTHS[-1].start][:2] == (False, "the billing period was not over when it was delivered")
    assert days[MONTHS[-2].start][0]


def test_days_and_months_are_those_of_utc_wherever_somebody_asks(connection: Connection) -> None:
    views = ("focus_1_4", "focus_1_4_recency", "focus_1_4_billing_periods")
    told = {}
    for zone in ("UTC", "America/New_York"):
        connection.execute(f"SET LOCAL TimeZone TO '{zone}'".encode())
        told[zone] = [
            sorted(map(repr, (_utc(row) for row in _rows(connection, f"SELECT * FROM reporting.{view}"))))  # noqa: S608
            for view in views
        ]
    assert told["UTC"] == told["America/New_York"]


def _utc(row: dict[str, Any]) -> dict[str, Any]:
    return {name: at.astimezone(UTC) if isinstance(at, datetime) else at for name, at in row.items()}


def test_a_target_that_never_could_is_not_complete(empty: Connection) -> None:
    other, day = Target("aws", "second", "global", "cost"), Window(MONTHS[-1].start, MONTHS[-1].start + DAY)
    usual = CostLine(start=day.start, end=day.end, currency="USD", billed_cost=Decimal(1), sub_account_id="1")
    write(empty, AWS, day, [usual])
    plan(empty, other, day)
    denied = report(run(other, day), Outcome.DENIED, 0, permission="ce:GetCostAndUsage", error="no")
    put(empty, denied, now=day.end + timedelta(hours=1))
    assert _days(empty, other)[day.start][:2] == (False, "denied: ce:GetCostAndUsage")


def test_billing_periods_are_closed_where_the_provider_says_so(connection: Connection) -> None:
    rows = _rows(connection, 'SELECT * FROM reporting.focus_1_4_billing_periods ORDER BY "BillingPeriodStart"')
    told = {row["BillingPeriodStart"]: row for row in rows if row["x_Provider"] == "focus"}
    assert {row["BillingPeriodStatus"] for row in told.values()} == {"Closed"}
    assert {month.start for month in MONTHS} == told.keys()
    restated = told[MONTHS[3].start]
    assert (restated["x_Restated"], restated["x_Versions"]) == (True, 2)
    assert restated["BillingPeriodLastUpdated"] - restated["BillingPeriodCreated"] == DAY
    assert told[MONTHS[0].start]["x_Complete"]
    apis = [row for row in rows if row["x_Provider"] != "focus"]
    assert {(row["BillingPeriodStatus"], row["x_Complete"]) for row in apis} == {("Open", False)}
