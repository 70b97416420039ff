"""Seeds Vertex AI: endpoints with deployed models, and a minute's predictions, errors and latencies at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from emulators.gcp.asset import Asset
from emulators.gcp.monitoring.distribution import Distribution, exponential_bounds
from emulators.gcp.monitoring.store import Series, Value
from emulators.gcp.seed.grid import DEMO_PROJECTS, Grid
from emulators.gcp.server import LocalGcp

ENDPOINT = "aiplatform.googleapis.com/Endpoint"
PERIOD = 60
_ONLINE = "aiplatform.googleapis.com/prediction/online/"
PREDICTIONS = f"{_ONLINE}prediction_count"
RESPONSES = f"{_ONLINE}response_count"
ERRORS = f"{_ONLINE}error_count"
LATENCIES = f"{_ONLINE}prediction_latencies"
REPLICAS = f"{_ONLINE}replicas"
BOUNDS = exponential_bounds(1.0, 1.4, 30)
# How often a model answers with an error, by the number of the endpoint: never, rarely, often.
_ERROR_SHARES = (0.0, 0.01, 0.08)


@dataclass(frozen=True)
class SeedEndpoint:
    """One endpoint. One without `traffic` has no predictions: no points, not zeros."""

    project: str
    location: str
    endpoint_id: str
    name: str
    models: tuple[str, ...]
    traffic: bool

    def asset(self, created: datetime) -> Asset:
        """The endpoint in the inventory."""
        path = f"projects/{self.project}/locations/{self.location}/endpoints/{self.endpoint_id}"
        data: dict[str, Any] = {
            "name": path,
            "displayName": self.name,
            "labels": {"team": "ml"},
            "createTime": created.isoformat(),
            "deployedModels": [
                {
                    "id": model,
                    "model": f"projects/{self.project}/locations/{self.location}/models/{model}",
                    "dedicatedResources": {
                        "machineSpec": {"machineType": "n1-standard-4"},
                        "minReplicaCount": 1,
                        "maxReplicaCount": 4,
                    },
                }
                for model in self.models
            ],
        }
        return Asset(
            name=f"//aiplatform.googleapis.com/{path}",
            asset_type=ENDPOINT,
            project=self.project,
            location=self.location,
            display_name=self.name,
            labels={"team": "ml"},
            created=created,
            updated=created,
            data=data,
        )


@dataclass
class VertexSeed:
    """What was seeded. `latencies` are the single latencies in ms behind the histograms, by endpoint and end."""

    grid: Grid
    endpoints: list[SeedEndpoint] = field(default_factory=list)
    latencies: dict[tuple[str, float], list[float]] = field(default_factory=dict)


def seed_vertex(
    gcp: LocalGcp,
    count: int = 4,
    projects: Sequence[str] = DEMO_PROJECTS,
    locations: Sequence[str] = ("us-central1", "europe-west4"),
    *,
    seed: int = 1,
    hours_back: float = 1.5,
    hours_ahead: float = 1.0,
) -> VertexSeed:
    """Make `count` endpoints, every fourth without traffic, every second with two models."""
    now = gcp.clock()
    random = Random(f"{seed}/vertex")
    seeded = VertexSeed(Grid.around(now, hours_back, hours_ahead, PERIOD))
    created = datetime.fromtimestamp(int(now), UTC) - timedelta(days=20)
    for number in range(count):
        endpoint = SeedEndpoint(
            projects[number % len(projects)],
            locations[number // len(projects) % len(locations)],
            str(random.randrange(10**17, 10**18)),
            f"endpoint-{number}",
            tuple(str(random.randrange(10**17, 10**18)) for _ in range(1 + number % 2)),
            number % 4 != 3,  # noqa: PLR2004  # every fourth has no traffic
        )
        gcp.assets.add(endpoint.asset(created))
        seeded.endpoints.append(endpoint)
        for model in endpoint.models:
            _load(gcp, seeded, endpoint, model, _ERROR_SHARES[number % len(_ERROR_SHARES)], random)
    return seeded


def _load(  # noqa: PLR0917  # what a model's traffic is made of
    gcp: LocalGcp, seeded: VertexSeed, endpoint: SeedEndpoint, model: str, errors: float, random: Random
) -> None:
    grid = seeded.grid
    labels = {"deployed_model_id": model}

    def put(metric: str, more: dict[str, str], kind: tuple[str, str], values: Sequence[Value]) -> None:
        resource = {"location": endpoint.location, "endpoint_id": endpoint.endpoint_id}
        starts = grid.ends if kind[0] == "GAUGE" else grid.starts
        series = Series(metric, labels | more, ENDPOINT, resource, *kind, starts, grid.ends, values)
        gcp.metrics.load(endpoint.project, series)

    put(REPLICAS, {}, ("GAUGE", "INT64"), [1 + random.randrange(3) for _ in grid.ends])
    if not endpoint.traffic:
        return
    responses = [random.randint(5, 40) for _ in grid.ends]
    failed = [sum(random.random() < errors for _ in range(number)) for number in responses]
    delta = ("DELTA", "INT64")
    put(PREDICTIONS, {}, delta, [2 * (number - bad) for number, bad in zip(responses, failed, strict=True)])
    put(RESPONSES, {"response_code": "200"}, delta, [n - bad for n, bad in zip(responses, failed, strict=True)])
    if errors:
        put(RESPONSES, {"response_code": "500"}, delta, failed)
        put(ERRORS, {}, delta, failed)
    totals = [_latencies(random, number) for number in responses]
    for end, values in zip(grid.ends, totals, strict=True):
        seeded.latencies.setdefault((endpoint.endpoint_id, end), []).extend(values)
    distribution = ("DELTA", "DISTRIBUTION")
    for kind, share in (("total", 1.0), ("model", 0.9), ("overhead", 0.1)):
        spread = [Distribution.of([share * value for value in values], BOUNDS) for values in totals]
        put(LATENCIES, {"latency_type": kind}, distribution, spread)


def _latencies(random: Random, number: int) -> list[float]:
    return [random.lognormvariate(3.5, 0.6) for _ in range(number)]
