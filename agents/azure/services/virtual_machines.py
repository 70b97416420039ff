"""Virtual machines: inventory by Resource Graph, metrics in batches of 50, and what they cost an hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from agents.azure import changes, graph, guests, metrics
from agents.azure.calls import AzureCalls
from agents.azure.graph import Row
from agents.azure.metrics import Group, Metric, MetricReader
from agents.azure.pricing.rates import CPU, THINGS, Machine, VmRates
from agents.core.context import Context
from agents.core.rates import is_present
from agents.core.service import Estimate, Service, service
from telemetry.records import MetricPoint, Record, Resource
from telemetry.target import Target, Window

_TYPE = "microsoft.compute/virtualmachines"
_COLUMNS = {
    "size": "tostring(properties.hardwareProfile.vmSize)",
    "os": "tostring(properties.storageProfile.osDisk.osType)",
    "power": "tostring(properties.extended.instanceView.powerState.code)",
    "priority": "tostring(properties.priority)",
    "license": "tostring(properties.licenseType)",
    "publisher": "tostring(properties.storageProfile.imageReference.publisher)",
    "host": "tostring(properties.host.id)",
    "host_group": "tostring(properties.hostGroup.id)",
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


@service("azure", "virtual_machines")
class VirtualMachines(Service):
    """Virtual machines of a subscription: CPU, memory, disk operations, network, and the list price.

    Memory is what the platform tells to be in use, else what VM insights tells (`logs_workspace_id`). A machine that
    holds its hardware has its list price even where it is shut down from within (`stopped`); a deallocated one is
    zero. Disks and the software of images are not in it: a machine with Red Hat or SUSE by the hour has no price. A
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
        reader = MetricReader(calls, window)
        rates = VmRates(calls, window)
        late = not is_present(window, context.shared.now())
        history = changes.read_late(calls, _TYPE, window, THINGS) if late else None
        #: Running machines that have not told of their memory yet, where there is a workspace that may know it.
        silent: dict[str, Resource] | None = {} if calls.identity.logs_workspace_id is not None else None
        for row in graph.rows(calls, _TYPE, _COLUMNS, _wanted(context.only)):
            resource, machine = _read(row)
            yield resource
            yield from rates.of(resource, machine)
            if _may_have_data(machine, window, late=late):
                if silent is not None:
                    silent[resource.resource_id] = resource
                yield from _heard(rates.heard(reader.add(resource, [_METRICS])), silent)
        yield from _heard(rates.heard(reader.finish()), silent)
        yield from rates.finish(history)
        if silent:
            yield from guests.memory(calls, window, silent)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of the inventory and batches of metrics. The price of a size is looked up once a day."""
        del window
        return Estimate({**graph.estimate(resources), **metrics.estimate(resources)}, Decimal(0))

    def check_interval(self, interval: timedelta) -> str:
        """Azure Monitor has values for whole minutes."""
        return metrics.check_interval(interval)


def _heard(points: Iterator[MetricPoint], silent: dict[str, Resource] | None) -> Iterator[MetricPoint]:
    """Pass points on; those that tell of memory strike their machine out of ``silent``."""
    for point in points:
        if silent is not None and point.metric == _MEMORY:
            silent.pop(point.resource.resource_id, None)
        yield point


def _may_have_data(machine: Machine, window: Window, *, late: bool) -> bool:
    # One that does not run now may have run in a window that is long past.
    return (late or machine.state == "running") and (machine.created is None or machine.created < window.end)


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
    state = row["power"].rpartition("/")[2].lower()
    machine = Machine(
        size=row["size"],
        region=row["location"],
        system=row["os"],
        priority=row["priority"] or "Regular",
        state=state,
        license="" if row["license"] == "None" else row["license"],
        publisher=row["publisher"],
        on_host=bool(row["host"] or row["host_group"]),
        created=datetime.fromisoformat(row["created"]) if row["created"] else None,
    )
    zones = row["zones"] or []
    attributes = {
        "vm_id": row["vm_id"],
        "state": state or "unknown",
        "os": row["os"],
        "priority": machine.priority,
        "zone": str(zones[0]) if zones else None,
        "license": machine.license,
        "scale_set": row["scale_set"],
        "created": row["created"],
    }
    return graph.resource_of(row, "virtual_machines", kind=row["size"], attributes=attributes), machine
