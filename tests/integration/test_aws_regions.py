"""`regions: all`: a worker tells which regions an account has enabled, and the planner takes its word for it."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.core.context import Shared, utc_now
from emulators.aws import LocalAws
from emulators.aws.regions import DEFAULT_REGIONS, OPT_IN_REGIONS
from storage import ledger
from storage.database import Connection, Database
from storage.ledger import TargetPlan
from tasks.regions import with_regions
from tasks.targets import plan_targets
from telemetry.batch import Outcome
from telemetry.errors import ConfigError, Denied, Unavailable
from telemetry.settings import load_settings
from telemetry.target import Target, Window
from tests.support import writing
from tests.support.collecting import Collected, collect
from tests.support.ec2 import ACCESS_KEY, NOW, REGION, SECRET_KEY, SERVICES, settings, shared, standing_aws

HOUR = Window(NOW.replace(minute=0, second=0) - timedelta(hours=1), NOW.replace(minute=0, second=0))
ALL = sorted(DEFAULT_REGIONS)


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def _told(process: Shared, connection: Connection, account: str = "default", *, hour: int = 0) -> Collected:
    """What a worker says of an account so many hours later, as the ingest writes it down."""
    target, later = Target("aws", account, "global", "regions"), timedelta(hours=hour)
    window = Window(HOUR.start + later, HOUR.end + later)
    writing.plan(connection, target, window)
    collected = collect(replace(process, now=lambda: NOW + later), target, window)
    writing.put(connection, *collected.batches, collected.report, now=NOW + later)
    return collected


def _plans(aws: LocalAws, service: str = "ec2", **section: Any) -> tuple[TargetPlan, ...]:
    return plan_targets(settings(aws, **{"regions": "all", "services": ["ec2"], **section}))["aws", service].targets


def _regions(connection: Connection, plans: Sequence[TargetPlan]) -> list[str]:
    return [plan.target.region for plan in with_regions(connection, plans, NOW)]


def test_every_region_is_told_with_its_status(aws: LocalAws) -> None:
    aws.regions.opted_in.add("eu-south-1")
    collected = collect(shared(aws, regions="all"), "aws/default/global/regions", HOUR)
    found = {one.region: one.attributes for one in collected.resources}
    assert found.keys() == {*DEFAULT_REGIONS, *OPT_IN_REGIONS}
    assert {name for name, told in found.items() if told["enabled"]} == {*DEFAULT_REGIONS, "eu-south-1"}
    assert found["eu-south-1"]["opt_in_status"] == "opted-in"
    assert collected.calls == aws.calls() == {"ec2.DescribeRegions": 1, "sts.GetCallerIdentity": 1}


def test_only_accounts_that_want_all_are_asked_and_need_no_word_among_the_services(aws: LocalAws) -> None:
    accounts = [{"name": "a", "regions": "all"}, {"name": "b", "regions": [REGION]}, {"name": "c"}]
    for services in (["ec2"], []):
        planned = plan_targets(settings(aws, accounts=accounts, services=services))
        assert [str(plan.target) for plan in planned["aws", "regions"].targets] == ["aws/a/global/regions"]
        assert [str(plan.target) for plan in planned["aws", "ec2"].targets] == [
            "aws/a/all/ec2",
            "aws/b/us-east-1/ec2",
            "aws/c/us-east-1/ec2",
        ]
    assert ("aws", "regions") not in plan_targets(settings(aws))
    # The first answer is due at once: everything else waits for it.
    (plan,) = _plans(aws, "regions")
    assert plan.first_window(NOW) + plan.interval + plan.delay <= NOW


def test_all_becomes_the_enabled_regions_and_follows_them(aws: LocalAws, connection: Connection) -> None:
    process = shared(aws, regions="all")
    _told(process, connection)
    assert _regions(connection, _plans(aws)) == ALL
    assert {plan.queue for plan in with_regions(connection, _plans(aws), NOW)} == {"collect.aws"}
    aws.regions.opted_in.add("eu-south-1")
    _told(process, connection, hour=1)
    assert _regions(connection, _plans(aws)) == sorted([*ALL, "eu-south-1"])
    aws.regions.opted_in.clear()
    _told(process, connection, hour=2)
    assert _regions(connection, _plans(aws)) == ALL


def test_what_is_listed_and_what_is_global_stays_as_it_is(aws: LocalAws, connection: Connection) -> None:
    _told(shared(aws, regions="all"), connection)
    listed = _plans(aws, regions=["eu-west-1", "eu-west-2"])
    assert with_regions(connection, listed, NOW) == list(listed)
    assert _regions(connection, _plans(aws, "cost", services=["cost"])) == ["global"]


def test_each_account_has_its_own(aws: LocalAws, connection: Connection) -> None:
    """Two names for one AWS account, even."""
    accounts = [{"name": "a"}, {"name": "b"}]
    process = shared(aws, regions="all", accounts=accounts)
    _told(process, connection, "a")
    aws.regions.opted_in.add("af-south-1")
    _told(process, connection, "b")
    found = [plan.target for plan in with_regions(connection, _plans(aws, accounts=accounts), NOW)]
    assert [one.region for one in found if one.account == "a"] == ALL
    assert [one.region for one in found if one.account == "b"] == sorted([*ALL, "af-south-1"])


@pytest.mark.parametrize("fault", ["denied", "away"])
def test_an_aws_that_does_not_tell_takes_no_target_away(
    aws: LocalAws, connection: Connection, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    process, plans = shared(aws, regions="all"), _plans(aws)
    _told(process, connection)
    ledger.sync_targets(connection, with_regions(connection, plans, NOW), "aws", "ec2", NOW)
    if fault == "denied":
        aws.inject("deny", service="ec2")
    else:
        aws.stop()

    collected = _told(process, connection, hour=5)

    assert isinstance(collected.error, Denied if fault == "denied" else Unavailable)
    if fault == "denied":
        assert (collected.report.outcome, collected.report.permission) == (Outcome.DENIED, "ec2:DescribeRegions")
    now = NOW + timedelta(hours=5)
    known = with_regions(connection, plans, now)
    assert [plan.target.region for plan in known] == ALL
    assert "its regions are those of 2026-11-24T12:00:30Z: aws/default/global/regions tells none" in caplog.text
    assert ledger.sync_targets(connection, known, "aws", "ec2", now) == (0, 0, 0, 0)


def test_before_anything_was_told_what_is_collected_goes_on(
    aws: LocalAws, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    assert _regions(connection, _plans(aws)) == []
    assert "aws/default/all/ec2: its regions are not known yet: aws/default/global/regions has not told" in caplog.text
    ledger.sync_targets(connection, _plans(aws, regions=["eu-west-1", "us-east-1"]), "aws", "ec2", NOW)
    assert _regions(connection, _plans(aws)) == ["eu-west-1", "us-east-1"]


def test_two_accounts_through_the_planner_itself(
    aws: LocalAws, database_url: str, redis_url: str, connection: Connection, tmp_path: Path
) -> None:
    """One of them is denied: the other has its regions, and the ledger says what is missing."""
    other = "210987654321"
    accounts = [
        {"name": "fine", "regions": "all"},
        {"name": "refused", "regions": "all", "role_arn": f"arn:aws:iam::{other}:role/reader"},
    ]
    keys = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
    section = {**keys, "accounts": accounts, "services": ["ec2"], "endpoints": dict.fromkeys(SERVICES, aws.url)}
    config = tmp_path / "telemetry.yaml"
    config.write_text(yaml.safe_dump({"aws": section}), encoding="utf-8")
    servers = {"FINFLEET_DATABASE_URL": database_url, "FINFLEET_BROKER_URL": redis_url, "FINFLEET_CONFIG": str(config)}

    said = _fan_out(servers, "regions", "ec2")

    assert "aws/fine/all/ec2: its regions are not known yet" in said
    assert _targets(connection) == {"fine/regions": ["global"], "refused/regions": ["global"]}
    aws.inject("deny", service="ec2", account=other)
    process = shared(aws, accounts=accounts)
    for account, start, end, number in connection.execute(
        """
        SELECT account, window_start, window_end, attempt
          FROM finfleet.collections JOIN finfleet.targets USING (target_id)
         WHERE state = 'dispatched'
        """
    ).fetchall():
        collected = collect(process, f"aws/{account}/global/regions", Window(start, end), number)
        writing.put(connection, *collected.batches, collected.report, now=utc_now())

    said = _fan_out(servers, "ec2")

    assert "aws/refused/all/ec2: its regions are not known yet" in said
    assert _targets(connection) == {"fine/ec2": ALL, "fine/regions": ["global"], "refused/regions": ["global"]}
    refused = connection.execute(
        "SELECT account, denied_permission FROM finfleet.targets WHERE denied_until IS NOT NULL"
    ).fetchall()
    assert refused == [("refused", "ec2:DescribeRegions")]


def _fan_out(servers: dict[str, str], *services: str) -> str:
    """The planner's own task, in a process of its own; what it logs."""
    code = (
        "import logging, sys; logging.basicConfig(); import tasks.app; from tasks.plan import fan_out\n"
        "for service in sys.argv[1:]: fan_out('aws', service)"
    )
    command = [sys.executable, "-W", "error", "-c", code, *services]
    done = subprocess.run(
        command, env={**os.environ, **servers}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def _targets(connection: Connection) -> dict[str, list[str]]:
    rows = connection.execute(
        """
        SELECT account || '/' || service, array_agg(region ORDER BY region)
          FROM finfleet.targets WHERE enabled GROUP BY 1
        """
    )
    return dict(rows.fetchall())


@pytest.mark.parametrize("where", ["regions", "accounts"])
def test_all_stands_alone(tmp_path: Path, where: str) -> None:
    wrong = "regions: [all, us-east-1]"
    path = tmp_path / "telemetry.yaml"
    path.write_text(f"aws: {{{wrong if where == 'regions' else f'accounts: [{{name: a, {wrong}}}]'}}}", "utf-8")
    with pytest.raises(ConfigError, match="write regions: all, or a list without it"):
        load_settings(path, {})
