"""Seeds virtual machines, and the platform metrics of the running ones."""

import math
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from emulators.azure.directory import DEFAULT_TENANT
from emulators.azure.metrics import Wave
from emulators.azure.metrics.store import Bucket
from emulators.azure.prices.items import UNPRICED_SIZES
from emulators.azure.resources import AzureResource
from emulators.azure.seed.expected import expected
from emulators.azure.server import LocalAzure
from emulators.azure.subscriptions import DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION

VM = "Microsoft.Compute/virtualMachines"
MEMORY = "Available Memory Percentage"
_BATCH = 50
_SHOUTED = 10
_INSIGHTS = 3
#: (size, share). The last has no price in the price list: its cost must stay unknown.
_SIZES = {
    "Standard_B2ms": 14,
    "Standard_D2s_v3": 16,
    "Standard_D2s_v5": 20,
    "Standard_D4s_v5": 16,
    "Standard_D8s_v5": 6,
    "Standard_E4s_v5": 10,
    "Standard_F8s_v2": 6,
    "Standard_D4ps_v5": 4,
    "Standard_NC24ads_A100_v4": 2,
    "Standard_ND96asr_v4": 1,
    **dict.fromkeys(UNPRICED_SIZES, 3),
}
_LINUX_ONLY = {"Standard_D4ps_v5", "Standard_NC24ads_A100_v4", "Standard_ND96asr_v4"}
_TEAMS = ("search", "recommendations", "vision", "platform", "billing")
_ENVIRONMENTS = ("prod", "prod", "staging", "dev")
_ROLES = ("web", "worker", "db", "train", "infer")


class Shares(NamedTuple):
    """How many of all are what, from 0 to 1."""

    deallocated: float = 0.12
    stopped: float = 0.03
    spot: float = 0.10
    windows: float = 0.20
    hybrid_benefit: float = 0.30
    silent: float = 0.02
    without_memory: float = 0.10


@dataclass(frozen=True)
class SeededVm:
    """One virtual machine.

    `state` is `running`, `stopped` (off, and still charged for) or `deallocated`. `licence` is `Windows_Server` where
    Windows is paid elsewhere. `silent` ones run and have no metrics; `memory` says whether memory is among them.
    """

    id: str
    name: str
    subscription: str
    group: str
    region: str
    size: str
    os: str
    state: str
    spot: bool
    licence: str
    silent: bool
    memory: bool
    created: datetime
    tags: dict[str, str] | None

    @property
    def measured(self) -> bool:
        """Whether it has metrics."""
        return self.state == "running" and not self.silent


@dataclass
class VmSeed:
    """What was seeded, so that a test can say what must be found."""

    azure: LocalAzure
    vms: list[SeededVm] = field(default_factory=list)
    #: Machine -> (memory in MB, available MB by minute) of those that send it to the workspace.
    insights: dict[str, tuple[int, Wave]] = field(default_factory=dict)

    def count(self, *names: str, **only: Any) -> Counter[Any]:
        """The number by attributes: `count("region")`, `count("subscription", "region", state="running")`."""
        found = [vm for vm in self.vms if all(getattr(vm, name) == value for name, value in only.items())]
        if len(names) == 1:
            return Counter(getattr(vm, names[0]) for vm in found)
        return Counter(tuple(getattr(vm, name) for name in names) for vm in found)

    def metric_calls(self, groups: int = 1, **only: Any) -> int:
        """The least calls of metrics:getBatch that tell of them all: batches of 50 by subscription and region."""
        return groups * sum(math.ceil(n / _BATCH) for n in self.count("subscription", "region", **only).values())

    def expected(self, vm: SeededVm, metric: str, start: datetime, end: datetime) -> Bucket | None:
        """What the samples of [start, end) come to, as far as they can be seen now; None where there are none."""
        return expected(self.azure, vm.id, metric, start, end)

    def describe(self) -> dict[str, Any]:
        """The counts as JSON."""
        by_place: dict[str, dict[str, int]] = {}
        for (subscription, region), number in self.count("subscription", "region").items():
            by_place.setdefault(subscription, {})[region] = number
        return {
            "vms": len(self.vms),
            "by_subscription": by_place,
            "by_state": self.count("state"),
            "by_size": self.count("size"),
            "by_os": self.count("os"),
            "running_spot": self.count("spot", state="running")[True],
            "running_unpriced": sum(vm.size in UNPRICED_SIZES for vm in self.vms if vm.state == "running"),
            "measured": self.count("measured")[True],
            "with_memory": self.count("memory", measured=True)[True],
            "metric_calls": self.metric_calls(),
        }


def seed_vms(
    azure: LocalAzure,
    count: int = 300,
    subscriptions: Sequence[str] = (DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION),
    regions: Sequence[str] = ("eastus", "westeurope"),
    *,
    tenant: str = DEFAULT_TENANT,
    groups: Sequence[str] = ("ml-resources", "web", "data"),
    shares: Shares | None = None,
    workspace: str | None = None,
    seed: int = 1,
) -> VmSeed:
    """Put `count` virtual machines into `azure`, dealt out evenly over subscriptions, regions and resource groups.

    The running ones have a sample of every metric for every minute from their creation on. With a `workspace` (its
    GUID, made in the first subscription), every third of them sends its memory there too, as VM insights does: rows of
    InsightsMetrics from 26 hours ago on.
    """
    seeded = VmSeed(azure)
    logs = azure.logs.workspace(workspace, subscriptions[0], tenant) if workspace else None
    for subscription in subscriptions:
        azure.subscriptions.ensure(subscription, tenant)
    azure.directory.application(tenant)
    places = [(subscription, region) for region in regions for subscription in subscriptions]
    now = datetime.fromtimestamp(azure.clock(), UTC)
    for index in range(count):
        random = Random(f"{seed}/{index}")
        subscription, region = places[index % len(places)]
        group = groups[index // len(places) % len(groups)]
        vm = _draw(index, subscription, group, region, shares=shares or Shares(), random=random, now=now)
        azure.resources.add([_resource(vm, random)])
        if vm.measured:
            for metric, wave in _waves(vm, random):
                azure.metrics.generate(vm.id, metric, wave)
        if logs and vm.measured and index % _INSIGHTS == 0:
            total = random.choice((4096, 8192, 16_384, 65_536))
            first = int(now.timestamp()) // 60 - 26 * 60
            wave = Wave(total * random.uniform(0.2, 0.7), total / 20, seed=index, high=total, first=first)
            logs.generate(vm.id, vm.name, ("Memory", "AvailableMB"), wave, {"vm.azm.ms/memorySizeMB": total})
            seeded.insights[vm.id] = (total, wave)
        seeded.vms.append(vm)
    return seeded


def _draw(
    index: int, subscription: str, group: str, region: str, *, shares: Shares, random: Random, now: datetime
) -> SeededVm:
    size = random.choices(list(_SIZES), list(_SIZES.values()))[0]
    role, environment, team = random.choice(_ROLES), random.choice(_ENVIRONMENTS), random.choice(_TEAMS)
    name = f"{environment}-{role}-{index:05d}"
    drawn = random.random()
    state = "deallocated" if drawn < shares.deallocated else "running"
    if shares.deallocated <= drawn < shares.deallocated + shares.stopped:
        state = "stopped"
    windows = size not in _LINUX_ONLY and random.random() < shares.windows
    silent = random.random() < shares.silent
    # Azure spells a group now this way, now that.
    spelled = group.upper() if index % _SHOUTED == 0 else group
    return SeededVm(
        id=f"/subscriptions/{subscription}/resourceGroups/{spelled}/providers/{VM}/{name}",
        name=name,
        subscription=subscription,
        group=group,
        region=region,
        size=size,
        os="Windows" if windows else "Linux",
        state=state,
        spot=random.random() < shares.spot,
        licence="Windows_Server" if windows and random.random() < shares.hybrid_benefit else "",
        silent=silent,
        memory=state == "running" and not silent and random.random() >= shares.without_memory,
        created=(now - timedelta(minutes=random.randint(36 * 60, 400 * 24 * 60))).replace(microsecond=0),
        # One in twenty was never tagged.
        tags={"team": team, "env": environment} if random.random() > 0.05 else None,  # noqa: PLR2004  # said above
    )


def _resource(vm: SeededVm, random: Random) -> AzureResource:
    linux = vm.os == "Linux"
    shown = "VM running" if vm.state == "running" else f"VM {vm.state}"
    properties: dict[str, Any] = {
        "vmId": str(uuid.UUID(int=random.getrandbits(128), version=4)),
        "provisioningState": "Succeeded",
        "timeCreated": vm.created.isoformat().replace("+00:00", "Z"),
        "hardwareProfile": {"vmSize": vm.size},
        "osProfile": {"computerName": vm.name, ("linuxConfiguration" if linux else "windowsConfiguration"): {}},
        "storageProfile": {
            "imageReference": {"publisher": "Canonical" if linux else "MicrosoftWindowsServer"},
            "osDisk": {"osType": vm.os, "createOption": "FromImage", "diskSizeGB": 30 if linux else 127},
            "dataDisks": [],
        },
        "extended": {
            "instanceView": {
                "computerName": vm.name,
                "powerState": {"code": f"PowerState/{vm.state}", "displayStatus": shown, "level": "Info"},
            }
        },
    }
    if vm.spot:
        properties |= {"priority": "Spot", "evictionPolicy": "Deallocate", "billingProfile": {"maxPrice": -1.0}}
    if vm.licence:
        properties["licenseType"] = vm.licence
    zones = [random.choice("123")] if random.random() < 0.5 else None  # noqa: PLR2004  # half of them
    return AzureResource(
        vm.subscription,
        vm.id.split("/")[4],
        VM,
        vm.name,
        vm.region,  # Azure spells groups as it pleases
        properties,
        vm.tags,
        zones=zones,
    )


def _waves(vm: SeededVm, random: Random) -> Iterator[tuple[str, Wave]]:
    first = int(vm.created.timestamp()) // 60 + 1

    def wave(base: float, swing: float, high: float = math.inf) -> Wave:
        return Wave(base, swing, seed=random.randrange(1440), high=high, first=first)

    # So far from both ends that no hour of the day cuts the wave: a machine that runs is never idle.
    yield "Percentage CPU", wave(random.uniform(20, 80), 15, 100)
    traffic = 10 ** random.uniform(5, 9)
    yield "Network In Total", wave(traffic, traffic / 2)
    yield "Network Out Total", wave(traffic / 3, traffic / 6)
    operations = random.uniform(1, 400)
    yield "Disk Read Operations/Sec", wave(operations, operations / 3)
    yield "Disk Write Operations/Sec", wave(operations / 2, operations / 5)
    yield "Disk Read Bytes", wave(operations * 16_384, operations * 4096)
    yield "Disk Write Bytes", wave(operations * 8192, operations * 2048)
    if vm.memory:
        free = random.uniform(10, 80)
        yield MEMORY, wave(free, 8, 100)
        yield "Available Memory Bytes", wave(free * 2**28, 2**28)
