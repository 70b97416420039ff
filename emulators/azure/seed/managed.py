"""Seeds clusters, functions and storage accounts, with their metrics."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from emulators.azure.directory import DEFAULT_TENANT
from emulators.azure.metrics import Wave
from emulators.azure.metrics.store import Bucket
from emulators.azure.resources import AzureResource
from emulators.azure.seed.expected import expected
from emulators.azure.server import LocalAzure
from emulators.azure.subscriptions import DEFAULT_SUBSCRIPTION

AKS = "Microsoft.ContainerService/managedClusters"
SITES = "Microsoft.Web/sites"
FARMS = "Microsoft.Web/serverfarms"
STORAGE = "Microsoft.Storage/storageAccounts"
_REGIONS = ("eastus", "westeurope")


@dataclass
class ResourceSeed:
    """What was seeded of one kind. `silent` are the ids of those that have no metrics, since they are stopped."""

    azure: LocalAzure
    resources: list[AzureResource] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)

    @property
    def by_region(self) -> Counter[tuple[str, str]]:
        """(subscription, region) -> number."""
        return Counter((one.subscription, one.location) for one in self.resources)

    def expected(self, resource_id: str, metric: str, start: datetime, end: datetime) -> Bucket | None:
        """What the samples of [start, end) come to, as far as they can be seen now; None where there are none."""
        return expected(self.azure, resource_id, metric, start, end)

    def describe(self) -> dict[str, Any]:
        """The counts as JSON."""
        return {"resources": len(self.resources), "silent": len(self.silent)}


def _places(
    azure: LocalAzure, count: int, subscriptions: Sequence[str], regions: Sequence[str], tenant: str
) -> list[tuple[str, str]]:
    for subscription in subscriptions:
        azure.subscriptions.ensure(subscription, tenant)
    pairs = [(subscription, region) for region in regions for subscription in subscriptions]
    return [pairs[index % len(pairs)] for index in range(count)]


def seed_aks(
    azure: LocalAzure,
    count: int = 3,
    subscriptions: Sequence[str] = (DEFAULT_SUBSCRIPTION,),
    regions: Sequence[str] = _REGIONS,
    *,
    tenant: str = DEFAULT_TENANT,
    seed: int = 1,
) -> ResourceSeed:
    """Clusters with a system pool and, for two of three, a spot pool; every fourth is stopped."""
    seeded = ResourceSeed(azure)
    for index, (subscription, region) in enumerate(_places(azure, count, subscriptions, regions, tenant)):
        random = Random(f"{seed}/aks/{index}")
        stopped = index % 4 == 3  # noqa: PLR2004  # every fourth
        pools = [_pool("system", "System", random.randint(1, 5), "Standard_D2s_v5")]
        if index % 3:
            pools.append(_pool("batch", "User", random.randint(0, 4), "Standard_F8s_v2", scaleSetPriority="Spot"))
        cluster = AzureResource(
            subscription,
            "platform",
            AKS,
            f"cluster-{index:03d}",
            region,
            {
                "provisioningState": "Succeeded",
                "powerState": {"code": "Stopped" if stopped else "Running"},
                "kubernetesVersion": "1.32",
                "nodeResourceGroup": f"MC_platform_cluster-{index:03d}_{region}",
                "agentPoolProfiles": pools,
            },
            {"team": "platform"},
            sku={"name": "Base", "tier": random.choice(["Free", "Standard", "Premium"])},
        )
        _add(seeded, cluster, stopped=stopped)
        if not stopped:
            for metric in ("node_cpu_usage_percentage", "node_memory_working_set_percentage"):
                _wave(azure, cluster.id, metric, random, random.uniform(15, 75), high=100)
            _wave(azure, cluster.id, "node_network_in_bytes", random, 10 ** random.uniform(5, 8))
            cores = 2.0 * sum(pool["count"] for pool in pools)
            azure.metrics.generate(cluster.id, "kube_node_status_allocatable_cpu_cores", Wave(cores))
    return seeded


def _pool(name: str, mode: str, count: int, size: str, **more: Any) -> dict[str, Any]:
    told = {
        "name": name,
        "mode": mode,
        "count": count,
        "vmSize": size,
        "type": "VirtualMachineScaleSets",
        "osType": "Linux",
        "powerState": {"code": "Running"},
    }
    return told | more


def seed_functions(
    azure: LocalAzure,
    count: int = 4,
    subscriptions: Sequence[str] = (DEFAULT_SUBSCRIPTION,),
    regions: Sequence[str] = _REGIONS,
    *,
    tenant: str = DEFAULT_TENANT,
    seed: int = 1,
) -> ResourceSeed:
    """Function apps, every fourth of them stopped, and one plain web app, which is none and not in the seed."""
    seeded = ResourceSeed(azure)
    for index, (subscription, region) in enumerate(_places(azure, count, subscriptions, regions, tenant)):
        random = Random(f"{seed}/functions/{index}")
        stopped = index % 4 == 3  # noqa: PLR2004  # every fourth
        app = _site(subscription, region, f"func-{index:03d}", "functionapp,linux", "Dynamic", stopped=stopped)
        _add(seeded, app, stopped=stopped)
        if not stopped:
            runs = random.uniform(1, 200)
            _wave(azure, app.id, "FunctionExecutionCount", random, runs)
            # Megabytes times milliseconds.
            _wave(azure, app.id, "FunctionExecutionUnits", random, runs * random.uniform(20_000, 400_000))
            _wave(azure, app.id, "Http5xx", random, runs / 100)
            _wave(azure, app.id, "MemoryWorkingSet", random, random.uniform(1e8, 1e9))
    subscription, region = subscriptions[0], regions[0]
    azure.resources.add([_site(subscription, region, "web-000", "app,linux", "PremiumV3", stopped=False)])
    return seeded


def _site(subscription: str, region: str, name: str, kind: str, sku: str, *, stopped: bool) -> AzureResource:
    return AzureResource(
        subscription,
        "apps",
        SITES,
        name,
        region,
        {
            "state": "Stopped" if stopped else "Running",
            "sku": sku,
            "enabled": True,
            "reserved": True,
            "defaultHostName": f"{name}.azurewebsites.net",
            "serverFarmId": f"/subscriptions/{subscription}/resourceGroups/apps/providers/{FARMS}/{sku}",
        },
        {"team": "web"},
        kind=kind,
    )


def seed_storage(
    azure: LocalAzure,
    count: int = 4,
    subscriptions: Sequence[str] = (DEFAULT_SUBSCRIPTION,),
    regions: Sequence[str] = _REGIONS,
    *,
    tenant: str = DEFAULT_TENANT,
    seed: int = 1,
) -> ResourceSeed:
    """Storage accounts; capacities have a sample an hour, transactions one a minute."""
    seeded = ResourceSeed(azure)
    for index, (subscription, region) in enumerate(_places(azure, count, subscriptions, regions, tenant)):
        random = Random(f"{seed}/storage/{index}")
        account = AzureResource(
            subscription,
            "data",
            STORAGE,
            f"store{index:04d}",
            region,
            {"provisioningState": "Succeeded", "accessTier": random.choice(["Hot", "Cool"])},
            {"team": "data"},
            kind="StorageV2",
            sku={"name": random.choice(["Standard_LRS", "Standard_GRS", "Standard_ZRS"]), "tier": "Standard"},
        )
        _add(seeded, account, stopped=False)
        blobs = f"{account.id}/blobServices/default"
        held = 10 ** random.uniform(9, 13)
        for resource_id, metric, base in (
            (account.id, "UsedCapacity", held * 1.05),
            (blobs, "BlobCapacity", held),
            (blobs, "BlobCount", float(random.randint(1000, 10_000_000))),
        ):
            azure.metrics.generate(resource_id, metric, Wave(base, every=60))
        for resource_id in (account.id, blobs):
            _wave(azure, resource_id, "Transactions", random, random.uniform(1, 500))
            _wave(azure, resource_id, "Egress", random, 10 ** random.uniform(4, 8))
    return seeded


def _add(seeded: ResourceSeed, resource: AzureResource, *, stopped: bool) -> None:
    seeded.azure.resources.add([resource])
    seeded.resources.append(resource)
    if stopped:
        seeded.silent.add(resource.id)


def _wave(
    azure: LocalAzure, resource_id: str, metric: str, random: Random, base: float, *, high: float = math.inf
) -> None:
    azure.metrics.generate(resource_id, metric, Wave(base, base / 4, seed=random.randrange(1440), high=high))
