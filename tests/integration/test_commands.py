"""The command line, as a program: data on standard output, words on standard error, exit status as documented."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agents.core.context import utc_now
from storage import ledger
from storage.database import Connection, Database
from tasks.results import open_carrier
from tasks.targets import plan_targets
from telemetry.settings import load_settings
from tests.support import writing
from tests.support.command_runs import RunsFinfleet, as_text
from tests.support.ingesting import put, running_ingest, totals
from tests.support.waiting import until
from workers.cli import _COMMANDS
from workers.local.addresses import database_address

CANARY = "canary-command-line-4Tz"
_CONFIG = f"""
aws:
  regions: [us-east-1, us-west-2]
  services: [ec2]
  backfill: 1h
  access_key_id: {CANARY}-id
  secret_access_key: {CANARY}-key
generic: {{services: [host], collection_interval: 10}}
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def finfleet(tmp_path: Path, database_url: str, redis_url: str, finfleet_program: RunsFinfleet) -> Run:
    config = tmp_path / "telemetry.yaml"
    config.write_text(_CONFIG, encoding="utf-8")
    servers = {"FINFLEET_DATABASE_URL": database_url, "FINFLEET_BROKER_URL": redis_url}
    environment = {**os.environ, **servers, "FINFLEET_CONFIG": str(config)}

    def run(*words: str, status: int = 0, **variables: str) -> "subprocess.CompletedProcess[str]":
        done = as_text(finfleet_program(words, {**environment, **variables}, tmp_path))
        assert done.returncode == status, done.stdout + done.stderr
        assert CANARY not in done.stdout + done.stderr
        return done

    return run


def _json(done: "subprocess.CompletedProcess[str]") -> Any:
    assert done.stderr == ""
    return json.loads(done.stdout)


def _plan(connection: Connection, config: str, tmp_path: Path) -> None:
    """As the planner does."""
    path = tmp_path / "telemetry.yaml"
    path.write_text(config, encoding="utf-8")
    now = utc_now()
    for (provider, service), plan in plan_targets(load_settings(path, {})).items():
        ledger.sync_targets(connection, plan.targets, provider, service, now)
        ledger.open_windows(connection, provider, service, now)


def test_dead_letters_are_listed_shown_replayed_and_dropped(finfleet: Run, database: Database, redis_url: str) -> None:
    with closing(open_carrier(SecretStr(redis_url))) as carrier, database.connection() as connection:
        good = writing.run()
        put(carrier, writing.batch(good), b"what is this?")
        with running_ingest(carrier, database):
            until(lambda: totals(connection)[5] == 2, what="both are dead letters")
            listed = _json(finfleet("dlq", "list", "--json"))
            assert sorted(letter["reason"] for letter in listed) == ["malformed", "unplanned"]
            unplanned = next(str(letter["id"]) for letter in listed if letter["reason"] == "unplanned")
            malformed = next(str(letter["id"]) for letter in listed if letter["reason"] == "malformed")
            table = finfleet("dlq", "list").stdout
            assert "not a finfleet message" in table
            shown = finfleet("dlq", "show", unplanned).stdout
            assert '"metric": "cpu_utilization"' in shown
            assert "aws/default/us-east-1/ec2 is not in the ledger" in shown
            assert (
                _json(finfleet("dlq", "show", malformed, "--json"))["content"]["not a finfleet message"]
                == "what is this?"
            )
            # Somebody plans the window; the batch is put back, and taken in this time.
            writing.plan(connection)
            assert "1 put back" in finfleet("dlq", "replay", unplanned).stdout
            until(lambda: totals(connection)[2] == 1, what="the batch is committed")
        assert [letter["id"] for letter in _json(finfleet("dlq", "list", "--json"))] == [int(malformed)]
        finfleet("dlq", "drop", "--yes", malformed)
        assert _json(finfleet("dlq", "list", "--json")) == []
        missing = finfleet("dlq", "show", "999", status=1)
        assert "there is no dead letter 999" in missing.stderr
        assert "name the ids, or --all" in finfleet("dlq", "replay", status=2).stderr


def test_status_counts_windows_and_says_by_its_exit_whether_all_is_well(
    finfleet: Run, database: Database, tmp_path: Path
) -> None:
    with database.connection() as connection:
        _plan(connection, _CONFIG, tmp_path)
        status = _json(finfleet("status", "--json"))
        by_target = {line["target"]: line for line in status["targets"]}
        assert 10 <= by_target["aws/default/us-east-1/ec2"]["waiting"] <= 12
        assert by_target["aws/default/us-east-1/ec2"]["complete"] == 0
        assert status["results_queue"] == {"messages": 0, "oldest_age_seconds": None, "error": ""}
        assert set(status["task_queues"]) == {"plan", "collect.aws", "collect.generic"}
        text = finfleet("status").stdout
        assert "aws/default/us-west-2/ec2" in text
        assert "dead letters: 0" in text
        connection.execute(
            "UPDATE finfleet.collections SET state = 'empty', records = 0, partial = 'rates: late' WHERE target_id = 1"
        )
        text = finfleet("status").stdout
        assert "the newest lacks rates: late" in text, "and all is well, by its exit"
        (lacking,) = _json(finfleet("status", "--json"))["partial"]
        assert (lacking["windows"] > 9, lacking["reasons"]) == (True, ["rates: late"])
        connection.execute("UPDATE finfleet.collections SET state = 'failed', error = 'a reason' WHERE target_id = 1")
        assert "a reason" in finfleet("status", status=1).stdout


def test_status_tells_of_processes_of_a_finfleet_up_beside_that_do_not_run(
    finfleet: Run, database: Database, database_url: str, tmp_path: Path
) -> None:
    with database.connection() as connection:
        _plan(connection, _CONFIG, tmp_path)
    state = tmp_path / ".finfleet"
    state.mkdir(mode=0o700)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as alive:
        report = {
            "pid": os.getpid(),
            "processes": {"plan": alive.pid, "beat": alive.pid},
            "not_running": [],
            "looping": [],
            "database": database_address(SecretStr(database_url)),
        }

        def write(**changes: Any) -> None:
            (state / "up.json").write_text(json.dumps({**report, **changes}))

        write()
        assert _json(finfleet("status", "--json"))["processes"] == []
        write(not_running=["ingest"], looping=["plan"])
        told = ["ingest of finfleet up does not run", "plan of finfleet up ends again and again"]
        assert _json(finfleet("status", "--json", status=1))["processes"] == told
        assert all(f"\n! process_down: {line}\n" in finfleet("status", status=1).stdout for line in told)
        write(database={**report["database"], "name": "another"}, not_running=["ingest"])  # type: ignore[dict-item]
        assert _json(finfleet("status", "--json"))["processes"] == []
        alive.communicate()
    write()
    told = ["beat of finfleet up does not run", "plan of finfleet up does not run"]
    assert _json(finfleet("status", "--json", status=1))["processes"] == told
    write(pid=alive.pid)
    (told_of_all,) = _json(finfleet("status", "--json", status=1))["processes"]
    assert f"is gone (process {alive.pid})" in told_of_all
    (state / "up.json").write_text("half of")
    finfleet("status")


def test_status_without_a_broker_says_so(finfleet: Run) -> None:
    done = finfleet("status", "--json", status=1, FINFLEET_BROKER_URL="redis://:canary-broker-pw@127.0.0.1:1/0")
    assert json.loads(done.stdout)["results_queue"]["messages"] is None
    assert "canary-broker-pw" not in done.stdout + done.stderr


def test_plan_says_calls_and_dollars_and_sends_nothing(finfleet: Run) -> None:
    lines = _json(finfleet("plan", "--resources", "1000", "--json"))
    ec2 = next(line for line in lines if line["target"] == "aws/default/us-east-1/ec2")
    assert ec2["windows_per_day"] == 288
    # 4 metrics of 1,000 instances are 8 calls of 500, at $0.01 for 1,000 metrics.
    assert ec2["calls_per_day"]["cloudwatch:GetMetricData"] == 288 * 8
    assert ec2["calls_per_day"]["ec2:DescribeInstances"] == 288
    assert float(ec2["usd_per_day"]) == pytest.approx(288 * 0.04)
    text = finfleet("plan").stdout
    assert "a day: USD unknown; 2 targets unknown: aws/ec2 (2)\n" in text, "which is never a zero"
    assert "unknown: not collected yet, so its size is not known: give --resources" in text
    unknown = next(line for line in _json(finfleet("plan", "--json")) if line["target"] == ec2["target"])
    assert (unknown["calls_per_day"], unknown["usd_per_day"], unknown["basis"]) == (None, None, "unknown")
    # An hour of the past of two regions, ten minutes of which AWS has not delivered yet.
    assert {line["backfill_windows"] for line in lines if line["target"].startswith("aws/")} <= {10, 11}


def test_backfill_opens_the_past(finfleet: Run, database: Database, tmp_path: Path) -> None:
    with database.connection() as connection:
        _plan(connection, _CONFIG, tmp_path)
        before = writing.count(connection, "collections")
        since = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
        done = _json(finfleet("backfill", "--from", since, "--target", "aws/default/us-east-1/*", "--json"))
        assert done["targets"] == ["aws/default/us-east-1/ec2"]
        assert 22 <= done["opened"] <= 26
        assert writing.count(connection, "collections") == before + done["opened"]
        everything = _json(finfleet("backfill", "--from", "3h", "--json"))
        assert everything["targets"] == ["aws/default/us-east-1/ec2", "aws/default/us-west-2/ec2"]
    assert "there is no such target" in finfleet("backfill", "--from", "1h", "--target", "x/*", status=2).stderr
    assert (
        "only measured as it happens" in finfleet("backfill", "--from", "1h", "--target", "generic/*", status=2).stderr
    )
    assert "must come before" in finfleet("backfill", "--from", "1h", "--to", "2h", status=2).stderr


def test_collect_prints_this_machine(finfleet: Run) -> None:
    done = _json(finfleet("collect", "generic/default/local/host", "--json"))
    assert done["report"]["outcome"] == "complete"
    # A gauge: on a machine too busy to be sampled every second, averages over the two seconds are left out.
    assert any(record["metric"] == "memory_utilization" for record in done["records"] if "metric" in record)
    table = finfleet("collect", "generic/default/local/host")
    assert "memory_utilization" in table.stdout
    assert "complete: " in table.stderr


def test_collect_says_each_reason_in_a_line_of_its_own(finfleet: Run) -> None:
    window = "2020-01-01T00:00:00Z/2020-01-01T00:01:00Z"
    done = finfleet("collect", "generic/default/local/host", "--window", window)
    first, reason = done.stderr.splitlines()[-2:]
    assert first.startswith("empty: 0 records in ")
    assert first.endswith("; no API calls; calls cost $0")
    assert reason.startswith("partial: all: this machine was not watched in the window")


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("collect", "aws/default/us-east-1"), 2, "provider/account/region/service"),
        (("collect", "aws/default/us-east-1/ec9"), 2, "there are: "),
        (("collect", "generic/default/local/host", "--window", "today"), 2, "START/END"),
        (("backfill", "--from", "last week"), 2, "how long ago"),
        (("--config", "nowhere.yaml", "status"), 78, "there is no such file"),
    ],
)
def test_wrong_usage_says_what_is_right(finfleet: Run, words: tuple[str, ...], status: int, says: str) -> None:
    assert says in finfleet(*words, status=status).stderr


def test_faults_of_the_configuration_end_every_program(finfleet: Run, tmp_path: Path) -> None:
    (tmp_path / "telemetry.yaml").write_text("aws: {services: [ec3], regoin: x}", encoding="utf-8")
    for words in (("status",), ("plan",), ("ingest",), ("forward",)):
        assert "did you mean region" in finfleet(*words, status=78).stderr


def test_help_lists_every_command(finfleet: Run) -> None:
    text = finfleet("--help").stdout
    for name in _COMMANDS:
        assert f"\n  {name} " in text
    assert "finfleet" in finfleet(_FINFLEET_COMPLETE="bash_source").stdout


def test_what_forwards_nothing_needs_no_key_of_openfinops(finfleet: Run, tmp_path: Path) -> None:
    text = _CONFIG + 'openfinops: {endpoint: "http://127.0.0.1:9", api_key: "${NOPE}"}\n'
    (tmp_path / "keyed.yaml").write_text(text, encoding="utf-8")
    variables = {"FINFLEET_CONFIG": str(tmp_path / "keyed.yaml")}
    assert "generic/host" in finfleet("plan", **variables).stdout
    assert finfleet("collect", "generic/default/local/host", **variables).stdout


def test_help_needs_no_configuration_that_is_right(finfleet: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("aws: {regoin: x}")
    variables = {"FINFLEET_CONFIG": str(tmp_path / "bad.yaml")}
    assert "\n  worker " in finfleet("--help", **variables).stdout
    for role in ("worker", "beat", "flower"):
        assert "Usage: finfleet" in finfleet(role, "--help", **variables).stdout
