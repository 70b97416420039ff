"""The permissions that AWS services declare are those of the calls that a local AWS sees, no more and no less."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents.aws.permissions import NEEDS_NONE
from agents.aws.session import AwsAccount
from agents.core.context import LocalPriceCache, Shared
from agents.core.limits import LocalLimiter
from agents.core.permissions import document, permission_of
from agents.core.service import Service, services
from agents.standalone.agent import last_window
from emulators.aws import LocalAws
from emulators.aws.seed import seed_costs, seed_ec2, seed_eks, seed_lambda, seed_rds, seed_s3, seed_sagemaker
from telemetry.batch import Outcome
from telemetry.target import Target
from tests.support.collecting import Collected, collect, erased
from tests.support.ec2 import REGION, SERVICES, shared, standing_aws

_AWS = [service for (provider, _), service in services().items() if provider == "aws"]


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """One that holds something of everything."""
    with standing_aws() as running:
        seed_ec2(running, 30, [REGION], hours_back=1, hours_ahead=0)
        seed_s3(running, 3, [REGION])
        seed_sagemaker(running, 3, [REGION])
        seed_rds(running)
        seed_lambda(running)
        seed_eks(running, nodes=False)
        seed_costs(running, 3)
        yield running


# What looks for deliveries of bills, and what reads them, has a bucket to look into: tests/integration/test_bill_*.py.
_OF_ACCOUNTS = [service for service in _AWS if not (service.delivers or service.delivered)]
each = pytest.mark.parametrize("service", _OF_ACCOUNTS, ids=lambda service: str(service.name))


@pytest.fixture(scope="module")
def process(aws: LocalAws) -> Shared:
    """With an account that holds nothing beside the one that does."""
    accounts = [{"name": "default"}, {"name": "empty", "role_arn": "arn:aws:iam::555555555555:role/reader"}]
    return shared(aws, endpoints=dict.fromkeys({*SERVICES, "ce"}, aws.url), accounts=accounts)


def _collect(aws: LocalAws, process: Shared, service: Service, account: str = "default") -> Collected:
    """By a process that has its clients already and knows nothing else; no other calls are on record."""
    aws.log.reset()
    clients = {key: value for key, value in process.cache.items() if isinstance(value, AwsAccount)}
    anew = replace(process, prices=LocalPriceCache(), limiter=LocalLimiter(), cache=clients)
    target = Target("aws", account, REGION if service.regional else "global", service.name)
    collected = collect(anew, target, last_window(service, anew))
    process.cache.update(clients)
    return collected


@each
def test_a_collection_needs_what_the_service_declares(aws: LocalAws, process: Shared, service: Service) -> None:
    collected = _collect(aws, process, service)

    assert collected.error is None
    assert collected.report.records > 0
    needed = {permission_of("aws", api.replace(".", ":")) for api in aws.calls()} - NEEDS_NONE
    assert needed == set(service.permissions) - NEEDS_NONE
    assert needed == aws.permissions() - NEEDS_NONE, "the local AWS has names of its own for them"


@each
def test_each_permission_that_is_missing_is_named(aws: LocalAws, process: Shared, service: Service) -> None:
    """What the policy lacks, the report says, and with it the collection would go on: of a part, all else goes on."""
    whole = _collect(aws, process, service)
    assert whole.error is None
    denied = []
    for boto3_name, action in (api.split(".") for api in aws.calls()):
        permission = permission_of("aws", f"{boto3_name}:{action}")
        if permission in NEEDS_NONE:
            continue
        aws.inject("deny", service=boto3_name, action=action)
        collected = _collect(aws, process, service)
        report = collected.report
        aws.faults.clear()
        assert not erased(whole, collected)
        assert report.permission == permission
        said = [report.error] if report.outcome is Outcome.DENIED else report.partial
        assert any(f"allow {permission} to account 'default'" in reason for reason in said), report
        denied += [permission] if report.outcome is Outcome.DENIED else []
        assert report.outcome in {Outcome.DENIED, Outcome.COMPLETE}
    assert len(denied) == 1, "the listing is what everything stands on, and nothing else is"


@each
def test_an_account_without_anything_is_empty(aws: LocalAws, process: Shared, service: Service) -> None:
    report = _collect(aws, process, service, "empty").report
    assert report.outcome is (Outcome.COMPLETE if service.reports_regions else Outcome.EMPTY), report.error
    made = {api: calls for api, calls in aws.calls().items() if not api.startswith("sts.")}
    assert service.brings_bills or sum(made.values()) == 1, "a listing of nothing is all that there is to ask for"
    assert not aws.calls(account="123456789012").keys() - {"sts.AssumeRole"}


def test_the_policy_allows_what_the_services_declare() -> None:
    allowed = {action for one in json.loads(document("aws"))["Statement"] for action in one["Action"]}
    assert allowed == {permission for service in _AWS for permission in service.permissions} - NEEDS_NONE


def _finfleet(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", "-m", "workers.cli", "permissions", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_command_prints_the_policy_and_compares_a_file_with_it(tmp_path: Path) -> None:
    printed = _finfleet("aws")
    assert (printed.returncode, printed.stdout, printed.stderr) == (0, document("aws"), "")
    file = tmp_path / "policy.json"
    file.write_text(printed.stdout, encoding="utf-8")
    same = _finfleet("aws", "--check", str(file))
    assert (same.returncode, same.stdout, same.stderr) == (0, "", "")

    file.write_text(printed.stdout.replace("ec2:DescribeInstances", "ec2:TerminateInstances"), encoding="utf-8")
    other = _finfleet("aws", "--check", str(file))

    assert (other.returncode, other.stdout) == (1, "")
    assert '-        "ec2:TerminateInstances"' in other.stderr
    assert '+        "ec2:DescribeInstances"' in other.stderr
    assert f"finfleet permissions aws > {file}" in other.stderr


def test_a_provider_without_a_document_is_wrong_usage() -> None:
    done = _finfleet("generic")
    assert done.returncode == 2
    assert "there are: aws, azure" in done.stderr
