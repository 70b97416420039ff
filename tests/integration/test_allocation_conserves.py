"""Random rules over random bills: the parts are the bill, and what a computation of its own says, to the last digit."""

import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from storage.allocation.allocating import Run, allocate
from storage.allocation.model import Document
from storage.allocation.reading import hash_of
from storage.allocation.stored import Month, save
from storage.database import Connection, Database
from tests.support.allocating import COSTS, Reference
from tests.support.bill_readings import day_of, line, settle, target
from tests.support.databases import create_database, drop_database
from workers.embedded import EmbeddedPostgres

_EXAMPLES = int(os.environ.get("ALLOCATION_RULES", "25"))
_FIRST = datetime(2026, 10, 1, tzinfo=UTC)
_MONTH = date(2026, 10, 1)
_NOW = datetime(2026, 11, 3, tzinfo=UTC)
_OWNERS = ["payments", "Search", "data", "web"]
_SPELLED = ["payments", "PAYMENTS ", "pay", "search", "Search", "data", "dAtA", "", "unallocated", "growth  team"]
_KEYS = ["team", "Team", "user:team", "squad", "app", "cost-center", "CostCenter"]
_SERVICES = ["EC2", "Amazon S3", "Premium Support", "Tax", ""]
_ACCOUNTS = ["", "111", "112", "data-1"]
_RESOURCES = ["", "arn:aws:ec2:eu:111:instance/web-1", "arn:aws:rds:eu:112:db:pay_db", "a%b"]
_NAMES = ["team", "application", "cost_center"]


@st.composite
def charges(draw: st.DrawFn) -> dict[str, Any]:
    amount = st.none() | st.decimals(-1000, 1000, places=2) | st.decimals(-10, 10, places=15) | st.just(Decimal(0))
    amounts = {cost: draw(amount) for cost in COSTS}
    if all(one is None for one in amounts.values()):
        amounts["billed_cost"] = Decimal(1)
    return {
        "start": _FIRST + draw(st.integers(0, 1)) * timedelta(days=1),
        "currency": draw(st.sampled_from(["USD", "EUR"])),
        "service_name": draw(st.sampled_from(_SERVICES)),
        "sub_account_id": draw(st.sampled_from(_ACCOUNTS)),
        "sub_account_name": draw(st.sampled_from(["", "Payments prod"])),
        "region_id": draw(st.sampled_from(["", "eu-west-1"])),
        "resource_id": draw(st.sampled_from(_RESOURCES)),
        "charge_category": draw(st.sampled_from(["Usage", "Tax", "Credit"])),
        "tags": draw(st.dictionaries(st.sampled_from(_KEYS), st.sampled_from(_SPELLED), max_size=3)),
        **amounts,
    }


def some(*of: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(of), min_size=1, max_size=2)


def where() -> st.SearchStrategy[dict[str, Any]]:
    conditions: dict[str, st.SearchStrategy[Any]] = {
        "accounts": some("11?", "*", "data-*", "payments*", "nobody"),
        "services": some("*support*", "ec2", "*3", "?ax"),
        "resources": some("*:RDS:*", "*web*", "a%b", "a_b", "*"),
        "names": some("web-*", "pay_db", "*"),
        "categories": some("Tax", "Credit", "Usage"),
        "tags": st.dictionaries(st.sampled_from(["team", "app"]), some("pay*", "*"), min_size=1, max_size=1),
        "providers": some("aws", "gcp"),
        "regions": some("EU-*", "us-*"),
    }
    chosen = st.lists(st.sampled_from([*conditions]), min_size=1, max_size=2, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: conditions[name] for name in names}))


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3, unique=True))
    dimensions = []
    for place, name in enumerate(names):
        kinds: list[st.SearchStrategy[dict[str, Any]]] = [
            st.fixed_dictionaries({"tag": st.sampled_from(["team", "app", "cost_center"])}),
            st.fixed_dictionaries({"value": st.sampled_from(_OWNERS), "where": where()}),
            st.fixed_dictionaries({"tag": st.just("team"), "where": where()}),
        ]
        if place:
            values = st.dictionaries(
                st.sampled_from(_OWNERS), st.sampled_from(["CC-1", "CC-2"]), min_size=1, max_size=3
            )
            kinds.append(st.fixed_dictionaries({"by": st.sampled_from(names[:place]), "values": values}))
        dimensions.append({"name": name, "rules": draw(st.lists(st.one_of(kinds), min_size=1, max_size=3))})
    tags = draw(st.sampled_from([
        {},
        {"keys": {"team": ["squad"], "app": ["application"]}, "values": {names[0]: {"payments": ["pay"]}}},
    ]))  # fmt: skip
    shared = []
    for number in range(draw(st.integers(0, 3))):
        one: dict[str, Any] = {
            "name": f"shared {number}",
            "dimension": draw(st.sampled_from(names)),
            "where": draw(where()),
            "split": draw(st.sampled_from(["even", "fixed", "spend"])),
            "before_rules": draw(st.booleans()),
        }
        if one["split"] == "fixed":
            share = st.integers(1, 99).map(str)
            one["shares"] = draw(st.dictionaries(st.sampled_from(_OWNERS), share, min_size=1))
            one["normalise"] = True
        elif draw(st.booleans()):
            one["among"] = draw(st.lists(st.sampled_from([*_OWNERS, "idle"]), min_size=1, max_size=4))
        if one["split"] == "spend":
            one["cost"] = draw(st.sampled_from(COSTS))
        shared.append(one)
    return {"effective_from": "2026-01", "tags": tags, "dimensions": dimensions, "shared": shared}


@pytest.fixture(scope="module")
def connection(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[Connection]:
    server = postgres_server.url.get_secret_value()
    url = create_database(server, migrated_template)
    with Database(SecretStr(url), size=1) as database, database.connection() as connection:
        settle(connection, target("payer"), day_of(_FIRST), [line(_FIRST)])
        yield connection
    drop_database(server, url)


def bring(connection: Connection, bill: list[dict[str, Any]]) -> None:
    """Put other lines into the place of the bill's."""
    connection.execute("DELETE FROM finfleet.cost_lines")
    values = [
        one | {"number": number, "tags": msgspec.json.encode(one["tags"]).decode()} for number, one in enumerate(bill)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO finfleet.cost_lines (run_id, number, line, breakdown, charge_period_start, charge_period_end,
                   billing_currency, billed_cost, effective_cost, list_cost, contracted_cost, charge_category,
                   charge_class, charge_type, charge_description, service_name, sub_account_id, sub_account_name,
                   region_id, resource_id, sku_id, consumed_unit, tags)
            SELECT run_id, 1, %(number)s, '', %(start)s, %(start)s + interval '1 day', %(currency)s, %(billed_cost)s,
                   %(effective_cost)s, %(list_cost)s, %(contracted_cost)s, %(charge_category)s, '', '', '',
                   %(service_name)s, %(sub_account_id)s, %(sub_account_name)s, %(region_id)s, %(resource_id)s, '', '',
                   %(tags)s
              FROM finfleet.runs
            """,
            values,
        )


@settings(max_examples=_EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(bill=st.lists(charges(), min_size=1, max_size=12), of=rules())
def test_the_parts_are_the_bill_to_the_last_digit(
    connection: Connection, bill: list[dict[str, Any]], of: dict[str, Any]
) -> None:
    document = Document.model_validate({"versions": [of]})
    with connection.transaction(force_rollback=True):
        bring(connection, bill)
        save(connection, document, _NOW, "test")
        hashed = hash_of(document.versions[0])
        allocate(connection, Month(_MONTH, "", hashed, "", "", False), Run(hashed, "test", _NOW))
        found: defaultdict[tuple[Any, ...], list[Fraction | None]] = defaultdict(lambda: [None] * 4)
        names = [one["name"] for one in of["dimensions"]]
        for owners, currency, *amounts in connection.execute(
            "SELECT owners, billing_currency, billed_cost, effective_cost, list_cost, contracted_cost"
            "  FROM reporting.allocated_costs"
        ):
            add(found[(*(owners.get(name) for name in names), currency)], amounts)
    expected: defaultdict[tuple[Any, ...], list[Fraction | None]] = defaultdict(lambda: [None] * 4)
    told = [one | {"provider": "aws", "account": "payer", "day": one["start"].date()} for one in bill]
    for owned, currency, parts in Reference(of).allocate(told):
        add(expected[(*owned, currency)], [parts[cost] for cost in COSTS])
    assert dict(found) == dict(expected)
    for place, cost in enumerate(COSTS):
        for currency in {one["currency"] for one in bill}:
            whole = sum(
                (Fraction(one[cost]) for one in bill if one["currency"] == currency and one[cost] is not None),
                Fraction(0),
            )
            assert sum(amounts[place] or 0 for (*_, of_it), amounts in found.items() if of_it == currency) == whole


def add(amounts: list[Fraction | None], more: list[Any]) -> None:
    for place, one in enumerate(more):
        if one is not None:
            amounts[place] = (amounts[place] or Fraction(0)) + Fraction(one)
