"""Virtual machines: inventory by Resource Graph, metrics in batches of 50, and what they cost an hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta

from agents.azure import changes, graph, guests, metrics
from agents.azure.calls import AzureCalls
from agents.azure.graph import Row
from agents.azure.metric_answer import Metric
from agents.azure.metrics import Group, MetricReader
from agents.azure.pricing.machine import Machine
from agents.azure.pricing.rates import CPU, THINGS, VmRates
from agents.azure.settings import AzureSettings
from agents.core.context import Context
from agents.core.pricing.unknown import Unknown, with_reason
from agents.core.rates import is_present
from agents.core.service import Estimate, Service, service
from telemetry.records import MetricPoint, Record, Resource
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window

_TYPE = "microsoft.compute/virtualmachines"
_COLUMNS = {
    "size": "tostring(properties.hardwareProfile.vmSize)",
    "os": "tostring(properties.storageProfile.osDisk.osType)",
    "power": "tostring(properties.extended.instanceView.powerState.code)",
    "priority": "tostring(properties.priority)",
    "license": "tostring(properties.licenseType)",
    "publisher": "tostring(properties.storageProfile.imageReference.publisher)",
    "offer": "tostring(properties.storageProfile.imageReference.offer)",
    "plan_name": "tostring(plan.name)",
    "host": "tostring(properties.host.id)",
    "host_group": "tostring(properties.hostGroup.id)",
    "security": "tostring(properties.securityProfile.securityType)",
    "ultra_disks": "tostring(properties.additionalCapabilities.ultraSSDEnabled)",
    "edge": "tostring(extendedLocation.name)",
    "scale_set": "tostring(properties.virtualMachineScaleSet.id)",
    "created": "tostring(properties.timeCreated)",
    "vm_id": "tostring(properties.vmId)",
}
_MEMORY = "memory_utilization"
_METRICS = Group(
    "Microsoft.Compute/virtualMachines",
    (
        Metric("Percentage CPU", CPU, "percent", "average"),
        Metric(
            "Available Memory Percentage",
            _MEMORY,
            "percent",
            "average",
            factor=-1,
            offset=100,
            shown="100 - Available Memory Percentage",
        ),
        Metric("Disk Read Operations/Sec", "disk_read_iops", "count_per_second", "average"),
        Metric("Disk Write Operations/Sec", "disk_write_iops", "count_per_second", "average"),
        Metric("Network In Total", "network_in", "bytes", "total"),
        Metric("Network Out Total", "network_out", "bytes", "total"),
    ),
)
_ANY = "*"
_NEWER = "nothing is asked of machines that are newer than the window"


@service("azure", "virtual_machines")
class VirtualMachines(Service):
    """Virtual machines of a subscription: CPU, memory, disk operations, network, and the list price.

    Memory is what the platform tells to be in use, else what VM insights tells (`logs_workspace_id`). A machine that
    holds its hardware has its list price even where it is shut down from within (`stopped`); a deallocated one is
    zero, unless it told of its CPU in the window: then how long it ran is not known. Disks are not in it. Whoever is
    on a dedicated host, or has software or a licence by the hour, has no price, and `price_unknown` says why. A
    window that is collected more than an hour late has the prices of machines that told of their CPU all the time, and
    whose size has not changed since; what it lacks is said.
    """

    owns = ("/subscriptions/*/resourcegroups/*/providers/microsoft.compute/virtualmachines/*",)
    interval = timedelta(minutes=5)
    # Platform metrics are there within some minutes after their minute.
    delay = timedelta(minutes=10)
    look_back = metrics.LOOK_BACK
    regional = False
    permissions = (graph.PERMISSION, "Microsoft.Compute/virtualMachines/read", metrics.PERMISSION, guests.PERMISSION)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource a machine, with its rate; the running ones of a region are measured 50 at a time.

        ``context.only`` names machines as ``GROUP/NAME``, of which either may be ``*``.
        """
        del target
        calls = AzureCalls(context)
        reader = MetricReader(calls, window, of=THINGS)
        rates = VmRates(calls, window)
        late = not is_present(window, context.shared.now())
        history = changes.read_late(calls, _TYPE, window, THINGS) if late else None
        #: Running machines that have not told of their memory yet, where there is a workspace that may know it.
        silent: dict[str, Resource] | None = {} if calls.identity.logs_workspace_id is not None else None
        for read, machine in graph.rows(calls, _TYPE, _COLUMNS, _read, _wanted(context.only), of=THINGS):
            why = rates.why_unknown(machine)
            resource = with_reason(read, Unknown(why) if why else None)
            yield resource
            yield from rates.of(resource, machine)
            # Whatever it does now, it may have run in the window.
            if machine.created is None or machine.created < window.end:
                if silent is not None:
                    silent[resource.resource_id] = resource
                yield from _heard(rates.heard(reader.add(resource, [_METRICS])), silent)
        yield from _heard(rates.heard(reader.finish()), silent)
        yield from rates.finish(history, reader.unanswered)
        if silent:
            with context.part("memory that VM insights tells", of=f"lists of {THINGS}"):
                yield from guests.memory(calls, window, silent)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of the inventory and batches of metrics. The price of a size is looked up once a day."""
        del window
        return metrics.estimate(resources, less=_NEWER)

    def estimate_for(self, window: Window, resources: int, section: ProviderSettings, account: Account) -> Estimate:
        """And where there is a Log Analytics workspace, a query of it."""
        del window
        options = section if isinstance(section, AzureSettings) else None
        workspace = account.options.get("logs_workspace_id") or (options and options.logs_workspace_id)
        more = "a query of the workspace, where machines do not tell of their memory" if workspace else ""
        return metrics.estimate(resources, more=more, less=_NEWER)

    def check_interval(self, interval: timedelta) -> str:
        """Azure Monitor has values for whole minutes."""
        return metrics.check_interval(interval)


def _heard(points: Iterator[MetricPoint], silent: dict[str, Resource] | None) -> Iterator[MetricPoint]:
    """Pass points on; those that tell of memory strike their machine out of ``silent``."""
    for point in points:
        if silent is not None and point.metric == _MEMORY:
            silent.pop(point.resource.resource_id, None)
        yield point


def _wanted(only: Sequence[str] | None) -> list[str]:
    if only is None:
        return []
    either = []
    for name in only:
        group, _, machine = name.partition("/")
        parts = {"resourceGroup": group, "name": machine}
        tests = [f"{column} =~ {graph.quoted(value)}" for column, value in parts.items() if value != _ANY]
        either.append(f"({' and '.join(tests) or 'true'})")
    return [" or ".join(either) or "false"]


def _read(row: Row) -> tuple[Resource, Machine]:
    machine = _machine(row)
    return _resource(row, machine), machine


def _machine(row: Row) -> Machine:
    license_ = row.expected("license")
    return Machine(
        size=row.expected("size"),
        region=row.key("location"),
        system=row.expected("os"),
        priority=row.expected("priority"),
        state=(row.expected("power") or "").rpartition("/")[2].lower(),
        license="" if license_ == "None" else license_,
        publisher=row.expected("publisher"),
        offer=row.expected("offer"),
        plan=row.expected("plan_name"),
        host=_first(row.expected("host"), row.expected("host_group")),
        security=row.expected("security"),
        ultra_disks=row.expected("ultra_disks"),
        edge=row.expected("edge"),
        created=row.time("created", zone=UTC),
    )


def _first(*texts: str | None) -> str | None:
    """The first that is not empty; None where one could not be read."""
    return next((text for text in texts if text is None or text), "")


def _resource(row: Row, machine: Machine) -> Resource:
    attributes = {
        "vm_id": row.expected("vm_id"),
        "state": machine.state or "unknown",
        "os": machine.system,
        "priority": machine.priority if machine.priority is None else machine.priority or "Regular",
        "zone": graph.zone_of(row),
        "license": machine.license,
        "scale_set": row.expected("scale_set"),
        "created": row.expected("created"),
    }
    return graph.resource_of(row, "virtual_machines", kind=machine.size or "", attributes=attributes)
