"""What virtual machines cost an hour by the list, while in the state that the inventory tells.

Resource Graph tells the present state and not since when: it is taken for a window that has just ended, unless the CPU
tells otherwise: a machine that is deallocated now may be so only since. A window that is long past is priced where it
is known that the machine ran, by its CPU, and that nothing its price depends on has changed since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from agents.azure.calls import AzureCalls
from agents.azure.changes import Changes
from agents.azure.pricing.machine import Machine, unpriced
from agents.azure.pricing.retail import VmPriceList
from agents.core.pricing import Price
from agents.core.rates import LATE, LISTED, SPOT, STOPPED, is_present, part_since, rate
from agents.core.state_intervals import covers
from telemetry.records import CostRate, MetricPoint, Resource
from telemetry.target import Window

_RUNNING = frozenset({"running", "starting", "stopping", "stopped"})
"""States in which the machine holds its hardware: shut down from within it is ``stopped``, and still paid for."""
_NOT_RUNNING = frozenset({"deallocated", "deallocating"})
_PRICED_BY = (
    "location",
    "properties.hardwareProfile",
    "properties.host",
    "properties.licenseType",
    "properties.priority",
    "properties.additionalCapabilities",
    "properties.hostGroup",
    "properties.securityProfile.securityType",
    "properties.storageProfile.imageReference",
    "properties.storageProfile.osDisk.osType",
)
"""Properties that a price depends on."""
CPU = "cpu_utilization"
THINGS = "virtual machines"
_FORGOTTEN = f"{LATE}, and Azure may not remember whether their size has changed since"
_CHANGED = f"{LATE}, and what their price depends on has changed since"
_RAN = "they told of their CPU in the window and are deallocated now: how long they ran is not known"
_UNHEARD = "they are deallocated now, and whether they ran in the window was not answered"
_SILENT = f"{LATE}, and they did not tell of their CPU all the time: whether they ran is not known"


class VmRates:
    """The rates of one window."""

    def __init__(self, calls: AzureCalls, window: Window) -> None:
        self._context = calls.context
        self._prices = VmPriceList(calls, of=THINGS)
        #: Those of a window that is long past, by their ids; and when they are known to have run.
        self._late: dict[str, tuple[Resource, Machine, Window]] = {}
        #: Those that do not run now: whether they ran in the window, their CPU tells.
        self._stopped: dict[str, tuple[Resource, Machine, Window]] = {}
        self._ran: dict[str, set[tuple[datetime, int]]] = {}
        self._window = window
        self._now = calls.context.shared.now()

    def why_unknown(self, machine: Machine) -> str:
        """Why there is no price for it while it holds its hardware; empty where there is one, or none is needed."""
        if machine.state in _NOT_RUNNING:
            return ""
        reason = unpriced(machine)
        if reason or machine.state not in _RUNNING or not is_present(self._window, self._now):
            return reason
        return "" if self._price(machine) else self._prices.why_unknown

    def of(self, resource: Resource, machine: Machine) -> Iterator[CostRate]:
        """The rate of one machine; none where its price or its state is unknown."""
        part = part_since(self._window, machine.created or self._window.start, self._now)
        if part is None:
            return
        if not is_present(self._window, self._now):
            self._late[resource.resource_id] = (resource, machine, part)
        elif machine.state in _NOT_RUNNING:
            self._stopped[resource.resource_id] = (resource, machine, part)
        elif machine.state in _RUNNING:
            yield from self._running(resource, machine, part)
        else:
            state = machine.state or "not told"
            self._context.partial(
                "rates", f"their state is {state[:60]}, which does not tell what they cost", of=THINGS
            )

    def heard(self, points: Iterator[MetricPoint]) -> Iterator[MetricPoint]:
        """Pass points on; those of the CPU tell that their machine ran."""
        for point in points:
            resource_id = point.resource.resource_id
            if point.metric == CPU and (resource_id in self._late or resource_id in self._stopped):
                self._ran.setdefault(resource_id, set()).add((point.start, point.period))
            yield point

    def finish(self, changes: Changes | None, unanswered: Collection[str]) -> Iterator[CostRate]:
        """The rates of what does not run now, and of a window that is long past, when all points have been heard.

        ``unanswered`` are the ids of those of which Azure Monitor did not tell all.
        """
        for resource_id, (resource, _, part) in self._stopped.items():
            if resource_id in self._ran:
                self._context.partial("rates", _RAN, of=THINGS)
            elif resource_id in unanswered:
                self._context.partial("rates", _UNHEARD, of=THINGS)
            else:
                yield rate(resource, part.start, part.end, self._prices.nothing(), STOPPED)
        self._stopped.clear()
        for resource_id, (resource, machine, part) in self._late.items():
            ran = [
                (start, start + timedelta(seconds=period)) for start, period in sorted(self._ran.get(resource_id, ()))
            ]
            if changes is None or not changes.known:
                self._context.partial("rates", _FORGOTTEN, of=THINGS)
            elif changes.touches(resource_id, *_PRICED_BY):
                self._context.partial("rates", _CHANGED, of=THINGS)
            elif not covers(ran, part):
                self._context.partial("rates", _SILENT, of=THINGS)
            else:
                yield from self._running(resource, machine, part)
        self._late.clear()

    def _running(self, resource: Resource, machine: Machine, part: Window) -> Iterator[CostRate]:
        if unpriced(machine):
            self._prices.unknown((machine.size, machine.system, machine.publisher, bool(machine.host)))
            return
        price = self._price(machine)
        if price is not None:
            yield rate(resource, part.start, part.end, price, LISTED if machine.is_regular else SPOT)

    def _price(self, machine: Machine) -> Price | None:
        priority = machine.priority or "Regular"
        return self._prices.hourly(machine.size or "", machine.region, windows=machine.windows, priority=priority)
