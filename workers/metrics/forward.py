"""What the forwarders of a process have done, read when somebody asks."""

from __future__ import annotations

from collections import Counter
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
        yield from (_entries(), _circuit(), _entries_of_each(), _circuit_of_each())

    def collect(self) -> Iterator[Metric]:
        """The figures of this moment: of all destinations together, and of each."""
        if not self._forwarders:
            return
        entries, circuit, entries_of_each, circuit_of_each = (
            _entries(),
            _circuit(),
            _entries_of_each(),
            _circuit_of_each(),
        )
        together: Counter[str] = Counter()
        for forwarder in self._forwarders:
            totals = forwarder.totals
            for outcome, count in (("sent", totals.sent), ("retried", totals.retried), ("dead", totals.dead)):
                together[outcome] += count
                entries_of_each.add_metric([forwarder.name, outcome], count)
            circuit_of_each.add_metric([forwarder.name], 0.0 if forwarder.circuit.closed else 1.0)
        for outcome, count in together.items():
            entries.add_metric([outcome], count)
        circuit.add_metric([], 0.0 if all(one.circuit.closed for one in self._forwarders) else 1.0)
        yield from (entries, circuit, entries_of_each, circuit_of_each)


def _entries() -> CounterMetricFamily:
    return CounterMetricFamily(
        "finfleet_forwarded_batches", "Tries to send a batch, by how they ended", labels=("outcome",)
    )


def _circuit() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "finfleet_forward_circuit_open", "1 while a destination fails, and one request at a time tries it"
    )


def _entries_of_each() -> CounterMetricFamily:
    return CounterMetricFamily(
        "finfleet_destination_batches",
        "Tries to send a batch to a destination, by how they ended",
        labels=("destination", "outcome"),
    )


def _circuit_of_each() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "finfleet_destination_circuit_open",
        "1 while this destination fails, and one request at a time tries it",
        labels=("destination",),
    )
