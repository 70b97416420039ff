"""Allocation: whose each charge is, how what is shared is split, and what stays with nobody."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from storage import partitions
from storage.allocation.allocating import allocate_due, allocate_month
from storage.allocation.patterns import as_like
from storage.allocation.reading import read_rules
from storage.allocation.stored import save
from storage.database import Connection, Database
from telemetry.costs import CostLine
from telemetry.target import Target
from tests.support import writing
from tests.support.bill_readings import day_of, line, rows, settle, target

MONTH = date(2026, 10, 1)
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 3, tzinfo=UTC)
CLOSED = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def load_rules(connection: Connection, directory: Path, text: str, *, now: datetime = NOW) -> None:
    path = directory / "allocation.yaml"
    path.write_text(text, encoding="utf-8")
    save(connection, read_rules(path), now, "test")


def owned(connection: Connection, dimension: str = "team") -> dict[tuple[str, str], Decimal]:
    found = rows(
        connection,
        f"""
        SELECT coalesce(owners ->> '{dimension}', 'unallocated') AS owner, billing_currency, sum(billed_cost) AS cost
          FROM reporting.allocated_costs GROUP BY 1, 2
        """,  # noqa: S608 - ours
    )
    return {(one["owner"], one["billing_currency"]): one["cost"] for one in found}


def tagged(team: str, cost: str = "1", **more: Any) -> CostLine:
    return line(FIRST, billed_cost=Decimal(cost), tags={"team": team}, **more)


def simple(rules: str, shared: str = "") -> str:
    return f"""
versions:
  - effective_from: 2026-01
    dimensions: [{{name: team, rules: [{rules}]}}]
    shared: [{shared}]
"""


RULES = """
versions:
  - effective_from: 2026-01
    tags:
      keys: {team: [squad]}
      values: {team: {payments: [pay]}}
    dimensions:
      - name: team
        rules:
          - tag: team
          - {value: data, where: {accounts: ["data-*"]}}
      - name: cost_center
        rules:
          - {by: team, values: {payments: CC-1, search: CC-2}}
    shared:
      - {name: support, dimension: team, where: {services: ["*support*"]}, split: even, among: [payments, search, data]}
"""


def test_charges_have_owners_and_what_is_shared_is_split(connection: Connection, tmp_path: Path) -> None:
    def charge(cost: str, service: str = "EC2", tags: dict[str, str] | None = None, **more: Any) -> CostLine:
        return line(FIRST, billed_cost=Decimal(cost), service_name=service, tags=tags or {}, **more)

    lines = [
        charge("10", tags={"user:Team": " Payments "}),
        charge("5", tags={"squad": "PAY"}),
        charge("3", tags={"team": "search"}),
        charge("2", sub_account_id="data-1"),
        charge("7"),
        charge("1", service="Premium Support"),
    ]
    settle(connection, target("payer"), day_of(FIRST), lines)
    load_rules(connection, tmp_path, RULES)
    assert allocate_due(connection, NOW) == 1
    assert allocate_due(connection, NOW) == 0
    third = Decimal("0.333333333333")
    assert owned(connection) == {
        ("payments", "USD"): 15 + third,
        ("search", "USD"): 3 + third,
        ("data", "USD"): 2 + third + Decimal("0.000000000001"),
        ("unallocated", "USD"): 7,
    }
    assert owned(connection, "cost_center")[("CC-1", "USD")] == 15 + third
    why = rows(connection, "SELECT why, billed_cost FROM reporting.unallocated_costs WHERE dimension = 'team'")
    assert why == [{"why": "no rule takes it, and it has no tags", "billed_cost": 7}]


# Rules of then -------------------------------------------------------------------------------------------------------

_BY_TAG = "{tag: team}"
_ALL_OF_DATA = "{value: data, where: {accounts: ['*']}}"


def test_a_restated_bill_is_allocated_again(connection: Connection, tmp_path: Path) -> None:
    settle(connection, target("payer"), day_of(FIRST), [tagged("a", "2")])
    load_rules(connection, tmp_path, simple(_BY_TAG))
    assert allocate_due(connection, NOW) == 1
    assert month(connection) == (1, True, True)
    settle(connection, target("payer"), day_of(FIRST), [tagged("a", "3"), tagged("b", "4")], attempt=2)
    assert month(connection) == (1, True, False)
    assert allocate_due(connection, NOW) == 1
    assert owned(connection) == {("a", "USD"): 3, ("b", "USD"): 4}
    assert month(connection) == (2, True, True)


def month(connection: Connection) -> tuple[Any, ...]:
    query = "SELECT runs, rules_are_current, bill_is_current FROM reporting.allocation_months"
    return tuple(rows(connection, query)[0].values())


def test_a_closed_month_keeps_the_rules_of_then_until_it_is_named(connection: Connection, tmp_path: Path) -> None:
    settle(connection, target("payer"), day_of(FIRST), [tagged("a", "2")])
    load_rules(connection, tmp_path, simple(_BY_TAG))
    allocate_due(connection, NOW)
    load_rules(connection, tmp_path, simple(_ALL_OF_DATA), now=CLOSED)
    assert allocate_due(connection, CLOSED) == 0
    assert month(connection) == (1, False, True)
    # A restated bill changes what is allocated, and not by which rules.
    settle(connection, target("payer"), day_of(FIRST), [tagged("a", "5")], attempt=2)
    assert allocate_due(connection, CLOSED) == 1
    assert owned(connection) == {("a", "USD"): 5}
    assert allocate_month(connection, MONTH, CLOSED, "somebody")
    assert owned(connection) == {("data", "USD"): 5}
    found = rows(connection, "SELECT allocated_by, rules_loaded_by, rules FROM reporting.allocation_months")
    assert (found[0]["allocated_by"], found[0]["rules_loaded_by"]) == ("somebody", "test")
    assert found[0]["rules"]["dimensions"][0]["rules"] == [{"value": "data", "where": {"accounts": ["*"]}}]
    assert allocate_due(connection, CLOSED) == 0


def test_an_open_month_follows_the_rules_and_each_month_its_version(connection: Connection, tmp_path: Path) -> None:
    november = FIRST + 31 * DAY
    for start in (FIRST, november):
        settle(connection, target("payer"), day_of(start), [line(start, tags={"team": "a"})])
    text = simple(_BY_TAG)
    load_rules(connection, tmp_path, text)
    assert [allocate_due(connection, NOW) for _ in range(3)] == [1, 1, 0]
    later = simple(_ALL_OF_DATA).replace("versions:", "").replace("2026-01", "2026-11")
    load_rules(connection, tmp_path, text + later)
    assert [allocate_due(connection, NOW) for _ in range(2)] == [1, 0]
    found = rows(connection, "SELECT month, team FROM reporting.allocated_costs ORDER BY month")
    assert [tuple(one.values()) for one in found] == [(MONTH, "a"), (date(2026, 11, 1), "data")]


def test_what_the_bill_lacks_is_said(connection: Connection, tmp_path: Path) -> None:
    settle(connection, target("payer"), day_of(FIRST), [tagged("a")])
    connection.execute(
        "INSERT INTO finfleet.collections (target_id, window_start, window_end, state, attempt)"
        " SELECT target_id, window_end, window_end + interval '1 day', 'failed', 8 FROM finfleet.collections"
    )
    load_rules(connection, tmp_path, simple(_BY_TAG))
    allocate_due(connection, NOW)
    found = rows(connection, "SELECT bill_windows, bill_windows_missing FROM reporting.allocation_months")
    assert [tuple(one.values()) for one in found] == [(2, 1)]


# Splits --------------------------------------------------------------------------------------------------------------

_REST = "name: rest, dimension: team, where: {accounts: [shared]}"


_NO_SPEND = "shared: rest: nobody who shares it has a {} above zero in its currency"


@pytest.mark.parametrize(
    ("split", "dollars", "euros", "why"),
    [
        ("split: spend", {"a": "6", "b": "24"}, {"unallocated": "-5"}, _NO_SPEND.format("billed_cost")),
        ("split: spend, among: [b, c]", {"a": "5", "b": "25"}, {"unallocated": "-5"}, _NO_SPEND.format("billed_cost")),
        ("split: spend, cost: list_cost", {"a": "5", "b": "20", "unallocated": "5"}, {"unallocated": "-5"},
         _NO_SPEND.format("list_cost")),
        ("split: even, among: [a, b, c]", {"a": "6.666666666667", "b": "21.666666666667", "c": "1.666666666666"},
         {"a": "-1.666666666667", "b": "-1.666666666667", "c": "-1.666666666666"}, None),
        ("split: fixed, shares: {a: 0.25, b: 0.75}", {"a": "6.25", "b": "23.75"}, {"a": "-1.25", "b": "-3.75"}, None),
    ],
)  # fmt: skip
def test_a_split_conserves_and_what_has_no_weight_stays_with_nobody(
    connection: Connection, tmp_path: Path, *, split: str, dollars: dict[str, str], euros: dict[str, str],
    why: str | None,
) -> None:  # fmt: skip
    lines = [tagged("a", "5"), tagged("b", "20"), tagged("back", "-1"),
             line(FIRST, billed_cost=Decimal(5), sub_account_id="shared"),
             line(FIRST, billed_cost=Decimal(-5), sub_account_id="shared", currency="EUR")]  # fmt: skip
    settle(connection, target("payer"), day_of(FIRST), lines)
    load_rules(connection, tmp_path, simple(_BY_TAG, f"{{{_REST}, {split}}}"))
    allocate_due(connection, NOW)
    found = owned(connection)
    for currency, expected in (("USD", dollars), ("EUR", euros)):
        # Whoever has got back more than it has spent weighs nothing.
        mine = {team: cost for (team, of), cost in found.items() if of == currency and team != "back"}
        assert mine == {team: Decimal(cost) for team, cost in expected.items()}
    assert found["back", "USD"] == -1
    said = rows(connection, "SELECT DISTINCT why FROM reporting.unallocated_costs")
    assert [one["why"] for one in said] == ([] if why is None else [why])


def measure(connection: Connection, values: dict[str, float], windows: tuple[int, int]) -> None:
    """Requests of resources on one day, and how many windows there were and are missing."""
    start = FIRST + 5 * DAY
    for name, value in values.items():
        connection.execute(
            """
            WITH r AS (
                INSERT INTO finfleet.resources (provider, account, region, service, provider_id, name, tags,
                                                first_seen, last_seen)
                VALUES ('aws', '1', 'eu', 'ec2', %(id)s, '', %(tags)s, %(start)s, %(start)s) RETURNING resource_id
            ),
            s AS (
                INSERT INTO finfleet.series (resource_id, metric, source_metric, unit, statistic, period)
                SELECT resource_id, 'requests', 'Requests', 'count', 'sum', 86400 FROM r RETURNING series_id
            )
            INSERT INTO finfleet.points_daily (series_id, day, count, sum, minimum, maximum, last)
            SELECT series_id, %(start)s::date, 1, %(value)s, %(value)s, %(value)s, %(value)s FROM s
            """,
            {"id": f"arn:{name}", "tags": Jsonb({"team": name}), "start": start, "value": value},
        )
    planned, missing = windows
    at = [Target("aws", "default", "eu", "ec2")] * planned
    for number, of in enumerate(at):
        window = day_of(FIRST + number * DAY)
        writing.plan(connection, of, window, state="failed" if number < missing else "complete")


@pytest.mark.parametrize(
    ("missing", "expected", "said", "coverage"),
    [
        (0, {"a": 13, "b": 31}, "shared: rest (requests (sum))", 100),
        (1, {"a": 13, "b": 31}, "shared: rest (requests (sum), of 96.77 % of the month)", Decimal("96.77")),
        (2, {"a": 3, "b": 1, "unallocated": 40},
         "shared: rest: requests (sum) covers 93.54 % of the month, and 95 % are needed", None),
        (None, {"a": 3, "b": 1, "unallocated": 40}, "shared: rest: nothing is measured of requests (sum)", None),
    ],
)  # fmt: skip
def test_a_metric_splits_only_where_enough_of_it_was_collected(
    connection: Connection,
    tmp_path: Path,
    *,
    missing: int | None,
    expected: dict[str, int],
    said: str,
    coverage: object,
) -> None:
    lines = [tagged("a", "3"), tagged("b"), line(FIRST, billed_cost=Decimal(40), sub_account_id="shared")]
    settle(connection, target("payer"), day_of(FIRST), lines)
    partitions.create(connection, [("points_daily", MONTH)])
    if missing is not None:
        measure(connection, {"a": 10, "b": 30, "nobody's": 0}, (31, missing))
    metric = "split: metric, metric: {name: requests, statistic: sum}"
    load_rules(connection, tmp_path, simple(_BY_TAG, f"{{{_REST}, {metric}}}"))
    allocate_due(connection, NOW)
    assert {team: cost for (team, _), cost in owned(connection).items()} == expected
    shared = rows(
        connection,
        "SELECT DISTINCT how ->> 'team' AS how, weight_coverage FROM reporting.allocated_costs"
        " WHERE starts_with(how ->> 'team', 'shared')",
    )
    assert [tuple(one.values()) for one in shared] == [(said, coverage)]
    # What was measured comes late: an open month is allocated again a day after.
    assert (allocate_due(connection, NOW + DAY / 2), allocate_due(connection, NOW + 2 * DAY)) == (0, 1)


@pytest.mark.parametrize("pattern", ["*a*a*a*a*a*a*a*b", "?" * 200 + "*b", "*?a*?a*?a*ab*ab*b"])
def test_no_pattern_takes_longer_than_the_text_is_long(connection: Connection, pattern: str) -> None:
    with connection.transaction():
        connection.execute("SET LOCAL statement_timeout TO '5s'")
        query = "SELECT repeat('a', 1000000) LIKE %s OR repeat('aab', 300000) || 'a' LIKE %s"
        assert connection.execute(query, (as_like(pattern), as_like(pattern))).fetchone() == (False,)
