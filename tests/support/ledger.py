"""What tests of the ledger have in common: times, plans, and a look at its rows."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from storage import ledger
from storage.database import Connection
from telemetry.target import Target, Window

NOW = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
"""Half a minute after noon: with a delay of nothing the window that ends at noon has closed."""


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def at(clock: str) -> datetime:
    """The time of that day, `11:55` or `11:55:30`."""
    return datetime.fromisoformat(f"2026-11-24T{clock}+00:00")


def plan(
    region: str = "us-east-1",
    *,
    provider: str = "aws",
    service: str = "ec2",
    interval: timedelta = timedelta(minutes=5),
    delay: timedelta = timedelta(0),
    backfill: timedelta = timedelta(0),
    live: bool = False,
    queue: str = "collect.aws",
) -> ledger.TargetPlan:
    target = Target(provider, "default", region, service)
    return ledger.TargetPlan(target=target, queue=queue, interval=interval, delay=delay, live=live, backfill=backfill)


def sync(connection: Connection, *plans: ledger.TargetPlan, now: datetime = NOW) -> ledger.Synced:
    return ledger.sync_targets(connection, plans, "aws", "ec2", now)


def take(
    connection: Connection, now: datetime = NOW, *, max_attempts: int = 3, max_in_flight: int = 1000, limit: int = 1000
) -> list[ledger.Dispatch]:
    return ledger.take_due(
        connection,
        None,
        now,
        lease=minutes(15),
        max_attempts=max_attempts,
        max_in_flight=max_in_flight,
        limit=limit,
    )


def settle(connection: Connection, dispatch: ledger.Dispatch, state: str, records: int | None = None) -> None:
    """As the writer does it when the report comes in."""
    connection.execute(
        """
        UPDATE finfleet.collections
           SET state = %s, records = %s, settled_at = now(), failures = 0
         WHERE target_id = %s AND window_start = %s
        """,
        (state, records, dispatch.target_id, dispatch.window.start),
    )


def windows(connection: Connection, region: str = "us-east-1") -> dict[Window, str]:
    """Windows of a target and their states, by time."""
    rows = connection.execute(
        """
        SELECT window_start, window_end, state
          FROM finfleet.collections JOIN finfleet.targets USING (target_id)
         WHERE region = %s
         ORDER BY window_start
        """,
        (region,),
    )
    return {Window(start, end): state for start, end, state in rows}


def clocks(found: dict[Window, str] | list[Window]) -> list[str]:
    """Windows as `11:50-11:55`."""
    return [f"{window.start:%H:%M}-{window.end:%H:%M}" for window in found]


def overlaps(found: list[Window]) -> list[tuple[Window, Window]]:
    """Windows that share a moment, of windows by their start."""
    return [(one, two) for one, two in pairwise(found) if two.start < one.end]
