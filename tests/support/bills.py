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
) -> UUID:
    """A whole reading of a window, at a time; the window is planned with the first. Its run."""
    if attempt == 1:
        writing.plan(connection, of, window, attempt=99)
    run = writing.run(of, window, attempt=attempt, second=attempt)
    batches = [
        Batch(run, number, first + 500 >= len(lines), run.started_at, [], [], Points([], [], []), [], list(part))
        for number, first in enumerate(range(0, len(lines), 500), 1)
        for part in [lines[first : first + 500]]
    ]
    outcome = Outcome.COMPLETE if lines else Outcome.EMPTY
    put(connection, *batches, report(run, outcome, len(batches), partial=partial), now=now)
    return run.run_id


def rows(connection: Connection, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """What a query says, by column."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()
