"""Compute Engine: instances, what Cloud Monitoring knows of them, and what they cost an hour."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from agents.core.context import Context
from agents.core.pricing import Price
from agents.core.pricing.unknown import Unknown, with_reason
from agents.core.rates import LISTED, SPOT, STOPPED, rate
from agents.core.service import Estimate, Service, service
from agents.core.state_intervals import State, length, priced
from agents.gcp import inventory, monitoring
from agents.gcp.calls import GcpCalls
from agents.gcp.index import ResourceIndex
from agents.gcp.instances import SUSPENDED, Instance, unlisted
from agents.gcp.monitoring import Metric, MetricReader, Value
from agents.gcp.pricing import catalog as pricing
from agents.gcp.pricing.compute import ComputePriceList
from telemetry.records import CostRate, Record, Resource
from telemetry.target import Target, Window

_THINGS = "compute instances"
_UNLISTED = "they have metrics, and are not in the inventory of the end of the window"
_UNNAMED = "Google's labels do not say whose they are, and the inventory does not have them"
_KEPT_MEMORY = "it is suspended: its memory is billed, by a price that depends on how much of it is kept"
_UNTOLD = "in a part of the window their state is not known: Google tells of the last start and the last stop"
KIND = "compute.googleapis.com/Instance"

_GCE = "gce_instance"
_ID = "resource.labels.instance_id"
_ZONE = "resource.labels.zone"
_NAME = "metric.labels.instance_name"
_METRICS = (
    Metric(
        "compute.googleapis.com/instance/cpu/utilization",
        _GCE,
        "cpu_utilization",
        "percent",
        "average",
        "ALIGN_MEAN",
        factor=100,
    ),
    # One series for the traffic of load balancers and one for the rest.
    Metric(
        "compute.googleapis.com/instance/network/received_bytes_count",
        _GCE,
        "network_in",
        "bytes",
        "sum",
        "ALIGN_SUM",
        "REDUCE_SUM",
        (_ID, _ZONE, _NAME),
    ),
    Metric(
        "compute.googleapis.com/instance/network/sent_bytes_count",
        _GCE,
        "network_out",
        "bytes",
        "sum",
        "ALIGN_SUM",
        "REDUCE_SUM",
        (_ID, _ZONE, _NAME),
    ),
    Metric(
        "agent.googleapis.com/memory/percent_used",
        _GCE,
        "memory_utilization",
        "percent",
        "average",
        "ALIGN_MEAN",
        condition='metric.labels.state = "used"',
    ),
    # A series each GPU: their mean. The agent writes percent, unlike Google's own ratio of the CPU.
    Metric(
        "agent.googleapis.com/gpu/utilization",
        _GCE,
        "gpu_utilization",
        "percent",
        "average",
        "ALIGN_MEAN",
        "REDUCE_MEAN",
        (_ID, _ZONE),
    ),
)


@service("gcp", "compute")
class Compute(Service):
    """Compute Engine instances: CPU and network, memory and GPU where the Ops Agent runs, and the list price.

    A running instance has the list price of its vCPUs, memory and GPUs, a spot instance that of spot, a stopped one
    zero; disks are not in it, and an instance with more that is billed (a paid license, local SSDs, a sole-tenant
    node ...) has no price, and the attribute `price_unknown`. Discounts for sustained and committed use are on the
    bill: see `billing`.
    """

    owns = ("//compute.googleapis.com/projects/*/zones/*/instances/*",)
    interval = timedelta(minutes=5)
    # Google makes its values visible within four minutes, the agent's come a minute later.
    delay = timedelta(minutes=10)
    regional = False
    permissions = (inventory.PERMISSION, monitoring.PERMISSION, *pricing.PERMISSIONS)
    paid = monitoring.PAID

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource an instance, then its metrics: each metric is read once for the whole project."""
        del target
        calls = GcpCalls(context)
        reader = MetricReader(calls, window)
        rates = _Rates(calls, window)
        project = calls.project
        known = _Known(context, project, listed_only=context.only is not None)
        for instance in inventory.read(calls, _THINGS, lambda one: Instance.of(one, project), KIND, at=window.end):
            if context.only is not None and instance.resource.name not in context.only:
                continue
            resource, own_rates = rates.of(instance)
            known.add(instance.number, resource)
            yield resource
            yield from own_rates
        if context.only is not None and not known.numbers:
            return
        for metric in _METRICS:
            asked = metric if context.only is None else metric.of(_ID, known.numbers)
            for value in reader.settle(asked):
                found = known.find(value)
                if found is not None:
                    yield reader.point(metric, found, value)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of the inventory, and of each of five metrics. Prices are read once a day."""
        return monitoring.estimate(window, len(_METRICS), resources)

    def check_interval(self, interval: timedelta) -> str:
        """Cloud Monitoring has values for whole minutes."""
        return monitoring.check_interval(interval)


class _Known:
    """The instances by Google's number."""

    def __init__(self, context: Context, project: str, *, listed_only: bool) -> None:
        self._context = context
        self._project = project
        self._listed_only = listed_only
        self._index = ResourceIndex()
        #: Those of the inventory.
        self.numbers: set[str] = set()
        #: Whose the names are, by their hash, since there are as many as instances.
        self._holders: dict[int, int] = {}

    def add(self, number: str, resource: Resource) -> None:
        """Keep an instance of the inventory."""
        if number:
            self.numbers.add(number)
            self._index.add(number, resource)
            self._holders[_name(resource.name, str(resource.attributes.get("zone")))] = hash(number)

    def find(self, value: Value) -> Resource | None:
        """The instance that a value speaks of; one that the inventory does not have is known by its labels alone."""
        number = value.resource.get("instance_id", "")
        name, zone = value.metric.get("instance_name", ""), value.resource.get("zone", "")
        known = self._index.find(number)
        if known is not None or self._listed_only:
            return known
        if not (number and name and zone):
            self._context.partial("values", _UNNAMED, of=_THINGS)
            return None
        holder = self._holders.setdefault(_name(name, zone), hash(number))
        resource = unlisted(name, zone, number, self._project, succeeded=holder != hash(number))
        self._index.add(number, resource)
        self._context.partial("rates", _UNLISTED, of=_THINGS)
        return resource


def _name(name: str, zone: str) -> int:
    return hash((name, zone))


class _Rates:
    """What instances cost an hour, in the parts of one window in which their state is known."""

    def __init__(self, calls: GcpCalls, window: Window) -> None:
        self._calls = calls
        self._prices = ComputePriceList(calls)
        self._window = window
        self._now = calls.context.shared.now()
        #: Whether the inventory tells what there was at the end of the window, not what there is now.
        self._told = inventory.remembers(calls, window.end)

    def of(self, instance: Instance) -> tuple[Resource, list[CostRate]]:
        """The instance with the reason where its price is unknown, and its rates as far as its state is known."""
        if instance.state in SUSPENDED:
            self._calls.context.meter.unknown_price()
            return with_reason(instance.resource, Unknown(_KEPT_MEMORY)), []
        typed = not instance.may_have_another_type or self._told
        intervals = list(priced(instance.intervals(self._window, self._now), by_type=typed))
        if length(intervals) < instance.length_in(self._window, self._now):
            self._calls.context.partial("rates", _UNTOLD, of=_THINGS)
        ran = any(state is State.RUNNING for state, _, _ in intervals)
        price = self._prices.hourly(instance.machine) if ran else None
        resource = with_reason(instance.resource, price)
        basis = SPOT if instance.machine.spot else LISTED
        rates = []
        for state, start, end in intervals:
            if state is not State.RUNNING:
                rates.append(rate(resource, start, end, self._prices.nothing(), STOPPED))
            elif isinstance(price, Price):
                rates.append(rate(resource, start, end, price, basis))
        return resource, rates
