"""The difference of two bills is split into parts that add up to it to the last digit, and are what they are called."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from storage.database import Connection, Database
from telemetry.costs import CostLine
from tests.support.bill_readings import DAY, day_of, line, rows, settle, target
from tests.support.databases import create_database, drop_database
from workers.embedded import EmbeddedPostgres

FIRST = datetime(2026, 1, 5, tzinfo=UTC)
LATER = datetime(2026, 11, 1, tzinfo=UTC)
PARTS = ("usage", "rate", "mix", "new", "gone", "usage_or_rate")
PAIRS = 12


class Line(NamedTuple):
    """What matters of a line."""

    sku: str
    region: str
    currency: str
    cost: Decimal | None
    quantity: Decimal | None
    unit: str

    def told(self, day: datetime, whose: str) -> CostLine:
        return line(
            day,
            sub_account_id=whose,
            service_name="EC2",
            sku_id=self.sku,
            region_id=self.region,
            currency=self.currency,
            billed_cost=self.cost,
            effective_cost=Decimal(7),
            quantity=self.quantity,
            unit=self.unit,
        )


Bill = list[Line]
MONEY = st.decimals(-1000, 1000, places=10) | st.sampled_from([Decimal(0), Decimal("1e-12"), Decimal(10) ** 12])
QUANTITY = st.decimals(0, 1000, places=6) | st.sampled_from([Decimal(0), Decimal(-3), Decimal(10) ** 15, Decimal(1)])
LINE = st.builds(
    Line,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["", "eu"]),
    st.sampled_from(["USD", "USD", "EUR"]),
    st.one_of(MONEY, MONEY, MONEY, st.none()),
    st.one_of(QUANTITY, QUANTITY, QUANTITY, st.none()),
    st.sampled_from(["h", "h", "h", "GB"]),
)
BILL = st.lists(LINE, max_size=6)
SPLIT = {"usage": Fraction(0), "rate": Fraction(0), "mix": Fraction(0)}


@pytest.fixture(scope="module")
def connection(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[Connection]:
    server = postgres_server.url.get_secret_value()
    url = create_database(server, migrated_template)
    with Database(SecretStr(url)) as database, database.connection() as connection:
        yield connection
    drop_database(server, url)


def items(bill: Bill) -> dict[tuple[str, str], Bill]:
    found: dict[tuple[str, str], Bill] = {}
    for one in bill:
        found.setdefault((one.sku, one.region), []).append(one)
    return found


def money(bill: Bill) -> Fraction:
    return sum((Fraction(one.cost) for one in bill if one.cost is not None), Fraction(0))


def known_quantity(bill: Bill) -> tuple[str, Fraction] | None:
    if any(one.cost is None or one.quantity is None for one in bill) or len({one.unit for one in bill}) > 1:
        return None
    return bill[0].unit, sum((Fraction(one.quantity) for one in bill if one.quantity is not None), Fraction(0))


def split(before: Bill, after: Bill) -> dict[str, Fraction]:
    """As docs/bill-history.md defines the parts, in exact fractions."""
    found = dict.fromkeys(PARTS, Fraction(0))
    old, new = items(before), items(after)
    found["new"] = sum((money(bill) for item, bill in new.items() if item not in old), Fraction(0))
    found["gone"] = -sum((money(bill) for item, bill in old.items() if item not in new), Fraction(0))
    units: dict[str, list[tuple[Fraction, Fraction, Fraction, Fraction]]] = {}
    for item in old.keys() & new.keys():
        q0, q1 = known_quantity(old[item]), known_quantity(new[item])
        c0, c1 = money(old[item]), money(new[item])
        if q0 and q1 and q0[1] and q0[0] == q1[0]:
            units.setdefault(q0[0], []).append((c0, q0[1], c1, q1[1]))
        else:
            found["usage_or_rate"] += c1 - c0
    for same in units.values():
        cost = sum(c0 for c0, *_ in same)
        expected = sum(q1 * c0 / q0 for c0, q0, _, q1 in same)
        quantity = sum(q0 for _, q0, *_ in same)
        volume = cost * sum(q1 for *_, q1 in same) / quantity if quantity else expected
        found["usage"] += volume - cost
        found["mix"] += expected - volume
        found["rate"] += sum(c1 for _, _, c1, _ in same) - expected
    return found


def changes(connection: Connection, arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    found = rows(connection, f"SELECT * FROM reporting.cost_changes({arguments}, per => '{{sub_account_id}}')")  # noqa: S608
    by_key = {(one["sub_account_id"], one["billing_currency"]): one for one in found}
    assert len(by_key) == len(found)
    return by_key


def of_currency(bill: Bill, currency: str) -> Bill:
    return [one for one in bill if one.currency == currency]


def check(found: dict[str, Any], before: Bill, restated: Bill, after: Bill) -> None:
    """To the last digit in their sum; each part to the last of its 18 decimals, of which one is rounded per item."""
    assert Fraction(found["cost_before"]) == money(before)
    assert Fraction(found["cost_after"]) == money(after)
    assert Fraction(found["difference"]) == Fraction(found["cost_after"]) - Fraction(found["cost_before"])
    parts = [Fraction(found[part]) for part in ("restatement", *PARTS)]
    assert sum(parts) == Fraction(found["cost_after"]) - Fraction(found["cost_before"])
    assert Fraction(found["restatement"]) == sum(Fraction(found[f"restated_{part}"]) for part in PARTS)
    assert Fraction(found["restatement"]) == money(restated) - money(before)
    steps = {"": split(restated, after), "restated_": split(before, restated)}
    for prefix, expected in steps.items():
        for part, value in expected.items():
            assert abs(Fraction(found[prefix + part]) - value) <= Fraction(20, 10**18), prefix + part
    assert found["without_cost_before"] == sum(one.cost is None for one in before)
    assert found["without_cost_after"] == sum(one.cost is None for one in after)


DAYS = count()


@settings(max_examples=30, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(BILL, BILL, BILL), min_size=PAIRS, max_size=PAIRS))
def test_the_parts_of_a_thousand_pairs_of_bills_add_up(
    connection: Connection, bills: list[tuple[Bill, Bill, Bill]]
) -> None:
    """Each of a bill, of its restatement, and of that of another day: three pairs."""
    first = FIRST + 2 * next(DAYS) * DAY
    second = first + DAY

    def read(day: datetime, place: int, attempt: int, now: datetime) -> Any:
        lines = [one.told(day, f"{pair}") for pair, bill in enumerate(bills) for one in bill[place]]
        return settle(connection, target("a"), day_of(day), lines, attempt=attempt, now=now)

    before, after = read(first, 0, 1, LATER), read(first, 1, 2, LATER + timedelta(hours=2))
    read(second, 2, 1, LATER)
    ranges = f"'[{first:%F},{second:%F})', '[{second:%F},{second + DAY:%F})'"
    same = f"'[{first:%F},{second:%F})', '[{first:%F},{second:%F})'"
    then = f"known_before => '{LATER + timedelta(hours=1)}'"
    versions = changes(connection, f"{same}, {then}")
    two_days = changes(connection, ranges)
    both = changes(connection, f"{ranges}, {then}")
    if any(bill[0] for bill in bills) and any(bill[1] for bill in bills):
        of_runs = changes(connection, f"run_before => '{before}', run_after => '{after}'")
        assert of_runs == versions
    for pair, of in enumerate(bills):
        for currency in ("USD", "EUR"):
            key = (str(pair), currency)
            one, other, third = (of_currency(bill, currency) for bill in of)
            # What was told of the account that day, in whichever currency, can be restated.
            restated = other if of[0] else []
            cases = [(versions, one, restated, other), (two_days, other, other, third), (both, one, restated, third)]
            for found, start, middle, end in cases:
                if start or middle or end:
                    check(found[key], start, middle, end)
                else:
                    assert key not in found


def test_versions_whose_lines_are_gone_are_not_compared(connection: Connection) -> None:
    first = FIRST - 10 * DAY
    runs = [
        settle(connection, target("gone"), day_of(first), [line(first)], attempt=attempt, now=LATER)
        for attempt in (1, 2)
    ]
    connection.execute("UPDATE finfleet.bill_versions SET lines_gone = true WHERE run_id = %s", (runs[0],))
    query = f"SELECT * FROM reporting.cost_changes(run_before => '{runs[0]}', run_after => '{runs[1]}')"  # noqa: S608
    with pytest.raises(psycopg.Error, match="of 1 versions of bills the lines are not kept any more"):
        rows(connection, query)


def test_a_month_that_goes_on_is_no_restatement(connection: Connection) -> None:
    """Of the days that were told before it is restatement, and of the others what was used."""
    first = FIRST - 8 * DAY
    for day, quantity in ((0, 1), (1, 2)):
        start = first + day * DAY
        told = line(start, sku_id="s", quantity=Decimal(quantity), unit="h", billed_cost=Decimal(quantity))
        settle(connection, target("month"), day_of(start), [told], now=LATER + day * 4 * timedelta(hours=1))
    dearer = line(first, sku_id="s", quantity=Decimal(1), unit="h", billed_cost=Decimal("1.50"))
    settle(connection, target("month"), day_of(first), [dearer], attempt=2, now=LATER + timedelta(hours=9))
    period = f"'[{first:%F},{first + 2 * DAY:%F})'"
    query = f"SELECT * FROM reporting.cost_changes({period}, {period}, known_before => '{LATER}')"  # noqa: S608
    (found,) = rows(connection, query)
    assert (found["cost_before"], found["cost_after"]) == (Decimal(1), Decimal("3.50"))
    assert (found["restatement"], found["restated_rate"]) == (Decimal("0.50"), Decimal("0.50"))
    # Three hours in the place of one, at 1.50 each; and they cost a dollar less than that.
    assert (found["usage"], found["rate"], found["mix"]) == (Decimal(3), Decimal(-1), Decimal(0))
    assert (found["days_before"], found["days_after"]) == (1, 2)
