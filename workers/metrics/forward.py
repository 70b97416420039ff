"""What the forwarder has done, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from workers.forward import Forwarder


class ForwardCollector(Collector):
    """Shows a forwarder."""

    def __init__(self, forwarder: Forwarder | None = None) -> None:
        """With None it only describes."""
        self._forwarder = forwarder

    def describe(self) -> Iterator[Metric]:
        """What there is."""
        yield _entries()
        yield _circuit()

    def collect(self) -> Iterator[Metric]:
        """The figures of this moment."""
        if self._forwarder is None:
            return
        entries, circuit, totals = _entries(), _circuit(), self._forwarder.totals
        for outcome, count in (("sent", totals.sent), ("retried", totals.retried), ("dead", totals.dead)):
            entries.add_metric([outcome], count)
        circuit.add_metric([], 0.0 if self._forwarder.circuit.closed else 1.0)
        yield entries
        yield circuit


def _entries() -> CounterMetricFamily:
    return CounterMetricFamily(
        "finfleet_forwarded_batches", "Tries to send a batch to OpenFinOps, by how they ended", labels=("outcome",)
    )


def _circuit() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "finfleet_forward_circuit_open", "1 while OpenFinOps fails, and one request at a time tries it"
    )
