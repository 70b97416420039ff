"""What the benchmarks store: the batches of a fleet, and the ledger that planned them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from pydantic import SecretStr

from storage.database import Connection
from telemetry.batch import ApiUse, Batch, Message, Outcome, Points, Rate, Report, Run, Series
from telemetry.grants import grant
from telemetry.records import Resource
from telemetry.target import Target, Window

METRICS = ("cpu_utilization", "memory_utilization", "network_in", "network_out", "disk_read")
FIRST = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
INTERVAL = timedelta(minutes=5)
KEY = SecretStr("the-signing-key-of-the-benchmarks")
POINTS_A_SERIES = 5  # one a minute


@dataclass(frozen=True)
class Load:
    """Every target has one batch a window, of about 5,000 records: points, their resources, and a rate for each."""

    targets: int = 60
    windows: int = 2
    resources: int = 180

    @property
    def points(self) -> int:
        """All of them."""
        return self.targets * self.windows * self.resources * len(METRICS) * POINTS_A_SERIES

    def messages(self, first_window: int, windows: int) -> Iterator[Message]:
        """Batches and reports, window by window."""
        for place in range(first_window, first_window + windows):
            start = FIRST + place * INTERVAL
            for number in range(self.targets):
                target = Target("aws", "default", f"region-{number}", "ec2")
                window = Window(start, start + INTERVAL)
                signed = grant(KEY, target, window, 1, datetime.now(UTC))
                run = Run.start(target, window, 1, start + INTERVAL, signed)
                yield self._batch(run)
                use = ApiUse("cloudwatch:GetMetricData", 2, 0, Decimal("0.009"))
                yield Report(run, Outcome.COMPLETE, 1, 2 * self.resources, start + INTERVAL, [use])

    def plan(self, connection: Connection, first_window: int, windows: int) -> None:
        """The windows of :meth:`messages` in the ledger, handed out."""
        connection.execute(
            """
            WITH t AS (
                INSERT INTO finfleet.targets AS t
                       (provider, account, region, service, queue, interval_seconds, delay_seconds,
                        enabled_since, planned_until)
                SELECT 'aws', 'default', 'region-' || n, 'ec2', 'collect.aws', 300, 0, %(first)s, %(first)s
                  FROM generate_series(0, %(targets)s - 1) AS n
                    ON CONFLICT (provider, account, region, service) DO UPDATE SET enabled = true
                RETURNING target_id
            )
            INSERT INTO finfleet.collections (target_id, window_start, window_end, state, attempt)
            SELECT t.target_id, %(first)s + n * %(interval)s, %(first)s + (n + 1) * %(interval)s, 'dispatched', 1
              FROM t CROSS JOIN generate_series(%(from)s, %(from)s + %(windows)s - 1) AS n
            """,
            {
                "first": FIRST,
                "interval": INTERVAL,
                "targets": self.targets,
                "from": first_window,
                "windows": windows,
            },
        )

    def _batch(self, run: Run) -> Batch:
        draw = random.Random(f"{run.target}{run.window}")  # the same data in every run of the benchmark
        start = int(run.window.start.timestamp())
        series = self.resources * len(METRICS)
        return Batch(
            run=run,
            number=1,
            final=True,
            collected_at=run.started_at,
            resources=[self._resource(run.target, number) for number in range(self.resources)],
            series=[
                Series(number, metric, f"Source.{metric}", "percent", "average", 60)
                for number in range(self.resources)
                for metric in METRICS
            ],
            points=Points(
                [index for index in range(series) for _ in range(POINTS_A_SERIES)],
                [start + 60 * minute for _ in range(series) for minute in range(POINTS_A_SERIES)],
                [round(draw.uniform(0, 100), 6) for _ in range(series * POINTS_A_SERIES)],
            ),
            rates=[
                Rate(number, start, 300, Decimal("0.0960"), "USD", "on_demand_list") for number in range(self.resources)
            ],
        )

    def _resource(self, target: Target, number: int) -> Resource:
        name = f"i-{number:017x}"
        return Resource(
            provider="aws",
            account="123456789012",
            region=target.region,
            service="ec2",
            resource_id=f"arn:aws:ec2:{target.region}:123456789012:instance/{name}",
            type="m5.large",
            name=name,
            tags={"team": f"team-{number % 7}", "environment": "production", "cost-center": str(number % 11)},
            attributes={"state": "running", "vcpus": 2, "memory_gib": 8, "spot": False},
        )
