"""Sessions, credentials and metering where many threads share the clients of one account."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from agents.aws.session import AwsAccount, account_of
from agents.core.collection import find_account
from emulators.aws import LocalAws
from emulators.aws.seed import seed_ec2
from telemetry.batch import Outcome
from telemetry.target import Target, Window
from tests.support.collecting import Collected, collect
from tests.support.ec2 import REGION, TARGET, WINDOW, add_instance, shared, standing_aws

_THREADS = 8


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _at_once(work: list[Any]) -> list[Collected]:
    """Run the work in eight threads that begin together."""
    gate = threading.Barrier(min(_THREADS, len(work)))

    def run(job: Any) -> Any:
        gate.wait()
        return job()

    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(run, work))


def test_eight_runs_that_share_clients_each_count_their_own_calls(aws: LocalAws) -> None:
    regions = ("us-east-1", "us-west-2")
    seed_ec2(aws, 80, regions, hours_back=2, hours_ahead=0)
    for service in ("ec2", "cloudwatch", "pricing"):
        # Three of each at most: no call can use up its four attempts, whatever the threads do.
        aws.inject("throttle", service=service, rate=0.5, count=3, retry_after_ms=20)
    process = shared(aws)
    windows = [Window(WINDOW.start - timedelta(minutes=5 * n), WINDOW.end - timedelta(minutes=5 * n)) for n in range(4)]
    jobs = [
        lambda region=region, window=window: collect(process, f"aws/default/{region}/ec2", window)
        for region in regions
        for window in windows
    ]

    found = _at_once(jobs)

    assert {one.report.outcome for one in found} == {Outcome.COMPLETE}
    assert sum((Counter(one.calls) for one in found), Counter[str]()) == Counter(aws.calls())
    assert sum((Counter(one.throttles) for one in found), Counter[str]()) == Counter(aws.calls(outcome="throttle"))
    for number, one in enumerate(found):
        refused = one.throttles.get("ec2.DescribeInstances", 0)
        assert one.calls["ec2.DescribeInstances"] == 1 + refused, f"run {number} counts one listing, its own"
    kinds = aws.calls(outcome="ok")["pricing.GetProducts"]
    assert kinds == _distinct_kinds(aws), "a price that several want at once is looked up once"


def _distinct_kinds(aws: LocalAws) -> int:
    kinds = {
        (region, one.instance_type, one.platform, one.tenancy)
        for account, region in aws.instances.places()
        for one in aws.instances.listing(account, region)
        if one.state == "running" and not one.lifecycle
    }
    return len(kinds)


def test_eight_threads_stay_under_one_quota(aws: LocalAws) -> None:
    process = shared(aws, quotas={"ec2:Describe*": 20})
    began = time.monotonic()

    found = _at_once([lambda: [collect(process, TARGET, WINDOW) for _ in range(5)]] * _THREADS)

    took = time.monotonic() - began
    assert len(found) == _THREADS
    assert aws.calls() == {"ec2.DescribeInstances": 40}
    assert took >= 0.9, "20 at once, and 20 more in a second"
    (peak,) = aws.peak_rates(0.5).values()
    # The bucket, what it gains in half a second, and those that had their turn before and were slow to come.
    assert peak * 0.5 <= 20 + 0.5 * 20 + _THREADS


def test_one_session_and_one_client_serve_all_threads(aws: LocalAws) -> None:
    process = shared(aws)
    account = find_account(process, Target.parse(TARGET))
    clients = _at_once([lambda: account_of(process, account).session().client("ec2", REGION)] * 32)
    assert len({id(client) for client in clients}) == 1
    assert account_of(process, account).session().client("ec2", "us-west-2") is not clients[0]


def test_threads_that_find_the_credentials_expired_renew_them_once(aws: LocalAws) -> None:
    process = shared(aws)
    account: AwsAccount = account_of(process, find_account(process, Target.parse(TARGET)))
    expired = account.session()
    renewed = _at_once([lambda: account.renew(expired)] * 16)
    assert {id(one) for one in renewed} == {id(account.session())}
    assert account.session() is not expired


class _Sts:
    """An STS whose credentials are about to expire whenever it gives them; keeps what it was asked."""

    def __init__(self) -> None:
        asked: list[dict[str, list[str]]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                until = f"{datetime.now(UTC) + timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"
                body = (
                    '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
                    "<Credentials><AccessKeyId>ASIAASSUMED</AccessKeyId><SecretAccessKey>assumed</SecretAccessKey>"
                    f"<SessionToken>{len(asked)}</SessionToken><Expiration>{until}</Expiration></Credentials>"
                    "</AssumeRoleResult></AssumeRoleResponse>"
                ).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.asked = asked
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def sts() -> Iterator[_Sts]:
    server = _Sts()
    thread = threading.Thread(target=server.http.serve_forever, args=[0.02])
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


def test_a_role_is_assumed_with_its_external_id_and_again_before_its_credentials_expire(
    aws: LocalAws, sts: _Sts
) -> None:
    add_instance(aws, state="stopped", stopped_at=WINDOW.start)
    role = "arn:aws:iam::123456789012:role/reader"
    process = shared(
        aws,
        endpoints={"ec2": aws.url, "sts": sts.url},
        accounts=[{"name": "reader", "role_arn": role, "external_id": "shared-secret"}],
    )

    for number in (1, 2):
        assert collect(process, f"aws/reader/{REGION}/ec2", WINDOW).error is None
        assert len(sts.asked) == number

    assert sts.asked[0]["RoleArn"] == [role]
    assert sts.asked[0]["ExternalId"] == ["shared-secret"]
    assert sts.asked[0]["RoleSessionName"] == ["finfleet"]
    assert aws.calls() == {"ec2.DescribeInstances": 2}, "with credentials that were good each time"


def test_boto3s_own_variables_work_untouched(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFROMENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from-environment")
    add_instance(aws)
    process = shared(aws, access_key_id=None, secret_access_key=None, endpoints={})

    collected = collect(process, TARGET, WINDOW)

    assert collected.error is None
    assert collected.calls == aws.calls()
    assert len(collected.resources) == 1
