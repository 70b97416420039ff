"""Faults of the local AWS: the errors that boto3 then sees, and which requests they hit."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from emulators.aws import LocalAws
from emulators.aws.seed import seed_ec2
from tests.support.local_aws import aws_client, error_of

END = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


METRIC = {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 60, "Stat": "Sum"}
READS: dict[str, tuple[str, dict[str, Any]]] = {
    "ec2": ("describe_instances", {}),
    "s3": ("list_buckets", {}),
    "sts": ("get_caller_identity", {}),
    "rds": ("describe_db_instances", {}),
    "cloudwatch": (
        "get_metric_data",
        {
            "StartTime": END - timedelta(hours=1),
            "EndTime": END,
            "MetricDataQueries": [{"Id": "a", "MetricStat": METRIC}],
        },
    ),
    "pricing": ("get_products", {"ServiceCode": "AmazonEC2", "MaxResults": 1}),
    "sagemaker": ("list_endpoints", {}),
    "lambda": ("list_functions", {}),
    "eks": ("list_clusters", {}),
}


def ask(aws: LocalAws, service: str, **client: Any) -> Any:
    """One read of a service."""
    method, parameters = READS[service]
    return getattr(aws_client(aws, service, **client), method)(**parameters)


def refusal(aws: LocalAws, service: str, **client: Any) -> ClientError:
    with pytest.raises(ClientError) as refused:
        ask(aws, service, **client)
    return refused.value


ERRORS = {
    "throttle": {
        "ec2": ("RequestLimitExceeded", 503),
        "s3": ("SlowDown", 503),
        "sts": ("Throttling", 400),
        "rds": ("Throttling", 400),
        "cloudwatch": ("Throttling", 400),
        "pricing": ("ThrottlingException", 400),
        "sagemaker": ("ThrottlingException", 400),
        "lambda": ("TooManyRequestsException", 429),
        "eks": ("ThrottlingException", 429),
    },
    "deny": {
        "ec2": ("UnauthorizedOperation", 403),
        "s3": ("AccessDenied", 403),
        "sts": ("AccessDenied", 403),
        "rds": ("AccessDenied", 403),
        "cloudwatch": ("AccessDenied", 403),
        "pricing": ("AccessDeniedException", 400),
        "sagemaker": ("AccessDeniedException", 400),
        "lambda": ("AccessDeniedException", 403),
        "eks": ("AccessDeniedException", 403),
    },
    "auth_failure": {
        "ec2": ("AuthFailure", 401),
        "s3": ("InvalidAccessKeyId", 403),
        "sts": ("InvalidClientTokenId", 403),
        "cloudwatch": ("InvalidClientTokenId", 403),
        "pricing": ("UnrecognizedClientException", 400),
        "lambda": ("UnrecognizedClientException", 403),
    },
    "expired_token": {
        "ec2": ("RequestExpired", 400),
        "s3": ("ExpiredToken", 400),
        "sts": ("ExpiredToken", 403),
        "cloudwatch": ("ExpiredToken", 403),
        "pricing": ("ExpiredTokenException", 400),
        "lambda": ("ExpiredTokenException", 403),
    },
    "clock_skew": {
        "ec2": ("RequestExpired", 400),
        "s3": ("RequestTimeTooSkewed", 403),
        "sts": ("SignatureDoesNotMatch", 403),
        "cloudwatch": ("SignatureDoesNotMatch", 403),
        "pricing": ("InvalidSignatureException", 400),
        "lambda": ("InvalidSignatureException", 403),
    },
    "internal": {
        "ec2": ("InternalError", 500),
        "s3": ("InternalError", 500),
        "sts": ("InternalFailure", 500),
        "cloudwatch": ("InternalServiceError", 500),
        "pricing": ("InternalServerException", 500),
        "lambda": ("InternalServerException", 500),
    },
}


@pytest.mark.parametrize(
    ("kind", "service", "expected"),
    [(kind, service, expected) for kind, services in ERRORS.items() for service, expected in services.items()],
)
def test_each_service_refuses_in_its_own_words(
    aws: LocalAws, kind: str, service: str, expected: tuple[str, int]
) -> None:
    aws.inject(kind, service=service)
    assert error_of(refusal(aws, service, token="session-token")) == expected
    (call,) = aws.records()
    assert (call.outcome, call.status) == (kind, expected[1])


@pytest.mark.parametrize(
    ("service", "permission"),
    [
        ("ec2", "ec2:DescribeInstances"),
        ("s3", "s3:ListAllMyBuckets"),
        ("cloudwatch", "cloudwatch:GetMetricData"),
        ("pricing", "pricing:GetProducts"),
        ("sagemaker", "sagemaker:ListEndpoints"),
        ("lambda", "lambda:ListFunctions"),
        ("eks", "eks:ListClusters"),
        ("rds", "rds:DescribeDBInstances"),
    ],
)
def test_a_denial_names_the_permission(aws: LocalAws, service: str, permission: str) -> None:
    aws.inject("deny", service=service)
    message = refusal(aws, service).response["Error"]["Message"]
    assert f"User: arn:aws:iam::123456789012:user/finfleet is not authorized to perform: {permission}" in message


def test_only_the_named_requests_are_hit(aws: LocalAws) -> None:
    aws.inject("deny", service="ec2", action="DescribeInstances", region="eu-west-1")
    ask(aws, "ec2")
    ask(aws, "s3", region="eu-west-1")
    refusal(aws, "ec2", region="eu-west-1")
    aws_client(aws, "ec2", "eu-west-1").describe_regions()


def test_one_role_may_be_denied_and_another_not(aws: LocalAws) -> None:
    sts = aws_client(aws, "sts")
    roles = [f"arn:aws:iam::21098765432{number}:role/reader" for number in (1, 2)]
    aws.inject("deny", service="sts", action="AssumeRole", resource=roles[0])
    with pytest.raises(ClientError, match=f"sts:AssumeRole on resource: {roles[0]}"):
        sts.assume_role(RoleArn=roles[0], RoleSessionName="session")
    assert sts.assume_role(RoleArn=roles[1], RoleSessionName="session")["Credentials"]


def test_a_rate_is_drawn_the_same_every_time() -> None:
    def outcomes() -> list[str]:
        with LocalAws() as aws:
            aws.inject("throttle", rate=0.33, seed=7)
            sts = aws_client(aws, "sts")
            for _ in range(60):
                with suppress(ClientError):
                    sts.get_caller_identity()
            return [call.outcome for call in aws.records()]

    first = outcomes()
    assert first == outcomes()
    assert 10 < first.count("throttle") < 30


def test_throttled_calls_are_counted_and_told_apart(aws: LocalAws) -> None:
    aws.inject("throttle", service="ec2", count=2)
    for _ in range(5):
        with suppress(ClientError):
            ask(aws, "ec2")
    assert aws.calls() == {"ec2.DescribeInstances": 5}
    assert aws.calls(outcome="throttle") == {"ec2.DescribeInstances": 2}
    assert [call.outcome for call in aws.records()] == ["throttle", "throttle", "ok", "ok", "ok"]


def test_botocore_retries_what_is_throttled_and_heeds_the_wait(aws: LocalAws) -> None:
    aws.inject("throttle", service="cloudwatch", count=1, retry_after_ms=1500)
    ask(aws, "cloudwatch", attempts=3)
    first, second = aws.records()
    assert second.at - first.at >= 1.4
    aws.inject("throttle", service="pricing", count=1, retry_after_ms=1500)
    headers = refusal(aws, "pricing").response["ResponseMetadata"]["HTTPHeaders"]
    assert (headers["retry-after"], headers["x-amz-retry-after"]) == ("2", "1500")


def test_a_limit_lets_its_rate_through(aws: LocalAws) -> None:
    aws.inject("limit", service="ec2", per_second=0.001, burst=3)
    for region in ("us-east-1", "eu-west-1"):
        for _ in range(5):
            with suppress(ClientError):
                ask(aws, "ec2", region=region)
        assert aws.calls(region=region, outcome="throttle") == {"ec2.DescribeInstances": 2}


def test_an_expired_token_stays_expired_and_a_new_one_works(aws: LocalAws) -> None:
    sts = aws_client(aws, "sts")

    def assumed() -> Any:
        role = sts.assume_role(RoleArn="arn:aws:iam::210987654321:role/reader", RoleSessionName="session")[
            "Credentials"
        ]
        return aws_client(
            aws, "ec2", key=role["AccessKeyId"], secret=role["SecretAccessKey"], token=role["SessionToken"]
        )

    aws.inject("expired_token", after=2)
    old = assumed()
    old.describe_instances()
    old.describe_instances()
    for _ in range(2):
        with pytest.raises(ClientError, match="RequestExpired"):
            old.describe_instances()
    assumed().describe_instances()
    assert aws.calls(account="210987654321", outcome="ok") == {"ec2.DescribeInstances": 3}


def test_a_page_token_fails_and_first_pages_do_not(aws: LocalAws) -> None:
    seed_ec2(aws, 20, ("us-east-1",))
    aws.inject("bad_page_token", service="ec2", count=1)
    ec2 = aws_client(aws, "ec2")
    page = ec2.describe_instances(MaxResults=10)
    with pytest.raises(ClientError, match="InvalidPaginationToken"):
        ec2.describe_instances(MaxResults=10, NextToken=page["NextToken"])
    assert ec2.describe_instances(MaxResults=10, NextToken=page["NextToken"])["Reservations"]


def test_latency_delays_and_answers(aws: LocalAws) -> None:
    aws.inject("latency", service="ec2", latency_ms=120)
    ask(aws, "ec2")
    ask(aws, "s3")
    seconds = {call.api: call.seconds for call in aws.records()}
    assert seconds["ec2.DescribeInstances"] >= 0.12
    assert aws.faults.state()[0]["hits"] == 1


def test_faults_over_http(aws: LocalAws) -> None:
    pages = f"{aws.url}/_local"
    fault = {"kind": "throttle", "service": "ec2", "rate": 1.0, "count": 1}
    assert httpx.post(f"{pages}/faults", json=fault).status_code == 200
    refusal(aws, "ec2")
    ask(aws, "ec2")
    (state,) = httpx.get(f"{pages}/faults").json()
    assert (state["seen"], state["hits"], state["count"]) == (2, 1, 1)
    httpx.delete(f"{pages}/faults")
    assert httpx.get(f"{pages}/faults").json() == []


@pytest.mark.parametrize(
    "body", [{"kind": "storm"}, {"kind": "deny", "servce": "ec2"}, {"kind": "throttle", "rate": 2}, {"kind": "latency"}]
)
def test_a_fault_that_could_not_work_is_refused_in_words(aws: LocalAws, body: dict[str, Any]) -> None:
    answer = httpx.post(f"{aws.url}/_local/faults", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    with pytest.raises(ValueError, match=r"."):
        aws.inject(**body)
