"""What the demo counts: in Postgres, at the local AWS, at OpenFinOps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row
from pydantic import SecretStr

_TARGETS = """
SELECT concat_ws('/', t.provider, t.account, t.region, t.service) AS target, t.provider, t.region,
       min(c.window_start) AS since, max(c.window_end) AS until,
       count(*) AS planned,
       count(*) FILTER (WHERE c.state = 'complete') AS complete,
       count(*) FILTER (WHERE c.state = 'empty') AS empty,
       count(*) FILTER (WHERE c.state IN ('denied', 'failed')) AS failed,
       count(*) FILTER (WHERE c.state IN ('planned', 'dispatched')) AS waiting,
       (SELECT count(*) FROM reporting.gaps AS g
         WHERE (g.provider, g.account, g.region, g.service) = (t.provider, t.account, t.region, t.service)) AS gaps
  FROM finfleet.targets AS t JOIN finfleet.collections AS c USING (target_id)
 GROUP BY t.target_id ORDER BY 1
"""
_STORED = """
SELECT r.provider, r.region, count(DISTINCT r.resource_id) AS resources, count(DISTINCT s.series_id) AS series,
       count(p.*) AS points, min(p.start) AS first, max(p.start) AS last
  FROM finfleet.resources AS r
  LEFT JOIN finfleet.series AS s USING (resource_id)
  LEFT JOIN finfleet.points AS p USING (series_id)
 GROUP BY 1, 2 ORDER BY 1, 2
"""
_RATES = """
SELECT type, currency, count(*) AS instances, min(amount) AS each_from, max(amount) AS each_to, sum(amount) AS per_hour
  FROM (SELECT DISTINCT ON (resource_id) * FROM reporting.cost_per_hour ORDER BY resource_id, start DESC) AS now
 GROUP BY type, currency ORDER BY per_hour DESC, type
"""
_UNPRICED = """
SELECT count(*) FROM finfleet.resources AS r
 WHERE r.provider = 'aws' AND NOT EXISTS (SELECT FROM finfleet.cost_rates AS c WHERE c.resource_id = r.resource_id)
"""
_CALLS = """
SELECT api, sum(calls)::bigint AS calls, sum(throttles)::bigint AS throttles, sum(cost_usd) AS cost_usd
  FROM reporting.collection_cost WHERE provider = 'aws' GROUP BY api ORDER BY api
"""
_OUTBOX = """
SELECT count(*) FILTER (WHERE state = 'sent') AS sent, count(*) FILTER (WHERE state = 'pending') AS pending,
       count(*) FILTER (WHERE state = 'dead') AS dead, (SELECT count(*) FROM finfleet.dead_letters) AS dead_letters,
       (SELECT count(*) FROM finfleet.batches) AS batches
  FROM finfleet.outbox
"""


@dataclass(frozen=True)
class Facts:
    """Everything that the demo prints, and compares."""

    targets: list[dict[str, Any]]
    stored: list[dict[str, Any]]
    rates: list[dict[str, Any]]
    unpriced: int
    metered: list[dict[str, Any]]
    outbox: dict[str, int]
    #: What the local AWS was asked, by ``service.Action``.
    asked: dict[str, int]
    seed: dict[str, Any]
    #: Datapoints that the local AWS holds for the collected time, by region.
    expected_points: dict[str, int]
    #: How often OpenFinOps holds each batch, by idempotency key.
    received: Counter[str]
    agents: int


def gather(database_url: SecretStr, aws_url: str, openfinops_url: str) -> Facts:
    """Ask everybody. The pipeline goes on meanwhile, so what is compared has to be settled before."""
    with psycopg.connect(database_url.get_secret_value(), row_factory=dict_row) as connection:
        # One snapshot for all of them.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        targets = connection.execute(_TARGETS).fetchall()
        stored = connection.execute(_STORED).fetchall()
        rates = connection.execute(_RATES).fetchall()
        unpriced = connection.execute(_UNPRICED).fetchone() or {}
        metered = connection.execute(_CALLS).fetchall()
        outbox = connection.execute(_OUTBOX).fetchone() or {}
    spans = {row["region"]: (row["since"], row["until"]) for row in targets if row["provider"] == "aws"}
    telemetry = _get(f"{openfinops_url}/api/v1/telemetry/recent?hours=24")["telemetry"]
    return Facts(
        targets=targets,
        stored=stored,
        rates=rates,
        unpriced=int(unpriced["count"]),
        metered=metered,
        outbox=outbox,
        asked=_get(f"{aws_url}/_local/calls")["calls"],
        seed=_get(f"{aws_url}/_local/seed"),
        expected_points={region: _points(aws_url, region, *span) for region, span in spans.items()},
        received=Counter(event["idempotency_key"] for row in telemetry for event in row["events"]),
        agents=len(_get(f"{openfinops_url}/api/v1/agents")["agents"]),
    )


def _points(aws_url: str, region: str, since: datetime, until: datetime) -> int:
    query = f"start={since.timestamp()}&end={until.timestamp()}&region={region}"
    return int(_get(f"{aws_url}/_local/seed?{query}")["points"])


def _get(url: str) -> Any:
    return httpx.get(url, timeout=30).raise_for_status().json()


def total(rows: list[dict[str, Any]], key: str) -> Decimal:
    """The exact sum of a column of amounts."""
    return sum((row[key] for row in rows), Decimal(0))
