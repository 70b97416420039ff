"""EC2 of the local AWS: instances by pages, ids and filters; regions."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulators.aws import LocalAws
from emulators.aws.ec2 import Instance
from emulators.aws.seed import seed_ec2
from tests.support.local_aws import aws_client, error_of

ACCOUNT = "123456789012"
LAUNCHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


@pytest.fixture
def ec2(aws: LocalAws) -> Any:
    return aws_client(aws, "ec2")


def launch(aws: LocalAws, number: int, **more: Any) -> Instance:
    one = Instance(f"i-{number:017x}", "m5.large", LAUNCHED, "us-east-1a", **more)
    aws.instances.add(ACCOUNT, "us-east-1", one)
    return one


def instances(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for reservation in page["Reservations"] for one in reservation["Instances"]]


def test_an_instance_reads_as_ec2_writes_it(aws: LocalAws, ec2: Any) -> None:
    launch(aws, 1, tags={"Name": "a<&>b"}, platform="Windows", lifecycle="spot", reservation_id="r-1")
    reservation = ec2.describe_instances()["Reservations"][0]
    assert (reservation["ReservationId"], reservation["OwnerId"]) == ("r-1", ACCOUNT)
    one = reservation["Instances"][0]
    assert one["InstanceId"] == "i-00000000000000001"
    assert one["State"] == {"Code": 16, "Name": "running"}
    assert one["LaunchTime"] == LAUNCHED
    assert one["Placement"] == {"AvailabilityZone": "us-east-1a", "GroupName": "", "Tenancy": "default"}
    assert (one["Platform"], one["PlatformDetails"], one["UsageOperation"]) == (
        "windows",
        "Windows",
        "RunInstances:0002",
    )
    assert one["InstanceLifecycle"] == "spot"
    assert one["Tags"] == [{"Key": "Name", "Value": "a<&>b"}]
    assert one["StateTransitionReason"] == ""


def test_a_stopped_one_says_when_and_by_whom(aws: LocalAws, ec2: Any) -> None:
    launch(aws, 1, state="stopped", stopped_at=datetime(2026, 11, 24, 4, 0, tzinfo=UTC))
    one = instances(ec2.describe_instances())[0]
    assert one["StateTransitionReason"] == "User initiated (2026-11-24 04:00:00 GMT)"
    assert one["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert "InstanceLifecycle" not in one
    assert "Platform" not in one


def test_pages_hold_as_many_instances_as_asked_for(aws: LocalAws, ec2: Any) -> None:
    for number in range(23):
        launch(aws, number, reservation_id=f"r-{number // 4}")
    pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 10}))
    assert [len(instances(page)) for page in pages] == [10, 10, 3]
    assert len({one["InstanceId"] for page in pages for one in instances(page)}) == 23
    assert aws.calls() == {"ec2.DescribeInstances": 3}


def test_filters(aws: LocalAws, ec2: Any) -> None:
    launch(aws, 1, tags={"env": "prod"})
    launch(aws, 2, tags={"env": "dev"}, state="stopped")
    launch(aws, 3)

    def found(**filters: list[str]) -> list[int]:
        asked = [{"Name": name.replace("__", ":").replace("_", "-"), "Values": v} for name, v in filters.items()]
        return [
            int(one["InstanceId"].removeprefix("i-"), 16) for one in instances(ec2.describe_instances(Filters=asked))
        ]

    assert found(instance_state_name=["running", "pending"]) == [1, 3]
    assert found(tag__env=["pr*"]) == [1]
    assert found(tag_key=["env"], instance_state_name=["stopped"]) == [2]
    assert found(instance_type=["t3.micro"]) == []
    with pytest.raises(ClientError) as refused:
        found(colour=["red"])
    assert error_of(refused.value) == ("InvalidParameterValue", 400)


def test_ids(aws: LocalAws, ec2: Any) -> None:
    first, second = launch(aws, 1), launch(aws, 2)
    page = ec2.describe_instances(InstanceIds=[second.instance_id])
    assert [one["InstanceId"] for one in instances(page)] == [second.instance_id]
    aws.instances.remove(ACCOUNT, "us-east-1", second.instance_id)
    for ids, code in (
        ([first.instance_id, second.instance_id], "InvalidInstanceID.NotFound"),
        (["web-1"], "InvalidInstanceID.Malformed"),
    ):
        with pytest.raises(ClientError) as refused:
            ec2.describe_instances(InstanceIds=ids)
        assert error_of(refused.value) == (code, 400)
    with pytest.raises(ClientError, match="InvalidParameterCombination"):
        ec2.describe_instances(InstanceIds=[first.instance_id], MaxResults=5)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"MaxResults": 4}, "InvalidParameterValue"),
        ({"MaxResults": 1001}, "InvalidParameterValue"),
        ({"MaxResults": 5, "NextToken": "made-up"}, "InvalidPaginationToken"),
    ],
)
def test_bad_pages_are_refused(ec2: Any, asked: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        ec2.describe_instances(**asked)
    assert error_of(refused.value) == (code, 400)


def test_stop_start_and_terminate(aws: LocalAws, ec2: Any) -> None:
    one = launch(aws, 1).instance_id
    ec2.stop_instances(InstanceIds=[one])
    stopped = instances(ec2.describe_instances())[0]
    assert stopped["State"]["Name"] == "stopped"
    assert stopped["StateTransitionReason"].startswith("User initiated (")
    ec2.start_instances(InstanceIds=[one])
    assert instances(ec2.describe_instances())[0]["LaunchTime"] > LAUNCHED
    change = ec2.terminate_instances(InstanceIds=[one])["TerminatingInstances"][0]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "terminated")
    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        ec2.start_instances(InstanceIds=[one])


def test_what_would_answer_for_other_instances_is_refused(ec2: Any) -> None:
    with pytest.raises(ClientError, match="UnsupportedOperation"):
        ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)


def test_regions(aws: LocalAws, ec2: Any) -> None:
    enabled = {region["RegionName"] for region in ec2.describe_regions()["Regions"]}
    assert {"us-east-1", "eu-west-1"} <= enabled
    assert "ap-east-1" not in enabled
    every = {region["RegionName"]: region["OptInStatus"] for region in ec2.describe_regions(AllRegions=True)["Regions"]}
    assert every["ap-east-1"] == "not-opted-in"
    hong_kong = aws_client(aws, "ec2", "ap-east-1")
    with pytest.raises(ClientError) as refused:
        hong_kong.describe_instances()
    assert error_of(refused.value) == ("AuthFailure", 401)
    aws.regions.opted_in.add("ap-east-1")
    assert instances(hong_kong.describe_instances()) == []


def test_moto_serves_what_is_not_about_instances(ec2: Any) -> None:
    assert ec2.describe_vpcs()["Vpcs"]


def test_10000_instances_by_pages_of_1000(aws: LocalAws, ec2: Any) -> None:
    seed_ec2(aws, 10_000, ("us-east-1",), hours_back=0.1, hours_ahead=0)
    pages = ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 1000})
    assert len({one["InstanceId"] for page in pages for one in instances(page)}) == 10_000
    assert aws.calls() == {"ec2.DescribeInstances": 10}
    assert max(call.seconds for call in aws.records()) < 1
