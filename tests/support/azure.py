"""A local Azure with a clock that stands still, and a configuration that points at it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.core.context import Shared
from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.resources import AzureResource
from telemetry.settings import Settings
from telemetry.target import Window

NOW = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
"""What the clocks show."""
WINDOW = Window(datetime(2026, 11, 24, 11, 40, tzinfo=UTC), datetime(2026, 11, 24, 11, 45, tzinfo=UTC))
VMS = "azure/default/global/virtual_machines"
VM = "Microsoft.Compute/virtualMachines"
CPU = "Percentage CPU"
MEMORY = "Available Memory Percentage"


def standing_azure() -> LocalAzure:
    """Not started yet."""
    azure = LocalAzure(clock=NOW.timestamp)
    azure.subscriptions.ensure(DEFAULT_SUBSCRIPTION)
    unlimited(azure)
    return azure


def unlimited(azure: LocalAzure) -> None:
    """Let it take as many calls as there are: what is refused is the tests' own choice."""
    plenty = (1_000_000, 1.0)
    azure.limits.graph = azure.limits.logs = azure.limits.prices = azure.limits.cost_calls = plenty
    azure.limits.cost_units = (plenty,)


def forget(azure: LocalAzure) -> None:
    """As it was at first, but for its address."""
    azure.faults.clear()
    azure.rewrites.clear()
    azure.resources.clear()
    azure.reset_calls()


def settings(azure: LocalAzure, **section: Any) -> Settings:
    """The local Azure as the only provider, asked as fast as it answers."""
    given: dict[str, Any] = {
        **azure.credentials(),
        "endpoints": azure.endpoints,
        "ca_file": azure.ca_file,
        "quotas": {"*": 1000},
        "subscription_id": DEFAULT_SUBSCRIPTION,
    }
    return Settings.model_validate({"azure": {**given, **section}})


def shared(azure: LocalAzure, **section: Any) -> Shared:
    """What the collections of one process share."""
    return Shared(settings(azure, **section), now=lambda: NOW)


def add_vm(azure: LocalAzure, number: int = 1, *, group: str = "web", region: str = "eastus", **fields: Any) -> str:
    """One more running Linux Standard_D2s_v5, two hours old, unless ``fields`` say otherwise; its id, in lower case.

    ``fields``: size, os, state, priority, license, publisher, created, tags, zones, subscription.
    """
    given = {
        "size": "Standard_D2s_v5",
        "os": "Linux",
        "state": "running",
        "priority": "",
        "license": "",
        "publisher": "Canonical",
        "created": NOW - timedelta(hours=2),
        **fields,
    }
    properties: dict[str, Any] = {
        "vmId": f"00000000-0000-4000-8000-{number:012}",
        "timeCreated": given["created"].isoformat().replace("+00:00", "Z"),
        "hardwareProfile": {"vmSize": given["size"]},
        "storageProfile": {
            "osDisk": {"osType": given["os"]},
            "imageReference": {"publisher": given["publisher"]},
        },
        "extended": {"instanceView": {"powerState": {"code": f"PowerState/{given['state']}"}}},
    }
    further = {"priority": given["priority"], "licenseType": given["license"], "host": given.get("host")}
    properties |= {name: value for name, value in further.items() if value}
    resource = AzureResource(
        given.get("subscription", DEFAULT_SUBSCRIPTION),
        group,
        VM,
        f"vm-{number:04}",
        region,
        properties,
        given.get("tags"),
        zones=given.get("zones"),
    )
    azure.resources.add([resource])
    return resource.id.lower()


def put(azure: LocalAzure, resource_id: str, metric: str, values: Mapping[datetime, float]) -> None:
    """Samples of one metric, by the minute that they begin at."""
    azure.metrics.put(resource_id, metric, {int(at.timestamp()) // 60: value for at, value in values.items()})


def steady(value: float, window: Window = WINDOW) -> dict[datetime, float]:
    """The same value for every minute of a window."""
    minutes = int(window.duration.total_seconds() // 60)
    return {window.start + timedelta(minutes=minute): value for minute in range(minutes)}
