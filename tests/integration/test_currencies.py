"""Exchange rates: loaded once, corrected with their history, and applied in the open."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path

import pytest

from storage.database import Connection, Database
from storage.exchange.files import Rate
from storage.exchange.stored import VALID_FOR, store
from tests.support.bill_readings import day_of, line, rows, settle, target
from tests.support.command_runs import RunsFinfleet, as_text
from tests.support.scripted_http import Reply, ScriptedServer

FRIDAY = date(2026, 11, 27)
NOW = datetime(2026, 12, 5, tzinfo=UTC)
DAY = timedelta(days=1)
USD, GBP = Decimal("1.0897"), Decimal("0.83475")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


@pytest.fixture
def finfleet(tmp_path: Path, database_url: str, finfleet_program: RunsFinfleet) -> Run:
    environment = {**os.environ, "FINFLEET_DATABASE_URL": database_url}

    def run(*words: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
        done = as_text(finfleet_program(("rates", *words), environment, tmp_path))
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


def ecb(connection: Connection, day: date = FRIDAY, *, usd: Decimal = USD, now: datetime = NOW) -> tuple[int, ...]:
    rates = [Rate(day, "EUR", "USD", usd), Rate(day, "EUR", "GBP", GBP)]
    return tuple(store(connection, "ecb", rates, now, VALID_FOR))


def conversion(connection: Connection, day: date, *currencies: str, **named: str) -> tuple[object, ...] | None:
    more = "".join(f", {name} => '{value}'" for name, value in named.items())
    query = f"SELECT * FROM reporting.conversion(%s, %s, %s{more})"  # noqa: S608 - ours
    return connection.execute(query.encode(), (day, *currencies)).fetchone()


def test_the_same_again_changes_nothing_and_a_corrected_rate_keeps_its_history(connection: Connection) -> None:
    assert ecb(connection) == (2, 0, 0)
    assert ecb(connection) == (0, 0, 2)
    assert ecb(connection, usd=Decimal("1.1"), now=NOW + DAY) == (0, 1, 1)
    found = rows(
        connection,
        "SELECT rate, known_from, known_until FROM reporting.exchange_rates WHERE quote = 'USD' ORDER BY known_from",
    )
    assert [tuple(one.values()) for one in found] == [
        (USD, NOW, NOW + DAY),
        (Decimal("1.1"), NOW + DAY, None),
    ]
    assert conversion(connection, FRIDAY, "EUR", "USD") == (Decimal("1.1"), FRIDAY, "ecb")


def quotient(over: Decimal, under: Decimal) -> Decimal:
    return Context(prec=60, rounding=ROUND_HALF_UP).divide(over, under).quantize(Decimal(10) ** -20, ROUND_HALF_UP)


def test_weekends_have_the_rate_of_the_day_before_and_crosses_go_by_the_euro(connection: Connection) -> None:
    ecb(connection)
    for back in range(VALID_FOR.days):
        on = FRIDAY + back * DAY
        assert conversion(connection, on, "EUR", "USD") == (USD, FRIDAY, "ecb")
        assert conversion(connection, on, "USD", "EUR") == (quotient(Decimal(1), USD), FRIDAY, "ecb")
        assert conversion(connection, on, "USD", "GBP") == (quotient(GBP, USD), FRIDAY, "ecb")
    assert conversion(connection, FRIDAY, "USD", "USD") == (1, FRIDAY, "same currency")
    unknown = [(FRIDAY - DAY, "EUR", "USD"), (FRIDAY + VALID_FOR, "EUR", "USD"), (FRIDAY, "EUR", "CHF")]
    assert [conversion(connection, *one) for one in unknown] == [None] * 3


def test_of_several_sources_the_nearest_counts_and_one_can_be_named(connection: Connection) -> None:
    ecb(connection)
    own, billed = Decimal("1.08"), Decimal("1.07")
    store(connection, "table", [Rate(FRIDAY, "EUR", "USD", own)], NOW, VALID_FOR)
    store(connection, "bill/azure", [Rate(FRIDAY, "EUR", "USD", billed)], NOW, DAY)
    assert conversion(connection, FRIDAY, "EUR", "USD") == (own, FRIDAY, "table")
    assert conversion(connection, FRIDAY, "EUR", "USD", of_provider="azure") == (billed, FRIDAY, "bill/azure")
    assert conversion(connection, FRIDAY, "EUR", "USD", of_provider="aws") == (own, FRIDAY, "table")
    assert conversion(connection, FRIDAY, "EUR", "USD", rates_of="ecb") == (USD, FRIDAY, "ecb")


def test_costs_are_shown_in_a_currency_beside_their_own_and_what_has_no_rate_is_unknown(connection: Connection) -> None:
    ecb(connection)
    start = datetime(2026, 11, 28, tzinfo=UTC)  # a Saturday
    lines = [
        line(start, currency="EUR", billed_cost=Decimal("10.01"), effective_cost=Decimal("0.000000000000001")),
        line(start, currency="USD", billed_cost=Decimal("-3.3")),
        line(start, currency="CHF", billed_cost=Decimal(7)),
        line(start, currency="GBP", billed_cost=Decimal(1)),
    ]
    settle(connection, target("payer"), day_of(start), lines)
    found = rows(
        connection,
        "SELECT billing_currency, billed_cost, billed_cost_reporting, effective_cost_reporting, reporting_currency,"
        "       rate_day, rate_source, without_rate"
        "  FROM reporting.costs_in('USD', '2026-11-01', '2026-12-01') ORDER BY 1",
    )
    cross = quotient(USD, GBP)
    assert [tuple(one.values()) for one in found] == [
        ("CHF", 7, None, None, "USD", None, None, 1),
        ("EUR", Decimal("10.01"), Decimal("10.01") * USD, Decimal("0.000000000000001") * USD, "USD", FRIDAY, "ecb", 0),
        ("GBP", 1, cross, None, "USD", FRIDAY, "ecb", 0),
        ("USD", Decimal("-3.3"), Decimal("-3.3"), None, "USD", start.date(), "same currency", 0),
    ]


def test_files_and_addresses_are_loaded_whole_or_not_at_all(
    finfleet: Run, connection: Connection, tmp_path: Path
) -> None:
    table = tmp_path / "rates.csv"
    table.write_text("day,base,quote,rate\n2026-11-01,USD,EUR,0.9\n2026-11-02,USD,EUR,x\n", encoding="utf-8")
    assert "line 3: 'x': must be an amount" in finfleet("import", str(table), status=1).stderr
    assert finfleet("list", "--json").stdout.strip() == "[]"
    table.write_text("day,base,quote,rate\n2026-11-01,USD,EUR,0.9\n", encoding="utf-8")
    for said in (
        "rates of table: 1 new, 0 corrected, 0 there already",
        "rates of table: 0 new, 0 corrected, 1 there already",
    ):
        assert said in finfleet("import", str(table), "--valid-for", "31").stdout
    assert conversion(connection, date(2026, 11, 30), "USD", "EUR") == (Decimal("0.9"), date(2026, 11, 1), "table")
    with ScriptedServer(lambda _: Reply(200, b"Date,USD,\n2026-11-27,1.0897,\n")) as server:
        done = finfleet("import", f"{server.url}/eurofxref-hist.csv", "--json")
    assert json.loads(done.stdout) == [{"source": "ecb", "new": 1, "corrected": 0, "same": 0}]
    with ScriptedServer(lambda _: Reply(404, b"")) as server:
        assert "the server answers 404" in finfleet("import", f"{server.url}/x", status=1).stderr
    assert "starts with https://" in finfleet("import", "http://example.com/x", status=1).stderr
    assert "no such" in finfleet("import", str(tmp_path / "missing.csv"), status=1).stderr.lower()
    assert "USD" in finfleet("list").stdout


def test_the_query_of_an_address_is_not_said(finfleet: Run) -> None:
    done = finfleet("import", "https://localhost:1/x?sig=SECRET", status=1)
    assert done.stderr == "Error: https://localhost:1/x: ConnectError\n"


def test_what_is_no_file_is_said_in_words(finfleet: Run, tmp_path: Path) -> None:
    assert finfleet("import", "nosuch.csv", status=1).stderr.endswith("nosuch.csv: there is no such file\n")
    done = finfleet("import", str(tmp_path), status=1)
    assert "it cannot be read: Is a directory" in done.stderr
    assert done.stderr.count(str(tmp_path)) == 1


def test_bills_bring_their_own_rates(finfleet: Run, connection: Connection) -> None:
    start = datetime(2026, 11, 3, tzinfo=UTC)
    told = {"PricingCurrency": "USD", "x_BillingExchangeRate": "0.925"}
    lines = [
        line(start, currency="EUR", details=told),
        line(start, currency="EUR", service_name="a"),
        line(start + DAY, currency="EUR", details=told),
        line(start + DAY, currency="EUR", details=told | {"x_BillingExchangeRate": "0.93"}),
    ]
    settle(connection, target("payer"), day_of(start, 2), lines)
    assert "rates of bill/aws: 1 new" in finfleet("bills", "--month", "2026-11").stdout
    assert conversion(connection, start.date(), "USD", "EUR", of_provider="aws") == (
        Decimal("0.925"), start.date(), "bill/aws",
    )  # fmt: skip
    assert conversion(connection, start.date() + DAY, "USD", "EUR", of_provider="aws") is None
    assert "name no rates" in finfleet("bills", "--month", "2026-10").stdout


def test_days_that_cannot_be_converted_are_named(finfleet: Run, connection: Connection, tmp_path: Path) -> None:
    start = datetime(2026, 11, 26, tzinfo=UTC)
    settle(connection, target("payer"), day_of(start, 2), [line(start), line(start + DAY), line(start, currency="EUR")])
    assert "name a --currency" in finfleet("missing", status=2).stderr
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "telemetry.yaml").write_text("currencies: {reporting: EUR}", encoding="utf-8")
    ecb(connection)
    said = json.loads(finfleet("missing", "--json", status=1).stdout)
    days = {"first_day": "2026-11-26", "last_day": "2026-11-26"}
    assert said == [{"provider": "aws", "currency": "USD", "days": 1, **days}]
    ecb(connection, FRIDAY - DAY)
    assert "every day of the bill has a rate into EUR" in finfleet("missing", "--from", "2026-11").stdout


def test_a_way_by_a_third_currency_is_of_one_day(connection: Connection) -> None:
    later, earlier = date(2026, 10, 5), date(2026, 10, 2)
    mixed = [
        Rate(later, "EUR", "USD", Decimal("1.20")),
        Rate(earlier, "EUR", "USD", Decimal(1)),
        Rate(earlier, "EUR", "GBP", Decimal("0.80")),
        # Of no day are there both.
        Rate(later, "EUR", "CHF", Decimal("0.9")),
        Rate(earlier, "EUR", "SEK", Decimal(11)),
    ]
    store(connection, "mix", mixed, NOW, VALID_FOR)
    assert conversion(connection, later, "USD", "GBP") == (Decimal("0.80"), earlier, "mix")
    assert conversion(connection, later, "GBP", "USD") == (Decimal("1.25"), earlier, "mix")
    assert conversion(connection, later, "CHF", "USD") == (quotient(Decimal("1.20"), Decimal("0.9")), later, "mix")
    assert conversion(connection, later, "EUR", "USD") == (Decimal("1.20"), later, "mix")
    assert conversion(connection, later, "CHF", "SEK") is None


@pytest.mark.parametrize("power", [-15, -2, 0, 3, 15, 30])
def test_a_quotient_has_twenty_digits_that_count(connection: Connection, power: int) -> None:
    rate = Decimal(7).scaleb(power)
    store(connection, "table", [Rate(FRIDAY, "USD", "ZWL", rate), Rate(FRIDAY, "USD", "EUR", Decimal(1) / 8)], NOW, DAY)
    for currencies, over in ((("ZWL", "USD"), Decimal(1)), (("ZWL", "EUR"), Decimal(1) / 8)):
        found = conversion(connection, FRIDAY, *currencies)
        assert found is not None
        told = Decimal(str(found[0]))
        assert abs(told * rate / over - 1) < Decimal("1e-19")
        assert told > 0
