"""The local AWS as a process, and its one door for all services."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from emulators.aws import LocalAws
from tests.support.local_aws import aws_client
from tests.support.waiting import until


@contextmanager
def process(*words: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The program and the line that it prints when it is ready."""
    command = [sys.executable, "-W", "error", "-m", "emulators.aws", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as running:
        assert running.stdout
        try:
            yield running, running.stdout.readline()
        finally:
            running.terminate()
            running.wait(20)


def test_a_process_serves_says_where_and_ends(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with process("--port", "0", "--seed", "all", "--instances", "30", "--ready-file", str(ready)) as (running, line):
        url = line.removeprefix("listening on ").strip()
        assert url.startswith("http://127.0.0.1:")
        until(ready.exists)
        assert ready.read_text().strip() == url
        ec2 = boto3.client(
            "ec2", endpoint_url=url, region_name="us-west-2", aws_access_key_id="a", aws_secret_access_key="b"
        )
        assert sum(len(r["Instances"]) for r in ec2.describe_instances()["Reservations"]) == 15
        seed = httpx.get(f"{url}/_local/seed").json()
        assert seed["regions"]["us-west-2"]["instances"] == 15
        running_now = seed["regions"]["us-west-2"]["by_state"]["running"]
        hour = {"start": seed["first"], "end": seed["first"] + 3600, "region": "us-west-2"}
        memory = seed["regions"]["us-west-2"]["series"]["mem_used_percent"]
        assert httpx.get(f"{url}/_local/seed", params=hour).json()["points"] == 12 * (3 * running_now + memory)
        assert httpx.get(f"{url}/_local/calls").json()["calls"] == {"ec2.DescribeInstances": 1}
        s3 = boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        assert len(s3.list_buckets()["Buckets"]) == 6
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


def test_every_service_is_at_one_address_and_named_by_its_action(aws: LocalAws) -> None:
    aws_client(aws, "s3", "eu-west-1").list_buckets()
    aws_client(aws, "s3").create_bucket(Bucket="training-data")
    aws_client(aws, "s3").put_object(Bucket="training-data", Key="a/b c", Body=b"x")
    aws_client(aws, "s3").list_objects_v2(Bucket="training-data")
    aws_client(aws, "s3").get_bucket_location(Bucket="training-data")
    aws_client(aws, "sagemaker").list_endpoints()
    aws_client(aws, "lambda").list_functions()
    aws_client(aws, "eks").list_clusters()
    aws_client(aws, "rds").describe_db_instances()
    aws_client(aws, "sts").get_caller_identity()
    aws_client(aws, "cloudwatch").list_metrics()
    aws_client(aws, "pricing").describe_services()
    assert aws.calls() == {
        "s3.ListBuckets": 1,
        "s3.CreateBucket": 1,
        "s3.PutObject": 1,
        "s3.ListObjectsV2": 1,
        "s3.GetBucketLocation": 1,
        "sagemaker.ListEndpoints": 1,
        "lambda.ListFunctions": 1,
        "eks.ListClusters": 1,
        "rds.DescribeDBInstances": 1,
        "sts.GetCallerIdentity": 1,
        "cloudwatch.ListMetrics": 1,
        "pricing.DescribeServices": 1,
    }
    assert aws.calls(region="eu-west-1") == {"s3.ListBuckets": 1}
    assert {"s3:ListAllMyBuckets", "s3:ListBucket", "cloudwatch:ListMetrics"} < aws.permissions()


def test_a_role_acts_in_its_own_account(aws: LocalAws) -> None:
    sts = aws_client(aws, "sts")
    assert sts.get_caller_identity()["Account"] == "123456789012"
    role = "arn:aws:iam::210987654321:role/reader"
    given = sts.assume_role(RoleArn=role, RoleSessionName="finfleet", ExternalId="shared", DurationSeconds=900)
    keys = given["Credentials"]
    assumed: dict[str, Any] = {
        "key": keys["AccessKeyId"],
        "secret": keys["SecretAccessKey"],
        "token": keys["SessionToken"],
    }
    identity = aws_client(aws, "sts", **assumed).get_caller_identity()
    assert identity["Account"] == "210987654321"
    assert "assumed-role/reader/finfleet" in identity["Arn"]
    aws_client(aws, "ec2", **assumed).describe_instances()
    assert aws.calls(account="210987654321") == {"sts.GetCallerIdentity": 1, "ec2.DescribeInstances": 1}


def test_calls_are_counted_once_each_under_load(aws: LocalAws) -> None:
    local = threading.local()

    def ask(_: int) -> None:
        if not hasattr(local, "client"):
            local.client = aws_client(aws, "cloudwatch")
        local.client.list_metrics()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(200)))
    assert aws.calls() == {"cloudwatch.ListMetrics": 200}
    times = [call.at for call in aws.records()]
    key = ("123456789012", "us-east-1", "cloudwatch.ListMetrics")
    span = max(times) - min(times)
    assert 200 / (span + 1) <= aws.peak_rates(1.0)[key] <= 200
    assert aws.peak_rates(span + 1)[key] == 200 / (span + 1)


def test_counts_over_http(aws: LocalAws) -> None:
    aws.inject("throttle", service="sts", count=1)
    sts = aws_client(aws, "sts", attempts=2)
    sts.get_caller_identity()
    page = httpx.get(f"{aws.url}/_local/calls", params={"records": 1}).json()
    assert page["calls"] == page["by_region"]["us-east-1"] == {"sts.GetCallerIdentity": 2}
    assert page["throttled"] == {"sts.GetCallerIdentity": 1}
    assert [record["outcome"] for record in page["records"]] == ["throttle", "ok"]
    httpx.delete(f"{aws.url}/_local/calls")
    assert httpx.get(f"{aws.url}/_local/calls").json()["total"] == 0
    unknown = httpx.get(f"{aws.url}/_local/nothing")
    assert unknown.status_code == 404
    assert "GET /_local/calls" in unknown.json()["pages"]


def test_two_at_once_share_nothing_of_ours(aws: LocalAws) -> None:
    with LocalAws() as other:
        assert other.port != aws.port
        aws_client(other, "cloudwatch").put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 1}])
        assert aws_client(aws, "cloudwatch").list_metrics()["Metrics"] == []
        assert "cloudwatch.PutMetricData" not in aws.calls()


def test_it_says_when_it_is_not_started() -> None:
    with pytest.raises(RuntimeError, match="not started"):
        _ = LocalAws().url
