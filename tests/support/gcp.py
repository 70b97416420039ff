"""A local Google Cloud with a clock that stands still, and a configuration that points at it."""

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from agents.core.context import Shared
from emulators.gcp import LocalGcp
from emulators.gcp.asset import Asset
from telemetry.settings import Settings
from telemetry.target import Window

NOW = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
"""What the clocks show."""
WINDOW = Window(datetime(2026, 11, 24, 11, 40, tzinfo=UTC), datetime(2026, 11, 24, 11, 45, tzinfo=UTC))
PROJECT = "shop-prod"
TARGET = "gcp/default/global/compute"
CPU = "compute.googleapis.com/instance/cpu/utilization"
RECEIVED = "compute.googleapis.com/instance/network/received_bytes_count"
MEMORY = "agent.googleapis.com/memory/percent_used"
GPU = "agent.googleapis.com/gpu/utilization"


def standing_gcp() -> LocalGcp:
    """Not started yet."""
    return LocalGcp(clock=NOW.timestamp, require_credentials=True)


def endpoints(gcp: LocalGcp) -> dict[str, str]:
    """Its addresses as the configuration has them."""
    return {name: at if "://" in at else f"http://{at}" for name, at in gcp.endpoints.items()}


def key_file(gcp: LocalGcp, project: str = PROJECT) -> Path:
    """The key of a new service account, in a directory that goes with the test process."""
    return gcp.credentials_file(project, Path(tempfile.mkdtemp(dir=_keys())))


@cache
def _keys() -> str:
    directory = tempfile.mkdtemp(prefix="finfleet-gcp-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def settings(gcp: LocalGcp, **section: Any) -> Settings:
    """The local Google Cloud as the only provider, asked as fast as it answers."""
    given: dict[str, Any] = {"endpoints": endpoints(gcp), "quotas": {"*": 1000}}
    if "accounts" not in section:
        given["project_id"] = PROJECT
    if "credentials_file" not in section:
        given["credentials_file"] = str(key_file(gcp))
    return Settings.model_validate({"gcp": {**given, **section}})


def shared(gcp: LocalGcp, **section: Any) -> Shared:
    """What the collections of one process share."""
    return Shared(settings(gcp, **section), now=lambda: NOW)


def add_instance(
    gcp: LocalGcp, number: int = 1, *, project: str = PROJECT, zone: str = "us-central1-a", **data: Any
) -> str:
    """One more running n2-standard-4, two hours old, unless ``data`` says otherwise; gives its id for metrics."""
    name = f"vm-{number:04d}"
    path = f"projects/{project}/zones/{zone}"
    given = {
        "id": str(7_000_000_000_000_000_000 + number),
        "name": name,
        "zone": f"https://www.googleapis.com/compute/v1/{path}",
        "machineType": f"https://www.googleapis.com/compute/v1/{path}/machineTypes/n2-standard-4",
        "status": "RUNNING",
        "creationTimestamp": _stamp(NOW - timedelta(hours=2)),
        "lastStartTimestamp": _stamp(NOW - timedelta(hours=2)),
        "scheduling": {"preemptible": False, "provisioningModel": "STANDARD"},
        **data,
    }
    resource = f"//compute.googleapis.com/{path}/instances/{name}"
    gcp.assets.add(Asset(resource, "compute.googleapis.com/Instance", project, zone, name, data=given))
    return str(given["id"])


def machine_type(name: str, zone: str = "us-central1-a") -> str:
    """The address of a machine type, as an instance names it."""
    return f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/zones/{zone}/machineTypes/{name}"


def put(
    gcp: LocalGcp,
    metric: str,
    instance: str,
    points: Sequence[tuple[datetime, float]],
    *,
    labels: Mapping[str, str] | None = None,
    project: str = PROJECT,
    zone: str = "us-central1-a",
    kind: str = "GAUGE",
    value_type: str = "DOUBLE",
) -> None:
    """Points of one metric of one instance by the time of their end; those of a DELTA are a minute long."""
    minute = timedelta(minutes=1)
    rows = [(at, value) if kind == "GAUGE" else (at - minute, at, value) for at, value in points]
    resource = {"instance_id": instance, "zone": zone}
    gcp.metrics.put(project, metric, labels or {}, "gce_instance", resource, kind, value_type, rows)


def _stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
