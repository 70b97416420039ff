"""Seeds Machine Learning workspaces: their jobs, and their metrics."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from emulators.azure.directory import DEFAULT_TENANT
from emulators.azure.metrics import Wave
from emulators.azure.ml_jobs import WORKSPACE, Job
from emulators.azure.resources import AzureResource
from emulators.azure.server import LocalAzure
from emulators.azure.subscriptions import DEFAULT_SUBSCRIPTION

_STATUSES = {"Completed": 60, "Failed": 14, "Canceled": 6, "Running": 12, "Queued": 5, "Preparing": 3}
_ENDED = {"Completed", "Failed", "Canceled"}
_SIZES = ("Standard_D4s_v5", "Standard_NC24ads_A100_v4")


@dataclass
class MlSeed:
    """What was seeded, by workspace id."""

    azure: LocalAzure
    workspaces: list[AzureResource] = field(default_factory=list)
    jobs: dict[str, list[Job]] = field(default_factory=dict)

    def statuses(self, workspace_id: str) -> Counter[str]:
        """The number of jobs by status, archived ones left out."""
        return Counter(job.status for job in self.jobs[workspace_id] if not job.archived)

    def compute_hours(self, workspace_id: str, now: datetime) -> float:
        """Hours that the jobs which are listed have run until `now`, once for each of their instances."""
        ran = [
            ((job.ended or now) - job.started) * job.instances
            for job in self.jobs[workspace_id]
            if job.started and not job.archived
        ]
        return sum(ran, timedelta()) / timedelta(hours=1)

    def describe(self) -> dict[str, Any]:
        """The counts as JSON."""
        return {
            "workspaces": len(self.workspaces),
            "jobs": {one.name: dict(self.statuses(one.id)) for one in self.workspaces},
        }


def seed_ml(
    azure: LocalAzure,
    count: int = 2,
    subscriptions: Sequence[str] = (DEFAULT_SUBSCRIPTION,),
    regions: Sequence[str] = ("eastus", "westeurope"),
    *,
    jobs: int = 40,
    names: Sequence[str] = ("my-ml-workspace",),
    tenant: str = DEFAULT_TENANT,
    seed: int = 1,
) -> MlSeed:
    """Workspaces, the first of them with the given names, each with `jobs` jobs of the last 20 days."""
    seeded = MlSeed(azure)
    now = datetime.fromtimestamp(azure.clock(), UTC).replace(microsecond=0)
    places = [(subscription, region) for region in regions for subscription in subscriptions]
    for index in range(count):
        subscription, region = places[index % len(places)]
        azure.subscriptions.ensure(subscription, tenant)
        random = Random(f"{seed}/ml/{index}")
        workspace = AzureResource(
            subscription,
            "ml-resources",
            WORKSPACE,
            names[index] if index < len(names) else f"workspace-{index:03d}",
            region,
            {"provisioningState": "Succeeded", "workspaceId": f"{random.getrandbits(128):032x}", "hbiWorkspace": False},
            {"team": "vision"},
            kind="Default",
            sku={"name": "Basic", "tier": "Basic"},
        )
        azure.resources.add([workspace])
        seeded.workspaces.append(workspace)
        seeded.jobs[workspace.id] = [_job(number, random, now) for number in range(jobs)]
        azure.jobs.put(workspace.id, *seeded.jobs[workspace.id])
        _load_metrics(azure, workspace.id, random)
    return seeded


def _job(number: int, random: Random, now: datetime) -> Job:
    status = random.choices(list(_STATUSES), list(_STATUSES.values()))[0]
    created = now - timedelta(minutes=random.randint(300, 20 * 24 * 60))
    started = created + timedelta(minutes=random.randint(1, 20)) if status in {*_ENDED, "Running"} else None
    ended = started + timedelta(minutes=random.randint(1, 240)) if started and status in _ENDED else None
    return Job(
        name=f"job_{number:05d}_{random.getrandbits(32):08x}",
        status=status,
        created=created,
        job_type=random.choice(["Command", "Command", "Sweep", "Pipeline"]),
        started=started,
        ended=ended,
        compute=random.choice(["cpu-cluster", "gpu-cluster"]),
        instances=random.choice([1, 1, 1, 2, 4]),
        instance_type=random.choice(_SIZES),
        archived=number % 17 == 16,  # noqa: PLR2004  # a few
    )


def _load_metrics(azure: LocalAzure, workspace_id: str, random: Random) -> None:
    cores = random.uniform(8, 64)
    for metric, base in (
        ("Active Cores", cores),
        ("Active Nodes", cores / 8),
        ("Total Cores", cores * 1.5),
        ("Completed Runs", 0.2),
        ("Failed Runs", 0.03),
        ("CpuUtilization", random.uniform(20, 70)),
    ):
        azure.metrics.generate(workspace_id, metric, Wave(base, base / 3, seed=random.randrange(1440)))
