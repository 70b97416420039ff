"""A local AWS with a clock that stands still, and a configuration that points at it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.core.context import Shared
from emulators.aws import LocalAws
from emulators.aws.cloudwatch.store import MetricName, dimensions
from emulators.aws.ec2 import Instance
from emulators.aws.server import DEFAULT_ACCOUNT
from telemetry.settings import Settings
from telemetry.target import Window

NOW = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
"""What the clocks show."""
WINDOW = Window(datetime(2026, 11, 24, 11, 40, tzinfo=UTC), datetime(2026, 11, 24, 11, 45, tzinfo=UTC))
TARGET = "aws/default/us-east-1/ec2"
REGION = "us-east-1"
ACCESS_KEY = "AKIACANARYACCESSKEY1"
SECRET_KEY = "canary/secret/access/key/of/the/tests"
SERVICES = ("ec2", "sagemaker", "s3", "rds", "lambda", "eks", "cloudwatch", "pricing", "sts")


def standing_aws() -> LocalAws:
    """Not started yet."""
    return LocalAws(clock=NOW.timestamp)


def settings(aws: LocalAws, **section: Any) -> Settings:
    """The local AWS as the only provider; price look-ups do not wait for their quota."""
    given = {
        "access_key_id": ACCESS_KEY,
        "secret_access_key": SECRET_KEY,
        "endpoints": dict.fromkeys(SERVICES, aws.url),
        "quotas": {"pricing:GetProducts": 1000},
    }
    return Settings.model_validate({"aws": {**given, **section}})


def shared(aws: LocalAws, **section: Any) -> Shared:
    """What the collections of one process share."""
    return Shared(settings(aws, **section), now=lambda: NOW)


def add_instance(aws: LocalAws, number: int = 1, **fields: Any) -> Instance:
    """One more running m5.large in us-east-1a, two hours old, unless ``fields`` say otherwise."""
    given = {"instance_type": "m5.large", "launch_time": NOW - timedelta(hours=2), "zone": f"{REGION}a"}
    instance = Instance(instance_id=f"i-{number:017x}", reservation_id=f"r-{number:017x}", **{**given, **fields})
    aws.instances.add(DEFAULT_ACCOUNT, REGION, instance)
    return instance


def put_metric(
    aws: LocalAws,
    pairs: dict[str, str],
    name: str,
    values: Sequence[tuple[datetime, float]],
    namespace: str = "AWS/EC2",
) -> None:
    """Datapoints of one metric, oldest first."""
    times = [int(moment.timestamp()) for moment, _ in values]
    metric = MetricName(namespace, name, dimensions(pairs))
    aws.metrics.load((DEFAULT_ACCOUNT, REGION), metric, (times, [value for _, value in values]))
