"""What tests of deliveries of bills have in common: an export with its two targets, what is seen, and its bill."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg.rows import dict_row

from storage import ledger
from storage.database import Connection
from storage.ledger import TargetPlan
from storage.writer import Written
from telemetry.batch import Batch, Message, Outcome, Points, Run
from telemetry.costs import CostLine
from telemetry.deliveries import DeliveredFile, Delivery, DeliveryState
from telemetry.target import Target, Window
from tests.support.granting import granted
from tests.support.writing import put, report

LOOKS = Target("aws", "payer", "cur", "bill_deliveries")
READS = Target("aws", "payer", "cur", "bill_files")
NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
OCTOBER = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def minutes(count: float) -> datetime:
    """So many after NOW."""
    return NOW + timedelta(minutes=count)


def plan(connection: Connection, looks: Target = LOOKS, reads: Target = READS, now: datetime = NOW) -> None:
    """Have the planner know an export, beside those that it knows."""
    for target, delivered in ((looks, False), (reads, True)):
        interval = HOUR if not delivered else timedelta(days=31)
        known = ledger.find_targets(connection, [f"{target.provider}/*/*/{target.service}"])
        plans = [
            TargetPlan(
                target=one,
                queue=f"collect.{target.provider}",
                interval=interval,
                delay=timedelta(0),
                live=False,
                delivered=delivered,
            )
            for one in {target, *(found.target for found in known if found.enabled)}
        ]
        ledger.sync_targets(connection, plans, target.provider, target.service, now - 2 * HOUR)
    ledger.open_windows(connection, looks.provider, looks.service, now)


def seen(version: str, period: Window = NOVEMBER, *, at: datetime | None = None, **more: Any) -> Delivery:
    """A version of a period that was found."""
    return Delivery(
        state=DeliveryState.SEEN,
        period_start=period.start,
        period_end=period.end,
        version=version,
        submitted_at=at,
        service=READS.service,
        **more,
    )


def missing(reason: str, period: Window = NOVEMBER) -> Delivery:
    """A period that is not delivered."""
    return Delivery(
        state=DeliveryState.MISSING,
        period_start=period.start,
        period_end=period.end,
        reason=reason,
        service=READS.service,
    )


def read(version: str, rows: int, period: Window = NOVEMBER, *, at: datetime | None = None, **more: Any) -> Delivery:
    """A version that was read whole, of a file of so many rows."""
    fields: dict[str, Any] = {
        "files": [DeliveredFile(name=f"{version}.csv.gz", size=100, etag="e", rows=rows)],
        "rows_read": rows,
        "bytes_read": 100,
    }
    return Delivery(
        state=DeliveryState.READ,
        period_start=period.start,
        period_end=period.end,
        version=version,
        submitted_at=at,
        **(fields | more),
    )


def look_at(told: Sequence[Delivery], *, at: datetime = NOW, looks: Target = LOOKS) -> list[Message]:
    """What a look publishes."""
    window = Window(NOW.replace(minute=0) - HOUR, NOW.replace(minute=0))
    run = Run(uuid.uuid4(), looks, window, 1, at, granted(looks, window, 1))
    batch = Batch(run, 1, True, at, [], [], Points([], [], []), [], deliveries=list(told))
    return [batch, report(run, batches=1)]


def look(connection: Connection, *told: Delivery, at: datetime = NOW, looks: Target = LOOKS) -> Written:
    """Look, and store what was seen."""
    connection.execute(
        b"UPDATE finfleet.collections AS c SET attempt = greatest(attempt, 1) FROM finfleet.targets AS t"
        b" WHERE t.target_id = c.target_id AND NOT t.delivered"
    )
    return put(connection, *look_at(told, at=at, looks=looks), now=at)


def take(connection: Connection, now: datetime = NOW, target: Target = READS) -> list[ledger.Dispatch]:
    """What the planner hands out of what is delivered."""
    return ledger.take_due(
        connection,
        target.provider,
        now,
        lease=HOUR,
        max_attempts=8,
        max_in_flight=1000,
        service=target.service,
    )


def bill_of(
    dispatch: ledger.Dispatch,
    version: str,
    amounts: Iterable[str],
    *,
    started: datetime = NOW,
    submitted: datetime | None = None,
    day: datetime | None = None,
    account: str = "111111111111",
    proof: bool = True,
    **changes: Any,
) -> list[Message]:
    """What an attempt publishes that reads a version whole: a line for each amount, each of two of the provider's."""
    window = dispatch.window
    grant = granted(dispatch.target, window, dispatch.attempt)
    run = Run(uuid.uuid4(), dispatch.target, window, dispatch.attempt, started, grant)
    start = day or window.start
    lines = [
        CostLine(
            start=start,
            end=start + timedelta(days=1),
            currency="USD",
            billed_cost=Decimal(amount),
            sub_account_id=account,
            service_name="EC2",
            resource_id=f"i-{number}",
            lines=2,
            billing_period_start=window.start,
            billing_period_end=window.end,
            **changes,
        )
        for number, amount in enumerate(amounts)
    ]
    told = [read(version, 2 * len(lines), window, at=submitted)] if proof else []
    batch = Batch(run, 1, True, started, [], [], Points([], [], []), [], lines, deliveries=told)
    sent = [batch] if lines or told else []
    return [*sent, report(run, Outcome.COMPLETE if sent else Outcome.EMPTY, len(sent))]


def rows(connection: Connection, statement: str) -> list[dict[str, Any]]:
    """What a query finds."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement.encode()).fetchall()


def states(connection: Connection, period: Window = NOVEMBER) -> dict[str, str]:
    """State by version, of a period."""
    found = rows(connection, "SELECT * FROM reporting.deliveries")
    return {row["version"]: row["state"] for row in found if row["period_start"] == period.start}


def bill(connection: Connection) -> list[Decimal]:
    """Amounts that count, in order."""
    return sorted(row["billed_cost"] for row in rows(connection, "SELECT billed_cost FROM reporting.costs"))
