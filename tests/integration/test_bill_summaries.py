"""Bills are added up by the transaction that settles them: the sums are the lines', to the last digit."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from pydantic import SecretStr

from storage.cost_scopes import judge_again
from storage.database import Connection, Database
from storage.folding.bills import fold_bills
from storage.migrate import downgrade, migrate
from telemetry.batch import Batch, Outcome, Points
from telemetry.costs import COSTS, CostLine
from telemetry.target import Target, Window
from tests.support import writing
from tests.support.plans import rows_read
from tests.support.writing import put, report

DAY = timedelta(days=1)
FIRST = datetime(2026, 11, 20, tzinfo=UTC)
NOW = FIRST + 9 * DAY
KEY = ("provider", "account", "day", "sub_account_id", "service_name", "charge_category", "billing_currency")
FINE = (*KEY, "region_id", "billing_period_start")
ATTEMPTS = 9


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def target(account: str) -> Target:
    return Target("aws", account, "global", "cost")


def window(day: int) -> Window:
    return Window(FIRST + day * DAY, FIRST + (day + 1) * DAY)


def line(day: int, **fields: Any) -> CostLine:
    start = FIRST + day * DAY
    told: dict[str, Any] = {"start": start, "end": start + DAY, "currency": "USD", "billed_cost": Decimal(1)}
    return CostLine(**(told | fields))


def settle(connection: Connection, account: str, day: int, attempt: int, lines: list[CostLine]) -> None:
    """A whole reading of a day, in batches of three lines."""
    run = writing.run(target(account), window(day), attempt=attempt, second=attempt)
    parts = [lines[first : first + 3] for first in range(0, len(lines), 3)]
    batches = [
        Batch(run, number, number == len(parts), run.started_at, [], [], Points([], [], []), [], part)
        for number, part in enumerate(parts, 1)
    ]
    put(connection, *batches, report(run, Outcome.COMPLETE if lines else Outcome.EMPTY, len(batches)))


def rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode()).fetchall()


def sums(lines: list[dict[str, Any]], key: tuple[str, ...]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What the lines come to, as a person would add them up; amounts as text, so that each digit counts."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for one in lines:
        groups.setdefault(tuple(one[name] for name in key), []).append(one)
    return {group: _sum(found) for group, found in groups.items()}


def _sum(lines: list[dict[str, Any]]) -> tuple[Any, ...]:
    told = {name: [one[name] for one in lines if one[name] is not None] for name in COSTS}
    estimates = [one["estimated"] for one in lines if one["estimated"] is not None]
    return (
        len(lines),
        *(str(sum(told[name], Decimal(0))) if told[name] else None for name in COSTS),
        *(len(lines) - len(told[name]) for name in COSTS),
        any(estimates) if estimates else None,
    )


def shown(connection: Connection, view: str, key: tuple[str, ...]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What a view of summaries shows, in the same form."""
    found = rows(connection, f"SELECT * FROM reporting.{view}")  # noqa: S608 - ours
    by_key = {
        tuple(one[name] for name in key): (
            one["lines"],
            *(None if one[name] is None else str(one[name]) for name in COSTS),
            *(one[f"without_{name}"] for name in COSTS),
            one["estimated"],
        )
        for one in found
    }
    assert len(by_key) == len(found), "a group is there twice"
    return by_key


def check(connection: Connection) -> None:
    """Every summary is what the lines of the bill come to."""
    days = "(charge_period_start AT TIME ZONE 'UTC')::date AS day"
    lines = rows(connection, f"SELECT *, {days} FROM reporting.costs")  # noqa: S608 - see above
    assert shown(connection, "daily_costs", KEY) == sums(lines, KEY)
    assert shown(connection, "cost_summaries", FINE) == sums(lines, FINE)
    said = rows(
        connection,
        """
        SELECT r.window_start, r.attempt, r.run_id, l.*
          FROM finfleet.runs AS r JOIN finfleet.cost_lines AS l USING (run_id)
         WHERE l.breakdown = '' AND r.outcome = 'complete' AND r.batches_committed = r.batches_expected
           -- Where a former writer has restated its only bill to nothing, it is found by the next maintenance.
           AND (EXISTS (SELECT FROM finfleet.bills AS b
                         WHERE b.target_id = r.target_id AND b.window_start = r.window_start)
                OR EXISTS (SELECT FROM finfleet.cost_scopes AS s
                            WHERE s.target_id = r.target_id AND s.window_start = r.window_start))
        """,
    )
    expected = {key: value[:3] for key, value in sums(said, ("run_id", "billing_currency")).items()}
    history = rows(connection, "SELECT * FROM reporting.cost_history")
    assert {
        (one["run_id"], one["billing_currency"]): (
            one["lines"],
            *(None if one[name] is None else str(one[name]) for name in COSTS[:2]),
        )
        for one in history
    } == expected
    assert len(history) == len(expected)


def random_lines(dice: random.Random, day: int, owners: list[str]) -> list[CostLine]:
    def amount() -> Decimal | None:
        return dice.choice([None, Decimal(0), Decimal(dice.randint(-(10**9), 10**9)).scaleb(-dice.randint(0, 15))])

    def hour() -> dict[str, datetime]:
        start = FIRST + day * DAY + dice.randint(0, 23) * timedelta(hours=1)
        return {"start": start, "end": start + timedelta(hours=1)}

    return [
        line(
            day,
            **hour(),
            currency=dice.choice(["USD", "EUR"]),
            billed_cost=amount(),
            effective_cost=amount(),
            list_cost=amount(),
            contracted_cost=None,
            amounts={"Net": Decimal(1)},
            charge_category=dice.choice(["Usage", "Credit"]),
            service_name=dice.choice(["EC2", "S3"]),
            region_id=dice.choice(["", "eu-west-1"]),
            sub_account_id=dice.choice(owners),
            estimated=dice.choice([None, True, False]),
            **dice.choice([{}, {"billing_period_start": FIRST, "billing_period_end": FIRST + 30 * DAY}]),
            breakdown=dice.choice(["", "", "", "region"]),
        )
        for _ in range(dice.randint(0, 9))
    ]


@pytest.mark.parametrize("seed", range(5))
def test_the_sums_are_the_lines_whatever_happens(connection: Connection, seed: int) -> None:
    """Restated days, two targets that tell of the same, bills of a former writer, targets that go, folding."""
    dice = random.Random(seed)
    accounts = ["payer", "member", "other"]
    last: dict[tuple[str, int], int] = {}
    for account in accounts:
        for day in range(3):
            writing.plan(connection, target(account), window(day), attempt=ATTEMPTS)
        settle(connection, account, 2, 1, [line(2)])
    for _ in range(14):
        account, day = dice.choice(accounts), dice.randrange(2)
        attempt = dice.choice([dice.randint(1, ATTEMPTS), last.get((account, day), 0) + 1])
        last[account, day] = attempt
        settle(connection, account, day, min(attempt, ATTEMPTS), random_lines(dice, day, ["", "1", "2"]))
        event = dice.random()
        if event < 0.3:  # what a writer of a former release does not leave
            connection.execute("DELETE FROM finfleet.bills WHERE run_id::text < '8'")
        elif event < 0.4:
            connection.execute("UPDATE finfleet.targets SET enabled = NOT enabled WHERE account = %s", (account,))
            judge_again(connection)
        elif event < 0.7:
            fold_bills(connection, NOW, runs=2)
        elif event < 0.8:
            connection.execute("DELETE FROM finfleet.bill_summaries WHERE run_id::text < '4'")
            connection.execute("UPDATE finfleet.bills SET lines = NULL WHERE run_id::text < '4'")
        check(connection)
    while fold_bills(connection, NOW, runs=3):
        check(connection)
    unknown = (
        "SELECT DISTINCT run_id FROM finfleet.cost_lines EXCEPT SELECT run_id FROM finfleet.bills WHERE lines >= 0"
    )
    assert rows(connection, unknown) == []
    check(connection)


def test_the_history_has_what_a_former_writer_wrote_before_it_restated_the_day_to_nothing(
    connection: Connection,
) -> None:
    writing.plan(connection, target("a"), window(0), attempt=ATTEMPTS)
    settle(connection, "a", 0, 1, [line(0, billed_cost=Decimal(1))])
    settle(connection, "a", 0, 2, [line(0, billed_cost=Decimal(2))])
    connection.execute(
        "DELETE FROM finfleet.bills WHERE run_id IN (SELECT run_id FROM finfleet.runs WHERE attempt = 2)"
    )
    settle(connection, "a", 0, 3, [])
    statement = "SELECT attempt, billed_cost, billed_cost_change FROM reporting.cost_history ORDER BY attempt"
    expected = [
        {"attempt": 1, "billed_cost": Decimal(1), "billed_cost_change": None},
        {"attempt": 2, "billed_cost": Decimal(2), "billed_cost_change": Decimal(1)},
    ]
    assert rows(connection, statement) == expected


def test_maintenance_finds_the_only_bill_of_a_target_that_was_restated_to_nothing(connection: Connection) -> None:
    writing.plan(connection, target("a"), window(0), attempt=ATTEMPTS)
    settle(connection, "a", 0, 1, [line(0)])
    connection.execute("DELETE FROM finfleet.bills")  # a writer of the former release knows of none
    settle(connection, "a", 0, 2, [])
    connection.execute("DELETE FROM finfleet.bills")
    while fold_bills(connection, NOW):
        continue
    assert [one["attempt"] for one in rows(connection, "SELECT * FROM reporting.cost_history")] == [1]


def test_a_sum_says_over_how_many_lines_it_is_not(connection: Connection) -> None:
    writing.plan(connection, target("payer"), window(0))
    told = line(0, billed_cost=Decimal("1.50"), effective_cost=None)
    settle(connection, "payer", 0, 1, [told, line(0, billed_cost=None, effective_cost=Decimal("0.10"))])
    (day,) = rows(connection, "SELECT * FROM reporting.daily_costs")
    assert (day["billed_cost"], day["without_billed_cost"]) == (Decimal("1.50"), 1)
    assert (day["effective_cost"], day["without_effective_cost"]) == (Decimal("0.10"), 1)
    assert (day["list_cost"], day["without_list_cost"], day["lines"]) == (None, 2, 2)


def test_a_batch_that_nobody_announced_counts_in_the_sums_as_it_does_in_the_lines(connection: Connection) -> None:
    writing.plan(connection, target("payer"), window(0))
    run = writing.run(target("payer"), window(0))
    batches = [
        Batch(run, number, True, run.started_at, [], [], Points([], [], []), [], [line(0, sub_account_id=str(number))])
        for number in (1, 2)
    ]
    put(connection, batches[0], report(run))
    put(connection, batches[1])
    assert len(rows(connection, "SELECT * FROM reporting.costs")) == 2
    lines = rows(connection, "SELECT *, charge_period_start::date AS day FROM reporting.costs")
    assert shown(connection, "daily_costs", KEY) == sums(lines, KEY)


_AS_A_FORMER_WRITER = """
DELETE FROM finfleet.bills
 WHERE run_id IN (
           SELECT r.run_id FROM finfleet.runs AS r JOIN finfleet.targets AS t USING (target_id)
            WHERE t.account = %s AND r.run_id::text < '8'
              FOR UPDATE OF r SKIP LOCKED
       )
"""


def test_writers_and_folding_at_once_add_up_the_same(database: Database) -> None:
    accounts = [f"account-{number}" for number in range(4)]
    with database.connection() as connection:
        for account in accounts:
            writing.plan(connection, target(account), window(0), attempt=ATTEMPTS)

    def write(account: str) -> None:
        dice = random.Random(account)
        with database.connection() as own:
            for attempt in range(1, 5):
                settle(own, account, 0, attempt, random_lines(dice, 0, ["1", "2"]))
                own.execute(_AS_A_FORMER_WRITER, (account,))

    def fold(_: int) -> None:
        with database.connection() as own:
            for _ in range(20):
                fold_bills(own, NOW, runs=2)

    with ThreadPoolExecutor(6) as pool:
        for done in [*(pool.submit(write, one) for one in accounts), *(pool.submit(fold, one) for one in range(2))]:
            done.result()
    with database.connection() as connection:
        check(connection)
        while fold_bills(connection, NOW):
            pass
        check(connection)


def test_a_fold_that_is_killed_has_done_nothing(connection: Connection, database_url: str) -> None:
    writing.plan(connection, target("payer"), window(0), attempt=2)
    for attempt in (1, 2):
        settle(connection, "payer", 0, attempt, [line(0, billed_cost=Decimal(attempt))])
    connection.execute("DELETE FROM finfleet.bills")
    with Database(SecretStr(database_url)) as other, suppress(psycopg.Error, Exception), other.connection() as dying:
        with dying.transaction():
            assert fold_bills(dying, NOW) == 2  # noted
            assert fold_bills(dying, NOW, runs=1) == 1
            connection.execute("SELECT pg_terminate_backend(%s)", (dying.info.backend_pid,))
            dying.execute("SELECT 1")
        pytest.fail("its connection is gone")
    assert rows(connection, "SELECT FROM finfleet.bills") == []
    check(connection)
    assert [fold_bills(connection, NOW) for _ in range(3)] == [2, 2, 0]
    check(connection)


def test_a_database_of_the_former_release_is_right_at_once_and_filled_in_place(
    connection: Connection, database_url: str
) -> None:
    dice = random.Random(11)
    for account in ("payer", "member"):
        writing.plan(connection, target(account), window(0), attempt=ATTEMPTS)
        for attempt in (1, 2, 3):
            settle(connection, account, 0, attempt, [*random_lines(dice, 0, ["1", "2"]), line(0)])
    before = shown(connection, "daily_costs", KEY)
    url = SecretStr(database_url)
    downgrade(url, "0011")
    assert rows(connection, "SELECT to_regclass('finfleet.bills') AS gone") == [{"gone": None}]
    migrate(url)
    assert len(rows(connection, "SELECT FROM finfleet.bills WHERE lines IS NULL")) == 6
    assert shown(connection, "daily_costs", KEY) == before
    check(connection)
    while fold_bills(connection, NOW, runs=1):
        check(connection)
    assert shown(connection, "daily_costs", KEY) == before


YEAR = """
INSERT INTO finfleet.targets (provider, account, region, service, queue, interval_seconds, delay_seconds, enabled_since,
                              planned_until)
SELECT 'aws', 'account-' || n, 'global', 'cost', 'q', 86400, 0, '2026-01-01', '2027-01-01'
  FROM generate_series(1, 2) AS n;
CREATE TEMPORARY TABLE seeded AS
SELECT t.target_id, day, gen_random_uuid() AS run_id
  FROM finfleet.targets AS t, generate_series('2026-01-01'::timestamptz, '2026-12-31', '1 day') AS day;
INSERT INTO finfleet.runs (run_id, target_id, window_start, window_end, attempt, started_at, outcome, batches_committed,
                           batches_expected, records_committed, reported_at)
SELECT run_id, target_id, day, day + interval '1 day', 1, day, 'complete', 1, 1, 20, day FROM seeded;
INSERT INTO finfleet.collections (target_id, window_start, window_end, state, settled_run, records, settled_at)
SELECT target_id, day, day + interval '1 day', 'complete', run_id, 20, day FROM seeded;
INSERT INTO finfleet.cost_lines (run_id, number, line, breakdown, charge_period_start, charge_period_end,
       billing_currency, billed_cost, amounts, charge_category, charge_class, charge_type, charge_description,
       service_name, sub_account_id, sub_account_name, region_id, resource_id, sku_id, consumed_unit, tags)
SELECT run_id, 1, n, CASE WHEN n > 18 THEN 'region' ELSE '' END, day, day + interval '1 day', 'USD', n, '{}', 'Usage',
       '', '', '', 'EC2', 'sub', '', '', '', '', '', '{}'
  FROM seeded, generate_series(1, 20) AS n;
INSERT INTO finfleet.cost_scopes (target_id, window_start, day, sub_account_id)
SELECT target_id, day, day::date, 'sub' FROM seeded;
"""
_MONTH = {
    "costs": "charge_period_start >= '2026-03-01' AND charge_period_start < '2026-04-01'",
    "cost_breakdowns": "charge_period_start >= '2026-03-01' AND charge_period_start < '2026-04-01'",
    "cost_summaries": "day >= '2026-03-01' AND day < '2026-04-01'",
    "daily_costs": "day >= '2026-03-01' AND day < '2026-04-01'",
    "cost_history": "window_start >= '2026-03-01' AND window_start < '2026-04-01'",
    "cost_sources": "day >= '2026-03-01' AND day < '2026-04-01'",
}
_SMALL = {"targets", "cost_scopes", "bills"}
"""Tables that have a row a bill, or fewer."""


def test_a_query_of_a_month_reads_a_month(connection: Connection) -> None:
    with connection.transaction():
        connection.execute(YEAR)
    while fold_bills(connection, NOW):
        pass
    for table in ("runs", "collections", "cost_lines", "cost_scopes", "bills", "bill_summaries", "targets"):
        connection.execute(f"ANALYZE finfleet.{table}".encode())
    windows, lines = 2 * 31, 2 * 31 * 20
    for view, month in _MONTH.items():
        found = rows_read(connection, f"SELECT * FROM reporting.{view} WHERE {month}")  # noqa: S608 - ours
        limits = {"cost_lines": lines if view in {"costs", "cost_breakdowns"} else 0}
        assert view != "cost_sources" or found["cost_scopes"] == windows
        over = {
            table: read
            for table, read in found.items()
            if table not in _SMALL and read > limits.get(table, 3 * windows)
        }
        assert over == {}, view
