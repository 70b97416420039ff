"""A year of bills, small and of every kind: what each reading told, as it was written and as DuckDB has it.

Restated months and days, late lines, credits, refunds, two currencies, a service that vanishes and one that is new, a
tag in three spellings, commitments, a marketplace, and two targets that tell of the same charges.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from storage import partitions
from storage.database import Connection
from telemetry.costs import CostLine
from telemetry.target import Target, Window
from tests.support import writing
from tests.support.bill_readings import settle

DAY = timedelta(days=1)
FILES = Target("aws", "payer", "cur", "bill_files")
PAYER = Target("aws", "payer", "global", "cost")
AZURE = Target("azure", "subscription", "global", "cost")
FIRST, END = datetime(2025, 4, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
ASKED_FROM = datetime(2026, 2, 1, tzinfo=UTC)
"""Since when the APIs are asked."""
FAILED, PARTIAL = date(2026, 3, 15), date(2026, 3, 20)
"""Days of Azure that are not read, and not whole."""
RESTATED = (datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
SPELLINGS = ("Web Shop", "web-shop", "WEBSHOP")
_MONEY = 1_000_000


@dataclass
class Told:
    """A line of a reading, and whether that reading is the bill."""

    target: Target
    window: Window
    attempt: int
    line: CostLine
    settled_at: datetime


@dataclass
class Year:
    """What was written."""

    told: list[Told] = field(default_factory=list)
    #: (resource, metric, statistic, day, count, sum, minimum, maximum)
    metrics: list[tuple[str, str, str, date, int, float, float, float]] = field(default_factory=list)

    def in_duckdb(self) -> duckdb.DuckDBPyConnection:
        """Tables ``told`` and ``metrics``: the seed's own rows.

        A line counts where it is of the last reading, and where no file tells of what an API tells too.
        """
        newest: dict[tuple[Target, datetime], int] = {}
        for one in self.told:
            key = (one.target, one.window.start)
            newest[key] = max(newest.get(key, 0), one.attempt)
        rows = [_row(one, newest[one.target, one.window.start]) for one in self.told]
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("told_rows", pa.Table.from_pylist(rows, schema=_SCHEMA))
        connection.execute("CREATE TABLE told AS SELECT * FROM told_rows")
        metrics = [dict(zip(_METRICS.names, row, strict=True)) for row in self.metrics]
        connection.register("metric_rows", pa.Table.from_pylist(metrics, schema=_METRICS))
        connection.execute("CREATE TABLE metrics AS SELECT * FROM metric_rows")
        connection.execute("CREATE VIEW bill AS SELECT * FROM told WHERE counts AND breakdown = ''")
        return connection


_EXACT = pa.decimal128(38, 12)
_TEXTS = (
    *("breakdown", "currency", "charge_category", "charge_class", "charge_type", "charge_description", "service_name"),
    *("service_category", "sub_account_id", "sub_account_name", "region_id", "availability_zone", "resource_id"),
    *("sku_id", "unit", "invoice_id", "pricing_category", "commitment_discount_id", "commitment_discount_status"),
    "commitment_discount_type",
)
_NUMBERS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost", "quantity")
_MAPS = pa.map_(pa.string(), pa.string())
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("target", "provider", "account", *_TEXTS)),
        *((name, _EXACT) for name in _NUMBERS),
        *((name, pa.date32()) for name in ("day", "month", "invoice_month", "settled_on", "window_start")),
        *((name, pa.int64()) for name in ("attempt", "lines")),
        *((name, pa.bool_()) for name in ("newest", "counts", "estimated")),
        *((name, _MAPS) for name in ("tags", "details")),
    ]
)

_METRICS = pa.schema(
    [
        *((name, pa.string()) for name in ("resource", "metric", "statistic")),
        ("day", pa.date32()),
        ("n", pa.int64()),
        *((name, pa.float64()) for name in ("total", "least", "most")),
    ]
)


def _row(told: Told, newest: int) -> dict[str, Any]:
    line, target = told.line, told.target
    day = line.start.date()
    invoice = line.billing_period_start.date() if line.billing_period_start else None
    is_newest = told.attempt == newest
    return {
        **{name: getattr(line, name) for name in (*_TEXTS, *_NUMBERS, "lines", "estimated", "tags", "details")},
        "target": str(target), "provider": target.provider, "account": target.account,
        "day": day, "month": day.replace(day=1), "invoice_month": invoice,
        "settled_on": told.settled_at.date(), "window_start": told.window.start.date(),
        "attempt": told.attempt, "newest": is_newest, "counts": is_newest and target != PAYER,
    }  # fmt: skip


def write(connection: Connection) -> Year:
    """Write the year through the writer."""
    year, dice = Year(), random.Random(20260401)
    for month in _months():
        window = Window(month, _next(month))
        for attempt in (1, 2) if month in RESTATED else (1,):
            lines = list(_file_lines(dice, window, attempt))
            now = window.end + timedelta(days=5 if attempt == 1 else 40)
            _settle(connection, year, FILES, window, lines, attempt=attempt, now=now, version=f"v{attempt}")
    day = ASKED_FROM
    while day < END:
        _ask(connection, year, dice, day)
        day += DAY
    _write_resources(connection, year, dice)
    return year


def _ask(connection: Connection, year: Year, dice: random.Random, day: datetime) -> None:
    window = Window(day, day + DAY)
    if day.date() == FAILED:
        writing.plan(connection, AZURE, window, state="failed")
    else:
        partial = ("costs of one kind",) if day.date() == PARTIAL else ()
        lines = list(_azure_lines(dice, day))
        _settle(connection, year, AZURE, window, lines, attempt=1, now=day + 2 * DAY, partial=partial)
        if day.day == 28:  # restated, after the month is over
            lines = list(_azure_lines(dice, day))
            _settle(connection, year, AZURE, window, lines, attempt=2, now=_next(day.replace(day=1)) + 3 * DAY)
    if day >= END - 5 * DAY:
        lines = [_line(dice, day, service_name="Compute", sub_account_id="111", charge_category="Usage")]
        _settle(connection, year, PAYER, window, lines, attempt=1, now=day + 2 * DAY)


def _settle(
    connection: Connection, year: Year, target: Target, window: Window, lines: list[CostLine], **more: Any
) -> None:
    settle(connection, target, window, lines, **more)
    year.told += [Told(target, window, more["attempt"], line, more["now"]) for line in lines]


def _months() -> Iterator[datetime]:
    month = FIRST
    while month < END:
        yield month
        month = _next(month)


def _next(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _amount(dice: random.Random, low: int = 1, high: int = 90 * _MONEY) -> Decimal:
    return Decimal(dice.randint(low, high)) / _MONEY


def _line(dice: random.Random, day: datetime, **fields: Any) -> CostLine:
    told = {"start": day, "end": day + DAY, "currency": "USD", "billed_cost": _amount(dice)}
    return CostLine(**{**told, **fields})


def _priced(dice: random.Random, unit: str) -> dict[str, Any]:
    cost = _amount(dice)
    known = dice.random() < 0.9
    return {
        "billed_cost": cost,
        "effective_cost": cost * Decimal("0.9") if dice.random() < 0.95 else None,
        "list_cost": cost * Decimal("1.3") if known else None,
        "contracted_cost": cost * Decimal("1.1") if known else None,
        "quantity": Decimal(dice.randint(1, 5_000)) / 100 if dice.random() < 0.9 else None,
        "unit": unit,
    }


_SERVICES = (
    ("Compute", "Compute", "Hours", "machine hours"),
    ("Storage", "Storage", "GB-Mo", "standard storage"),
    ("Functions", "Compute", "Requests", "invocations"),
    ("Network", "Networking", "GB", "data transfer out"),
)


def _file_lines(dice: random.Random, window: Window, attempt: int) -> Iterator[CostLine]:
    days = (window.end - window.start).days
    invoice = "" if window.start == END - 31 * DAY else f"INV-{window.start:%Y%m}"
    common: dict[str, Any] = {"invoice_id": invoice, "estimated": not invoice}
    common |= {"billing_period_start": window.start, "billing_period_end": window.end}
    for number in range(days * 3):
        day = window.start + number % days * DAY
        name, category, unit, text = _SERVICES[number % len(_SERVICES)]
        account = "111" if number % 3 else "222"
        yield _line(
            dice, day, **common, **_priced(dice, unit), service_name=name, service_category=category,
            charge_category="Usage", charge_description=text, sub_account_id=account,
            sub_account_name=f"name {account}", region_id=("eu-1", "us-1")[number % 2],
            availability_zone=("a", "b", "")[number % 3],
            resource_id=f"{name.lower()}-{number % 5}" if number % 7 else "", sku_id=f"sku-{number % 6}",
            pricing_category="Standard", lines=1 + number % 4,
            tags=({"team": SPELLINGS[number % 3]}, {"team": "data", "stage": "live"}, {"team": ""}, {})[number % 4],
            currency="EUR" if number % 10 == 9 else "USD",
        )  # fmt: skip
    usage = {**common, "charge_category": "Usage", "sub_account_id": "111", "region_id": "eu-1"}
    for number in range(10):
        day = window.start + number * 2 * DAY
        yield _line(
            dice, day, **usage, service_name="Compute", effective_cost=_amount(dice), resource_id="compute-1",
            commitment_discount_id=f"plan-{number % 2}", commitment_discount_type="Savings Plan",
            commitment_discount_status=("Used", "Unused", "")[number % 3], pricing_category="Committed",
            charge_type="SavingsPlanRecurringFee" if number == 5 else "", quantity=Decimal(3), unit="Hours",
            details={"x_CommitmentDiscountEnd": "2026-06-30T00:00:00Z"} if number % 2 else {},
        )  # fmt: skip
    if window.start < datetime(2025, 12, 1, tzinfo=UTC):
        yield _line(dice, window.start, **usage, service_name="Legacy", resource_id="legacy-1")
    if window.end == END:
        yield _line(dice, window.start + 9 * DAY, **usage, service_name="Newcomer", resource_id="newcomer-1")
    yield from _other_charges(dice, window, common, attempt)


def _other_charges(dice: random.Random, window: Window, common: Mapping[str, Any], attempt: int) -> Iterator[CostLine]:
    of = {**common, "sub_account_id": "111", "service_name": "Compute"}
    day = window.start + 2 * DAY
    for _ in range(2):
        yield _line(dice, day, **of, charge_category="Tax", charge_type="Tax")
        yield _line(dice, day, **{**of, "billed_cost": -_amount(dice)}, charge_category="Credit", charge_type="Credit")
    yield _line(dice, day, **{**of, "billed_cost": -_amount(dice)}, charge_category="Adjustment", charge_type="Refund")
    yield _line(dice, day, **of, charge_category="Adjustment", charge_type="RoundingAdjustment")
    yield _line(dice, day, **of, charge_category="Purchase", charge_type="Fee", effective_cost=Decimal(0),
                commitment_discount_id="plan-0", commitment_discount_type="Savings Plan")  # fmt: skip
    yield _line(dice, day, **{**of, "billed_cost": None}, effective_cost=_amount(dice), charge_category="Usage",
                list_cost=_amount(dice))  # fmt: skip
    yield _line(dice, day, **{**of, "service_name": "Vendor's Tool"}, charge_category="Purchase",
                details={"BillingEntity": "AWS Marketplace", "LegalEntity": "Vendor Inc."})  # fmt: skip
    yield _line(dice, day, **{**of, "service_name": "Other Tool"}, charge_category="Usage", unit="Users",
                details={"ServiceProviderName": "Cloud", "HostProviderName": "Vendor"})  # fmt: skip
    if attempt == 2:
        yield _line(dice, day, **of, charge_category="Usage", charge_class="Correction")
    if window.start > FIRST:  # late: of the month before, on this invoice
        yield _line(
            dice, window.start - 2 * DAY, **of, charge_category="Usage", resource_id="compute-2",
            pricing_category="Standard", effective_cost=_amount(dice), quantity=Decimal(1), unit="Hours",
        )  # fmt: skip


def _azure_lines(dice: random.Random, day: datetime) -> Iterator[CostLine]:
    of: dict[str, Any] = {"currency": "EUR", "sub_account_id": "sub-1", "charge_category": "Usage"}
    costs = [_amount(dice) for _ in range(3)]
    for name, cost in zip(("Virtual Machines", "Storage", "Functions"), costs, strict=True):
        yield _line(dice, day, **of, service_name=name, billed_cost=cost, estimated=day > END - 10 * DAY)
    for value, cost in zip(("shop", "data", ""), costs, strict=True):
        tags = {"team": value} if value else {}
        yield _line(dice, day, **of, breakdown="tag:team", tags=tags, billed_cost=cost)
    yield _line(dice, day, **of, breakdown="region", region_id="westeurope", billed_cost=sum(costs, Decimal(0)))


MACHINES = tuple(f"compute-{n}" for n in range(5))
METERED = (("functions-1", "invocations"), ("functions-2", "requests"), ("functions-3", "prediction_count"))
CORES = {"compute-0": 2, "compute-1": 4, "compute-2": 8}


def _write_resources(connection: Connection, year: Year, dice: random.Random) -> None:
    for n in range(14):
        day = END - (n + 1) * DAY
        for machine, load in zip(MACHINES, (2.0, 3.0, 60.0, 20.0, 1.0), strict=True):
            if machine == "compute-4" and n >= 3:
                continue  # is measured on three days alone
            cpu = [load + dice.random() for _ in range(4)]
            _metric(year, machine, "cpu_utilization", "average", day, 288, sum(cpu) * 72, min(cpu), max(cpu))
            if machine != "compute-1":  # its network is not measured
                for way in ("network_in", "network_out"):
                    total = 86_400.0 * (300 if load < 5 else 30_000)
                    _metric(year, machine, way, "sum", day, 288, total, 1.0, total)
        _metric(year, "compute-2", "memory_utilization", "average", day, 288, 288 * 40.0, 30.0, 45.0)
        for resource, metric in METERED:
            total = float(dice.randint(1_000, 2_000_000))
            _metric(year, resource, metric, "sum", day, 288, total, 0.0, total)
        size = float(dice.randint(1, 900) * 1_000_000_000)
        _metric(year, "storage-1", "size_bytes", "average", day, 1, size, size, size)
    days = sorted({day for _, _, _, day, *_ in year.metrics})
    partitions.create(connection, [("points_daily", day) for day in days])
    ids = {name: _resource(connection, name) for name in sorted({name for name, *_ in year.metrics})}
    series = {one: _series(connection, ids[one[0]], *one[1:]) for one in sorted({row[:3] for row in year.metrics})}
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO finfleet.points_daily (series_id, day, count, sum, minimum, maximum, last)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [(series[row[:3]], *row[3:], row[7]) for row in year.metrics],
        )


def _metric(year: Year, resource: str, metric: str, statistic: str, day: datetime, *values: Any) -> None:
    year.metrics.append((resource, metric, statistic, day.date(), *values))


def _resource(connection: Connection, name: str) -> int:
    row = connection.execute(
        "INSERT INTO finfleet.resources (provider, account, region, service, provider_id, type, name, tags, attributes,"
        " fingerprint, first_seen, last_seen) VALUES ('aws', '111', 'eu-1', 'ec2', %s, 'large', %s, '{}',"
        " jsonb_strip_nulls(jsonb_build_object('vcpus', %s::int)), 1, %s, %s) RETURNING resource_id",
        (f"arn:aws:ec2:eu-1:111:thing/{name}", f"called {name}", CORES.get(name), FIRST, END),
    ).fetchone()
    assert row is not None
    return int(row[0])


def _series(connection: Connection, resource: int, metric: str, statistic: str) -> int:
    unit = {"cpu_utilization": "percent", "memory_utilization": "percent", "size_bytes": "bytes"}.get(metric, "count")
    unit = "bytes" if metric.startswith("network") else unit
    row = connection.execute(
        "INSERT INTO finfleet.series (resource_id, metric, source_metric, unit, statistic, period)"
        " VALUES (%s, %s, %s, %s, %s, %s) RETURNING series_id",
        (resource, metric, metric, unit, statistic, 86_400 if metric == "size_bytes" else 300),
    ).fetchone()
    assert row is not None
    return int(row[0])
