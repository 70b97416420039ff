"""From the configuration to targets, queues and the beat schedule."""

from datetime import timedelta
from pathlib import Path

import pytest

from tasks.app import make_app
from tasks.schedule import beat_schedule
from tasks.targets import plan_targets
from telemetry.errors import ConfigError
from telemetry.settings import Settings, load_settings

_CONFIG = """
aws:
  regions: [us-east-1, us-west-2]
  services: [ec2]
  collection_interval: 300
  backfill: 2h
  accounts: [{name: a}, {name: b, queue: collect.aws.b, regions: [eu-west-1]}]
generic: {services: [host], intervals: {host: 10}, backfill: 1h}
broker: {url: "redis://:canary-broker-password@127.0.0.1:1/0"}
"""


def _settings(text: str, tmp_path: Path) -> Settings:
    path = tmp_path / "telemetry.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, {})


def test_targets_are_accounts_times_regions(tmp_path: Path) -> None:
    planned = plan_targets(_settings(_CONFIG, tmp_path))
    ec2 = planned["aws", "ec2"]
    assert [str(plan.target) for plan in ec2.targets] == [
        "aws/a/us-east-1/ec2",
        "aws/a/us-west-2/ec2",
        "aws/b/eu-west-1/ec2",
    ]
    assert [plan.queue for plan in ec2.targets] == ["collect.aws", "collect.aws", "collect.aws.b"]
    assert {plan.backfill for plan in ec2.targets} == {timedelta(hours=2)}
    (host,) = planned["generic", "host"].targets
    assert (host.live, host.backfill, host.interval) == (True, timedelta(0), timedelta(seconds=10))


def test_the_past_is_owed_by_all_services_or_by_those_that_are_named(tmp_path: Path) -> None:
    planned = plan_targets(_settings("aws: {services: [ec2, cost, rds], backfill: {cost: 30d, ec2: 1d}}", tmp_path))
    owed = {service: plan.targets[0].backfill for (_, service), plan in planned.items()}
    assert owed == {"cost": timedelta(days=30), "ec2": timedelta(days=1), "rds": timedelta(0)}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "aws: {backfill: {costs: 2d}}",
            "aws.backfill.costs: there is no such service in this install; did you mean cost? there are: bill_",
        ),
        ("generic: {backfill: {host: 1d}}", "generic.backfill.host: host is only measured as it happens"),
        ("aws: {backfill: {cost: 2000d}}", "aws.backfill: cost: '2000d': at most 1200d; what is older"),
        ("aws: {backfill: {cost: soon}}", "aws.backfill: cost: write seconds, or a number with s, m, h or d"),
        (
            "aws: {backfill: [1d]}",
            "aws.backfill: write a duration, or one for each service: 2d, or {cost: 30d, ec2: 1d}",
        ),
        ("aws: {backfill: {a/b: 1d}}", "aws.backfill: the name of a service: letters, digits and . _ : - only"),
    ],
)
def test_a_past_that_cannot_be_owed_is_a_fault(text: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_targets(_settings(text, tmp_path))
    assert fault in str(caught.value)


def test_one_entry_per_service_and_the_sweep(tmp_path: Path) -> None:
    settings = _settings(_CONFIG, tmp_path)
    entries = beat_schedule(settings, plan_targets(settings))
    assert sorted(entries) == ["fan out aws/ec2", "fan out generic/host", "forget what is old", "sweep"]
    assert entries["fan out aws/ec2"]["args"] == ("aws", "ec2")
    assert entries["fan out aws/ec2"]["schedule"] == 60
    assert entries["fan out generic/host"]["schedule"] == 10
    # A tick that nobody took before the next one is due is dropped.
    assert all(entry["options"]["expires"] == entry["schedule"] for entry in entries.values())


def test_an_unknown_service_is_a_fault_that_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_targets(_settings("aws: {services: [ec2, ec3], intervals: {ec4: 60, ec2: 61}}", tmp_path))
    text = str(caught.value)
    assert "aws.services[1]: 'ec3' is not a service of this install; did you mean ec2? there are: bill_" in text
    assert " cost, ec2, " in text
    assert "aws.intervals.ec4" in text
    assert "multiple of 60" in text


def test_the_application_reads_well_and_is_safe(tmp_path: Path) -> None:
    app = make_app(_settings(_CONFIG, tmp_path))
    assert sorted(queue.name for queue in app.conf.task_queues) == [
        "collect.aws",
        "collect.aws.b",
        "collect.aws.b.paid",
        "collect.aws.paid",
        "collect.generic",
        "collect.generic.live",
        "plan",
    ]
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_acks_late
    assert app.conf.task_ignore_result
    assert app.conf.broker_transport_options["visibility_timeout"] > 900
    assert "canary-broker-password" not in repr(app.conf.humanize(with_defaults=False))
