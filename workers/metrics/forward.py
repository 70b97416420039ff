"""What the forwarders of a process have done, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from workers.forward import Forwarder


class ForwardCollector(Collector):
    """Shows forwarders, a destination each."""

    def __init__(self, *forwarders: Forwarder) -> None:
        """With none it only describes."""
        self._forwarders = forwarders

    def describe(self) -> Iterator[Metric]:
        """What there is."""
        yield _entries()
        yield _circuit()

    def collect(self) -> Iterator[Metric]:
        """The figures of this moment."""
        if not self._forwarders:
            return
        entries, circuit = _entries(), _circuit()
        for forwarder in self._forwarders:
            totals = forwarder.totals
            for outcome, count in (("sent", totals.sent), ("retried", totals.retried), ("dead", totals.dead)):
                entries.add_metric([forwarder.name, outcome], count)
            circuit.add_metric([forwarder.name], 0.0 if forwarder.circuit.closed else 1.0)
        yield entries
        yield circuit


def _entries() -> CounterMetricFamily:
    return CounterMetricFamily(
        "finfleet_forwarded_batches",
        "Tries to send a batch to a destination, by how they ended",
        labels=("destination", "outcome"),
    )


def _circuit() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "finfleet_forward_circuit_open",
        "1 while a destination fails, and one request at a time tries it",
        labels=("destination",),
    )
