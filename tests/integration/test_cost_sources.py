"""Of charges that two targets tell of, those of one count, by a rule that is shown; nothing is lost."""

import itertools
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest

from storage.cost_scopes import judge_again, left_out
from storage.database import Connection, Database
from telemetry.batch import Batch, Outcome, Points
from telemetry.costs import CostLine
from telemetry.target import Target, Window
from tests.support import writing
from tests.support.writing import put, report

DAY = timedelta(days=1)
FIRST = datetime(2026, 11, 20, tzinfo=UTC)
MEMBER, OTHER = "111111111111", "222222222222"


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def target(account: str, provider: str = "aws", service: str = "cost") -> Target:
    return Target(provider, account, "global", service)


def bill(
    connection: Connection,
    account: str,
    costs: Sequence[tuple[str, str]],
    *,
    day: int = 0,
    attempt: int = 1,
    breakdown: str = "",
    **place: str,
) -> None:
    """A whole reading of a day: amounts by billed account."""
    of_target, window = target(account, **place), Window(FIRST + day * DAY, FIRST + (day + 1) * DAY)
    if attempt == 1:
        writing.plan(connection, of_target, window, attempt=3)
    run = writing.run(of_target, window, attempt=attempt, second=attempt)
    lines = [
        CostLine(
            start=window.start,
            end=window.end,
            currency="USD",
            billed_cost=Decimal(amount),
            sub_account_id=owner,
            service_name=f"service {number}",
        )
        for number, (owner, amount) in enumerate(costs)
    ]
    if breakdown:
        total = sum((Decimal(amount) for _, amount in costs), Decimal(0))
        by = {"start": window.start, "end": window.end, "currency": "USD", "breakdown": breakdown}
        lines.append(CostLine(**by, billed_cost=total, region_id="eu-west-1"))  # type: ignore[arg-type] # mixed fields
    batches = [Batch(run, 1, True, run.started_at, [], [], Points([], [], []), [], lines)] if lines else []
    put(connection, *batches, report(run, Outcome.COMPLETE if lines else Outcome.EMPTY, len(batches)))


def totals(connection: Connection) -> dict[str, Decimal]:
    """By billed account, of daily_costs."""
    rows = connection.execute("SELECT sub_account_id, sum(billed_cost) FROM reporting.daily_costs GROUP BY 1")
    return dict(rows.fetchall())


def sources(connection: Connection) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    rows = connection.execute(
        "SELECT account, sub_account_id, day, counts, counted_from, reason FROM reporting.cost_sources"
    )
    return {(account, owner, (day - date(2026, 11, 20)).days): tuple(rest) for account, owner, day, *rest in rows}


def test_one_account_under_two_names_counts_once(connection: Connection) -> None:
    for name in ("zeta", "alpha"):
        bill(connection, name, [(MEMBER, "10.00"), (MEMBER, "2.50"), ("", "1.00")], breakdown="region")
    assert totals(connection) == {MEMBER: Decimal("12.50"), "": Decimal("1.00")}
    assert sources(connection) == {
        ("alpha", MEMBER, 0): (True, "", ""),
        ("alpha", "", 0): (True, "", ""),
        ("zeta", MEMBER, 0): (False, "aws/alpha/global/cost", "it comes first by its name"),
        ("zeta", "", 0): (False, "", "all accounts of this bill are counted from other ones"),
    }
    rows = connection.execute("SELECT account, billed_cost FROM reporting.cost_breakdowns").fetchall()
    assert rows == [("alpha", Decimal("13.50"))]


def test_a_payer_counts_for_its_members_and_a_member_for_what_only_it_tells(connection: Connection) -> None:
    bill(connection, "a-member", [(MEMBER, "10.00")])
    bill(connection, "payer", [(MEMBER, "10.00"), (OTHER, "5.00")])
    bill(connection, "a-member", [(MEMBER, "7.00")], day=1)  # the payer's day is not read yet
    assert totals(connection) == {MEMBER: Decimal("17.00"), OTHER: Decimal("5.00")}
    found = sources(connection)
    assert found["a-member", MEMBER, 0] == (False, "aws/payer/global/cost", "it bills more accounts that day")
    assert found["a-member", MEMBER, 1] == (True, "", "")


def test_what_is_configured_counts_before_what_is_not_any_more(connection: Connection) -> None:
    bill(connection, "former", [(MEMBER, "9.00"), (OTHER, "1.00")])
    bill(connection, "now", [(MEMBER, "10.00")])
    connection.execute("UPDATE finfleet.targets SET enabled = false WHERE account = 'former'")
    assert totals(connection) == {MEMBER: Decimal("9.00"), OTHER: Decimal("1.00")}
    assert (judge_again(connection), judge_again(connection)) == (1, 0)
    assert totals(connection) == {MEMBER: Decimal("10.00"), OTHER: Decimal("1.00")}
    reason = "it is configured, and this one is not any more"
    assert sources(connection)["former", MEMBER, 0] == (False, "aws/now/global/cost", reason)


def test_ids_count_within_a_provider_and_whatever_their_case(connection: Connection) -> None:
    bill(connection, "one", [("ABC-1", "1.00")], provider="azure")
    bill(connection, "two", [("abc-1", "1.00")], provider="azure")
    bill(connection, "three", [("abc-1", "4.00")], provider="gcp", service="billing")
    assert sum(totals(connection).values()) == Decimal("5.00")


def test_two_services_of_one_account_that_tell_of_the_same_bill_count_once(connection: Connection) -> None:
    bill(connection, "one", [(MEMBER, "1.00")])
    bill(connection, "one", [(MEMBER, "1.00")], service="files")
    assert totals(connection) == {MEMBER: Decimal("1.00")}


def test_status_says_whose_bill_does_not_count(connection: Connection) -> None:
    for day in (0, 2):
        bill(connection, "alpha", [(MEMBER, "1.00"), (OTHER, "1.00")], day=day)
        bill(connection, "zeta", [(MEMBER, "1.00"), (OTHER, "1.00")], day=day)
    (found,) = left_out(connection)
    assert found == (
        "aws/zeta/global/cost",
        "aws/alpha/global/cost",
        "it comes first by its name",
        2,
        date(2026, 11, 20),
        date(2026, 11, 22),
    )
    assert left_out(connection, since=FIRST + 3 * DAY) == []


def test_two_writers_at_once_do_not_both_count(database: Database) -> None:
    names = ("alpha", "zeta")
    with database.connection() as connection:
        for name in names:
            writing.plan(connection, target(name), Window(FIRST, FIRST + DAY), attempt=3)

    def settle(name: str) -> None:
        with database.connection() as own:
            barrier.wait(10)
            bill(own, name, [(MEMBER, "1.00")], attempt=2)

    for _ in range(3):
        barrier = Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(settle, names))
        with database.connection() as connection:
            assert totals(connection) == {MEMBER: Decimal("1.00")}
            connection.execute("DELETE FROM finfleet.cost_scopes")
            connection.execute("UPDATE finfleet.collections SET settled_run = NULL")


def test_what_two_sources_push_is_never_the_same(connection: Connection) -> None:
    connection.execute("UPDATE finfleet.targets SET queue = 'push'")
    for name in ("training", "billing"):
        writing.plan(connection, target(name, "generic", "push_costs"), Window(FIRST, FIRST + DAY))
        connection.execute("UPDATE finfleet.targets SET queue = 'push' WHERE provider = 'generic'")
        bill(connection, name, [("team", "1.00")], attempt=2, provider="generic", service="push_costs")
    assert totals(connection) == {"team": Decimal("2.00")}


def test_a_day_that_is_restated_counts_by_what_it_says_last(connection: Connection) -> None:
    bill(connection, "alpha", [(MEMBER, "10.00")])
    bill(connection, "zeta", [(MEMBER, "10.00"), (OTHER, "1.00")])
    bill(connection, "zeta", [(OTHER, "1.00")], attempt=2)  # the charges have gone from this bill
    assert totals(connection) == {MEMBER: Decimal("10.00"), OTHER: Decimal("1.00")}
    bill(connection, "alpha", [], attempt=2)
    assert totals(connection) == {OTHER: Decimal("1.00")}


@pytest.mark.parametrize("seed", range(6))
def test_each_billed_account_and_day_counts_exactly_once(connection: Connection, seed: int) -> None:
    """Whoever tells of what: the total is that of one telling each, and none that is told is lost."""
    dice = random.Random(seed)
    owners, names = ["", "1", "2", "3"], ["a", "b", "c", "d"]
    told: dict[tuple[str, int], dict[str, Decimal]] = {}
    for name, day in itertools.product(names, range(3)):
        chosen = [owner for owner in owners if dice.random() < 0.5]
        if not chosen:
            continue
        amounts = [(owner, f"{dice.randint(1, 9)}.00") for owner in chosen]
        bill(connection, name, amounts, day=day)
        told[name, day] = {owner: Decimal(amount) for owner, amount in amounts}
    counted = [(key, counts) for key, (counts, *_) in sources(connection).items() if key[1]]
    units = {(owner, day) for (_, owner, day), _ in counted}
    assert sorted((owner, day) for (_, owner, day), counts in counted if counts) == sorted(units)
    expected: dict[str, Decimal] = {}
    for (name, owner, day), (counts, *_) in sources(connection).items():
        if counts:
            expected[owner] = expected.get(owner, Decimal(0)) + told[name, day][owner]
    assert totals(connection) == expected
