"""What virtual machines cost an hour by the list, while in the state that the inventory tells.

Resource Graph tells the present state and not since when: it is taken for a window that has just ended, and never for
one of the past.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from agents.azure.calls import AzureCalls
from agents.pricing.azure import VmPriceList
from agents.rates import LISTED, SPOT, STOPPED, is_present, part_since, rate
from telemetry.records import CostRate, Resource
from telemetry.target import Window

# Paid by the hour in the price list of the machine's own Windows or Linux; any other is billed apart, or elsewhere.
_WINDOWS_PAID_ELSEWHERE = frozenset({"windows_server", "windows_client"})
_BILLED_SYSTEMS = ("redhat", "suse")
_RUNNING = frozenset({"running", "starting", "stopping", "stopped"})
"""States in which the machine holds its hardware: shut down from within it is ``stopped``, and still paid for."""
_NOT_RUNNING = frozenset({"deallocated", "deallocating"})


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
        self._prices = VmPriceList(calls)
        self._window = window
        self._now = calls.context.shared.now()

    def of(self, resource: Resource, machine: Machine) -> Iterator[CostRate]:
        """The rate of one machine; none where its price or its state is unknown."""
        if not is_present(self._window, self._now):
            return
        part = part_since(self._window, machine.created or self._window.start, self._now)
        if part is None:
            return
        if machine.state in _NOT_RUNNING:
            yield rate(resource, part.start, part.end, self._prices.nothing(), STOPPED)
        elif machine.state in _RUNNING:
            if not machine.is_listed:
                self._prices.unknown((machine.size, machine.system, machine.publisher, machine.on_host))
                return
            price = self._prices.hourly(
                machine.size, machine.region, windows=machine.windows, priority=machine.priority
            )
            if price is not None:
                basis = LISTED if machine.priority.lower() == "regular" else SPOT
                yield rate(resource, part.start, part.end, price, basis)
