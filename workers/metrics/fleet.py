"""How the whole fleet stands, shown by every planner: read when somebody asks, ten seconds old at the most.

Several planners show the same figures: take the ``max`` of them. What cannot be asked just now is left out, since what
is not known is no zero.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kombu.exceptions import OperationalError
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis import RedisError

from agents.core.context import utc_now
from storage.database import Database
from storage.errors import StorageError
from storage.reports import Gauges, read_gauges
from storage.timeouts import LOOK
from tasks.depths import QueueDepths
from tasks.redis_client import redis_of
from tasks.results import CarrierUnavailable, ingest_queues, open_carrier
from tasks.spend import used_share
from telemetry.settings import Settings
from workers.process import required_broker, required_database_url

logger = logging.getLogger(__name__)

_KEPT = 10.0
_AWAY = (StorageError, CarrierUnavailable, OperationalError, RedisError, OSError)

Values = Mapping[str, list[tuple[tuple[str, ...], float]]]

GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "finfleet_windows": (
        "Windows that are open, ended badly or lack a part that was refused, by state of the ledger",
        ("provider", "state"),
    ),
    "finfleet_due_age_seconds": ("How long the oldest window that is due has waited", ("provider",)),
    "finfleet_ledger_lag_seconds": (
        "How far the target that is furthest behind is behind what should be delivered",
        ("provider", "service"),
    ),
    "finfleet_targets": ("Enabled targets", ("provider", "service")),
    "finfleet_targets_denied": ("Enabled targets whose permission is missing", ("provider", "service")),
    "finfleet_outbox_batches": ("Batches that wait for a destination, or are dead", ("destination", "state")),
    "finfleet_outbox_oldest_age_seconds": ("Age of the oldest of them", ("destination", "state")),
    "finfleet_dead_letters_waiting": ("Messages that wait for a person", ("code",)),
    "finfleet_results_messages": ("Messages on the results queue", ()),
    "finfleet_results_oldest_age_seconds": ("Age of the oldest of them", ()),
    "finfleet_ingest_queue_messages": (
        "Messages on each queue of the ingest: results, bills, letters, and one for each source that pushes",
        ("queue",),
    ),
    "finfleet_task_queue_messages": ("Tasks that wait, and that no worker holds", ("queue",)),
    "finfleet_api_budget_used_ratio": (
        "Part of today's budget for paid APIs that is used, of the account that has used most",
        ("provider",),
    ),
    "finfleet_sources_unavailable": ("1 for what cannot be asked just now", ("source",)),
}


@dataclass(eq=False)
class FleetCollector(Collector):
    """Asks the database and the broker."""

    #: None: it only describes.
    settings: Settings | None = None
    app: Any = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _read_at: float = float("-inf")
    _values: Values = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Connect to nothing yet."""
        if self.settings is None:
            return
        url = required_database_url(self.settings)
        self._database = Database(url, application="finfleet metrics", size=1, wait=2, timeouts=LOOK)
        broker = required_broker(self.settings)
        names = ingest_queues(self.settings.push_sources)
        self._carriers = {label: open_carrier(broker, name) for label, name in names.items()}
        self._redis = redis_of(self.settings.broker)
        self._depths = QueueDepths(self.app)

    def describe(self) -> Iterator[Metric]:
        """What there is."""
        for name, (text, labels) in GAUGES.items():
            yield GaugeMetricFamily(name, text, labels=labels)

    def collect(self) -> Iterator[Metric]:
        """The figures, from the last ten seconds."""
        if self.settings is None:
            return
        with self._lock:
            if time.monotonic() - self._read_at > _KEPT:
                self._values = self._read(self.settings)
                self._read_at = time.monotonic()
            values = self._values
        for name, (text, labels) in GAUGES.items():
            family = GaugeMetricFamily(name, text, labels=labels)
            for own, value in values.get(name, ()):
                family.add_metric(own, value)
            yield family

    def _read(self, settings: Settings) -> Values:
        found: dict[str, list[tuple[tuple[str, ...], float]]] = {"finfleet_sources_unavailable": []}
        sources: dict[str, Callable[[], Values]] = {
            "database": self._ask_database,
            "results": self._ask_results,
            "queues": self._ask_queues,
            "budgets": lambda: self._ask_budgets(settings),
        }
        for source, ask in sources.items():
            away = 0.0
            try:
                found.update(ask())
            except _AWAY as error:
                away = 1.0
                logger.warning("metrics: %s: %s", source, error)
            found["finfleet_sources_unavailable"].append(((source,), away))
        return found

    def _ask_database(self) -> Values:
        with self._database.connection() as connection:
            return _of_gauges(read_gauges(connection, self._database.clock.now(connection)))

    def _ask_results(self) -> Values:
        depths = {label: carrier.depth() for label, carrier in self._carriers.items()}
        depth = depths["results"]
        found: dict[str, list[tuple[tuple[str, ...], float]]] = {
            "finfleet_results_messages": [((), float(depth.messages))],
            "finfleet_ingest_queue_messages": [((label,), float(one.messages)) for label, one in depths.items()],
        }
        if depth.oldest_age is not None:
            found["finfleet_results_oldest_age_seconds"] = [((), depth.oldest_age)]
        return found

    def _ask_queues(self) -> Values:
        names = [queue.name for queue in self.app.conf.task_queues]
        return {"finfleet_task_queue_messages": [((name,), float(n)) for name, n in self._depths.read(names).items()]}

    def _ask_budgets(self, settings: Settings) -> Values:
        shares: list[tuple[tuple[str, ...], float]] = []
        for provider, section in settings.providers():
            if section.budget_usd_per_day and self._redis is not None:
                accounts = [f"{provider}/{account.name}" for account in section.accounts_of(provider)]
                share = used_share(self._redis, accounts, section.budget_usd_per_day, utc_now())
                shares.append(((provider,), share))
        return {"finfleet_api_budget_used_ratio": shares}


def _of_gauges(gauges: Gauges) -> Values:
    windows = [(x.provider, x.state, x.windows) for x in gauges.open_windows]
    windows += [(x.provider, x.state, x.windows) for x in gauges.bad_windows]
    windows += [(x.provider, "refused", x.windows) for x in gauges.refused_windows]
    return {
        "finfleet_windows": [((provider, state), float(count)) for provider, state, count in windows],
        "finfleet_due_age_seconds": [
            ((x.provider,), x.oldest_due) for x in gauges.open_windows if x.oldest_due is not None
        ],
        "finfleet_ledger_lag_seconds": [((x.provider, x.service), x.lag) for x in gauges.lags],
        "finfleet_targets": [((x.provider, x.service), float(x.targets)) for x in gauges.lags],
        "finfleet_targets_denied": [((x.provider, x.service), float(x.denied)) for x in gauges.lags],
        "finfleet_outbox_batches": [((x.destination, x.state), float(x.entries)) for x in gauges.outbox],
        "finfleet_outbox_oldest_age_seconds": [((x.destination, x.state), x.oldest) for x in gauges.outbox],
        "finfleet_dead_letters_waiting": [((x.code,), float(x.letters)) for x in gauges.dead_letters],
    }
