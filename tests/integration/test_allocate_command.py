"""``finfleet allocate``: the bill by owner, what the rules catch, and maintenance that does it by itself."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from storage.database import Connection, Database
from tests.support.bill_readings import day_of, line, rows, settle, target
from tests.support.command_runs import RunsFinfleet, as_text

FIRST = datetime(2026, 1, 1, tzinfo=UTC)  # closed, whatever the clock of the machine says
Run = Callable[..., "subprocess.CompletedProcess[str]"]
RULES = """
versions:
  - effective_from: 2025-12
    dimensions:
      - name: team
        rules: [{tag: team}, {value: data, where: {accounts: [data]}}, {value: x, where: {regions: [nowhere]}}]
    shared: [{name: support, dimension: team, where: {services: [Support]}, split: even}]
"""


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        charges = {"a": "6", "b": "2"}
        lines = [line(FIRST, billed_cost=Decimal(cost), tags={"team": team}) for team, cost in charges.items()]
        lines += [
            line(FIRST, billed_cost=Decimal(1), service_name="Support"),
            line(FIRST, billed_cost=Decimal(3), service_name="EC2"),
        ]
        settle(connection, target("payer"), day_of(FIRST), lines)
        yield connection


@pytest.fixture
def finfleet(tmp_path: Path, database_url: str, finfleet_program: RunsFinfleet) -> Run:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "telemetry.yaml").write_text("allocation: {file: rules.yaml}", encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    servers = {"FINFLEET_DATABASE_URL": database_url, "FINFLEET_BROKER_URL": "redis://127.0.0.1:1/0"}
    environment = {**os.environ, **servers}

    def run(*words: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
        done = as_text(finfleet_program(words, environment, tmp_path))
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


def teams(connection: Connection) -> dict[str, Decimal]:
    found = rows(connection, "SELECT team, sum(billed_cost) AS cost FROM reporting.allocated_costs GROUP BY team")
    return {one["team"]: one["cost"] for one in found}


def test_rules_are_checked_on_a_month_and_nothing_is_changed(finfleet: Run, connection: Connection) -> None:
    said = json.loads(finfleet("allocate", "check", "--month", "2026-01", "--json").stdout)
    assert [(one["how"], one["is_owned"], one["billed_cost"]) for one in said["caught"]] == [
        ("shared: support (even)", True, "1.000000000000"),
        ("tag team", True, "8"),
        ("no rule takes it, and it has no tags", False, "3"),
    ]
    assert said["unused"] == ["team: rule 2", "team: rule 3"]
    printed = finfleet("allocate", "check", "--month", "2026-01").stdout
    assert "66.67 %" in printed
    assert "team: rule 2 catches nothing" in printed
    assert teams(connection) == {}
    assert "no version of the rules" in finfleet("allocate", "check", "--month", "2025-11", status=1).stderr


def test_the_bill_is_allocated_and_again_where_a_month_is_named(
    finfleet: Run, connection: Connection, tmp_path: Path
) -> None:
    assert "1 month allocated" in finfleet("allocate").stdout
    half = Decimal("0.5")
    assert teams(connection) == {"a": 6 + half, "b": 2 + half, "unallocated": 3}
    (tmp_path / "rules.yaml").write_text(RULES.replace("tag: team", "tag: owner"), encoding="utf-8")
    assert "closed, and so by rules of before: 2026-01" in finfleet("allocate").stdout
    assert teams(connection) == {"a": 6 + half, "b": 2 + half, "unallocated": 3}
    said = json.loads(finfleet("allocate", "--month", "2026-01", "--json").stdout)
    assert (said["allocated"], said["months"][0]["closed"]) == (1, True)
    assert teams(connection) == {"unallocated": 12}
    assert "2025-11 has no bill, or no rules" in finfleet("allocate", "--month", "2025-11", status=1).stderr


def test_maintenance_allocates_by_itself_and_goes_on_with_the_rules_that_it_has(
    finfleet: Run, connection: Connection, tmp_path: Path
) -> None:
    assert "1 months of bills allocated" in finfleet("db", "maintain").stdout
    (tmp_path / "rules.yaml").write_text(RULES + "oops: 1\n", encoding="utf-8")
    done = finfleet("db", "maintain")
    assert "the rules stay as they were" in done.stderr
    assert "oops: there is no such key" in done.stderr
    assert sum(teams(connection).values()) == 12
    for words in (("allocate",), ("worker", "plan"), ("up", "--no-flower")):
        assert "oops: there is no such key" in finfleet(*words, status=78).stderr


def test_without_a_file_of_rules_nothing_is_allocated(finfleet: Run, connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "config" / "telemetry.yaml").write_text("generic: {services: [host]}", encoding="utf-8")
    assert "allocation.file: name the file of the rules" in finfleet("allocate", status=78).stderr
    finfleet("db", "maintain")
    assert teams(connection) == {}
    assert "2026-01" in finfleet("allocate", "check", str(tmp_path / "rules.yaml"), "--month", "2026-01").stdout
