"""``finfleet costs import``: a file becomes the bill of a month, and --dry-run says what it would change."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from storage.database import Connection, Database
from telemetry.target import Target
from tests.support.bill_readings import day_of, line, rows, settle
from tests.support.command_runs import RunsFinfleet, as_text
from tests.support.deliveries import OCTOBER

_HEADER = (
    "BilledCost,EffectiveCost,ListCost,ContractedCost,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,"
    "ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ServiceName,SubAccountId,BillingAccountId,ProviderName\n"
)
_API = Target("focus", "default", "global", "cost")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def finfleet(tmp_path: Path, database_url: str, finfleet_program: RunsFinfleet) -> Run:
    environment = {**os.environ, "FINFLEET_DATABASE_URL": database_url}

    def run(*words: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
        line = ("costs", "import", "--provider", "focus", *words)  # a later one counts
        done = as_text(finfleet_program(line, environment, tmp_path))
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def bill(path: Path, *lines: tuple[int, str, str], account: str = "1") -> str:
    """A file in FOCUS: day of October, service, cost."""
    text = "".join(
        f"{cost},{cost},,,USD,2026-10-01T00:00:00Z,2026-11-01T00:00:00Z,2026-10-{day:02}T00:00:00Z,"
        f"2026-10-{day + 1:02}T00:00:00Z,Usage,{service},{account},payer,Amazon\n"
        for day, service, cost in lines
    )
    path.write_text(_HEADER + text, encoding="utf-8")
    return str(path)


def changes(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    told = json.loads(done.stdout)
    return {one["service"]: (one["before"], one["after"]) for one in told["changes"]}


def costs(connection: Connection) -> list[tuple[Any, ...]]:
    found = rows(connection, "SELECT account, service_name, billed_cost FROM reporting.costs ORDER BY 1, 2, 3")
    return [tuple(one.values()) for one in found]


def state(connection: Connection) -> list[dict[str, Any]]:
    tables = ("targets", "collections", "runs", "cost_lines", "bill_versions", "deliveries", "bills", "cost_scopes")
    counts = ", ".join(f"(SELECT count(*) FROM finfleet.{table}) AS {table}" for table in tables)  # noqa: S608 - ours
    return rows(connection, f"SELECT {counts}")


def test_a_dry_run_says_what_the_import_then_does(finfleet: Run, connection: Connection, tmp_path: Path) -> None:
    start = OCTOBER.start
    settle(connection, _API, day_of(start), [line(start, sub_account_id="1", service_name="EC2")])
    file = bill(tmp_path / "october.csv", (1, "EC2", "1.25"), (2, "EC2", "0.50"), (2, "S3", "7"))
    words = (file, "--period", "2026-10", "--json")
    before, shown = state(connection), costs(connection)
    said = changes(finfleet(*words, "--dry-run"))
    assert (state(connection), costs(connection)) == (before, shown)
    assert said == {"EC2": ("1", "1.75"), "S3": (None, "7")}
    assert changes(finfleet(*words)) == said
    assert costs(connection) == [
        ("default", "EC2", Decimal("0.50")),
        ("default", "EC2", Decimal("1.25")),
        ("default", "S3", Decimal(7)),
    ]
    (delivery,) = rows(connection, "SELECT state, proven, rows_read, target FROM reporting.deliveries")
    assert tuple(delivery.values()) == ("current", True, 3, "focus/default/import/files")


def test_the_same_again_takes_the_place_of_what_was_imported(
    finfleet: Run, connection: Connection, tmp_path: Path
) -> None:
    finfleet(bill(tmp_path / "october.csv", (1, "EC2", "1")), "--period", "2026-10")
    done = finfleet(bill(tmp_path / "october.csv", (1, "EC2", "2")), "--period", "2026-10")
    assert "1 row, folded to 1 line, is the bill of focus/default/import/files" in done.stdout
    assert costs(connection) == [("default", "EC2", Decimal(2))]
    versions = rows(connection, "SELECT version, is_current FROM reporting.bill_versions ORDER BY version")
    assert [tuple(one.values()) for one in versions] == [(1, False), (2, True)]


def test_what_cannot_be_read_whole_changes_nothing(finfleet: Run, connection: Connection, tmp_path: Path) -> None:
    before = state(connection)
    torn = tmp_path / "october.csv"
    torn.write_text("Cost,Currency\n1,USD\n", encoding="utf-8")
    done = finfleet(str(torn), "--period", "2026-10", status=1)
    assert "it is not FOCUS" in done.stderr
    done = finfleet(str(tmp_path / "missing.csv"), "--period", "2026-10", status=1)
    assert "missing.csv" in done.stderr
    done = finfleet(str(torn), "--period", "October", status=2)
    assert "write a month, such as 2026-10" in done.stderr
    done = finfleet(str(torn), "--period", "2026-10", "--provider", "generic", status=2)
    assert "has no service that reads files of bills" in done.stderr
    assert state(connection) == before


def test_a_file_of_another_month_is_not_the_empty_bill_of_this_one(
    finfleet: Run, connection: Connection, tmp_path: Path
) -> None:
    file = bill(tmp_path / "october.csv", (1, "EC2", "1"), (2, "EC2", "2"))
    before = state(connection)
    for words in ((), ("--dry-run",)):
        done = finfleet(file, "--period", "2026-09", *words, status=1)
        assert "none of the file's rows (2) is of 2026-09: name the month that it is of with --period" in done.stderr
    assert state(connection) == before


@pytest.mark.parametrize("body", ["", "BillingCurrency,BilledCost,ChargePeriodStart\n"])
def test_a_file_without_rows_does_not_make_a_month_empty(
    finfleet: Run, connection: Connection, tmp_path: Path, body: str
) -> None:
    (tmp_path / "empty.csv").write_text(body, encoding="utf-8")
    before = state(connection)
    done = finfleet(str(tmp_path / "empty.csv"), "--period", "2026-10", status=1)
    assert "empty.csv: it has no rows, so the bill of 2026-10 would be empty" in done.stderr
    assert state(connection) == before


def test_rows_of_other_months_are_said_to_be_left_out(finfleet: Run, connection: Connection, tmp_path: Path) -> None:
    file = Path(bill(tmp_path / "both.csv", (1, "EC2", "1"), (1, "EC2", "2")))
    text = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([*text, text[-1].replace("2026-10", "2026-09"), ""]), encoding="utf-8")
    done = finfleet(str(file), "--period", "2026-10")
    assert "2 of 3 rows, folded to 1 line, are the bill of focus/default/import/files" in done.stdout
    assert "1 row is of another month, and left out" in done.stdout
    assert costs(connection) == [("default", "EC2", Decimal(3))]
    told = json.loads(finfleet(str(file), "--period", "2026-10", "--json").stdout)
    assert (told["rows"], told["rows_of_other_periods"]) == (3, 1)


def test_rows_that_tell_no_amount_are_missing_and_of_no_other_month(
    finfleet: Run, connection: Connection, tmp_path: Path
) -> None:
    file = bill(tmp_path / "bill.csv", (1, "EC2", "1"), (2, "EC2", ""))
    done = finfleet(file, "--period", "2026-10")
    assert "2 rows, folded to 1 line, are the bill" in done.stdout
    assert "of another month" not in done.stdout
    (partial,) = (row["partial"] for row in rows(connection, "SELECT partial FROM finfleet.runs"))
    assert f"it lacks {partial}" in done.stdout
    assert "amounts" in partial
    told = json.loads(finfleet(file, "--period", "2026-10", "--json").stdout)
    assert (told["rows_of_other_periods"], told["missing"]) == (0, [partial])
    none = bill(tmp_path / "none.csv", (1, "EC2", ""))
    assert "no row of 2026-10 tells an amount" in finfleet(none, "--period", "2026-10", status=1).stderr


def test_the_target_of_a_configured_export_is_left_to_it(finfleet: Run, connection: Connection, tmp_path: Path) -> None:
    settle(connection, Target("focus", "default", "oci", "files"), OCTOBER, [line(OCTOBER.start)], version="v1")
    done = finfleet(bill(tmp_path / "october.csv", (1, "EC2", "1")), "--period", "2026-10", "--name", "oci", status=1)
    assert "focus/default/oci/files is configured" in done.stderr


def test_a_file_of_another_month_takes_nothing_away(finfleet: Run, connection: Connection, tmp_path: Path) -> None:
    file = bill(tmp_path / "october.csv", (1, "EC2", "1"))
    finfleet(file, "--period", "2026-10")
    before = state(connection), costs(connection)
    done = finfleet(file, "--period", "2026-09", status=1)
    assert "none of the file's rows (1) is of 2026-09" in done.stderr
    assert (state(connection), costs(connection)) == before


def test_several_files_are_one_bill_and_what_cannot_be_is_said(
    finfleet: Run, connection: Connection, tmp_path: Path
) -> None:
    files = [bill(tmp_path / f"{number}.csv", (number, "EC2", "1")) for number in (1, 2)]
    assert changes(finfleet(*files, "--period", "2026-10", "--json")) == {"EC2": (None, "2")}
    before = state(connection)
    done = finfleet(*files, "--period", "2026-10", "--layout", "cur", status=1)
    assert "--layout cur: focus reads no such layout" in done.stderr
    done = finfleet("s3://bucket/x.csv", "--period", "2026-10", "--credentials", "focus/bank", status=1)
    assert "focus/bank: focus is not configured here: add a section focus:" in done.stderr
    assert state(connection) == before


def test_a_folder_may_have_any_name(finfleet: Run, tmp_path: Path) -> None:
    folder = tmp_path / "100%25 #1?"
    folder.mkdir()
    file = bill(folder / "of 100%25.csv", (1, "EC2", "1.25"))
    assert changes(finfleet(file, "--period", "2026-10", "--json")) == {"EC2": (None, "1.25")}


def test_the_change_is_that_of_the_bill_whatever_day_a_charge_is_of(
    finfleet: Run, connection: Connection, tmp_path: Path
) -> None:
    file = Path(bill(tmp_path / "october.csv", (1, "EC2", "3"), (2, "S3", "5")))
    days = "{}T00:00:00Z,{}T00:00:00Z"
    september = days.format("2026-09-29", "2026-09-30")
    file.write_text(file.read_text().replace(days.format("2026-10-02", "2026-10-03"), september))
    assert september in file.read_text()
    words = (str(file), "--period", "2026-10", "--json")
    assert changes(finfleet(*words, "--dry-run")) == {"EC2": (None, "3"), "S3": (None, "5")}
    assert changes(finfleet(*words)) == {"EC2": (None, "3"), "S3": (None, "5")}
    assert changes(finfleet(*words)) == {"EC2": ("3", "3"), "S3": ("5", "5")}


def test_a_cost_that_is_too_large_is_named(finfleet: Run, connection: Connection, tmp_path: Path) -> None:
    before = state(connection)
    done = finfleet(bill(tmp_path / "large.csv", (1, "EC2", "1"), (2, "S3", "1e400")), "--period", "2026-10", status=1)
    assert "large.csv: a charge of S3 on 2026-10-02 costs 1E+400 USD: it is too large" in done.stderr
    assert state(connection)[0]["bills"] == before[0]["bills"]
    assert costs(connection) == []


def test_a_charge_that_ends_before_it_starts_is_named(finfleet: Run, connection: Connection, tmp_path: Path) -> None:
    file = Path(bill(tmp_path / "turned.csv", (1, "EC2", "1"), (5, "S3", "1")))
    file.write_text(file.read_text().replace("2026-10-06T", "2026-10-04T"))
    done = finfleet(str(file), "--period", "2026-10", status=1)
    assert "turned.csv: row 2: the charge ends (2026-10-04T00:00:00Z) before it starts" in done.stderr
    assert costs(connection) == []


@pytest.mark.parametrize("option", ["--account", "--name"])
def test_a_name_that_no_target_can_have_is_wrong_usage(finfleet: Run, option: str) -> None:
    for value in ("", "a/b c"):
        done = finfleet("x.csv", "--period", "2026-10", option, value, status=2)
        assert f"'{option}': {value!r}: letters, digits" in done.stderr
