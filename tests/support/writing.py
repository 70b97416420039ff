"""What tests of the writer have in common: a ledger with windows, messages for them, and a look at the tables."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from storage.database import Connection
from storage.writer import Received, Written, write
from telemetry.batch import ApiUse, Batch, Message, Outcome, Points, Rate, Report, Run, Series
from telemetry.codec import encode
from telemetry.records import Resource
from telemetry.target import Target, Window
from tests.support.granting import granted

START = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
NOW = START + timedelta(minutes=10)
WINDOW = Window(START, START + timedelta(minutes=5))
TARGET = Target("aws", "default", "us-east-1", "ec2")


def plan(
    connection: Connection,
    target: Target = TARGET,
    window: Window = WINDOW,
    *,
    state: str = "dispatched",
    attempt: int = 1,
) -> int:
    """Put a window into the ledger, and its target where it is not there; returns the target's id."""
    values = {"provider": target.provider, "account": target.account, "region": target.region}
    values["service"] = target.service
    row = connection.execute(
        """
        INSERT INTO finfleet.targets AS t
               (provider, account, region, service, queue, interval_seconds, delay_seconds,
                enabled_since, planned_until)
        VALUES (%(provider)s, %(account)s, %(region)s, %(service)s, 'collect.aws', 300, 0, '2026-01-01', '2027-01-01')
            ON CONFLICT (provider, account, region, service) DO UPDATE SET enabled = true
        RETURNING target_id
        """,
        values,
    ).fetchone()
    assert row is not None
    connection.execute(
        """
        INSERT INTO finfleet.collections (target_id, window_start, window_end, state, attempt, due_at)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        (row[0], window.start, window.end, state, attempt, window.end + timedelta(hours=1)),
    )
    return int(row[0])


def run(target: Target = TARGET, window: Window = WINDOW, *, attempt: int = 1, second: int = 0) -> Run:
    """A run that began so many seconds after its window."""
    started_at = window.end + timedelta(seconds=second)
    return Run(uuid.uuid4(), target, window, attempt, started_at, granted(target, window, attempt))


def batch(
    of: Run,
    number: int = 1,
    points: Sequence[tuple[str, int, float]] = (("i-1", 0, 1.0),),
    rates: Sequence[tuple[str, int, str]] = (),
    *,
    kind: str = "m5.large",
    tags: dict[str, str] | None = None,
    final: bool = True,
) -> Batch:
    """A batch of points (resource, minute of the window, value) and rates (resource, minute, amount)."""
    names = sorted({name for name, *_ in [*points, *rates]})
    target, start = of.target, int(of.window.start.timestamp())
    resources = [
        Resource(
            provider=target.provider,
            account="123456789012",
            region=target.region,
            service=target.service,
            resource_id=f"arn:{target.region}:{name}",
            type=kind,
            name=name,
            tags=tags or {},
            attributes={"vcpus": 2, "spot": False},
        )
        for name in names
    ]
    measured = sorted({name for name, *_ in points})
    series = [Series(names.index(n), "cpu_utilization", "CPUUtilization", "percent", "average", 60) for n in measured]
    return Batch(
        run=of,
        number=number,
        final=final,
        collected_at=of.started_at,
        resources=resources,
        series=series,
        points=Points(
            [measured.index(name) for name, _, _ in points],
            [start + 60 * minute for _, minute, _ in points],
            [value for _, _, value in points],
        ),
        rates=[
            Rate(names.index(name), start + 60 * minute, 300, Decimal(amount), "USD", "on_demand_list")
            for name, minute, amount in rates
        ],
    )


def report(
    of: Run,
    outcome: Outcome = Outcome.COMPLETE,
    batches: int = 1,
    *,
    apis: Iterable[ApiUse] = (ApiUse("ec2:DescribeInstances", 3, 1, Decimal(0)),),
    error: str = "",
    permission: str = "",
    not_before: datetime | None = None,
    partial: tuple[str, ...] = (),
) -> Report:
    finished = of.started_at + timedelta(seconds=2)
    return Report(of, outcome, batches, batches, finished, list(apis), 0, error, permission, not_before, partial)


DEAR = "1E+300"
"""The amount of a rate that passes our checks, and that Postgres refuses after :func:`refuse_dear_rates`."""


def refuse_dear_rates(connection: Connection) -> None:
    """Have Postgres refuse something that we let through."""
    connection.execute("ALTER TABLE finfleet.cost_rates ADD CONSTRAINT rate_overflow CHECK (amount < 1E+200)")


def received(*messages: Message) -> list[Received]:
    return [Received(message, encode(message)) for message in messages]


def put(connection: Connection, *messages: Message, now: datetime = NOW, **options: Any) -> Written:
    """Write these in one transaction."""
    return write(connection, received(*messages), now=now, **{"destinations": ["openfinops"], **options})


def points(connection: Connection) -> dict[tuple[str, int], float]:
    """Values by resource and minute of the window."""
    rows = connection.execute(
        """
        SELECT r.name, extract(epoch FROM p.start - %s)::int / 60, p.value
          FROM finfleet.points AS p
          JOIN finfleet.series USING (series_id)
          JOIN finfleet.resources AS r USING (resource_id)
        """,
        (START,),
    )
    return {(name, minute): value for name, minute, value in rows}


def rates(connection: Connection) -> dict[tuple[str, int], tuple[str, str]]:
    """Amounts, as their text, and types, by resource and minute of the window."""
    rows = connection.execute(
        """
        SELECT r.name, extract(epoch FROM c.start - %s)::int / 60, c.amount::text, c.resource_type
          FROM finfleet.cost_rates AS c JOIN finfleet.resources AS r USING (resource_id)
        """,
        (START,),
    )
    return {(name, minute): (amount, kind) for name, minute, amount, kind in rows}


def ledger(connection: Connection, *columns: str, target: Target = TARGET) -> list[tuple[Any, ...]]:
    """Columns of the ledger for the windows of a target, in the order of time."""
    chosen = ", ".join(f"c.{column}" for column in columns)
    statement = f"""
        SELECT {chosen}
          FROM finfleet.collections AS c JOIN finfleet.targets AS t USING (target_id)
         WHERE t.region = %s
         ORDER BY c.window_start
        """  # noqa: S608 - the test's own names
    return connection.execute(statement.encode(), (target.region,)).fetchall()


def outbox(connection: Connection) -> list[tuple[Any, ...]]:
    """Run, number and body, in order."""
    return connection.execute("SELECT run_id, number, body FROM finfleet.outbox ORDER BY outbox_id").fetchall()


def count(connection: Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM finfleet.{table}".encode()).fetchone()  # noqa: S608 - see above
    assert row is not None
    return int(row[0])
