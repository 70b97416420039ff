"""Seeds Compute Engine: the instances in the inventory, and what Monitoring knows of the running ones."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from emulators.gcp.monitoring.store import Series
from emulators.gcp.seed.grid import DEMO_PROJECTS, DEMO_ZONES, Grid
from emulators.gcp.seed.machines import SeedInstance, make_instances
from emulators.gcp.server import LocalGcp

PERIOD = 60
CPU = "compute.googleapis.com/instance/cpu/utilization"
RECEIVED = "compute.googleapis.com/instance/network/received_bytes_count"
SENT = "compute.googleapis.com/instance/network/sent_bytes_count"
MEMORY = "agent.googleapis.com/memory/percent_used"
GPU = "agent.googleapis.com/gpu/utilization"
METRICS = (CPU, RECEIVED, SENT, MEMORY, GPU)
_WAVES = 24


@dataclass
class ComputeSeed:
    """What was seeded. `series` counts the series of each (project, metric type)."""

    grid: Grid
    instances: list[SeedInstance] = field(default_factory=list)
    series: Counter[tuple[str, str]] = field(default_factory=Counter)

    def of(self, project: str) -> list[SeedInstance]:
        """The instances of a project."""
        return [one for one in self.instances if one.project == project]

    def describe(self) -> dict[str, Any]:
        """The counts as JSON, by project."""
        projects = dict.fromkeys(one.project for one in self.instances)
        return {project: self._project(project) for project in projects}

    def _project(self, project: str) -> dict[str, Any]:
        instances = self.of(project)
        running = [one for one in instances if one.running]
        return {
            "instances": len(instances),
            "running": len(running),
            "by_zone": Counter(one.zone for one in instances),
            "by_type": Counter(one.machine.name for one in instances),
            "running_spot": sum(one.spot for one in running),
            "with_agent": sum(one.agent for one in running),
            "with_gpu": sum(one.machine.gpu is not None for one in running),
            "series": {metric: self.series[project, metric] for metric in METRICS},
        }


def seed_compute(
    gcp: LocalGcp,
    count: int = 300,
    projects: Sequence[str] = DEMO_PROJECTS,
    zones: Sequence[str] = DEMO_ZONES,
    *,
    seed: int = 1,
    hours_back: float = 1.5,
    hours_ahead: float = 1.0,
) -> ComputeSeed:
    """Make `count` instances, shared out evenly over `projects` and `zones`, with a point a minute for the running.

    CPU and network for each running one; memory and, where there are GPUs, their utilization for every third one,
    which has the Ops Agent. Points begin `hours_back` before the clock of `gcp` and end `hours_ahead` after it.
    """
    now = gcp.clock()
    random = Random(f"{seed}/compute")
    seeded = ComputeSeed(Grid.around(now, hours_back, hours_ahead, PERIOD))
    loader = _Loader(gcp, seeded)
    for one in make_instances(count, projects, zones, random, datetime.fromtimestamp(int(now), UTC)):
        gcp.assets.add(one.asset())
        if one.running:
            loader.load(one, random)
        seeded.instances.append(one)
    return seeded


class _Loader:
    """Puts the series of instances; what they share is made once."""

    def __init__(self, gcp: LocalGcp, seeded: ComputeSeed) -> None:
        self._gcp = gcp
        self._seeded = seeded
        self._starts, self._ends = seeded.grid.starts, seeded.grid.ends
        self._waves = [seeded.grid.wave(number / _WAVES) for number in range(_WAVES)]

    def load(self, one: SeedInstance, random: Random) -> None:
        wave = self._waves[random.randrange(_WAVES)]
        base = random.uniform(0.05, 0.8)
        name = {"instance_name": one.name}
        self._gauge(one, CPU, name, [min(1.0, max(0.001, base + 0.15 * w)) for w in wave])
        traffic = 10 ** random.uniform(4, 8)
        received = [int(traffic * (1.5 + w)) for w in wave]
        self._delta(one, RECEIVED, name | {"loadbalanced": "false"}, received)
        self._delta(one, SENT, name | {"loadbalanced": "false"}, [value // 3 for value in received])
        if one.agent:
            self._agent(one, wave, random)

    def _agent(self, one: SeedInstance, wave: list[float], random: Random) -> None:
        base = random.uniform(20, 80)
        used = [base + 8 * w for w in wave]
        self._gauge(one, MEMORY, {"state": "used"}, used)
        self._gauge(one, MEMORY, {"state": "free"}, [100 - value for value in used])
        kind, number = one.machine.gpu or ("", 0)
        for gpu in range(number):
            labels = {"gpu_number": str(gpu), "model": kind, "uuid": f"GPU-{one.instance_id}-{gpu}"}
            level = random.uniform(20, 70)
            self._gauge(one, GPU, labels, [level + 20 * w for w in wave])

    def _gauge(self, one: SeedInstance, metric: str, labels: Mapping[str, str], values: list[float]) -> None:
        self._put(one, metric, labels, ("GAUGE", "DOUBLE"), self._ends, array("d", values))

    def _delta(self, one: SeedInstance, metric: str, labels: Mapping[str, str], values: list[int]) -> None:
        self._put(one, metric, labels, ("DELTA", "INT64"), self._starts, array("q", values))

    def _put(  # noqa: PLR0917  # what a series is made of
        self,
        one: SeedInstance,
        metric: str,
        labels: Mapping[str, str],
        kind: tuple[str, str],
        starts: Sequence[float],
        values: Sequence[float],
    ) -> None:
        resource = {"instance_id": one.instance_id, "zone": one.zone}
        series = Series(metric, labels, "gce_instance", resource, *kind, starts, self._ends, values)
        self._gcp.metrics.load(one.project, series)
        self._seeded.series[one.project, metric] += 1
