"""Seeds SageMaker: endpoints of several variants, and the metrics of their invocations."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from moto.sagemaker.models import FakeEndpointConfig, SageMakerModelBackend, sagemaker_backends

from emulators.aws.cloudwatch.store import MetricName, MetricStore, dimensions
from emulators.aws.seed.grid import Grid
from emulators.aws.server import DEFAULT_ACCOUNT, LocalAws

PERIOD = 60
_NAMESPACE = "AWS/SageMaker"
_LATENCIES = 5
_QUIET_SHARE = 0.1
_ERROR_SHARE = 0.02


@dataclass(frozen=True)
class Minute:
    """What a variant did in the minute from `time` on; latencies are microseconds, each of them equally often."""

    time: int
    invocations: int
    errors_4xx: int
    errors_5xx: int
    latencies: tuple[float, ...]


@dataclass(frozen=True)
class VariantSeed:
    """A variant: instances of a type, or serverless of a memory size. `minutes` without invocations are not there."""

    name: str
    instance_type: str | None
    instances: int
    serverless_mb: int | None = None
    minutes: list[Minute] = field(default_factory=list)


@dataclass(frozen=True)
class EndpointSeed:
    """An endpoint."""

    name: str
    region: str
    variants: list[VariantSeed]


# The variants that endpoints have in turn: (instance type, instances) or (None, megabytes of serverless memory).
_SHAPES: tuple[tuple[tuple[str | None, int], ...], ...] = (
    (("ml.m5.large", 2),),
    (("ml.g5.xlarge", 1), ("ml.m5.xlarge", 3)),
    ((None, 2048),),
    (("ml.c5.xlarge", 1),),
)


class _EndpointConfig(FakeEndpointConfig):
    """moto's list of instance types ends before g5."""

    def validate_instance_type(self, instance_type: str) -> None:
        """Take every type."""


def seed_sagemaker(
    aws: LocalAws,
    endpoints: int = 4,
    regions: Sequence[str] = ("us-east-1",),
    *,
    account: str = DEFAULT_ACCOUNT,
    seed: int = 1,
    hours_back: float = 2,
    hours_ahead: float = 2,
) -> list[EndpointSeed]:
    """Make endpoints, in turn in each region, with a datapoint for every minute in which they were invoked.

    Every fourth endpoint is idle and has no datapoints at all.
    """
    grid = Grid.around(aws.clock(), hours_back, hours_ahead, PERIOD)
    random = Random(f"{seed}/{account}/sagemaker")
    made = []
    for number in range(endpoints):
        idle = number % len(_SHAPES) == len(_SHAPES) - 1
        variants = [
            VariantSeed(
                f"variant-{index}",
                kind,
                amount if kind else 0,
                None if kind else amount,
                [] if idle else _minutes(grid, random),
            )
            for index, (kind, amount) in enumerate(_SHAPES[number % len(_SHAPES)])
        ]
        one = EndpointSeed(f"endpoint-{number:03d}", regions[number % len(regions)], variants)
        _create(sagemaker_backends[account][one.region], account, one, random, aws.clock())
        for variant in variants:
            _load(aws.metrics, (account, one.region), one.name, variant)
        made.append(one)
    return made


def _minutes(grid: Grid, random: Random) -> list[Minute]:
    minutes = []
    rate, latency = random.randint(5, 200), random.uniform(4_000, 90_000)
    for time in grid.instants:
        if random.random() < _QUIET_SHARE:
            continue
        invocations = _LATENCIES * random.randint(1, rate)
        errors = [sum(random.random() < _ERROR_SHARE for _ in range(invocations)) for _ in range(2)]
        latencies = tuple(round(latency * random.uniform(0.6, 2.5), 1) for _ in range(_LATENCIES))
        minutes.append(Minute(time, invocations, errors[0], errors[1], latencies))
    return minutes


def _create(backend: SageMakerModelBackend, account: str, one: EndpointSeed, random: Random, now: float) -> None:
    tags = [{"Key": "team", "Value": random.choice(("search", "vision"))}]
    backend.create_model(f"{one.name}-model", f"arn:aws:iam::{account}:role/sagemaker", {}, {}, [], [])
    config = _EndpointConfig(  # type: ignore[abstract]  # moto instantiates its own one all the same
        account, one.region, f"{one.name}-config", [_variant(one, v) for v in one.variants], {}, {}, tags, ""
    )
    backend.endpoint_configs[config.endpoint_config_name] = config
    endpoint = backend.create_endpoint(one.name, config.endpoint_config_name, tags)
    made = datetime.fromtimestamp(int(now), UTC) - timedelta(days=random.randint(1, 300))
    endpoint.creation_time = endpoint.last_modified_time = made.replace(tzinfo=None)


def _variant(one: EndpointSeed, variant: VariantSeed) -> dict[str, Any]:
    described: dict[str, Any] = {"VariantName": variant.name, "ModelName": f"{one.name}-model"}
    if variant.serverless_mb is not None:
        serverless = {"MemorySizeInMB": variant.serverless_mb, "MaxConcurrency": 5}
        return {**described, "ServerlessConfig": serverless}
    return {
        **described,
        "InstanceType": variant.instance_type,
        "InitialInstanceCount": variant.instances,
        "InitialVariantWeight": 1.0,
    }


def _load(store: MetricStore, place: tuple[str, str], endpoint: str, variant: VariantSeed) -> None:
    if not variant.minutes:
        return
    dims = dimensions({"EndpointName": endpoint, "VariantName": variant.name})

    def series(name: str, unit: str) -> Any:
        return store.open(*place, MetricName(_NAMESPACE, name, dims), unit)

    invocations, latency = series("Invocations", "None"), series("ModelLatency", "Microseconds")
    errors = {"4XX": series("Invocation4XXErrors", "None"), "5XX": series("Invocation5XXErrors", "None")}
    for minute in variant.minutes:
        # As SageMaker does: a 1 for each invocation, and a 1 or a 0 for each in the error metrics.
        invocations.add(minute.time, 1.0, minute.invocations)
        for kind, failed in (("4XX", minute.errors_4xx), ("5XX", minute.errors_5xx)):
            errors[kind].add(minute.time, 0.0, minute.invocations - failed)
            if failed:
                errors[kind].add(minute.time, 1.0, failed)
        for value in minute.latencies:
            latency.add(minute.time, value, minute.invocations / _LATENCIES)
