"""The AWS agent of OpenFinOps's API against the local AWS: every documented call, key and printed field."""

import logging
import math
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.aws_telemetry_agent import AWSTelemetryAgent
from emulators.aws import LocalAws
from emulators.aws.seed import seed_ec2, seed_s3, seed_sagemaker
from telemetry.errors import ConfigError, Denied
from tests.support.clocks import agents_at
from tests.support.ec2 import ACCESS_KEY, NOW, REGION, SECRET_KEY, SERVICES, standing_aws
from tests.support.odd_aws import change
from tests.support.waiting import until

TOKEN = "canary-session-token-of-the-tests"


@pytest.fixture(autouse=True)
def _prices_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture(autouse=True)
def _clock_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    agents_at(monkeypatch, NOW)


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _agent(aws: LocalAws, **more: Any) -> AWSTelemetryAgent:
    given = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "region": REGION}
    settings = {"quotas": {"pricing:GetProducts": 1000}}
    return AWSTelemetryAgent(**{**given, **more}, endpoints=dict.fromkeys(SERVICES, aws.url), settings=settings)


def test_instances_have_every_documented_key_and_print(aws: LocalAws) -> None:
    seeded = seed_ec2(aws, 40, [REGION]).instances[REGION]

    found = _agent(aws).collect_ec2_metrics()

    assert isinstance(found, list)
    assert {one["instance_id"] for one in found} == {one.instance_id for one in seeded}
    running = [one for one in found if one["state"] == "running"]
    for one in found:
        line = (
            f"{one['instance_id']} {one['cpu_utilization']:.1f}% {one['memory_utilization']:.1f}% "
            f"{one['network_in']} bytes {one['network_out']} bytes ${one['cost_per_hour']:.4f}"
        )
        assert one["instance_id"] in line
    assert all(0 < one["cpu_utilization"] < 100 and one["network_in"] > 0 for one in running)
    assert 0 < sum(not math.isnan(one["memory_utilization"]) for one in running) < len(running)
    assert {one["cost_per_hour"] for one in found if one["state"] == "stopped"} == {0.0}
    prices = {one["instance_type"]: one["cost_per_hour"] for one in running if one["price_basis"] == "on_demand_list"}
    assert all(price > 0 for price in prices.values())
    assert {one["price_basis"] for one in running if one["lifecycle"] == "spot"} <= {"spot", None}


def _listed_prices(found: list[dict[str, Any]]) -> dict[str, float]:
    """A spot price may change between two collections."""
    return {one["instance_id"]: one["cost_per_hour"] for one in found if one["price_basis"] == "on_demand_list"}


def test_the_next_agent_knows_the_prices_of_the_last(
    aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_ec2(aws, 20, [REGION])
    first = _listed_prices(_agent(aws).collect_ec2_metrics())
    asked = aws.calls()["pricing.GetProducts"]
    assert first == _listed_prices(_agent(aws).collect_ec2_metrics())
    assert first
    assert aws.calls()["pricing.GetProducts"] == asked
    assert (tmp_path / "finfleet" / "prices").is_dir()
    # What one cloud says is not taken for another's, though both are asked the same.
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    _agent(aws).collect_ec2_metrics()
    _agent(aws, price_cache=tmp_path / "elsewhere").collect_ec2_metrics()
    assert aws.calls()["pricing.GetProducts"] == 3 * asked


def test_named_instances_alone_are_asked_for(aws: LocalAws) -> None:
    seeded = seed_ec2(aws, 30, [REGION]).instances[REGION]
    wanted = [seeded[3].instance_id, seeded[17].instance_id]

    found = _agent(aws).collect_ec2_metrics(instance_ids=[*wanted, "i-00000000000000bad", wanted[0]])

    assert sorted(one["instance_id"] for one in found) == sorted(wanted)
    assert _agent(aws).collect_ec2_metrics(instance_ids=[]) == []


def test_one_text_in_place_of_a_list_is_refused_and_any_collection_of_names_is_taken(aws: LocalAws) -> None:
    (name, *_) = (one.name for one in seed_s3(aws, 2, [REGION], days=5))
    agent = _agent(aws)
    with pytest.raises(TypeError, match="instance_ids: 'i-00000000000000bad': use a list of names"):
        agent.collect_ec2_metrics("i-00000000000000bad")
    with pytest.raises(TypeError, match="bucket_names"):
        agent.collect_s3_metrics(name)
    assert aws.calls() == {}
    assert [one["name"] for one in agent.collect_s3_metrics(iter([name]))] == [name]  # type: ignore[arg-type]  # odd


def test_more_ids_than_a_filter_holds_are_asked_for_in_turns(aws: LocalAws) -> None:
    seeded = seed_ec2(aws, 250, [REGION]).instances[REGION]
    found = _agent(aws).collect_ec2_metrics([one.instance_id for one in seeded])
    assert len(found) == 250
    assert aws.calls()["ec2.DescribeInstances"] == 2


def test_endpoints_have_every_documented_key_and_print(aws: LocalAws) -> None:
    seed_sagemaker(aws, 4, [REGION])

    found = {one["name"]: one for one in _agent(aws).collect_sagemaker_metrics()}

    assert len(found) == 4
    for one in found.values():
        line = (
            f"{one['name']} {one['invocations']} {one['model_latency_ms']:.2f}ms {one['4xx_errors']} "
            f"{one['5xx_errors']} ${one['cost_per_hour']:.4f}"
        )
        assert line.startswith("endpoint-")
    assert found["endpoint-000"]["invocations"] > 0
    assert found["endpoint-000"]["cost_per_hour"] == 0.2304
    assert 1 < found["endpoint-001"]["model_latency_ms"] < 1000
    assert math.isnan(found["endpoint-002"]["cost_per_hour"]), "serverless"
    assert math.isnan(found["endpoint-003"]["invocations"]), "never invoked: unknown, not zero"
    (alone,) = _agent(aws).collect_sagemaker_metrics(endpoint_name="endpoint-001")
    assert alone["name"] == "endpoint-001"
    assert alone["cost_per_hour"] == found["endpoint-001"]["cost_per_hour"]
    assert _agent(aws).collect_sagemaker_metrics(endpoint_name="absent") == []


def test_buckets_of_all_regions_have_every_documented_key_and_print(aws: LocalAws) -> None:
    seeded = {one.name: one for one in seed_s3(aws, 6, [REGION, "us-west-2"], days=5)}
    agent = _agent(aws)

    found = {one["name"]: one for one in agent.collect_s3_metrics()}

    assert found.keys() == seeded.keys()
    for name, one in found.items():
        line = f"{name} {one['size_gb']:.2f} GB {one['object_count']} {one['storage_class']} ${one['monthly_cost']:.2f}"
        assert name in line
        assert one["region"] == seeded[name].region
        if not seeded[name].bytes_by_type:
            assert math.isnan(one["size_gb"])
            assert math.isnan(one["monthly_cost"])
            continue
        newest = sum(seeded[name].bytes_by_type.values()) / 2**30
        assert newest * 0.97 < one["size_gb"] < newest
        assert one["size_gb"] == pytest.approx(sum(one["storage_classes"].values()))
        assert one["storage_class"] == max(one["storage_classes"], key=one["storage_classes"].get)
        assert 0.0009 * one["size_gb"] < one["monthly_cost"] < 0.03 * one["size_gb"]
    wanted = sorted(seeded)[:2]
    aws.log.reset()
    assert sorted(one["name"] for one in agent.collect_s3_metrics(bucket_names=[*wanted, "absent"])) == wanted
    assert aws.calls() == {"s3.ListBuckets": 1}, "a day's figures are paid for once"


def test_the_buckets_of_a_region_that_refuses_have_no_figures_and_the_others_have(
    aws: LocalAws, caplog: pytest.LogCaptureFixture
) -> None:
    seeded = {one.name: one for one in seed_s3(aws, 4, [REGION, "us-west-2"], days=5)}
    aws.inject("auth_failure", service="s3", region="us-west-2")
    found = {one["name"]: one for one in _agent(aws).collect_s3_metrics()}
    assert found.keys() == seeded.keys()
    for name, one in found.items():
        assert one["region"] == seeded[name].region
        assert math.isnan(one["size_gb"]) == (one["region"] == "us-west-2" or not seeded[name].bytes_by_type)
    assert "the buckets in us-west-2 have no figures" in caplog.text


def test_where_all_regions_refuse_that_is_raised(aws: LocalAws) -> None:
    seed_s3(aws, 2, ["us-west-2"], days=5)
    aws.inject("auth_failure", service="s3", region="us-west-2")
    with pytest.raises(Denied):
        _agent(aws).collect_s3_metrics()


def test_a_bucket_whose_region_is_not_told_is_read_where_the_agent_is(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded = {one.name: one for one in seed_s3(aws, 2, [REGION], days=5)}
    untold = re.compile(rb"<BucketRegion>[^<]*</BucketRegion>")
    change(monkeypatch, {"ListBuckets": lambda answer: untold.sub(b"", answer)})
    found = {one["name"]: one for one in _agent(aws).collect_s3_metrics()}
    assert found.keys() == seeded.keys()
    assert not all(math.isnan(one["size_gb"]) for one in found.values())


def test_references_to_the_environment_are_replaced(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", ACCESS_KEY)
    monkeypatch.setenv("TEST_SECRET", SECRET_KEY)
    monkeypatch.setenv("TEST_REGION", "us-west-2")
    seed_ec2(aws, 3, ["us-west-2"])
    agent = _agent(
        aws,
        aws_access_key_id="${TEST_KEY}",
        aws_secret_access_key="${TEST_SECRET}",
        region="${TEST_REGION}",
    )
    assert agent.region == "us-west-2"
    assert len(agent.collect_ec2_metrics()) == 3
    monkeypatch.delenv("TEST_SECRET")
    with pytest.raises(ConfigError, match="TEST_SECRET is not set"):
        _agent(aws, aws_secret_access_key="${TEST_SECRET}")


def test_without_keys_boto3s_own_chain_and_endpoints_are_used(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_ec2(aws, 3, ["us-east-1"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    agent = AWSTelemetryAgent()
    assert agent.region == "us-east-1"
    assert len(agent.collect_ec2_metrics()) == 3


def test_positional_arguments_are_those_of_the_reference(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    agent = AWSTelemetryAgent(ACCESS_KEY, SECRET_KEY, "us-west-2", TOKEN)
    assert agent.collect_ec2_metrics() == []
    assert {call.region for call in aws.records()} == {"us-west-2"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"aws_secret_access_key": None}, "go together"),
        ({"region": "mars 1"}, "region"),
    ],
)
def test_an_argument_that_cannot_be_right_is_named_and_no_secret_with_it(
    aws: LocalAws, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _agent(aws, **arguments)
    assert said in str(caught.value)
    assert SECRET_KEY not in repr(caught.value) + str(caught.value)
    assert ACCESS_KEY not in repr(caught.value) + str(caught.value)


def test_plaintext_to_another_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match="use https"):
        AWSTelemetryAgent(endpoints={"ec2": "http://example.com"})


def test_a_missing_permission_is_raised_by_name(aws: LocalAws) -> None:
    aws.inject("deny", service="ec2")
    with pytest.raises(Denied) as caught:
        _agent(aws, session_token=TOKEN).collect_ec2_metrics()
    assert caught.value.permission == "ec2:DescribeInstances"
    agent = _agent(aws, session_token=TOKEN)
    for secret in (ACCESS_KEY, SECRET_KEY, TOKEN):
        assert secret not in f"{caught.value!r} {caught.value} {agent!r} {vars(agent)}"


def test_it_collects_in_the_background_until_it_is_stopped(aws: LocalAws) -> None:
    seed_ec2(aws, 3, [REGION])
    seed_sagemaker(aws, 1, [REGION])
    seed_s3(aws, 2, [REGION], days=5)
    agent = _agent(aws)
    rounds: list[str] = []
    returned = threading.Event()

    def note(service: str, _rows: object) -> None:
        assert returned.wait(30), "it returns at once"
        rounds.append(service)

    agent.start_collection(interval_seconds=0.05, on_collected=note)
    returned.set()
    try:
        with pytest.raises(RuntimeError, match="stop_collection"):
            agent.start_collection()
        until(lambda: rounds.count("s3") >= 2, 30)
    finally:
        agent.stop_collection()
    ended = len(rounds)
    assert {name: len(rows) for name, rows in agent.latest.items()} == {"ec2": 3, "sagemaker": 1, "s3": 2}
    assert rounds[:3] == ["ec2", "sagemaker", "s3"]
    assert "aws-telemetry-agent" not in {thread.name for thread in threading.enumerate()}
    assert len(rounds) == ended
    agent.stop_collection()
    agent.start_collection(interval_seconds=300)
    agent.stop_collection()


def test_in_the_background_one_service_that_is_denied_harms_no_other(
    aws: LocalAws, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    seed_sagemaker(aws, 1, [REGION])
    aws.inject("deny", service="ec2")
    agent = _agent(aws)

    def refuse(service: str, _rows: object) -> None:
        if service == "sagemaker":
            raise ValueError("the caller's own fault")

    agent.start_collection(interval_seconds=0.05, on_collected=refuse)
    try:
        until(lambda: "s3" in agent.latest, 30)
    finally:
        agent.stop_collection()
    assert set(agent.latest) == {"sagemaker", "s3"}
    assert "allow ec2:DescribeInstances" in caplog.text
    assert "on_collected failed" in caplog.text
    assert SECRET_KEY not in caplog.text


@pytest.mark.parametrize("interval", [0, -1, math.nan])
def test_an_interval_that_cannot_be_is_refused(aws: LocalAws, interval: float) -> None:
    with pytest.raises(ValueError, match="interval_seconds"):
        _agent(aws).start_collection(interval)
