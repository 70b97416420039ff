"""AWS: EC2 in two regions, Cost Explorer, and an export of the bill."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from math import ceil
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emulators.aws import LocalAws
from emulators.aws.cost import CostLine
from emulators.aws.seed import Ec2Seed, seed_costs, seed_ec2
from emulators.demo.clouds.aws_bill import BUCKET, EXPORT, PREFIX, deliver
from emulators.demo.clouds.cloud import Calls, Cloud, Expected, Planned

REGIONS = ("us-east-1", "us-west-2")
INSTANCES = 300
METRICS = 4
"""Of an instance: CPU, memory, network in and out."""
_SERVICES = ("ec2", "cloudwatch", "pricing", "sts", "ce", "s3", "bcm-data-exports")
_OF_BILLS = frozenset({"s3:ListObjectsV2", "s3:HeadObject", "s3:GetObject"})
"""Depends on which of several threads is the first to read a manifest."""
_QUERIES_A_CALL = 500  # GetMetricData
_INSTANCES_A_PAGE = 1000  # DescribeInstances


class DemoAws(Cloud):
    """300 instances of several types, states and tags, and weeks of costs, by resource in files."""

    provider = "aws"
    name = "AWS"
    # It takes any key; what is real about it is the way it takes through the fleet.
    environment = MappingProxyType(
        {"AWS_ACCESS_KEY_ID": "local-aws-key-id", "AWS_SECRET_ACCESS_KEY": "local-aws-secret-key"}
    )

    def __init__(self, aws: LocalAws, ec2: Ec2Seed, costs: Sequence[CostLine]) -> None:
        self._aws = aws
        self._ec2 = ec2
        self._delivered = deliver(aws, costs, datetime.fromtimestamp(aws.clock(), UTC))
        self._costs: defaultdict[date, list[CostLine]] = defaultdict(list)
        for line in costs:
            self._costs[line.start.astimezone(UTC).date()].append(line)

    @property
    def holds(self) -> str:
        """What it holds, in words."""
        return f"{INSTANCES} instances in {' and '.join(REGIONS)}, and the bill of two accounts, by resource in S3"

    def section(self) -> dict[str, Any]:
        """Its section of the configuration, without interval and back-fill."""
        return {
            "access_key_id": "${AWS_ACCESS_KEY_ID}",
            "secret_access_key": "${AWS_SECRET_ACCESS_KEY}",
            "regions": list(REGIONS),
            "services": ["ec2", "cost", "bill_files"],
            "bill_exports": [{"name": EXPORT, "url": f"s3://{BUCKET}/{PREFIX}/{EXPORT}"}],
            "endpoints": dict.fromkeys(_SERVICES, self._aws.url),
        }

    def asked(self) -> Calls:
        """The calls that it has counted."""
        return {api.replace(".", ":"): calls for api, calls in self._aws.calls().items()}

    def expected(self, targets: Sequence[Planned]) -> Expected:
        """What must come of these targets, which are all of one service."""
        match targets[0].service:
            case "cost":
                return self._expected_costs(targets)
            case "bill_deliveries":
                return Expected(uncounted=_OF_BILLS)
            case "bill_files":
                # The file counts, once it is proven, and Cost Explorer for the days that it lacks: none.
                return Expected(billed={"USD": sum(self._delivered.values(), Decimal(0))}, uncounted=_OF_BILLS)
        return self._expected_ec2(targets)

    def _expected_ec2(self, targets: Sequence[Planned]) -> Expected:
        described = self._ec2.describe()["regions"]
        points, calls = 0, Counter[str]()
        for target in targets:
            region = described[target.region]
            span = (target.since.timestamp(), target.until.timestamp())
            points += self._ec2.expected_points(*span, now=self._aws.clock(), region=target.region)
            queries = region["by_state"]["running"] * METRICS
            calls["ec2:DescribeInstances"] += target.windows * ceil(region["instances"] / _INSTANCES_A_PAGE)
            calls["cloudwatch:GetMetricData"] += target.windows * ceil(queries / _QUERIES_A_CALL)
            calls["pricing:GetProducts"] += region["products"]
            # The few changes that a window sees of all kinds fit on one page.
            calls["ec2:DescribeSpotPriceHistory"] += target.windows if region["running_spot"] else 0
        resources = sum(described[target.region]["instances"] for target in targets)
        return Expected(resources, points, calls=+calls)

    def _expected_costs(self, targets: Sequence[Planned]) -> Expected:
        days = [self._costs[day] for target in targets for day in target.days]
        # One by region, and one for each record type that the day has.
        calls = sum(1 + len({line.record_type for line in lines}) for lines in days)
        return Expected(calls={"ce:GetCostAndUsage": calls})


@contextmanager
def running_aws(state: Path) -> Iterator[DemoAws]:
    """Serve it."""
    del state
    aws = LocalAws()
    ec2 = seed_ec2(aws, INSTANCES, REGIONS)
    costs = seed_costs(aws, regions=REGIONS)
    with aws:
        yield DemoAws(aws, ec2, costs)
