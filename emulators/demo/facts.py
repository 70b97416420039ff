"""What the demo counts: in Postgres, at the local clouds, at OpenFinOps."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row
from pydantic import SecretStr

from emulators.demo.clouds import Cloud, Expected, Planned

_TARGETS = """
SELECT concat_ws('/', t.provider, t.account, t.region, t.service) AS target,
       t.provider, t.account, t.region, t.service, t.interval_seconds, t.delivered,
       min(c.window_start) AS since, max(c.window_end) AS until,
       count(*) AS planned,
       count(*) FILTER (WHERE c.state = 'complete') AS complete,
       count(*) FILTER (WHERE c.state = 'empty') AS empty,
       count(*) FILTER (WHERE c.state IN ('denied', 'failed')) AS failed,
       count(*) FILTER (WHERE c.state IN ('planned', 'dispatched')) AS waiting,
       count(*) FILTER (WHERE r.started_at - c.window_end >= interval '1 hour') AS late,
       -- A window that closed a moment ago is a gap until the next tick of beat. What is read back is partial.
       (SELECT count(*) FROM reporting.gaps AS g
         WHERE (g.provider, g.account, g.region, g.service) = (t.provider, t.account, t.region, t.service)
           AND g.reason NOT LIKE 'partial:%'
           AND g.gap_start < max(c.window_end)) AS gaps
  FROM finfleet.targets AS t JOIN finfleet.collections AS c USING (target_id)
  LEFT JOIN finfleet.runs AS r ON r.run_id = c.settled_run
 GROUP BY t.target_id ORDER BY 1
"""
_STORED = """
WITH measured AS (
    SELECT provider, service, count(*) AS points, min(start) AS first, max(start) AS last
      FROM reporting.resource_metrics
     GROUP BY 1, 2
)
SELECT r.provider, r.service, count(DISTINCT r.resource_id) AS resources, count(DISTINCT s.series_id) AS series,
       coalesce(max(m.points), 0) AS points, max(m.first) AS first, max(m.last) AS last
  FROM finfleet.resources AS r
  LEFT JOIN finfleet.series AS s USING (resource_id)
  LEFT JOIN measured AS m USING (provider, service)
 GROUP BY 1, 2 ORDER BY 1, 2
"""
_RATES = """
SELECT provider, type, currency, count(*) AS instances, min(amount) AS each_from, max(amount) AS each_to,
       sum(amount) AS per_hour
  FROM (SELECT DISTINCT ON (resource_id) * FROM reporting.cost_per_hour ORDER BY resource_id, start DESC) AS now
 GROUP BY provider, type, currency ORDER BY provider, per_hour DESC, type
"""
_UNPRICED = """
SELECT r.provider, count(*) AS resources
  FROM finfleet.resources AS r
 WHERE r.provider <> 'generic'
   AND NOT EXISTS (SELECT FROM finfleet.cost_rates AS c WHERE c.resource_id = r.resource_id)
 GROUP BY 1 ORDER BY 1
"""
_BILLS = """
SELECT provider, billing_currency AS currency, service_name AS service, sum(billed_cost) AS billed,
       sum(effective_cost) AS effective
  FROM reporting.costs
 GROUP BY 1, 2, 3 ORDER BY 1, 2, billed DESC NULLS LAST, service
"""
_RESOURCES = """
SELECT provider, billing_currency AS currency, service_name AS service, resource_id AS resource,
       sum(billed_cost) AS billed, sum(effective_cost) AS effective
  FROM reporting.costs
 WHERE provider = 'aws' AND resource_id <> ''
 GROUP BY 1, 2, 3, 4 ORDER BY billed DESC NULLS LAST, resource LIMIT 10
"""
_CALLS = """
SELECT provider, api, sum(calls)::bigint AS calls, sum(throttles)::bigint AS throttles, sum(cost_usd) AS cost_usd
  FROM reporting.collection_cost
 WHERE api NOT LIKE 'login:%' -- tokens: how many it takes depends on when workers start
 GROUP BY provider, api ORDER BY provider, api
"""
_OUTBOX = """
SELECT count(*) FILTER (WHERE state = 'sent') AS sent, count(*) FILTER (WHERE state = 'pending') AS pending,
       count(*) FILTER (WHERE state = 'dead') AS dead, (SELECT count(*) FROM finfleet.dead_letters) AS dead_letters,
       -- What was looked for is the ledger's alone; and of what was read no destination has more than the lines.
       (SELECT count(*) FROM finfleet.batches AS b JOIN finfleet.runs AS r USING (run_id)
          JOIN finfleet.targets AS t USING (target_id) WHERE t.service NOT LIKE '%deliveries') AS batches,
       (SELECT count(*) FROM finfleet.batches AS b JOIN finfleet.runs AS r USING (run_id)
          JOIN finfleet.targets AS t USING (target_id)
         WHERE t.delivered AND b.number = r.batches_expected AND b.records = 1) AS silent
  FROM finfleet.outbox
"""

Row = dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """Everything that the demo prints, and compares."""

    targets: list[Row]
    stored: list[Row]
    rates: list[Row]
    unpriced: list[Row]
    bills: list[Row]
    #: What costs most on the bill of AWS.
    dearest: list[Row]
    metered: list[Row]
    outbox: dict[str, int]
    #: What each cloud was asked, by provider and API.
    asked: Mapping[str, Mapping[str, int]]
    #: What must be there, by provider and service.
    expected: Mapping[tuple[str, str], Expected]
    #: How often OpenFinOps holds each batch, by idempotency key.
    received: Counter[str]
    agents: int

    def least_calls(self, provider: str) -> dict[str, int]:
        """The fewest calls that the collected windows can take, by API."""
        least: Counter[str] = Counter()
        for (of, _), expected in self.expected.items():
            if of == provider:
                least.update(expected.calls)
        return {api: calls for api, calls in least.items() if calls}

    def uncounted(self, provider: str) -> frozenset[str]:
        """APIs of which the fewest calls are not known."""
        return frozenset[str]().union(*(one.uncounted for (of, _), one in self.expected.items() if of == provider))


def gather(database_url: SecretStr, clouds: Sequence[Cloud], openfinops_url: str) -> Facts:
    """Ask everybody. The pipeline goes on meanwhile, so what is compared has to be settled before."""
    with psycopg.connect(database_url.get_secret_value(), row_factory=dict_row) as connection:
        # One snapshot for all of them.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        found = [
            connection.execute(statement.encode()).fetchall()
            for statement in (_TARGETS, _STORED, _RATES, _UNPRICED, _BILLS, _RESOURCES, _CALLS)
        ]
        targets, stored, rates, unpriced, bills, dearest, metered = found
        outbox = connection.execute(_OUTBOX).fetchone() or {}
    telemetry = _get(f"{openfinops_url}/api/v1/telemetry/recent?hours=1680")["telemetry"]
    return Facts(
        targets=targets,
        stored=stored,
        rates=rates,
        unpriced=unpriced,
        bills=bills,
        dearest=dearest,
        metered=metered,
        outbox=outbox,
        asked={cloud.provider: cloud.asked() for cloud in clouds},
        expected=_expected(targets, clouds),
        received=Counter(event["idempotency_key"] for row in telemetry for event in row["events"]),
        agents=len(_get(f"{openfinops_url}/api/v1/agents")["agents"]),
    )


def _expected(targets: Sequence[Row], clouds: Sequence[Cloud]) -> dict[tuple[str, str], Expected]:
    by_provider = {cloud.provider: cloud for cloud in clouds}
    planned: defaultdict[tuple[str, str], list[Planned]] = defaultdict(list)
    for row in targets:
        place = {name: row[name] for name in ("provider", "account", "region", "service", "since", "until")}
        planned[row["provider"], row["service"]].append(Planned(**place, windows=row["planned"], late=row["late"]))
    return {key: by_provider[key[0]].expected(found) for key, found in planned.items() if key[0] in by_provider}


def _get(url: str) -> Any:
    return httpx.get(url, timeout=30).raise_for_status().json()


def total(rows: Sequence[Row], key: str) -> Decimal:
    """The exact sum of a column of amounts; what is not told is left out."""
    return sum((row[key] for row in rows if row[key] is not None), Decimal(0))
