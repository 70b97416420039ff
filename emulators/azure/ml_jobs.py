"""The jobs of Machine Learning workspaces."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from emulators.azure.errors import AzureError, json_reply
from emulators.azure.operations import Operation, path
from emulators.azure.places import RESOURCE_MANAGER
from emulators.azure.request import AzureRequest
from emulators.azure.resource_manager import page_of
from emulators.azure.resources import ResourceStore
from emulators.core.reply import Reply

WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
STATUSES = (
    "NotStarted",
    "Starting",
    "Provisioning",
    "Preparing",
    "Queued",
    "Running",
    "Finalizing",
    "CancelRequested",
    "Completed",
    "Failed",
    "Canceled",
    "NotResponding",
    "Paused",
    "Unknown",
)
_VERSIONS = frozenset({"2023-04-01", "2023-10-01", "2024-04-01", "2024-10-01", "2025-06-01", "2024-04-01-preview"})


@dataclass(frozen=True)
class Job:
    """One job of a workspace. `started` and `ended` are None where it has not, or where the job does not tell."""

    name: str
    status: str
    created: datetime
    job_type: str = "Command"
    started: datetime | None = None
    ended: datetime | None = None
    compute: str = ""
    instances: int = 1
    instance_type: str = ""
    experiment: str = "Default"
    archived: bool = False
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a status that Azure does not have.

        Raises:
            ValueError: there is no such status.
        """
        if self.status not in STATUSES:
            raise ValueError(f"status is {self.status}: one of {', '.join(STATUSES)} is needed")


class JobStore:
    """Every job, by workspace id and name. `page_size` may be changed at run time."""

    def __init__(self) -> None:
        self.page_size = 100
        self._lock = threading.Lock()
        self._all: dict[str, dict[str, Job]] = {}

    def put(self, workspace_id: str, *jobs: Job) -> None:
        """Add jobs, in the place of any of the same name."""
        with self._lock:
            self._all.setdefault(workspace_id.lower(), {}).update({one.name: one for one in jobs})

    def of(self, workspace_id: str) -> list[Job]:
        """The jobs of a workspace, the newest first."""
        with self._lock:
            return sorted(self._all.get(workspace_id.lower(), {}).values(), key=lambda one: one.created, reverse=True)


class MlJobs:
    """Lists jobs by pages."""

    def __init__(self, jobs: JobStore, resources: ResourceStore) -> None:
        self._jobs = jobs
        self._resources = resources

    def operations(self) -> list[Operation]:
        """What it serves."""
        where = rf"(?P<scope>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/{WORKSPACE}/[^/]+)/jobs"
        return [
            Operation(
                "machinelearning:jobs",
                "GET",
                path(where),
                self._list,
                service=RESOURCE_MANAGER,
                versions=_VERSIONS,
                action=f"{WORKSPACE}/jobs/read",
                counted=True,
            )
        ]

    def _list(self, request: AzureRequest) -> Reply:
        workspace = self._resources.get(request.scope)
        if workspace is None:
            name = request.scope.rpartition("/")[2]
            text = (
                f"The Resource '{WORKSPACE}/{name}' under resource group '{request.resource_group}' was not found. For "
                "more details please go to https://aka.ms/ARMResourceNotFoundFix"
            )
            raise AzureError(404, "ResourceNotFound", text)
        view = request.query.get("listviewtype", "ActiveOnly").lower()
        kind = request.query.get("jobtype", "").lower()
        found = [
            one
            for one in self._jobs.of(request.scope)
            if kind in {"", one.job_type.lower()} and (view == "all" or one.archived == (view == "archivedonly"))
        ]
        return json_reply(page_of(request, found, self._jobs.page_size, lambda one: _told(workspace.id, one)))


def _told(workspace_id: str, job: Job) -> dict[str, Any]:
    times = {"StartTimeUtc": job.started, "EndTimeUtc": job.ended}
    # As the service writes them: UTC, and no word of it.
    told = {name: f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}" for name, moment in times.items() if moment}
    if job.compute:
        told |= {"_azureml.ClusterName": job.compute, "_azureml.ComputeTargetType": "amlctrain"}
    resources = {"instanceCount": job.instances, "instanceType": job.instance_type or None}
    return {
        "id": f"{workspace_id}/jobs/{job.name}",
        "name": job.name,
        "type": f"{WORKSPACE}/jobs",
        "properties": {
            "jobType": job.job_type,
            "status": job.status,
            "displayName": job.name,
            "experimentName": job.experiment,
            "computeId": f"{workspace_id}/computes/{job.compute}" if job.compute else None,
            "isArchived": job.archived,
            "services": {},
            "properties": told,
            "resources": resources,
            "tags": job.tags,
        },
        "systemData": {
            "createdAt": f"{job.created:%Y-%m-%dT%H:%M:%S.%fZ}",
            "createdBy": "finfleet",
            "createdByType": "User",
        },
    }
