"""What tests of bills and of their versions have in common: readings through the writer, and what views say of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from storage.database import Connection
from telemetry.batch import Batch, Outcome, Points
from telemetry.costs import CostLine
from telemetry.target import Target, Window
from tests.support import writing
from tests.support.deliveries import read
from tests.support.writing import NOW, put, report

DAY = timedelta(days=1)


def target(account: str, service: str = "cost") -> Target:
    """Of Amazon, where it does not matter."""
    return Target("aws", account, "global", service)


def day_of(start: datetime, days: int = 1) -> Window:
    """The window of some days."""
    return Window(start, start + days * DAY)


def line(start: datetime, **fields: Any) -> CostLine:
    """A line of the bill of a day: one dollar, if nothing else is said."""
    told: dict[str, Any] = {"start": start, "end": start + DAY, "currency": "USD", "billed_cost": Decimal(1)}
    return CostLine(**(told | fields))


def settle(
    connection: Connection,
    of: Target,
    window: Window,
    lines: Sequence[CostLine],
    *,
    attempt: int = 1,
    now: datetime = NOW,
    partial: tuple[str, ...] = (),
    version: str = "",
) -> UUID:
    """A whole reading of a window, at a time; the window is planned with the first. Its run.

    ``version`` makes it one of a delivery of files.
    """
    if attempt == 1:
        target_id = writing.plan(connection, of, window, attempt=99)
        connection.execute("UPDATE finfleet.targets SET delivered = %s WHERE target_id = %s", (version > "", target_id))
    run = writing.run(of, window, attempt=attempt, second=attempt)
    told = [read(version, sum(one.lines for one in lines), window)] if version else []
    batches = [
        Batch(run, number, False, run.started_at, [], [], Points([], [], []), [], list(lines[first : first + 500]))
        for number, first in enumerate(range(0, len(lines), 500), 1)
    ]
    if told:
        end = len(batches) + 1
        batches.append(Batch(run, end, True, run.started_at, [], [], Points([], [], []), [], deliveries=told))
    outcome = Outcome.COMPLETE if batches else Outcome.EMPTY
    put(connection, *batches, report(run, outcome, len(batches), partial=partial), now=now)
    return run.run_id


def rows(connection: Connection, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """What a query says, by column."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()
