"""What Postgres has about a provider in the end, in a form in which two runs can be compared."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from telemetry.target import Window

_WINDOWS = """
SELECT concat_ws('/', t.provider, t.account, t.region, t.service) AS target, c.window_start, c.window_end, c.state
  FROM finfleet.collections AS c JOIN finfleet.targets AS t USING (target_id)
 WHERE t.provider = %(provider)s AND c.window_start >= %(since)s AND c.window_start < %(until)s
"""
_POINTS = """
SELECT resource_id, metric, source_metric, unit, statistic, extract(epoch FROM period)::int, start, value
  FROM reporting.resource_metrics
 WHERE provider = %(provider)s AND start >= %(since)s AND start < %(until)s
"""
_RATES = """
SELECT c.resource_id, c.start, extract(epoch FROM c.period)::int, c.amount::text, c.currency, c.basis, c.type
  FROM reporting.cost_per_hour AS c
 WHERE c.provider = %(provider)s AND c.start >= %(since)s AND c.start < %(until)s
"""
_COSTS = """
SELECT c.* FROM reporting.costs AS c
 WHERE c.provider = %(provider)s AND c.charge_period_start >= %(since)s AND c.charge_period_start < %(until)s
"""
_RESOURCES = """
SELECT provider_id, account, region, service, type, name, tags, attributes FROM finfleet.resources
 WHERE provider = %(provider)s
"""


@dataclass(frozen=True)
class Tables:
    """Windows, points, rates and costs of a span, and all resources. Nothing in it depends on how the run went."""

    #: (end, state) by target and start.
    windows: dict[tuple[str, datetime], tuple[datetime, str]] = field(repr=False)
    #: The value by resource, metric, source metric, unit, statistic, period, start.
    points: dict[tuple[Any, ...], float] = field(repr=False)
    #: Amount as its text, currency, basis, type; by resource, start and period.
    rates: dict[tuple[Any, ...], tuple[str, ...]] = field(repr=False)
    #: The lines of the bill, sorted.
    costs: list[str] = field(repr=False)
    #: Everything that is known of it, by resource.
    resources: dict[str, dict[str, Any]] = field(repr=False)

    @property
    def states(self) -> set[str]:
        """Those that the windows are in."""
        return {state for _, state in self.windows.values()}


def final_tables(database_url: str, span: Window, provider: str = "aws") -> Tables:
    """The tables as they are now."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        times = {"since": span.start, "until": span.end, "provider": provider}
        windows = connection.execute(_WINDOWS, times).fetchall()
        points = connection.execute(_POINTS, times).fetchall()
        rates = connection.execute(_RATES, times).fetchall()
        costs = connection.execute(_COSTS, times).fetchall()
        resources = connection.execute(_RESOURCES, times).fetchall()
    tables = Tables(
        {(row["target"], row["window_start"]): (row["window_end"], row["state"]) for row in windows},
        {tuple(row.values())[:-1]: row["value"] for row in points},
        {tuple(row.values())[:3]: tuple(row.values())[3:] for row in rates},
        # Which run read them, and when, differs from run to run.
        sorted(repr({k: v for k, v in row.items() if k not in {"run_id", "collected_at"}}) for row in costs),
        {row.pop("provider_id"): row for row in resources},
    )
    assert len(tables.points) == len(points), "a reading is there twice"
    assert len(tables.rates) == len(rates), "a rate is there twice"
    assert len(tables.resources) == len(resources), "a resource is there twice"
    return tables
