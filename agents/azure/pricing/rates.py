"""What virtual machines cost an hour by the list, while in the state that the inventory tells.

Resource Graph tells the present state and not since when: it is taken for a window that has just ended. A window that
is long past is priced where it is known that the machine ran, by its CPU, and that nothing its price depends on has
changed since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.azure.calls import AzureCalls
from agents.azure.changes import Changes
from agents.azure.pricing.retail import VmPriceList
from agents.core.rates import LATE, LISTED, SPOT, STOPPED, is_present, part_since, rate
from agents.core.state_intervals import covers
from telemetry.records import CostRate, MetricPoint, Resource
from telemetry.target import Window

# Paid by the hour in the price list of the machine's own Windows or Linux; any other is billed apart, or elsewhere.
_WINDOWS_PAID_ELSEWHERE = frozenset({"windows_server", "windows_client"})
_BILLED_SYSTEMS = ("redhat", "suse")
_RUNNING = frozenset({"running", "starting", "stopping", "stopped"})
"""States in which the machine holds its hardware: shut down from within it is ``stopped``, and still paid for."""
_NOT_RUNNING = frozenset({"deallocated", "deallocating"})
_PRICED_BY = (
    "location",
    "properties.hardwareProfile",
    "properties.host",
    "properties.licenseType",
    "properties.priority",
    "properties.storageProfile.imageReference",
    "properties.storageProfile.osDisk.osType",
)
"""Properties that a price depends on."""
CPU = "cpu_utilization"
THINGS = "virtual machines"
_FORGOTTEN = f"{LATE}, and Azure may not remember whether their size has changed since"
_CHANGED = f"{LATE}, and what their price depends on has changed since"
_SILENT = f"{LATE}, and they did not tell of their CPU all the time: whether they ran is not known"


@dataclass(frozen=True)
class Machine:
    """What the price of a virtual machine depends on."""

    size: str
    region: str
    #: ``Windows``, ``Linux``.
    system: str
    #: ``Regular``, ``Spot``, ``Low``.
    priority: str
    #: ``running``, ``stopped``, ``deallocated`` ...
    state: str
    license: str = ""
    #: Who made the image: some systems have a fee of their own.
    publisher: str = ""
    #: Paid with the dedicated host that it is on.
    on_host: bool = False
    created: datetime | None = None

    @property
    def windows(self) -> bool:
        """Whether the price of Windows is paid with the machine."""
        return self.system.lower() == "windows" and self.license.lower() not in _WINDOWS_PAID_ELSEWHERE

    @property
    def is_listed(self) -> bool:
        """Whether the list's price is all that it costs an hour."""
        has_fee = self.publisher.lower().startswith(_BILLED_SYSTEMS) and not self.license
        return not self.on_host and not has_fee and self.system.lower() in {"windows", "linux"}


class VmRates:
    """The rates of one window."""

    def __init__(self, calls: AzureCalls, window: Window) -> None:
        self._context = calls.context
        self._prices = VmPriceList(calls)
        #: Those of a window that is long past, by their ids; and when they are known to have run.
        self._late: dict[str, tuple[Resource, Machine, Window]] = {}
        self._ran: dict[str, set[tuple[datetime, int]]] = {}
        self._window = window
        self._now = calls.context.shared.now()

    def of(self, resource: Resource, machine: Machine) -> Iterator[CostRate]:
        """The rate of one machine; none where its price or its state is unknown."""
        part = part_since(self._window, machine.created or self._window.start, self._now)
        if part is None:
            return
        if not is_present(self._window, self._now):
            self._late[resource.resource_id] = (resource, machine, part)
        elif machine.state in _NOT_RUNNING:
            yield rate(resource, part.start, part.end, self._prices.nothing(), STOPPED)
        elif machine.state in _RUNNING:
            yield from self._running(resource, machine, part)
        else:
            state = machine.state or "not told"
            self._context.partial("rates", f"their state is {state}, which does not tell what they cost", of=THINGS)

    def heard(self, points: Iterator[MetricPoint]) -> Iterator[MetricPoint]:
        """Pass points on; those of the CPU tell that their machine ran."""
        for point in points:
            if point.metric == CPU and point.resource.resource_id in self._late:
                self._ran.setdefault(point.resource.resource_id, set()).add((point.start, point.period))
            yield point

    def finish(self, changes: Changes | None) -> Iterator[CostRate]:
        """The rates of a window that is long past, when all its points have been heard."""
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
        if not machine.is_listed:
            self._prices.unknown((machine.size, machine.system, machine.publisher, machine.on_host))
            return
        price = self._prices.hourly(machine.size, machine.region, windows=machine.windows, priority=machine.priority)
        if price is not None:
            basis = LISTED if machine.priority.lower() == "regular" else SPOT
            yield rate(resource, part.start, part.end, price, basis)
