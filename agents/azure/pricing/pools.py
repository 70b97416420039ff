"""What the nodes of AKS pools cost an hour by the list: those of scale sets, which no other service sees."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal

from agents.azure.calls import AzureCalls
from agents.azure.pools import POOLS, RUNNING, STOPPED, UNKNOWN, Pool
from agents.azure.pricing.retail import VmPriceList
from agents.core import rates
from agents.core.pricing import Price
from agents.core.rates import rate
from telemetry.records import CostRate, MetricPoint, Record, Resource
from telemetry.target import Window

CPU = "cpu_utilization"
_STATE = "their state is not told, or is not one that is known"
_NODES = "Azure does not tell how many nodes they have, or of which size"
_RAN = "their cluster told of its CPU in the window and is stopped now: how long they ran is not known"
_UNHEARD = "their cluster is stopped now, and whether it ran in the window was not answered"


class PoolRates:
    """The rates of one window that has just ended."""

    def __init__(self, calls: AzureCalls, window: Window) -> None:
        self._context = calls.context
        self._prices = VmPriceList(calls, of=POOLS)
        self._window = window
        #: Pools of clusters that are stopped, with the clusters' ids: whether these ran in the window, their CPU tells.
        self._stopped: list[tuple[str, Resource]] = []
        self._ran: set[str] = set()

    def of(self, pool: Pool, cluster: Resource) -> Iterator[Record]:
        """The pool, and its rate; none where its nodes have rates of their own, or what they cost is unknown."""
        price = None
        if pool.state == RUNNING and pool.nodes and not pool.of_machines and not pool.why_unknown:
            price = self._price(pool, cluster.region)
            pool = pool if price is not None else pool.without_price(self._prices.why_unknown)
        resource = pool.resource(cluster)
        yield resource
        if pool.of_machines:
            return
        if price is not None:
            basis = rates.SPOT if (pool.priority or "").lower() == "spot" else rates.LISTED
            yield self._rate(resource, price, basis)
        elif pool.state == STOPPED and pool.with_cluster:
            self._stopped.append((cluster.resource_id, resource))
        elif pool.nodes is None:
            self._context.partial("rates", _STATE if pool.state == UNKNOWN else _NODES, of=POOLS)
        elif not pool.nodes:
            yield self._rate(resource, self._prices.nothing(), rates.STOPPED)
        elif pool.why_unknown:
            self._prices.unknown((pool.why_unknown, cluster.region))

    def heard(self, points: Iterator[MetricPoint]) -> Iterator[MetricPoint]:
        """Pass points on; those of the CPU tell that their cluster ran."""
        for point in points:
            if point.metric == CPU:
                self._ran.add(point.resource.resource_id)
            yield point

    def finish(self, unanswered: Collection[str]) -> Iterator[CostRate]:
        """The rates of what is stopped now, when all points have been heard."""
        for cluster, resource in self._stopped:
            if cluster in self._ran:
                self._context.partial("rates", _RAN, of=POOLS)
            elif cluster in unanswered:
                self._context.partial("rates", _UNHEARD, of=POOLS)
            else:
                yield self._rate(resource, self._prices.nothing(), rates.STOPPED)

    def _price(self, pool: Pool, region: str) -> Price | None:
        """What all nodes cost; None where the price of one is unknown."""
        total = Decimal(0)
        for size, count in (pool.sizes or {}).items():
            one = self._prices.hourly(size, region, windows=pool.windows, priority=pool.priority or "Regular")
            if one is None:
                return None
            total += one.amount * count
        return Price(total, self._prices.nothing().currency)

    def _rate(self, resource: Resource, price: Price, basis: str) -> CostRate:
        return rate(resource, self._window.start, self._window.end, price, basis)
