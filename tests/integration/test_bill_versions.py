"""Every version of a bill stays: what it came to by service and resource, and which was the bill when."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from storage.cost_scopes import judge_again
from storage.database import Connection, Database
from storage.folding.bills import fold_bills
from storage.folding.runs import forget_runs
from storage.migrate import downgrade, migrate
from storage.retention import Kept, forget_history
from storage.versions import note_versions
from telemetry.costs import CostLine
from tests.integration.test_bill_summaries import YEAR
from tests.support.bill_readings import DAY, day_of, line, rows, settle, target
from tests.support.plans import rows_read

FIRST = datetime(2026, 11, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
FAR = FIRST + 400 * DAY
_COSTS = "SELECT * FROM reporting.costs"
_OF_VERSIONS = """
SELECT * FROM reporting.cost_history WHERE run_id IN (SELECT run_id FROM reporting.bill_versions)
 ORDER BY run_id, billing_currency
"""


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def at(hour: int) -> datetime:
    return FIRST + 2 * DAY + hour * HOUR


def known(connection: Connection, when: datetime) -> list[dict[str, Any]]:
    return rows(connection, "SELECT * FROM reporting.costs_as_of(%s)", [when])


def texts(found: list[dict[str, Any]], names: list[str]) -> list[str]:
    """In an order of their own, each digit of an amount told apart."""
    return sorted(repr([str(one[name]) for name in names]) for one in found)


def test_what_was_known_has_the_columns_of_the_costs_and_says_what_is_kept(connection: Connection) -> None:
    query = "SELECT * FROM {} LIMIT 0"
    costs = connection.execute(query.format("reporting.costs").encode()).description or ()
    then = connection.execute(query.format("reporting.costs_as_of(now())").encode()).description or ()
    assert [one.name for one in then] == [*(one.name for one in costs), "kept"]
    assert [one.type_display for one in costs if one.name != "lines"] == [
        one.type_display for one in then if one.name not in {"lines", "kept"}
    ]


def test_a_service_and_a_resource_that_were_restated_say_by_how_much(connection: Connection) -> None:
    def told(service: str, resource: str, cost: str | None, **fields: Any) -> CostLine:
        amount = None if cost is None else Decimal(cost)
        return line(FIRST, service_name=service, resource_id=resource, billed_cost=amount, **fields)

    window = day_of(FIRST)
    settle(connection, target("a"), window, [told("EC2", "i-1", "1.10"), told("S3", "b", "5")], now=at(0))
    changed = [
        told("EC2", "i-1", "1.30"),
        told("EC2", "i-2", "0.01"),
        told("SQS", "q", None, effective_cost=Decimal(1)),
        told("SNS", "t", "3"),
    ]
    settle(connection, target("a"), window, changed, attempt=2, now=at(1))
    found = rows(
        connection,
        "SELECT version, service_name, lines, billed_cost, billed_cost_change, is_current, known_from, known_until"
        "  FROM reporting.cost_history_by_service ORDER BY version, service_name",
    )
    assert [tuple(one.values()) for one in found] == [
        (1, "EC2", 1, Decimal("1.10"), None, False, at(0), at(1)),
        (1, "S3", 1, Decimal(5), None, False, at(0), at(1)),
        (2, "EC2", 2, Decimal("1.31"), Decimal("0.21"), True, at(1), None),
        (2, "S3", 0, Decimal(0), Decimal(-5), True, at(1), None),
        (2, "SNS", 1, Decimal(3), Decimal(3), True, at(1), None),
        (2, "SQS", 1, None, None, True, at(1), None),
    ]
    found = rows(
        connection,
        "SELECT version, resource_id, billed_cost, billed_cost_change FROM reporting.cost_history_by_resource"
        " ORDER BY version, service_name, resource_id",
    )
    assert [tuple(one.values()) for one in found] == [
        (1, "i-1", Decimal("1.10"), None),
        (1, "b", Decimal(5), None),
        (2, "i-1", Decimal("1.30"), Decimal("0.20")),
        (2, "i-2", Decimal("0.01"), Decimal("0.01")),
        (2, "b", Decimal(0), Decimal(-5)),
        (2, "t", Decimal(3), Decimal(3)),
        (2, "q", None, None),
    ]


def random_lines(dice: random.Random, day: datetime) -> list[CostLine]:
    def amount() -> Decimal | None:
        return dice.choice([None, Decimal(dice.randint(-(10**9), 10**9)).scaleb(-dice.randint(0, 15))])

    return [
        line(
            day,
            billed_cost=amount(),
            effective_cost=Decimal(dice.randint(0, 99)),
            service_name=dice.choice(["EC2", "S3"]),
            sub_account_id=dice.choice(["", "1", "2"]),
            resource_id=dice.choice(["", "i-1"]),
            currency=dice.choice(["USD", "EUR"]),
        )
        for _ in range(dice.randint(0, 6))
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_bill_as_it_was_known_is_the_one_that_was_shown_then(connection: Connection, seed: int) -> None:
    """Restatements, late readings, two targets that tell of the same, one that is configured no more."""
    dice = random.Random(seed)
    accounts, attempts = ["payer", "member", "other"], dict[tuple[str, int], int]()
    shown: list[tuple[datetime, list[dict[str, Any]]]] = [(at(0), [])]
    for hour in range(1, 25):
        account, day = dice.choice(accounts), dice.randrange(2)
        attempt = attempts[account, day] = attempts.get((account, day), 0) + 1
        start = FIRST + day * DAY
        lines = random_lines(dice, start)
        if attempt > 1 and dice.random() < 0.2:
            lines = []
        partial = ("a part was refused",) if dice.random() < 0.1 else ()
        settle(connection, target(account), day_of(start), lines, attempt=attempt, now=at(hour), partial=partial)
        if dice.random() < 0.2:
            connection.execute("UPDATE finfleet.targets SET enabled = NOT enabled WHERE account = %s", (account,))
            judge_again(connection, at(hour))
        if dice.random() < 0.2:
            note_versions(connection)
        shown.append((at(hour) + HOUR / 2, rows(connection, _COSTS)))
    names = list(shown[-1][1][0])
    for when, costs in shown:
        assert texts(known(connection, when), names) == texts(costs, names), when
    of_services = {when: sums(costs, "service_name") for when, costs in shown}
    # Lines go before the sums of their days do, and those before the sums of their window.
    while forget_history(connection, FAR, Kept(history=DAY)):
        continue
    assert {when: sums(known(connection, when), "service_name", "sub_account_id") for when, _ in shown} == {
        when: sums(costs, "service_name", "sub_account_id") for when, costs in shown
    }
    kept = {one["kept"] for one in known(connection, shown[-2][0])} | {one["kept"] for one in known(connection, at(9))}
    assert kept <= {"lines", "summaries"}
    history = rows(connection, "SELECT * FROM reporting.cost_history_by_service ORDER BY run_id, service_name, 9")
    whole = rows(connection, _OF_VERSIONS)
    while forget_runs(connection, FAR, None):
        continue
    assert "summaries" not in {one["kept"] for one in rows(connection, "SELECT kept FROM reporting.bill_versions")}
    assert {when: sums(known(connection, when), "service_name", "sub_account_id") for when, _ in shown} == {
        when: sums(costs, "service_name", "sub_account_id") for when, costs in shown
    }
    again = rows(connection, "SELECT * FROM reporting.cost_history_by_service ORDER BY run_id, service_name, 9")
    assert again == history
    found = rows(connection, _OF_VERSIONS)
    assert [one["billed_cost"] for one in found] == [one["billed_cost"] for one in whole]
    assert {when: sums(known(connection, when), "service_name") for when, _ in shown} == of_services


def sums(costs: list[dict[str, Any]], *names: str) -> dict[tuple[Any, ...], list[str]]:
    found: dict[tuple[Any, ...], list[Decimal]] = {}
    for one in costs:
        key = (*(one[name] for name in names), one["billing_currency"])
        amounts = found.setdefault(key, [Decimal(0), Decimal(0)])
        for place, cost in enumerate(("billed_cost", "effective_cost")):
            amounts[place] += one[cost] or 0
    return {key: [str(amount.normalize()) for amount in amounts] for key, amounts in found.items()}


def test_a_time_at_which_another_targets_bill_counted_is_kept(connection: Connection) -> None:
    """First the member's own bill, then the payer's, and the member's again when the payer's has a day no more."""
    window = day_of(FIRST)
    own = [line(FIRST, sub_account_id="1", billed_cost=Decimal(10))]
    settle(connection, target("member"), window, own, now=at(0))
    payers = [line(FIRST, sub_account_id=whose, billed_cost=Decimal(12)) for whose in ("1", "2")]
    settle(connection, target("payer"), window, payers, now=at(1))
    settle(connection, target("payer"), window, payers[1:], attempt=2, now=at(2))
    found = [
        (one["account"], one["sub_account_id"], one["billed_cost"])
        for hour in range(3)
        for one in known(connection, at(hour))
    ]
    assert sorted(found) == sorted(
        [
            ("member", "1", 10),
            ("payer", "1", 12),
            ("payer", "2", 12),
            ("member", "1", 10),
            ("payer", "2", 12),
        ]
    )


def test_what_a_former_writer_settled_is_known_with_the_next_maintenance(connection: Connection) -> None:
    window = day_of(FIRST)
    settle(connection, target("a"), window, [line(FIRST, billed_cost=Decimal(1))], now=at(0))
    settle(connection, target("a"), window, [line(FIRST, billed_cost=Decimal(2))], attempt=2, now=at(1))
    settle(connection, target("b"), window, [line(FIRST, billed_cost=Decimal(4))], now=at(1))
    connection.execute("DELETE FROM finfleet.bill_versions WHERE until IS NULL")
    connection.execute("UPDATE finfleet.bill_versions SET until = NULL")
    connection.execute("DELETE FROM finfleet.bills_left_out")
    assert (note_versions(connection), note_versions(connection), judge_again(connection, at(3))) == (2, 0, 0)
    assert sum(one["billed_cost"] for one in known(connection, FAR)) == sum(
        one["billed_cost"] for one in rows(connection, _COSTS)
    )
    versions = rows(connection, "SELECT account, version, is_current FROM reporting.bill_versions ORDER BY 1, 2")
    assert [tuple(one.values()) for one in versions] == [("a", 1, False), ("a", 2, True), ("b", 1, True)]


def test_a_database_of_the_former_release_knows_its_versions_at_once(connection: Connection, database_url: str) -> None:
    dice = random.Random(3)
    connection.execute("ALTER TABLE finfleet.batches ALTER committed_at SET DEFAULT '2026-01-01'")
    for account in ("payer", "member"):
        for attempt in (1, 2, 3):
            lines = [*random_lines(dice, FIRST), line(FIRST, sub_account_id="1")]
            settle(connection, target(account), day_of(FIRST), lines, attempt=attempt, now=at(attempt))
    before = rows(connection, "SELECT * FROM finfleet.bill_versions ORDER BY run_id")
    costs = rows(connection, _COSTS)
    downgrade(SecretStr(database_url), "0017")
    migrate(SecretStr(database_url))
    assert rows(connection, "SELECT * FROM finfleet.bill_versions ORDER BY run_id") == before
    assert texts(known(connection, FAR), list(costs[0])) == texts(costs, list(costs[0]))


def test_two_clocks_do_not_make_a_version_end_before_it_begins(connection: Connection) -> None:
    window = day_of(FIRST)
    settle(connection, target("a"), window, [line(FIRST)], now=at(5))
    settle(connection, target("a"), window, [line(FIRST, billed_cost=Decimal(2))], attempt=2, now=at(1))
    assert [one["billed_cost"] for one in known(connection, at(5))] == [Decimal(2)]
    assert known(connection, at(4)) == []


_MARCH = "window_start >= '2026-03-01' AND window_start < '2026-04-01'"
_THEN = "reporting.costs_as_of('2026-06-01', '2026-03-01', '2026-04-01')"


def test_a_query_of_a_month_of_versions_reads_a_month(connection: Connection) -> None:
    with connection.transaction():
        connection.execute(YEAR)
    while fold_bills(connection, FAR) + note_versions(connection):
        continue
    settle(connection, target("b"), day_of(FIRST), [line(FIRST)])
    tables = ("runs", "collections", "cost_lines", "cost_scopes", "bills", "bill_summaries", "targets", "bill_versions")
    for table in tables:
        connection.execute(f"ANALYZE finfleet.{table}".encode())
    windows, lines = 2 * 31, 2 * 31 * 20
    ranges = {
        f"reporting.bill_versions WHERE {_MARCH}": 0,
        f"reporting.cost_history_by_service WHERE {_MARCH}": 0,
        f"reporting.cost_history_by_resource WHERE {_MARCH}": lines,
        f"reporting.cost_versions WHERE {_MARCH}": lines,
        "reporting.cost_reconciliation WHERE month = '2026-03-01'": 0,
        _THEN: lines,
        f"{_THEN} WHERE service_name = 'EC2'": lines,
    }
    for of, limit in ranges.items():
        query = f"SELECT * FROM {of}"  # noqa: S608 - ours
        found = rows_read(connection, query)
        small = {"targets", "cost_scopes", "bills", "bill_versions"}
        over = {table: read for table, read in found.items() if table not in small | {"cost_lines"}}
        assert {table: read for table, read in over.items() if read > 3 * windows} == {}, query
        assert found.get("cost_lines", 0) <= limit * 1.1, query
