"""``finfleet backfill``: within bounds, and the price first."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.core.context import utc_now
from storage import ledger
from storage.database import Database
from telemetry.batch import Outcome
from telemetry.target import Target, Window
from tests.support import writing as w
from tests.support.command_runs import RunsFinfleet, as_text

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def plans() -> dict[tuple[str, str], list[ledger.TargetPlan]]:
    hour, day = timedelta(hours=1), timedelta(days=1)
    return {
        ("aws", "ec2"): [_plan(w.TARGET, timedelta(minutes=5))],
        ("aws", "cost"): [_plan(Target("aws", "default", "global", "cost"), day)],
        ("generic", "http_json"): [_plan(Target("generic", "default", "global", "http_json"), hour)],
    }


def _plan(target: Target, interval: timedelta) -> ledger.TargetPlan:
    return ledger.TargetPlan(target=target, queue="collect.aws", interval=interval, delay=timedelta(0), live=False)


@pytest.fixture
def finfleet(tmp_path: Path, database_url: str, database: Database, finfleet_program: RunsFinfleet) -> Run:
    with database.connection() as connection:
        for (provider, service), targets in plans().items():
            ledger.sync_targets(connection, targets, provider, service, utc_now())
    (tmp_path / "telemetry.yaml").write_text("generic: {services: [host]}", encoding="utf-8")
    variables = {"FINFLEET_DATABASE_URL": database_url, "FINFLEET_CONFIG": str(tmp_path / "telemetry.yaml")}

    def run(*words: str, status: int = 0, stdin: int | None = None) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, **variables}
        if stdin is None:
            done = as_text(finfleet_program(("backfill", *words), environment, tmp_path))
        else:
            done = subprocess.run(
                [sys.executable, "-W", "error", "-m", "workers.cli", "backfill", *words],
                env=environment,
                cwd=tmp_path,
                stdin=stdin,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


def _ago(database: Database, service: str, days: int) -> str:
    """So many days of whole windows, however late it gets while the test runs."""
    with database.connection() as connection:
        row = connection.execute("SELECT planned_until FROM finfleet.targets WHERE service = %s", (service,)).fetchone()
    assert row is not None
    return str((row[0] - timedelta(days=days)).isoformat())


def _windows(database: Database) -> int:
    with database.connection() as connection:
        return w.count(connection, "collections")


def _price(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    return {line["service"]: line for line in json.loads(done.stdout)["price"]}


@pytest.mark.parametrize("since", ["0001-01-01", "1999-12-31T23:59:59Z"])
def test_no_past_before_the_clouds(finfleet: Run, database: Database, since: str) -> None:
    said = finfleet("--from", since, "--target", "generic/*", "--yes", status=2).stderr
    assert "no cloud keeps anything from before 2000-01-01T00:00:00Z; begin later" in said
    assert _windows(database) == 0


def test_so_long_ago_that_there_was_no_time_is_wrong_usage(finfleet: Run) -> None:
    assert "how long ago" in finfleet("--from", "99999999999999d", status=2).stderr


def test_what_is_paid_needs_consent_and_shows_its_price_first(finfleet: Run, database: Database) -> None:
    words = ("--from", _ago(database, "cost", 3), "--target", "aws/*/cost")
    said = finfleet(*words, status=2).stderr
    assert "aws/cost: 1 target, 3 windows to open, 0 to collect again; 6 ce:GetCostAndUsage; at least USD 0.06" in said
    assert "nothing is collected yet: agree to that price with --yes" in said
    assert _windows(database) == 0
    done = json.loads(finfleet(*words, "--yes", "--json").stdout)
    assert done["opened"] == 3
    assert done["usd"] == "0.06"
    again = finfleet(*words)  # nothing is left to do, so nothing to agree to
    assert "0 windows opened, 0 due again" in again.stdout


def test_what_is_kept_no_longer_is_not_asked_for(finfleet: Run) -> None:
    done = finfleet("--from", "2001-01-01", "--target", "aws/*/cost", "--dry-run", "--json")
    assert _price(done)["aws/cost"]["missing"] in {424, 425}  # it may be midnight
    assert "aws/cost: nothing from before " in done.stderr


def test_a_dry_run_changes_nothing(finfleet: Run, database: Database) -> None:
    since = _ago(database, "http_json", 2)
    said = finfleet("--from", since, "--dry-run").stdout
    assert "generic/http_json: 1 target, 48 windows to open, 0 to collect again; 48 http:GET; USD 0" in said
    assert re.search(r"aws/ec2: 1 target, \d+ windows to open, 0 to collect again; calls unknown; USD unknown", said)
    assert re.search(r"in all [\d,]+ windows; at least USD 0.04; unknown: aws/ec2\n", said), "what is known is said"
    assert "unknown: not collected yet, so its size is not known: give --resources" in said
    assert _windows(database) == 0


def test_a_price_that_is_not_known_is_no_zero(finfleet: Run, database: Database) -> None:
    words = ("--from", _ago(database, "ec2", 2), "--target", "aws/*/ec2")
    assert "USD unknown" in finfleet(*words, status=2).stderr
    line = _price(finfleet(*words, "--dry-run", "--json"))["aws/ec2"]
    assert (line["calls"], line["usd"]) == (None, None)
    with database.connection() as connection:  # now its size is known
        w.plan(connection)
        run = w.run()
        w.put(connection, w.batch(run), w.report(run, outcome=Outcome.FAILED))
    line = _price(finfleet(*words, "--dry-run", "--json"))["aws/ec2"]
    assert (line["calls"]["ec2:DescribeInstances"], line["usd"], line["bound"]) == (576, "0.02304", "about")


def test_what_is_free_needs_consent_where_it_is_much(finfleet: Run, database: Database) -> None:
    free = ("--target", "generic/*/http_json")
    assert "48 windows opened" in finfleet("--from", _ago(database, "http_json", 2), *free).stdout
    assert "--yes" in finfleet("--from", "2020-01-01", *free, status=2).stderr
    assert _windows(database) == 48


@pytest.mark.parametrize(("answer", "status", "opened"), [("y", 0, 48), ("n", 130, 0)])
def test_a_person_is_asked(finfleet: Run, database: Database, answer: str, status: int, opened: int) -> None:
    ours, theirs = pty.openpty()
    with closing(os.fdopen(ours, "wb", buffering=0)) as keyboard, closing(os.fdopen(theirs)) as terminal:
        keyboard.write(f"{answer}\n".encode())
        since = _ago(database, "http_json", 2)
        said = finfleet("--from", since, "--target", "generic/*", status=status, stdin=terminal.fileno()).stderr
    assert "48 windows to open" in said
    assert "collect them?" in said
    assert _windows(database) == opened


def test_what_is_shown_is_what_is_done(finfleet: Run, database: Database) -> None:
    with database.connection() as connection:
        (target,) = ledger.find_targets(connection, ["generic/*"])
        now = utc_now()
        ledger.backfill(connection, [target], Window(now - timedelta(hours=30), now - timedelta(hours=20)), now)
        connection.execute(
            "UPDATE finfleet.collections SET state = 'failed' WHERE window_start < now() - interval '25h'"
        )
        connection.execute("UPDATE finfleet.collections SET state = 'complete', records = 1 WHERE state = 'planned'")
    for again in ((), ("--again",)):
        words = ("--from", _ago(database, "http_json", 2), "--target", "generic/*", *again)
        shown = _price(finfleet(*words, "--dry-run", "--json"))["generic/http_json"]
        done = json.loads(finfleet(*words, "--json").stdout)
        assert (done["opened"], done["reopened"]) == (shown["missing"], shown["again"])
