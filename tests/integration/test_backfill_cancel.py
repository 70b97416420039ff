"""``finfleet backfill`` by service and within a budget, its list, and the way back, as programs."""

import json
import os
import subprocess
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest

from agents.core.context import utc_now
from storage import ledger
from storage.database import Connection, Database
from telemetry.batch import ApiUse
from telemetry.target import Target
from tests.support import writing as w
from tests.support.command_runs import RunsFinfleet, as_text
from workers.chosen_targets import chosen

Run = Callable[..., "subprocess.CompletedProcess[str]"]
_DAY = timedelta(days=1)
_CONFIG = "aws: {cost_tags: [team], accounts: [{name: default}, {name: other}]}\ngeneric: {services: [host]}"
_TARGETS = ("aws/default/global/cost", "aws/other/global/cost", "azure/default/global/cost", "aws/default/x/ec2")


@pytest.fixture
def finfleet(tmp_path: Path, database_url: str, database: Database, finfleet_program: RunsFinfleet) -> Run:
    with database.connection() as connection:
        plans: dict[tuple[str, str], list[ledger.TargetPlan]] = {}
        for target in map(Target.parse, _TARGETS):
            plan = ledger.TargetPlan(
                target=target, queue="collect", interval=_DAY, delay=timedelta(0), live=False, backfill=timedelta(0)
            )
            plans.setdefault((target.provider, target.service), []).append(plan)
        for (provider, service), targets in plans.items():
            ledger.sync_targets(connection, targets, provider, service, utc_now())
    (tmp_path / "telemetry.yaml").write_text(_CONFIG, encoding="utf-8")
    variables = {"FINFLEET_DATABASE_URL": database_url, "FINFLEET_CONFIG": str(tmp_path / "telemetry.yaml")}

    def run(*words: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
        done = as_text(finfleet_program(words, {**os.environ, **variables}, tmp_path))
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


def _take(connection: Connection) -> list[ledger.Dispatch]:
    return ledger.take_due(
        connection, "aws", utc_now(), lease=_DAY, max_attempts=8, max_in_flight=100, limit=100, service="cost"
    )


def _json(done: "subprocess.CompletedProcess[str]") -> Any:
    return json.loads(done.stdout)


def _since(database: Database, days: int) -> str:
    with database.connection() as connection:
        row = connection.execute("SELECT max(planned_until) FROM finfleet.targets").fetchone()
    assert row is not None
    return str((row[0] - days * _DAY).isoformat())


@pytest.mark.parametrize(
    ("patterns", "providers", "names", "targets"),
    [
        ((), (), ("cost",), 3),
        ((), (), ("aws/cost",), 2),
        ((), ("azure",), (), 1),
        ((), ("aws",), ("ec2", "azure/cost"), 1),
        (("aws/default/*",), (), ("cost",), 1),
        ((), (), (), 4),
    ],
)
@pytest.mark.usefixtures("finfleet")
def test_targets_are_chosen_by_all_that_is_said(
    database: Database, patterns: tuple[str, ...], providers: tuple[str, ...], names: tuple[str, ...], targets: int
) -> None:
    with database.connection() as connection:
        assert len(chosen(connection, patterns, providers, names, live=False)) == targets
        with pytest.raises(click.UsageError, match="--provider 'x' --service 'nothing': there is no such target"):
            chosen(connection, (), ("x",), ("nothing",), live=False)


def test_the_price_has_tags_and_the_readings_that_follow(finfleet: Run, database: Database) -> None:
    (line,) = _json(
        finfleet("backfill", "--from", _since(database, 3), "--service", "aws/cost", "--dry-run", "--json")
    )["price"]
    assert (line["calls"], line["usd"], line["bound"]) == ({"ce:GetCostAndUsage": 2 * 3 * 3}, "0.18", "at least")
    # Three days of two accounts, each of which is read again after 2, 3, 5, 8, 15 and 35 days: not all are to come.
    assert 2 * 3 * 4 < line["rereads"] <= 2 * 3 * 6
    assert Decimal(line["reread_usd"]) == line["rereads"] * Decimal("0.03")


def test_a_budget_is_kept_and_shown_and_the_rest_can_be_given_up(finfleet: Run, database: Database) -> None:
    words = ("backfill", "--from", _since(database, 5), "--target", "aws/default/global/cost", "--yes")
    done = finfleet(*words, "--budget", "0.07")
    assert "the budget of USD 0.07 does not pay all of it: the newest first" in done.stderr
    assert "1 targets: 5 windows opened, 0 due again" in done.stdout
    assert "back-fill 1: finfleet backfill cancel 1 gives up what still waits" in done.stdout
    with database.connection() as connection:
        (first,) = _take(connection)
        run = w.run(first.target, first.window)
        report = w.report(run, apis=[ApiUse("ce:GetCostAndUsage", 3, 0, Decimal("0.03"))])
        w.put(connection, w.batch(run), report, now=utc_now())
        assert (len(_take(connection)), _take(connection)) == (1, []), "each is three cents"
    (found,) = _json(finfleet("backfill", "list", "--json"))
    assert {name: found[name] for name in ("out", "held", "waiting", "done", "budget_usd")} == {
        "out": 1, "held": 3, "waiting": 0, "done": 1, "budget_usd": "0.07"
    }  # fmt: skip
    listed = finfleet("backfill", "list").stdout
    assert listed.startswith("back-fill 1: its budget of USD 0.07 does not pay 3 windows")
    assert "say that you mean it with --yes" in finfleet("backfill", "cancel", "1", status=2).stderr
    done = finfleet("backfill", "cancel", "1", "--yes")
    assert "3 windows withdrawn, 0 as they were before, 1 being collected" in done.stdout
    assert "was cancelled at" in finfleet("backfill", "cancel", "1", "--yes", status=2).stderr


def test_what_is_wrong_with_a_command_line_is_said(finfleet: Run) -> None:
    assert "there is no back-fill 7" in finfleet("backfill", "cancel", "7", "--yes", status=2).stderr
    assert "which? give its number" in finfleet("backfill", "cancel", "--yes", status=2).stderr
    assert "write dollars, such as 5" in finfleet("backfill", "--from", "1d", "--budget", "much", status=2).stderr
    for more in ("1e26", "1e999999", "1000000001"):
        assert "at most 1,000,000,000" in finfleet("backfill", "--from", "1d", "--budget", more, status=2).stderr


def test_no_budget_can_be_kept_where_a_price_is_not_known(finfleet: Run, database: Database) -> None:
    words = ("backfill", "--from", _since(database, 2), "--provider", "aws", "--yes", "--budget", "1")
    said = finfleet(*words, status=2).stderr
    assert "the price of aws/ec2 is not known, so no budget can be kept: give --resources" in said
    assert _json(finfleet("backfill", "list", "--json")) == []
    assert _json(finfleet(*words, "--resources", "10", "--json"))["opened"] == 6


def test_a_service_can_be_given_up_and_the_others_go_on(finfleet: Run, database: Database) -> None:
    finfleet("backfill", "--from", _since(database, 2), "--service", "cost", "--yes")
    assert _json(finfleet("backfill", "cancel", "--provider", "azure", "--yes", "--json")) == {
        "withdrawn": 2, "settled": 0, "out": 0, "backfills": []
    }  # fmt: skip
    (found,) = _json(finfleet("backfill", "list", "--json"))
    assert (found["services"], found["targets"], found["waiting"]) == (["aws/cost"], 2, 4)
    assert "--from is missing" in finfleet("backfill", status=2).stderr


def test_the_comparison_of_a_fleet_that_has_done_nothing(finfleet: Run) -> None:
    assert "must be in the past" in finfleet("plan", "--compare", "--since", "2999-01-01", status=2).stderr
    assert "--since goes with --compare" in finfleet("plan", "--since", "7d", status=2).stderr
    assert "0 readings fell due, 0 reported" in finfleet("plan", "--compare").stdout
    assert _json(finfleet("plan", "--compare", "--since", "1d", "--json"))["differences"] == []
