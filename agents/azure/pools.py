"""Node pools of AKS clusters: how many nodes of which sizes, and who tells what they cost.

The nodes of a pool are either instances of a scale set, which nothing else lists, or virtual machines like any other,
which `virtual_machines` lists and prices: in pools of the types AvailabilitySet and VirtualMachines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import msgspec

from agents.azure.pricing.machine import LINUX, WINDOWS
from agents.core.items import Item
from agents.core.pricing.unknown import PRICE_UNKNOWN
from telemetry.records import AttributeValue, Resource

RUNNING, STOPPED, UNKNOWN = "running", "stopped", "unknown"
POOLS = "node pools"
_STATES = frozenset({RUNNING, STOPPED})
_SCALE_SETS = frozenset({"", "virtualmachinescalesets"})
"""The type that a pool has where none is told, too."""
_VIRTUAL_MACHINES = "virtualmachines"
_MACHINES = frozenset({"availabilityset", _VIRTUAL_MACHINES})
_OWNER = "virtual_machines"
_PRIORITIES = frozenset({"", "regular", "spot"})
_SYSTEMS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        LINUX: frozenset(
            {"", "ubuntu", "ubuntu2204", "ubuntu2404", "azurelinux", "azurelinux3", "cblmariner", "mariner", "flatcar"}
        ),
        WINDOWS: frozenset({"", "windows2019", "windows2022", "windows2025", "windowsannual"}),
    }
)
"""What nodes run that has no price of its own."""
_OWNED, _PAID = "windows_server", frozenset({"", "none"})


def state_of(told: Item, otherwise: str = UNKNOWN) -> str:
    """``running``, ``stopped`` or ``unknown``; ``otherwise`` where no state is told."""
    code = told.item("powerState").told("code")
    if not code and not told.has("powerState"):
        return otherwise
    return code.lower() if code and code.lower() in _STATES else UNKNOWN


@dataclass(frozen=True)
class Pool:
    """A node pool as its cluster has it. None is unknown."""

    name: str
    mode: str | None
    #: Nodes by size; None where that is unknown.
    sizes: Mapping[str, int] | None
    system: str | None
    priority: str | None
    #: ``running``, ``stopped``, ``unknown``.
    state: str
    #: Whether it is stopped since its cluster is.
    with_cluster: bool
    #: Nodes are virtual machines like others: they have their prices there.
    of_machines: bool
    #: Whether the price of Windows is paid with the nodes.
    windows: bool
    #: Why the list's prices are not all that they cost.
    why_unknown: str

    @property
    def nodes(self) -> int | None:
        """How many are held now."""
        if self.state == STOPPED:
            return 0
        return None if self.sizes is None or self.state == UNKNOWN else sum(self.sizes.values())

    def without_price(self, why: str) -> Pool:
        """The same, of whose nodes the price is unknown for this reason."""
        return replace(self, why_unknown=why)

    @classmethod
    def of(cls, told: Item, cluster_state: str, windows_license: str | None, beside: str = "") -> Pool:
        """``windows_license`` is the cluster's, for all its Windows nodes; ``beside`` is what it adds to each node."""
        state = state_of(told, cluster_state)
        kind = told.told("type")
        system, sku = told.told("osType"), told.told("osSKU")
        is_windows = (system or "").lower() == WINDOWS
        reasons = (
            _strange("type", kind, _SCALE_SETS | _MACHINES),
            _strange("system", system, frozenset(_SYSTEMS)),
            _strange("system", sku, _SYSTEMS.get((system or "").lower(), frozenset())),
            _strange("priority", told.told("scaleSetPriority"), _PRIORITIES),
            _strange("licence", windows_license, _PAID | {_OWNED}) if is_windows else "",
            _added(told),
            beside,
        )
        return cls(
            name=told.needed("name"),
            mode=told.told("mode"),
            sizes=_sizes(told, kind),
            system=system,
            priority=told.told("scaleSetPriority"),
            # What is told of a cluster that is stopped is true of each of its pools.
            state=STOPPED if cluster_state == STOPPED else state,
            with_cluster=cluster_state == STOPPED,
            of_machines=(kind or "").lower() in _MACHINES,
            windows=is_windows and (windows_license or "").lower() != _OWNED,
            why_unknown=next((reason for reason in reasons if reason), ""),
        )

    def resource(self, cluster: Resource) -> Resource:
        """The pool as a resource."""
        sizes = self.sizes or {}
        attributes: dict[str, AttributeValue] = {
            "cluster": cluster.name,
            "resource_group": cluster.attributes.get("resource_group"),
            "state": self.state,
            "mode": self.mode,
            "vm_size": ", ".join(size for size in sizes if size),
            "os": self.system,
            "priority": self.priority if self.priority is None else self.priority or "Regular",
            "nodes": self.nodes,
            "priced_as": _OWNER if self.of_machines else None,
            PRICE_UNKNOWN: "" if self.of_machines or self.state == STOPPED else self.why_unknown,
        }
        return msgspec.structs.replace(
            cluster,
            resource_id=f"{cluster.resource_id}/agentpools/{self.name.lower()}",
            type="node_pool",
            name=self.name,
            attributes={name: value for name, value in attributes.items() if value not in {None, ""}},
            whole=cluster.whole
            and bool(sizes)
            and all(sizes)
            and None not in {self.mode, self.system, self.priority, self.nodes},
        )


def _sizes(told: Item, kind: str | None) -> dict[str, int] | None:
    """Nodes by size. A pool of type VirtualMachines may have several, and tells what it has now, or is set to."""
    count = told.number("count")
    if (kind or "").lower() != _VIRTUAL_MACHINES:
        return None if count is None else {told.text("vmSize") or "": count}
    lists = (told, "virtualMachineNodesStatus"), (told.item("virtualMachinesProfile").item("scale"), "manual")
    owner, name = next(((owner, name) for owner, name in lists if owner.has(name)), (told, ""))
    if not name:
        # Scaled by AKS itself, which need not tell to how many.
        return {told.text("vmSize") or "": count} if count else None
    found: dict[str, int] = {}
    groups = owner.items(name)
    if len(groups) != owner.length(name):
        return None
    for group in groups:
        size, count = group.told("size"), group.number("count")
        if size is None or count is None:
            return None
        found[size] = found.get(size, 0) + count
    return found


def _strange(name: str, value: str | None, known: frozenset[str]) -> str:
    """The reason where a value is not one that is known."""
    if value is None:
        return f"its {name} could not be read"
    if value.lower() in known:
        return ""
    return f"the {name} {value!r} is not one that is known" if value else f"its {name} is not told"


def _added(told: Item) -> str:
    """The reason where nodes have more than their sizes say."""
    host = told.told("hostGroupID")
    if host or host is None:
        return "its nodes are paid with their dedicated hosts"
    return (
        ""
        if told.flag("enableUltraSSD", absent=False) is False
        else "ultra disks are enabled, which may be paid by the hour"
    )
