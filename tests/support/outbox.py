"""Batches, and outboxes filled with them."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from storage.database import Connection
from telemetry.batch import Batch, Points, Rate, Run, Series
from telemetry.codec import encode
from telemetry.records import Resource
from telemetry.target import Target, Window, floor_time
from tests.support.granting import granted

EC2 = Target("aws", "prod", "us-east-1", "ec2")
_STEP = timedelta(minutes=5)
_PRESENT = floor_time(datetime.now(UTC), _STEP)
"""Of this test process: a test that goes on over a full five minutes has the same windows at its end."""


def windows(count: int) -> list[Window]:
    """The last closed five-minute windows before these tests, the oldest first."""
    return [Window(_PRESENT - _STEP * (index + 1), _PRESENT - _STEP * index) for index in reversed(range(count))]


def make_batch(
    target: Target = EC2,
    window: Window | None = None,
    *,
    prices: Sequence[tuple[str, str] | None] = (("0.0960", "USD"), None),
    number: int = 1,
    final: bool = True,
) -> Batch:
    """A batch with one resource per price (amount and currency; None where it is unknown), each with one point."""
    window = window or windows(1)[0]
    start = int(window.start.timestamp())
    resources = [
        Resource(
            provider=target.provider,
            account="123456789012",
            region=target.region,
            service=target.service,
            resource_id=f"i-{index:04}",
            type="m5.large",
            name=f"web-{index}",
            tags={"team": "web"},
            attributes={"state": "running", "launched": None},
        )
        for index in range(len(prices))
    ]
    return Batch(
        run=Run(uuid.uuid4(), target, window, 1, window.end, granted(target, window)),
        number=number,
        final=final,
        collected_at=window.end + timedelta(seconds=30),
        resources=resources,
        series=[
            Series(index, "cpu_utilization", "CPUUtilization", "percent", "average", 300)
            for index in range(len(prices))
        ],
        points=Points(
            list(range(len(prices))), [start] * len(prices), [10.0 * (index + 1) for index in range(len(prices))]
        ),
        rates=[
            Rate(index, start, 300, Decimal(price[0]), price[1], "on_demand_list")
            for index, price in enumerate(prices)
            if price is not None
        ],
    )


def add_target(connection: Connection, target: Target) -> int:
    """Make a target known, and return its id."""
    row = connection.execute(
        b"""
        INSERT INTO finfleet.targets
            (provider, account, region, service, queue, interval_seconds, delay_seconds, enabled_since, planned_until)
        VALUES (%s, %s, %s, %s, 'collect', 300, 0, now(), now())
        RETURNING target_id
        """,
        [target.provider, target.account, target.region, target.service],
    ).fetchone()
    assert row is not None
    return int(row[0])


def put(
    connection: Connection, target_id: int, batch: Batch, body: bytes | None = None, destination: str = "openfinops"
) -> int:
    """Put a batch into the outbox, and return its entry's id; another `body` in its place, where given."""
    row = connection.execute(
        b"""
        INSERT INTO finfleet.outbox (destination, target_id, run_id, number, body)
        VALUES (%s, %s, %s, %s, %s)
        RETURNING outbox_id
        """,
        [destination, target_id, batch.run.run_id, batch.number, encode(batch) if body is None else body],
    ).fetchone()
    assert row is not None
    return int(row[0])


def fill(
    connection: Connection, targets: int, entries: int, destinations: Sequence[str] = ("openfinops",)
) -> dict[str, list[str]]:
    """Put `entries` batches of each of `targets` targets, interleaved; the keys of each target's in order."""
    names = [Target("aws", "prod", f"region-{index}", "ec2") for index in range(targets)]
    ids = {target: add_target(connection, target) for target in names}
    keys: dict[str, list[str]] = {str(target): [] for target in names}
    for window in windows(entries):
        for target in names:
            batch = make_batch(target, window)
            for destination in destinations:
                put(connection, ids[target], batch, destination=destination)
            keys[str(target)].append(str(batch.batch_id))
    return keys


def states(connection: Connection) -> dict[int, str]:
    """The state of each entry by its id."""
    return dict(connection.execute(b"SELECT outbox_id, state FROM finfleet.outbox ORDER BY outbox_id").fetchall())
