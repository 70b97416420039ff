"""What goes wrong at AWS, and what a collection of EC2 makes of it."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from agents.core.collection import Collection
from agents.core.errors import ExpiredCredentials
from emulators.aws import LocalAws
from emulators.aws.seed import seed_ec2
from emulators.aws.server import DEFAULT_ACCOUNT
from telemetry.batch import Outcome, Run
from telemetry.errors import CollectionFailed, Denied, Throttled, Unavailable
from telemetry.target import Target, Window
from tests.support.collecting import collect
from tests.support.ec2 import (
    ACCESS_KEY,
    NOW,
    REGION,
    SECRET_KEY,
    TARGET,
    WINDOW,
    add_instance,
    put_metric,
    shared,
    standing_aws,
)
from tests.support.ec2 import settings as settings_of

TOKEN = "canary-session-token-of-the-tests"
ROLE = "arn:aws:iam::123456789012:role/reader"


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def test_throttled_at_random_every_window_completes_and_nothing_comes_twice(aws: LocalAws) -> None:
    seeded = seed_ec2(aws, 40, [REGION], hours_back=1, hours_ahead=0)
    metrics = 4 * sum(one.state == "running" for one in seeded.instances[REGION])
    aws.inject("throttle", rate=1 / 3, seed=5, retry_after_ms=20)
    process = shared(aws)
    for number in range(2):
        window = Window(WINDOW.start - timedelta(minutes=5 * number), WINDOW.end - timedelta(minutes=5 * number))
        aws.log.reset()
        collected = collect(process, TARGET, window)
        expected = seeded.expected_points(window.start.timestamp(), window.end.timestamp(), now=NOW.timestamp())
        assert collected.report.outcome is Outcome.COMPLETE
        points = [(point.resource.resource_id, point.metric, point.start) for point in collected.points()]
        assert len(points) == len(set(points)) == expected
        assert collected.calls == aws.calls()
        assert collected.throttles == aws.calls(outcome="throttle")
        (paid,) = [use.cost_usd for use in collected.report.apis if use.cost_usd]
        assert paid == metrics * Decimal("0.00001"), "a refused call is not paid"


@pytest.mark.parametrize(
    ("service", "api", "group"),
    [
        ("ec2", "ec2.DescribeInstances", "ec2:Describe*"),
        ("cloudwatch", "cloudwatch.GetMetricData", "cloudwatch:GetMetricData"),
    ],
)
def test_throttled_for_good_it_names_the_scope_and_the_wait_and_silences_it(
    aws: LocalAws, service: str, api: str, group: str
) -> None:
    add_instance(aws)
    aws.inject("throttle", service=service, retry_after_ms=1500)
    process = shared(aws)

    collected = collect(process, TARGET, WINDOW)

    scope = f"aws/default/us-east-1/{group}"
    assert isinstance(collected.error, Throttled)
    assert (collected.error.scope, collected.error.retry_after) == (scope, 1.5)
    assert collected.report.outcome is Outcome.THROTTLED
    assert collected.report.not_before == NOW + timedelta(seconds=1.5)
    assert collected.throttles == {api: 4}, "each of botocore's attempts"
    assert collected.calls == aws.calls()
    aws.faults.clear()
    refused = max(call.at for call in aws.records() if call.api == api)
    aws.log.reset()
    assert collect(process, TARGET, WINDOW).error is None
    assert min(call.at for call in aws.records() if call.api == api) - refused > 1.4, "it waits as long as AWS asked"


def _with_role(**more: Any) -> dict[str, Any]:
    return {"accounts": [{"name": "reader", "role_arn": ROLE, **more}]}


def test_an_expired_token_is_renewed_and_the_call_made_again(aws: LocalAws) -> None:
    seeded = seed_ec2(aws, 150, [REGION], hours_back=1, hours_ahead=0)
    process = shared(aws, **_with_role())
    aws.inject("expired_token", service="cloudwatch", after=1)

    collected = collect(process, f"aws/reader/{REGION}/ec2", WINDOW)

    assert collected.error is None
    points = seeded.expected_points(WINDOW.start.timestamp(), WINDOW.end.timestamp(), now=NOW.timestamp())
    assert len(collected.points()) == points
    calls = aws.calls()
    assert (calls["sts.AssumeRole"], calls["cloudwatch.GetMetricData"]) == (2, 3)
    assert collected.calls == calls, "what it takes to get credentials is metered too"
    assert aws.calls(outcome="expired_token") == {"cloudwatch.GetMetricData": 1}


def test_an_expired_token_of_ec2_is_renewed_though_its_error_could_be_a_clock(aws: LocalAws) -> None:
    add_instance(aws)
    process = shared(aws, **_with_role())
    assert collect(process, f"aws/reader/{REGION}/ec2", WINDOW).error is None
    aws.inject("expired_token", service="ec2")
    aws.log.reset()
    collected = collect(process, f"aws/reader/{REGION}/ec2", WINDOW)
    assert collected.error is None
    assert aws.calls()["sts.AssumeRole"] == 1


@pytest.mark.parametrize("service", ["ec2", "cloudwatch"])
def test_an_expired_token_that_nobody_can_renew_says_what_to_give(aws: LocalAws, service: str) -> None:
    add_instance(aws)
    process = shared(aws, session_token=TOKEN)
    aws.inject("expired_token", service=service)

    collected = collect(process, TARGET, WINDOW)

    assert isinstance(collected.error, ExpiredCredentials)
    assert collected.report.outcome is Outcome.DENIED
    assert "credentials of account 'default' are expired" in collected.report.error
    assert "session_token" in collected.report.error


def test_a_role_that_may_not_be_assumed_names_sts(aws: LocalAws) -> None:
    aws.inject("deny", service="sts")
    collected = collect(shared(aws, **_with_role()), f"aws/reader/{REGION}/ec2", WINDOW)
    assert isinstance(collected.error, Denied)
    assert collected.report.permission == "sts:AssumeRole"
    assert aws.calls() == {"sts.AssumeRole": 1}


def test_an_account_that_is_denied_harms_no_other(aws: LocalAws) -> None:
    add_instance(aws)
    other = "arn:aws:iam::210987654321:role/reader"
    accounts = [{"name": "reader", "role_arn": ROLE}, {"name": "other", "role_arn": other}]
    process = shared(aws, accounts=accounts)
    aws.inject("deny", account="210987654321")

    denied = collect(process, f"aws/other/{REGION}/ec2", WINDOW)
    fine = collect(process, f"aws/reader/{REGION}/ec2", WINDOW)

    assert denied.report.outcome is Outcome.DENIED
    assert (fine.report.outcome, len(fine.resources)) == (Outcome.COMPLETE, 1)


@pytest.mark.parametrize("service", ["ec2", "cloudwatch"])
def test_a_page_token_that_fails_fails_the_run_as_one_to_try_again(aws: LocalAws, service: str) -> None:
    day = Window(WINDOW.end - timedelta(hours=24), WINDOW.end)
    seed_ec2(aws, 1001 if service == "ec2" else 160, [REGION], hours_back=0.5 if service == "ec2" else 25)
    aws.inject("bad_page_token", service=service)

    collected = collect(shared(aws), TARGET, WINDOW if service == "ec2" else day)

    assert isinstance(collected.error, Unavailable)
    assert collected.error.transient
    assert "between two pages" in collected.report.error


def test_an_instance_that_vanishes_between_two_calls_is_no_error(aws: LocalAws) -> None:
    for number in (1, 2):
        one = add_instance(aws, number)
        put_metric(aws, {"InstanceId": one.instance_id}, "CPUUtilization", [(WINDOW.start, 5.0)])
    run = Run.start(Target.parse(TARGET), WINDOW, 1, NOW)
    collection = Collection(shared(aws), run, batch_limit=2)
    batches = collection.batches()
    found = [next(batches)]
    assert "cloudwatch.GetMetricData" not in aws.calls(), "the listing is read, the metrics are not"
    aws.instances.remove(DEFAULT_ACCOUNT, REGION, f"i-{2:017x}")
    names = [name for name, _ in aws.metrics.metrics(DEFAULT_ACCOUNT, REGION)]
    aws.metrics.drop(
        DEFAULT_ACCOUNT, REGION, [name for name in names if ("InstanceId", f"i-{2:017x}") in name.dimensions]
    )

    found += batches

    assert collection.report().outcome is Outcome.COMPLETE
    assert sum(len(batch.points.value) for batch in found) == 1


@pytest.mark.parametrize("service", ["ec2", "cloudwatch", "pricing"])
def test_a_wrong_clock_is_named_as_such(aws: LocalAws, service: str) -> None:
    add_instance(aws)
    aws.inject("clock_skew", service=service)
    collected = collect(shared(aws), TARGET, WINDOW)
    says = "the clock of this machine does not agree with AWS's"
    if service == "pricing":  # a part by itself
        assert says in collected.report.partial[0]
    else:
        assert isinstance(collected.error, CollectionFailed)
        assert says in collected.report.error


def test_a_region_that_is_not_enabled_is_denied_and_named(aws: LocalAws) -> None:
    collected = collect(shared(aws), "aws/default/af-south-1/ec2", WINDOW)
    assert isinstance(collected.error, Denied)
    assert "region 'af-south-1'" in collected.report.error
    assert "enabled for the account" in collected.report.error


def test_a_region_that_there_is_not_is_named_before_any_call(aws: LocalAws) -> None:
    collected = collect(shared(aws), "aws/default/mars-1/ec2", WINDOW)
    assert isinstance(collected.error, CollectionFailed)
    assert "there is no region 'mars-1'" in collected.report.error
    assert aws.calls() == {}


def test_an_aws_that_is_not_there_is_tried_again_later(aws: LocalAws) -> None:
    process = shared(aws)
    aws.stop()
    collected = collect(process, TARGET, WINDOW)
    assert isinstance(collected.error, Unavailable)
    assert "does this network reach it" in collected.report.error
    assert collected.report.outcome is Outcome.FAILED


def test_a_fault_of_aws_is_tried_again_later(aws: LocalAws) -> None:
    aws.inject("internal", service="ec2")
    collected = collect(shared(aws), TARGET, WINDOW)
    assert isinstance(collected.error, Unavailable)
    assert collected.calls == aws.calls() == {"ec2.DescribeInstances": 4}


def test_no_credentials_at_all_says_where_to_put_them(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent/file")
    collected = collect(shared(aws, access_key_id=None, secret_access_key=None), TARGET, WINDOW)
    assert isinstance(collected.error, Denied)
    assert (
        "set access_key_id and secret_access_key, profile or role_arn for account 'default'" in collected.report.error
    )
    collected = collect(
        shared(aws, access_key_id=None, secret_access_key=None, **_with_role()), "aws/reader/us-east-1/ec2", WINDOW
    )
    assert "no credentials to assume arn:aws:iam" in collected.report.error
    collected = collect(shared(aws, access_key_id=None, secret_access_key=None, profile="absent"), TARGET, WINDOW)
    assert isinstance(collected.error, Denied)
    assert "absent" in collected.report.error


def test_an_endpoint_of_no_service_is_named(aws: LocalAws) -> None:
    collected = collect(shared(aws, endpoints={"ec2": aws.url, "cloud-watch": aws.url}), TARGET, WINDOW)
    assert "aws.endpoints.cloud-watch: boto3 has no service of that name" in collected.report.error
    assert "did you mean cloudwatch?" in collected.report.error
    assert aws.calls() == {}


@pytest.mark.parametrize(
    ("api", "says"),
    [
        ("cloud-watch:*", "aws.quotas.cloud-watch:*: boto3 has no service 'cloud-watch'; did you mean cloudwatch?"),
        ("ec2:DescribeInstance", "ec2 has no operation 'DescribeInstance'; did you mean DescribeInstances?"),
        ("ec2:Discribe*", "aws.quotas.ec2:Discribe*: ec2 has no operation 'Discribe*'"),
    ],
)
def test_a_quota_of_no_operation_is_named_before_any_call(aws: LocalAws, api: str, says: str) -> None:
    collected = collect(shared(aws, quotas={api: 5}), TARGET, WINDOW)
    assert isinstance(collected.error, CollectionFailed)
    assert says in collected.report.error
    assert aws.calls() == {}


@pytest.mark.parametrize("api", ["ec2:Describe*", "*:Describe*", "*"])
def test_a_quota_of_a_family_of_operations_is_taken(aws: LocalAws, api: str) -> None:
    assert collect(shared(aws, quotas={api: 100}), TARGET, WINDOW).report.outcome is Outcome.EMPTY


@pytest.mark.parametrize(
    "kind", ["throttle", "deny", "expired_token", "auth_failure", "clock_skew", "internal", "bad_page_token"]
)
def test_no_secret_is_in_any_error(aws: LocalAws, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    add_instance(aws)
    aws.inject(kind)
    process = shared(aws, session_token=TOKEN, **_with_role(external_id="canary-external-id"))
    for target in (TARGET, f"aws/reader/{REGION}/ec2"):
        collected = collect(process, target, WINDOW)
        shown = f"{collected.error!r} {collected.report} {caplog.text} {process} {settings_of(aws)}"
        for secret in (ACCESS_KEY, SECRET_KEY, TOKEN, "canary-external-id"):
            assert secret not in shown
