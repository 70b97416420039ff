"""What passes the ingest: every collection of the fleet reports here, so this is where calls and dollars are counted.

A message that comes again is not counted again: the database knows it. What a process has counted is gone with it,
which Prometheus's ``increase`` and ``rate`` allow for.
"""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from storage.writer import Written
from telemetry.batch import Report
from workers.metrics.registry import REGISTRY, Bounded

_SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200)
RECORDS = Counter(
    "finfleet_records_written",
    "Records committed: resources, points, rates, lines of costs",
    ("provider", "service"),
    registry=REGISTRY,
)
BATCHES = Counter("finfleet_batches_written", "Batches committed", registry=REGISTRY)
DUPLICATES = Counter(
    "finfleet_duplicate_messages", "Batches and reports that were there already, and changed nothing", registry=REGISTRY
)
DEAD = Counter("finfleet_dead_letters", "Messages that could not be taken in", ("code",), registry=REGISTRY)
SETTLED = Counter(
    "finfleet_windows_settled", "Changes of a window's state, by the new one", ("state",), registry=REGISTRY
)
RUNS = Counter(
    "finfleet_collections", "Runs that reported, by outcome", ("provider", "service", "outcome"), registry=REGISTRY
)
DURATION = Histogram(
    "finfleet_collection_duration_seconds",
    "From the start of a run to its report",
    ("provider", "service"),
    buckets=_SECONDS,
    registry=REGISTRY,
)
CALLS = Counter("finfleet_api_calls", "Calls to providers' APIs", ("provider", "api"), registry=REGISTRY)
THROTTLES = Counter(
    "finfleet_api_throttles", "Calls that the provider answered with slow down", ("provider", "api"), registry=REGISTRY
)
DOLLARS = Counter(
    "finfleet_api_cost_usd", "What the calls cost by list price, in US dollars", ("provider", "api"), registry=REGISTRY
)
UNPRICED = Counter(
    "finfleet_api_unpriced_calls",
    "Calls whose price is not known, and which the dollars leave out",
    ("provider", "api"),
    registry=REGISTRY,
)
UNKNOWN_PRICES = Counter(
    "finfleet_unknown_prices", "Prices of resources that were asked for and not found", ("provider",), registry=REGISTRY
)


class IngestMetrics:
    """Counts what transactions did."""

    def __init__(self) -> None:
        """Count nothing yet."""
        self._targets = Bounded()
        self._apis = Bounded()
        self._codes = Bounded(50)

    def count(self, written: Written) -> None:
        """Take in one transaction."""
        BATCHES.inc(written.batches)
        DUPLICATES.inc(written.duplicates)
        for target, records in written.records_of.items():
            RECORDS.labels(*self._targets(*target)).inc(records)
        for state, windows in written.settled.items():
            SETTLED.labels(state).inc(windows)
        for code, letters in written.dead_lettered.items():
            DEAD.labels(*self._codes(code)).inc(letters)
        for report in written.ended:
            self._count_run(report)

    def _count_run(self, report: Report) -> None:
        run = report.run
        target = self._targets(run.target.provider, run.target.service)
        RUNS.labels(*target, str(report.outcome)).inc()
        DURATION.labels(*target).observe(max(0.0, (report.finished_at - run.started_at).total_seconds()))
        UNKNOWN_PRICES.labels(target[0]).inc(report.unknown_prices)
        for use in report.apis:
            labels = self._apis(run.target.provider, use.api)
            CALLS.labels(*labels).inc(use.calls)
            THROTTLES.labels(*labels).inc(use.throttles)
            if use.cost_usd is None:
                UNPRICED.labels(*labels).inc(use.calls)
            else:
                DOLLARS.labels(*labels).inc(float(use.cost_usd))
