"""A seeded year of bills: from files that tell all that FOCUS asks, and from APIs that tell little of it."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from storage.database import Connection
from telemetry.batch import Batch, Outcome, Points, Run
from telemetry.costs import CostLine
from telemetry.target import Target, Window
from tests.support.granting import granted
from tests.support.writing import plan, put, report

FILES = Target("focus", "acme", "main", "files")
AWS = Target("aws", "payer", "global", "cost")
AZURE = Target("azure", "prod", "global", "cost")
DAY = timedelta(days=1)
MONTHS = tuple(
    Window(datetime(2025 + month // 12, month % 12 + 1, 1, tzinfo=UTC),
           datetime(2025 + (month + 1) // 12, (month + 1) % 12 + 1, 1, tzinfo=UTC))
    for month in range(10, 22)
)  # fmt: skip
"""November 2025 to October 2026."""
ODD_TAGS: tuple[dict[str, str], ...] = (
    {},
    {"team": 'a "quoted", one', "owner": "=cmd|' /C calc'!A0"},
    {"Größe": "naïve\nline", "emoji": "☃\t", "back\\slash": "\\", "empty": ""},
)
_SERVICES = (
    ("Virtual Machines", "Compute", "Virtual Machines", "vm"),
    ("Object Store", "Storage", "Object Storage", "bucket"),
    ("Managed SQL", "Databases", "Relational Databases", "database"),
)
_PLAN, _RESERVATION = "plan-1", "reservation-1"


def seed(connection: Connection) -> None:
    """Write the year as collections do: months of files, of which two are restated, and days of two APIs."""
    dice = random.Random(14)
    for month in MONTHS:
        former = _bill(dice, month, corrections=False) if month in MONTHS[3:5] else None
        lines = _bill(dice, month, corrections=month is MONTHS[6])
        for attempt, told in enumerate([one for one in (former, lines) if one is not None], start=1):
            write(connection, FILES, month, told, attempt=attempt)
    for number in range(3):
        day = Window(MONTHS[-1].start + number * DAY, MONTHS[-1].start + (number + 1) * DAY)
        write(connection, AWS, day, list(_cost_explorer(day)))
        partial = ("1 row of the bill lacks an amount",) if number == 2 else ()
        write(connection, AZURE, day, list(_asked_twice(day)), partial=partial)


def write(
    connection: Connection,
    target: Target,
    window: Window,
    lines: Sequence[CostLine],
    *,
    attempt: int = 1,
    partial: tuple[str, ...] = (),
) -> None:
    """What an attempt read, a day after its window."""
    if attempt == 1:
        plan(connection, target, window)
    connection.execute(
        "UPDATE finfleet.collections AS c SET attempt = %s, state = 'dispatched' FROM finfleet.targets AS t"
        " WHERE t.target_id = c.target_id AND t.service = %s AND c.window_start = %s",
        (attempt, target.service, window.start),
    )
    at = window.end + attempt * DAY
    run = Run(uuid.uuid4(), target, window, attempt, at, granted(target, window, attempt))
    batch = Batch(run, 1, True, at, [], [], Points([], [], []), [], list(lines))
    put(connection, batch, report(run, Outcome.COMPLETE, partial=partial), now=at, destinations=[])


def _bill(dice: random.Random, month: Window, *, corrections: bool) -> list[CostLine]:
    lines = [line for number in range(0, 28, 9) for line in _day(dice, month, month.start + number * DAY)]
    start = month.start
    lines += [
        _line(month, start, "3.10", "3.10", charge_category="Tax", sku_id="tax", charge_description="VAT"),
        _line(month, start, "-1.05", "-1.05", charge_category="Credit", charge_description="Promotion, first"),
        _line(month, start, "120", "0", charge_category="Purchase", **_commitment("Savings Plan", "Spend", _PLAN),
              **_priced("1", "Commitments")),
        _line(month, start, "0", "0.25", currency="EUR", **_commitment("Savings Plan", "Spend", _PLAN, "Unused"),
              **_priced("1", "Hours")),
    ]  # fmt: skip
    if corrections:
        lines.append(_line(month, start - 40 * DAY, "-2.5", "-2.5", charge_category="Adjustment",
                           charge_class="Correction", charge_description="Refund"))  # fmt: skip
    return lines


def _day(dice: random.Random, month: Window, day: datetime) -> Iterator[CostLine]:
    for number, (name, category, subcategory, kind) in enumerate(_SERVICES):
        amount = Decimal(dice.randrange(10**14)).scaleb(-12)
        used = Decimal(dice.randrange(1, 10**6)).scaleb(-3)
        covered = number == 0 and day.day % 2 == 0
        more = _commitment("Reserved Instance", "Usage", _RESERVATION, "Used") if covered else {}
        yield _line(
            month,
            day,
            "0" if covered else str(amount),
            str(amount * Decimal("0.7") if covered else amount),
            list_cost=amount * 2,
            contracted_cost=amount,
            currency="EUR" if number == 2 else "USD",
            service_name=name,
            service_category=category,
            resource_id="" if number == 1 else f"arn:{kind}/{number}",
            pricing_category="Committed" if covered else "Standard",
            quantity=used,
            unit="Hours",
            tags=ODD_TAGS[number],
            region_id="eu-1",
            sku_id=f"sku-{number}",
            sku_price_id=f"price-{number}",
            **_priced(str(used), "Hours"),
            **_with(more, ServiceSubcategory=subcategory, RegionName="Europe 1",
                    **({} if number == 1 else {"ResourceName": f"the {kind}", "ResourceType": kind})),
        )  # fmt: skip


def _line(month: Window, day: datetime, billed: str, effective: str, **fields: Any) -> CostLine:
    details = {
        "ServiceProviderName": "Example Cloud",
        "HostProviderName": "Example Cloud",
        "InvoiceIssuerName": "Example Cloud",
        "BillingAccountId": "0001",
        "BillingAccountName": "Acme, Inc.",
        "SubAccountType": "Account",
        **fields.pop("details", {}),
    }
    usual: dict[str, Any] = {
        "charge_category": "Usage",
        "service_name": "Support",
        "service_category": "Management and Governance",
        "currency": "USD",
        "charge_description": "As the file says it",
        "sub_account_id": "000123",
        "sub_account_name": "Shop",
        "invoice_id": f"INV-{month.start:%Y%m}",
        "estimated": False,
    }
    return CostLine(
        start=day,
        end=day + DAY,
        billed_cost=Decimal(billed),
        effective_cost=Decimal(effective),
        billing_period_start=month.start,
        billing_period_end=month.end,
        details=details,
        **usual | fields,
    )


def _commitment(kind: str, category: str, of: str, status: str = "") -> dict[str, Any]:
    return {
        "commitment_discount_id": of,
        "commitment_discount_type": kind,
        "commitment_discount_status": status,
        "details": {"CommitmentDiscountCategory": category, "CommitmentDiscountName": f"The {of}"},
    }


def _priced(quantity: str, unit: str) -> dict[str, Any]:
    return {"pricing_quantity": Decimal(quantity), "pricing_unit": unit}


def _with(fields: dict[str, Any], **details: str) -> dict[str, Any]:
    return {**fields, "details": {**fields.get("details", {}), **details}}


def _cost_explorer(day: Window) -> Iterator[CostLine]:
    """As aws/cost tells it: by account, service and record type, with an estimate of the last day."""
    for number, (kind, category) in enumerate((("Usage", "Usage"), ("Tax", "Tax"), ("Credit", "Credit"))):
        for breakdown in ("", "region"):
            yield CostLine(
                breakdown=breakdown,
                start=day.start,
                end=day.end,
                currency="USD",
                billed_cost=Decimal("1.0000000001") + number,
                effective_cost=Decimal("1.0000000001") + number,
                amounts={"UnblendedCost": Decimal("1.0000000001") + number},
                charge_type=kind,
                charge_category=category,
                service_name="" if breakdown else "Amazon Simple Queue Service",
                sub_account_id="" if breakdown else "123456789012",
                sub_account_name="" if breakdown else "Shop",
                estimated=day.start.day == 3,
            )


def _asked_twice(day: Window) -> Iterator[CostLine]:
    """As azure/cost tells it: what is invoiced in lines of their own, and what it costs in others."""
    told = (("Usage", "Usage", "2", "1.5"), ("Tax", "Tax", "0.4", "0.4"), ("Purchase", "Purchase", "30", None))
    for kind, category, billed, effective in told:
        for name, cost in (("ActualCost", billed), ("AmortizedCost", effective)):
            if cost is not None:
                yield CostLine(
                    start=day.start,
                    end=day.end,
                    currency="EUR",
                    billed_cost=Decimal(cost) if name == "ActualCost" else None,
                    effective_cost=Decimal(cost) if name == "AmortizedCost" else None,
                    amounts={name: Decimal(cost)},
                    charge_type=kind,
                    charge_category=category,
                    service_name="Bandwidth",
                    sub_account_id="00000000-0000-0000-0000-000000000001",
                )
