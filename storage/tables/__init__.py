"""The tables, in schema ``finfleet``. Migrations make them; a test compares the two.

People read the views of schema ``reporting`` instead, which stay the same when these tables change.
"""

from __future__ import annotations

from storage.tables.allocation import (
    allocation_owners,
    allocation_rules,
    allocation_runs,
    allocation_versions,
    allocations,
)
from storage.tables.anomalies import anomalies, anomaly_looks, anomaly_notes, forecast_looks, forecasts
from storage.tables.bills import (
    bill_summaries,
    bill_versions,
    bills,
    bills_left_out,
    cost_lines,
    cost_scopes,
    deliveries,
)
from storage.tables.columns import metadata
from storage.tables.exchange import exchange_rates
from storage.tables.ledger import backfill_targets, backfills, collections, folded_windows, pauses, targets
from storage.tables.messages import dead_letters, outbox, suspects
from storage.tables.points import points, points_daily, points_hourly, sealed_days, sealed_points
from storage.tables.processes import locks, planned_services, processes, task_queues
from storage.tables.rates import cost_rates, rate_intervals, rate_starts
from storage.tables.recommendations import recommendations
from storage.tables.resources import resources, series
from storage.tables.runs import batches, run_days, runs

__all__ = [
    "allocation_owners",
    "allocation_rules",
    "allocation_runs",
    "allocation_versions",
    "allocations",
    "anomalies",
    "anomaly_looks",
    "anomaly_notes",
    "backfill_targets",
    "backfills",
    "batches",
    "bill_summaries",
    "bill_versions",
    "bills",
    "bills_left_out",
    "collections",
    "cost_lines",
    "cost_rates",
    "cost_scopes",
    "dead_letters",
    "deliveries",
    "exchange_rates",
    "folded_windows",
    "forecast_looks",
    "forecasts",
    "locks",
    "metadata",
    "outbox",
    "pauses",
    "planned_services",
    "points",
    "points_daily",
    "points_hourly",
    "processes",
    "rate_intervals",
    "rate_starts",
    "recommendations",
    "resources",
    "run_days",
    "runs",
    "sealed_days",
    "sealed_points",
    "series",
    "suspects",
    "targets",
    "task_queues",
]
