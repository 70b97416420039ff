"""The seed of the local AWS: what it says it holds is what the APIs give."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from emulators.aws import LocalAws
from emulators.aws.seed import seed_ec2
from emulators.aws.seed.fleet import UNPRICED_TYPES
from tests.support.local_aws import aws_client

NOW = datetime(2026, 3, 10, 12, 7, 30, tzinfo=UTC)
METRICS = {
    "CPUUtilization": "AWS/EC2",
    "NetworkIn": "AWS/EC2",
    "NetworkOut": "AWS/EC2",
    "mem_used_percent": "CWAgent",
}


def described(aws: LocalAws, region: str) -> list[dict[str, Any]]:
    pages = aws_client(aws, "ec2", region).get_paginator("describe_instances").paginate()
    return [one for page in pages for reservation in page["Reservations"] for one in reservation["Instances"]]


def points(aws: LocalAws, region: str, ids: list[str], start: float, end: float) -> Counter[str]:
    """Datapoints by metric."""
    found: Counter[str] = Counter()
    cloudwatch = aws_client(aws, "cloudwatch", region)
    for metric, namespace in METRICS.items():
        queries = []
        for number, one in enumerate(ids):
            dimension = [{"Name": "InstanceId", "Value": one}]
            named = {"Namespace": namespace, "MetricName": metric, "Dimensions": dimension}
            queries.append({"Id": f"q{number}", "MetricStat": {"Metric": named, "Period": 300, "Stat": "Average"}})
        answer = cloudwatch.get_metric_data(StartTime=start, EndTime=end, MetricDataQueries=queries)
        found[metric] = sum(len(result["Values"]) for result in answer["MetricDataResults"])
    return found


def test_the_demo_fleet_is_mixed_and_in_the_past() -> None:
    with LocalAws(clock=NOW.timestamp) as aws:
        seed_ec2(aws, 300)
        fleet = {region: described(aws, region) for region in ("us-east-1", "us-west-2")}
    assert {region: len(instances) for region, instances in fleet.items()} == {"us-east-1": 150, "us-west-2": 150}
    every = [one for instances in fleet.values() for one in instances]
    assert len({one["InstanceId"] for one in every}) == 300
    assert {one["State"]["Name"] for one in every} == {"running", "stopped"}
    types = Counter(one["InstanceType"] for one in every)
    assert len(types) > 10
    assert set(types) >= UNPRICED_TYPES
    assert {one["PlatformDetails"] for one in every} == {"Linux/UNIX", "Windows", "Red Hat Enterprise Linux"}
    assert {one.get("InstanceLifecycle") for one in every} == {None, "spot"}
    assert {tag["Key"] for one in every for tag in one.get("Tags", [])} == {"Name", "team", "env"}
    assert all(one["LaunchTime"] < NOW for one in every)
    for one in every:
        stopped = one["State"]["Name"] == "stopped"
        assert one["StateTransitionReason"].startswith("User initiated (20") == stopped


def test_the_expected_points_are_the_points_found() -> None:
    with LocalAws(clock=NOW.timestamp) as aws:
        seeded = seed_ec2(aws, 60)
        for region in ("us-east-1", "us-west-2"):
            instances = described(aws, region)
            running = [one["InstanceId"] for one in instances if one["State"]["Name"] == "running"]
            stopped = [one["InstanceId"] for one in instances if one["State"]["Name"] == "stopped"]
            now = NOW.timestamp()
            for start, end in (
                (now - 7200, now),
                (now - 86400, now + 86400),
                (now // 300 * 300 - 600, now // 300 * 300),
            ):
                first, last = start // 300 * 300, end // 300 * 300
                found = points(aws, region, running, first, last)
                assert sum(found.values()) > 0
                for metric in METRICS:
                    expected = seeded.expected_points(first, last, now=now, region=region, metric=metric)
                    assert found[metric] == expected
                assert sum(points(aws, region, stopped, first, last).values()) == 0
            assert len(running) == seeded.series[region, "CPUUtilization"]
            assert seeded.series[region, "mem_used_percent"] == -(-len(running) // 3)


def test_points_of_the_future_come_as_time_passes() -> None:
    now = NOW.timestamp()
    with LocalAws(clock=lambda: now) as aws:
        seed_ec2(aws, 4, ("us-east-1",))
        running = [one["InstanceId"] for one in described(aws, "us-east-1") if one["State"]["Name"] == "running"]
        noon = now - now % 3600
        assert points(aws, "us-east-1", running, noon + 600, noon + 900)["CPUUtilization"] == 0
        now += 300
        assert points(aws, "us-east-1", running, noon + 600, noon + 900)["CPUUtilization"] == len(running)


def test_the_same_number_gives_the_same_fleet() -> None:
    def fleet(seed: int) -> str:
        with LocalAws(clock=NOW.timestamp) as aws:
            seeded = seed_ec2(aws, 40, seed=seed)
            ids = [one.instance_id for one in seeded.instances["us-east-1"]]
            metric = points(aws, "us-east-1", ids, NOW.timestamp() - 7200, NOW.timestamp())
            return json.dumps([described(aws, "us-east-1"), metric], default=str)

    assert fleet(1) == fleet(1)
    assert fleet(1) != fleet(2)
