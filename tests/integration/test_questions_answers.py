"""What every question comes to on a year of bills is what DuckDB reckons of the year's own rows, to the last digit."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import SecretStr

from storage.database import Connection, Database
from storage.questions import Given, ask, load, values_of
from tests.support import year_of_bills
from tests.support.command_runs import RunsFinfleet
from tests.support.commands import CommandLine
from tests.support.databases import create_database, drop_database
from tests.support.worked_questions import count, worked
from tests.support.year_in_duckdb import RECKONED, SINCE, UNTIL, Reckoned
from workers.embedded import EmbeddedPostgres

TODAY = date(2026, 4, 1)
PAGE = Path(__file__).parents[2] / "docs" / "questions.md"
OF_THE_LEDGER = {"bill_coverage", "coverage", "gaps", "deliveries", "collection_costs", "price_changes"}
"""Those that are about no charges; what they come to is told below."""


@pytest.fixture(scope="module")
def url(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    server = postgres_server.url.get_secret_value()
    made = create_database(server, migrated_template)
    yield made
    drop_database(server, made)


@pytest.fixture(scope="module")
def connection(url: str) -> Iterator[Connection]:
    with Database(SecretStr(url)) as database, database.connection() as connection:
        yield connection


@pytest.fixture(scope="module")
def year(connection: Connection) -> year_of_bills.Year:
    written = year_of_bills.write(connection)
    connection.execute("ANALYZE")
    return written


@pytest.fixture(scope="module")
def seed(year: year_of_bills.Year) -> Iterator[duckdb.DuckDBPyConnection]:
    with year.in_duckdb() as opened:
        yield opened


def answered(connection: Connection, name: str, given: Given) -> list[dict[str, Any]]:
    question = load()[name]
    with ask(connection, question, values_of(question, given, TODAY)) as answer:
        names = [column.name for column in answer.columns]
        return [dict(zip(names, row, strict=True)) for row in answer.rows]


def told(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(_plain(row[name]) for name in columns) for row in rows)


def _plain(value: Any) -> Any:
    return value.normalize() if isinstance(value, Decimal) else value


@pytest.mark.parametrize("of", RECKONED, ids=lambda of: f"{of.name}-{of.given.by or of.given.tag}")
def test_it_is_what_the_rows_of_the_seed_come_to(
    connection: Connection, seed: duckdb.DuckDBPyConnection, of: Reckoned
) -> None:
    found = seed.execute(of.query)
    columns = [column[0] for column in found.description]
    expected = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    rows = answered(connection, of.name, of.given)
    assert expected
    if of.name == "restatements":  # of several days of one month
        rows = _summed(rows, columns, "change")
    assert told(rows, columns) == told(expected, columns)
    _check_what_follows(rows)


def _summed(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], amount: str) -> list[dict[str, Any]]:
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        one = sums.setdefault(tuple(row[name] for name in columns if name != amount), {**row, amount: Decimal(0)})
        one[amount] += row[amount]
    return [one for one in sums.values() if one[amount]]


def _check_what_follows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Columns that are reckoned of the others in the same row."""
    for row in rows:
        if row.get("change") is not None and "former_cost" in row:
            assert row["change"] == (row["billed_cost"] or 0) - (row["former_cost"] or 0), row
            if row.get("change_percent") is not None:
                assert row["change_percent"] == _percent(row["change"], abs(row["former_cost"])), row
        parts = ("usage", "rate", "mix", "new", "gone", "usage_or_rate", "restatement")
        if "mix" in row:
            assert row["change"] == sum(row[part] for part in parts), row
        for share in ("share", "untagged_percent"):
            if row.get(share) is not None and "of_all" in row:
                assert row[share] == _percent(row["billed_cost"], row["of_all"]), row
        if row.get("savings") is not None:
            assert row["savings"] == row["list_cost"] - row["effective_cost"], row
            assert row["savings_percent"] == _percent(row["savings"], row["list_cost"]), row
        if row.get("unit_cost") is not None and "quantity" in row:
            rest = row["unit_cost"] * row["quantity"] - row["effective_cost"]
            assert abs(rest) <= abs(row["quantity"]) * Decimal("1e-10"), row


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return (100 * part / whole).quantize(Decimal("0.01"), "ROUND_HALF_UP")


def test_every_question_is_reckoned() -> None:
    assert {of.name for of in RECKONED} | OF_THE_LEDGER == load().keys()
    assert len(load()) >= 40


@pytest.mark.usefixtures("year")
def test_every_question_has_the_columns_that_its_file_says_to_whoever_reads_the_views(connection: Connection) -> None:
    connection.execute("GRANT finfleet_reader TO CURRENT_USER")
    connection.execute("SET ROLE finfleet_reader")
    for question in load().values():
        given = Given(since=SINCE if "from" in question.takes else "", until=UNTIL)
        bound = values_of(question, given, TODAY).bound
        found = connection.execute(question.statement, bound).description or ()
        assert [one.name for one in found] == [one.name for one in question.columns], question.name
    with ask(connection, load()["tax"], values_of(load()["tax"], Given(), TODAY)) as answer:
        assert answer.completeness is not None
    connection.execute("RESET ROLE")


@pytest.mark.usefixtures("year")
def test_the_worked_questions_of_the_documentation_are_answered_so(
    url: str, tmp_path: Path, finfleet_program: RunsFinfleet
) -> None:
    finfleet = CommandLine(tmp_path, url, "redis://127.0.0.1:1/0", finfleet_program)
    page = PAGE.read_text(encoding="utf-8")
    assert count(page) > 10
    made = tmp_path / PAGE.name
    made.write_text(worked(page, lambda words: finfleet.run(*words).stdout.decode()), encoding="utf-8")
    assert made.read_text(encoding="utf-8") == page, f"cp {made} docs/questions.md"


@pytest.mark.usefixtures("year")
def test_of_the_ledger_it_says_what_is_there(connection: Connection) -> None:
    march = Given(since="2026-03-01", until="2026-04-01")
    (azure,) = [row for row in answered(connection, "bill_coverage", march) if row["provider"] == "azure"]
    assert (azure["days"], azure["complete_days"], azure["lacking"]) == (31, 29, "failed: 1, partial: 1")
    (failed,) = [row for row in answered(connection, "gaps", march) if row["reason"].startswith("failed")]
    assert (failed["gap_start"].date(), failed["target"]) == (year_of_bills.FAILED, str(year_of_bills.AZURE))
    (covered,) = [row for row in answered(connection, "coverage", march) if row["provider"] == "azure"]
    assert (covered["planned"], covered["complete"], covered["failed"], covered["partial"]) == (31, 30, 1, 1)
    asked = answered(connection, "collection_costs", march)
    assert {row["cost_usd"] for row in asked} == {Decimal(0)}
    assert {row["calls"] / row["runs"] for row in asked} == {3}
    assert answered(connection, "deliveries", march)[0]["month"] == date(2026, 3, 1)


@pytest.mark.usefixtures("year")
def test_an_answer_says_how_complete_its_days_are(connection: Connection) -> None:
    question = load()["monthly_costs"]
    for given, days, complete, lacking in (
        (Given(since="2025-05", until="2025-06"), 31, 31, []),
        (Given(since="2026-03", until="2026-04", account="payer"), 31, 31, []),
        (Given(since="2026-03", until="2026-04", provider="azure"), 31, 29, ["failed", "partial"]),
        (Given(since="2026-03", until="2026-04", provider="gcp"), 31, 0, []),
    ):
        with ask(connection, question, values_of(question, given, TODAY)) as answer:
            told = answer.completeness
        assert told is not None
        assert (told.days, told.complete_days, [one.state for one in told.lacking]) == (days, complete, lacking)
        assert told.is_complete == (days == complete)
