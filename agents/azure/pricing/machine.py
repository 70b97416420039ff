"""What the price of a virtual machine depends on, and which of it the list's price of its size does not hold.

The list has what a size costs an hour, with and without Windows. A machine may name more than that: a licence or an
image that is paid by the hour, a host, a place with prices of its own. Its price is unknown then. Azure adds values to
its enumerations: one that is not known here may be any of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

LINUX, WINDOWS = "linux", "windows"
_OWNED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        WINDOWS: frozenset({"windows_server", "windows_client"}),
        LINUX: frozenset({"rhel_byos", "sles_byos"}),
    }
)
"""Licences that are paid for elsewhere, by system. Any other is paid by the hour, or is not known."""
_NONE = frozenset({"", "none"})
_FEES = ("redhat", "suse", "microsoftsqlserver", "microsoftbiztalkserver")
"""Who makes images whose software is paid by the hour without a plan of its own."""
_LICENSED = ("redhat", "suse")
_UBUNTU_PRO = re.compile(r"(?i)(?:^|[-_])pro(?:$|[-_])")
_PRIORITIES = frozenset({"regular", "spot", "low"})
_SECURITY = frozenset({"", "standard", "trustedlaunch", "confidentialvm"})
"""Confidential machines have sizes of their own, with prices of their own."""
_OFF = frozenset({"", "false"})


@dataclass(frozen=True)
class Machine:
    """What the price of a virtual machine depends on. None is unknown; an empty text says that there is none."""

    size: str | None
    region: str
    #: ``Windows``, ``Linux``.
    system: str | None
    #: ``Regular``, ``Spot``, ``Low``; empty for the first.
    priority: str | None = ""
    #: ``running``, ``stopped``, ``deallocated`` ...; empty where it is not told.
    state: str = ""
    #: ``Windows_Server``, ``RHEL_BYOS``, ``RHEL_BASE`` ...
    license: str | None = ""
    #: Who made the image, what they call it, and the plan that it is sold under.
    publisher: str | None = ""
    offer: str | None = ""
    plan: str | None = ""
    #: The dedicated host, or the group of them, that it is on.
    host: str | None = ""
    #: ``TrustedLaunch``, ``ConfidentialVM``.
    security: str | None = ""
    #: Whether it can have ultra disks: ``true``.
    ultra_disks: str | None = ""
    #: The edge zone that it is in.
    edge: str | None = ""
    created: datetime | None = None

    @property
    def owns_license(self) -> bool:
        """Whether the licence of its system is paid for elsewhere."""
        return (self.license or "").lower() in _OWNED.get((self.system or "").lower(), ())

    @property
    def windows(self) -> bool:
        """Whether the price of Windows is paid with the machine."""
        return (self.system or "").lower() == WINDOWS and not self.owns_license

    @property
    def is_regular(self) -> bool:
        """Whether it is paid at the list's price, and not at one of the moment."""
        return (self.priority or "regular").lower() == "regular"


def unpriced(machine: Machine) -> str:
    """Why the list's price of its size would not be all that it costs an hour; empty where it is."""
    return next((reason for check in _CHECKS if (reason := check(machine))), "")


def _told(machine: Machine) -> str:
    for name in ("size", "system", "priority", "license", "publisher", "offer", "plan", "host", "security"):
        if getattr(machine, name) is None:
            return f"its {name} could not be read"
    if machine.ultra_disks is None or machine.edge is None:
        return "what else it has could not be read"
    return "" if machine.size else "its size is not told"


def _system(machine: Machine) -> str:
    known = (machine.system or "").lower() in _OWNED
    return "" if known else f"the system {machine.system!r} is not one that is known" if machine.system else _NO_SYSTEM


def _license(machine: Machine) -> str:
    license_ = (machine.license or "").lower()
    if license_ in _NONE or machine.owns_license:
        return ""
    return f"the licence {machine.license!r} is paid by the hour, or is not one that is known for its system"


def _image(machine: Machine) -> str:
    publisher = (machine.publisher or "").lower()
    if machine.owns_license and publisher.startswith(_LICENSED):
        return ""
    if publisher.startswith(_FEES):
        return f"the software of images by {machine.publisher!r} is paid by the hour"
    if machine.plan:
        return f"its image is sold under the plan {machine.plan!r}, with a price of its own"
    if publisher == "canonical" and _UBUNTU_PRO.search(machine.offer or ""):
        return "Ubuntu Pro is paid by the hour"
    return ""


def _priority(machine: Machine) -> str:
    known = (machine.priority or "regular").lower() in _PRIORITIES
    return "" if known else f"the priority {machine.priority!r} is not one that is known"


def _place(machine: Machine) -> str:
    if machine.host:
        return "it is paid with its dedicated host"
    return f"the edge zone {machine.edge!r} has prices of its own" if machine.edge else ""


def _additions(machine: Machine) -> str:
    if (machine.security or "").lower() not in _SECURITY:
        return f"the security type {machine.security!r} is not one that is known"
    return (
        "" if (machine.ultra_disks or "").lower() in _OFF else "ultra disks are enabled, which may be paid by the hour"
    )


_NO_SYSTEM = "its system is not told"
_CHECKS: tuple[Callable[[Machine], str], ...] = (_told, _system, _license, _image, _priority, _place, _additions)
