"""Seeds GKE, Cloud Functions and Cloud Storage."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from emulators.gcp.asset import Asset
from emulators.gcp.monitoring.distribution import Distribution, exponential_bounds
from emulators.gcp.monitoring.store import Series, Value
from emulators.gcp.seed.grid import DEMO_PROJECTS, Grid
from emulators.gcp.server import LocalGcp

_DAY = 86_400
_GIB = 2**30
_BOUNDS_NS = exponential_bounds(1e6, 1.5, 30)
_BOUNDS_MS = exponential_bounds(1.0, 1.5, 30)


def seed_gke(
    gcp: LocalGcp,
    clusters: int = 2,
    projects: Sequence[str] = DEMO_PROJECTS,
    *,
    nodes: int = 3,
    location: str = "us-central1",
    seed: int = 1,
) -> list[Asset]:
    """Clusters with a node pool of `nodes` nodes each, whose CPU and memory are known minute by minute."""
    random = Random(f"{seed}/gke")
    grid = Grid.around(gcp.clock(), 1.5, 1, 60)
    made = []
    for number in range(clusters):
        project, name = projects[number % len(projects)], f"cluster-{number}"
        data = {
            "name": name,
            "location": location,
            "status": "RUNNING",
            "currentMasterVersion": "1.33.4-gke.1000",
            "currentNodeVersion": "1.33.4-gke.1000",
            "currentNodeCount": nodes,
            "resourceLabels": {"team": "core"},
            "nodePools": [
                {
                    "name": "default-pool",
                    "status": "RUNNING",
                    "initialNodeCount": nodes,
                    "config": {"machineType": "e2-standard-4", "diskSizeGb": 100, "spot": False},
                    "autoscaling": {"enabled": True, "minNodeCount": 1, "maxNodeCount": 2 * nodes},
                }
            ],
        }
        path = f"projects/{project}/locations/{location}/clusters/{name}"
        made.append(_asset(gcp, "container.googleapis.com/Cluster", path, project, location, data))
        for node in range(nodes):
            resource = {"location": location, "cluster_name": name, "node_name": f"{name}-node-{node}"}
            _node(gcp, project, resource, grid, random)
    return made


def _node(gcp: LocalGcp, project: str, resource: dict[str, str], grid: Grid, random: Random) -> None:
    wave = grid.wave(random.random())
    for metric, labels, base in (
        ("kubernetes.io/node/cpu/allocatable_utilization", {}, random.uniform(0.2, 0.6)),
        ("kubernetes.io/node/memory/allocatable_utilization", {"memory_type": "non-evictable"}, 0.4),
        ("kubernetes.io/node/memory/allocatable_utilization", {"memory_type": "evictable"}, 0.2),
    ):
        values = [base + 0.1 * w for w in wave]
        gcp.metrics.load(
            project, Series(metric, labels, "k8s_node", resource, "GAUGE", "DOUBLE", grid.ends, grid.ends, values)
        )


def seed_functions(
    gcp: LocalGcp,
    functions: int = 4,
    projects: Sequence[str] = DEMO_PROJECTS,
    *,
    region: str = "us-central1",
    seed: int = 1,
) -> list[Asset]:
    """Functions, every second of the second generation, with executions by how they ended, and their times."""
    random = Random(f"{seed}/functions")
    grid = Grid.around(gcp.clock(), 1.5, 1, 60)
    made = []
    for number in range(functions):
        project, name, second = projects[number // 2 % len(projects)], f"function-{number}", bool(number % 2)
        path = f"projects/{project}/locations/{region}/functions/{name}"
        if second:
            service = f"projects/{project}/locations/{region}/services/{name}"
            data: dict[str, Any] = {
                "name": path,
                "environment": "GEN_2",
                "state": "ACTIVE",
                "buildConfig": {"runtime": "python312"},
                "serviceConfig": {"service": service, "availableMemory": "256Mi", "availableCpu": "0.1666"},
            }
            kind = "cloudfunctions.googleapis.com/Function"
        else:
            data = {"name": path, "status": "ACTIVE", "runtime": "python312", "availableMemoryMb": 256}
            kind = "cloudfunctions.googleapis.com/CloudFunction"
        made.append(_asset(gcp, kind, path, project, region, data))
        _executions(gcp, project, (name, region), grid, random, second=second)
    return made


def _executions(
    gcp: LocalGcp, project: str, place: tuple[str, str], grid: Grid, random: Random, *, second: bool
) -> None:
    name, region = place
    if second:
        kind, ending, endings = "cloud_run_revision", "response_code_class", ("2xx", "5xx")
        resource = {
            "service_name": name,
            "location": region,
            "revision_name": f"{name}-00001",
            "configuration_name": "",
        }
        counts, times, bounds, factor = (
            "run.googleapis.com/request_count",
            "run.googleapis.com/request_latencies",
            _BOUNDS_MS,
            1.0,
        )
    else:
        kind, ending, endings = "cloud_function", "status", ("ok", "error")
        resource = {"function_name": name, "region": region}
        counts = "cloudfunctions.googleapis.com/function/execution_count"
        times, bounds, factor = "cloudfunctions.googleapis.com/function/execution_times", _BOUNDS_NS, 1e6

    def put(metric: str, labels: dict[str, str], value_type: str, values: Sequence[Value]) -> None:
        series = Series(metric, labels, kind, resource, "DELTA", value_type, grid.starts, grid.ends, values)
        gcp.metrics.load(project, series)

    for end, most in zip(endings, (20, 2), strict=True):
        numbers = [random.randint(0, most) for _ in grid.ends]
        put(counts, {ending: end}, "INT64", numbers)
        spread = [[factor * random.lognormvariate(4, 0.5) for _ in range(number)] for number in numbers]
        put(times, {ending: end}, "DISTRIBUTION", [Distribution.of(values, bounds) for values in spread])


def seed_storage(
    gcp: LocalGcp,
    buckets: int = 3,
    projects: Sequence[str] = DEMO_PROJECTS,
    *,
    location: str = "us-central1",
    days: int = 4,
    seed: int = 1,
) -> list[Asset]:
    """Buckets with their size and objects once a day, by storage class and kind of object."""
    random = Random(f"{seed}/storage")
    now = gcp.clock()
    grid = Grid.around(now, 24 * days, 24, _DAY)
    made = []
    for number in range(buckets):
        project, name = projects[number % len(projects)], f"{projects[number % len(projects)]}-bucket-{number}"
        data = {"id": name, "name": name, "location": location.upper(), "storageClass": "STANDARD"}
        made.append(_asset(gcp, "storage.googleapis.com/Bucket", name, project, location, data))
        resource = {"bucket_name": name, "location": location}
        for storage_class in ("STANDARD", "NEARLINE") if number % 2 else ("STANDARD",):
            for kind, share in (("live-object", 1.0), ("noncurrent-object", 0.1)):
                size = random.uniform(10, 5000) * _GIB * share
                labels = {"storage_class": storage_class, "type": kind}
                grown = [float(round(size * (1 + 0.01 * day))) for day in range(len(grid.ends))]
                for metric, values in (
                    ("storage.googleapis.com/storage/v2/total_bytes", grown),
                    ("storage.googleapis.com/storage/v2/total_count", [value // 1_000_000 for value in grown]),
                ):
                    series = Series(
                        metric, labels, "gcs_bucket", resource, "GAUGE", "DOUBLE", grid.ends, grid.ends, values
                    )
                    gcp.metrics.load(project, series)
    return made


def _asset(  # noqa: PLR0917  # what an asset is made of
    gcp: LocalGcp, asset_type: str, path: str, project: str, location: str, data: dict[str, Any]
) -> Asset:
    created = datetime.fromtimestamp(int(gcp.clock()), UTC) - timedelta(days=30)
    service = asset_type.split("/", maxsplit=1)[0]
    asset = Asset(
        name=f"//{service}/{path}",
        asset_type=asset_type,
        project=project,
        location=location,
        display_name=path.rsplit("/", maxsplit=1)[-1],
        labels=data.get("labels") or data.get("resourceLabels") or {},
        state=data.get("status") or data.get("state") or "",
        created=created,
        updated=created,
        data=data,
    )
    gcp.assets.add(asset)
    return asset
