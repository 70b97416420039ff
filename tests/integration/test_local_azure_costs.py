"""Cost Management of the local Azure, by the SDK's client."""

import ssl
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from azure.core.exceptions import HttpResponseError

from emulators.azure import DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION, LocalAzure
from emulators.azure.cost import CostLine
from emulators.azure.seed import CostSeed, seed_costs
from tests.support.azure import NOW
from tests.support.local_azure import Headers, cost_client, plain_client, refusal

_SCOPE = f"/subscriptions/{DEFAULT_SUBSCRIPTION}"
_DAY = date(2026, 10, 1)


def query(first: date, last: date, *groupings: str, kind: str = "ActualCost", **dataset: Any) -> dict[str, Any]:
    """A query by day; a grouping `tag:team` is one by a tag."""
    return {
        "type": kind,
        "timeframe": "Custom",
        "timePeriod": {"from": f"{first}T00:00:00Z", "to": f"{last}T23:59:59Z"},
        "dataset": {
            "granularity": "Daily",
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
            "grouping": [
                {"type": "TagKey" if name.startswith("tag:") else "Dimension", "name": name.removeprefix("tag:")}
                for name in groupings
            ],
            **dataset,
        },
    }


def ask(azure: LocalAzure, body: dict[str, Any], scope: str = _SCOPE, **options: Any) -> Any:
    return cost_client(azure).query.usage(scope, body, **options)  # type: ignore[call-overload]  # plain JSON


def money(rows: list[list[Any]]) -> dict[tuple[Any, ...], Decimal]:
    """(all but the amount) -> amount."""
    totals: defaultdict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for amount, *key in rows:
        totals[tuple(key)] += Decimal(str(amount))
    return dict(totals)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[LocalAzure, CostSeed]]:
    with LocalAzure(clock=NOW.timestamp) as azure:
        azure.limits.cost_units = ((1e6, 10),)
        azure.limits.cost_calls = (1_000_000, 10)
        yield azure, seed_costs(azure, 40, currencies={SECOND_SUBSCRIPTION: "EUR"})


@pytest.fixture
def azure(running: tuple[LocalAzure, CostSeed]) -> Iterator[LocalAzure]:
    running[0].reset_calls()
    yield running[0]
    running[0].faults.clear()
    running[0].costs.page_size = 5000


@pytest.fixture
def seeded(running: tuple[LocalAzure, CostSeed]) -> CostSeed:
    return running[1]


@pytest.fixture
def empty() -> Iterator[LocalAzure]:
    with LocalAzure(clock=NOW.timestamp) as azure:
        azure.subscriptions.ensure(DEFAULT_SUBSCRIPTION)
        yield azure


def week() -> tuple[date, date]:
    yesterday = NOW.date() - timedelta(days=1)
    return yesterday - timedelta(days=6), yesterday


@pytest.mark.parametrize("kind", ["ActualCost", "AmortizedCost"])
def test_a_week_by_day_and_service(azure: LocalAzure, seeded: CostSeed, kind: str) -> None:
    first, last = week()
    answer = ask(azure, query(first, last, "ServiceName", kind=kind))
    assert [(column.name, column.type) for column in answer.columns] == [
        ("Cost", "Number"),
        ("UsageDate", "Number"),
        ("ServiceName", "String"),
        ("Currency", "String"),
    ]
    assert answer.next_link is None
    told = money(answer.rows)
    expected: dict[tuple[Any, ...], Decimal] = {}
    for offset in range(7):
        day = first + timedelta(days=offset)
        totals = seeded.totals(
            lambda line: line.service_name,
            amortized=kind == "AmortizedCost",
            subscription=DEFAULT_SUBSCRIPTION,
            first=day,
            last=day,
        )
        expected |= {(int(f"{day:%Y%m%d}"), service, "USD"): amount for (_, service), amount in totals.items()}
    assert set(told) == set(expected)
    for key, amount in expected.items():
        assert told[key] == pytest.approx(amount, abs=Decimal("1e-9"))


def test_actual_and_amortized_differ_by_the_reservation(azure: LocalAzure, seeded: CostSeed) -> None:
    first, last = week()
    month = first - timedelta(days=30)
    for kind in ("ActualCost", "AmortizedCost"):
        charges = {row[2] for row in ask(azure, query(month, last, "ChargeType", kind=kind)).rows}
        assert ("Purchase" in charges) == (kind == "ActualCost")
        assert ("UnusedReservation" in charges) == (kind == "AmortizedCost")


def test_by_tag_resource_and_more(azure: LocalAzure, seeded: CostSeed) -> None:
    first, last = week()
    groupings = ("ResourceId", "ServiceName", "ResourceLocation", "ChargeType", "tag:team")
    answer = ask(azure, query(first, last, *groupings))
    names = [column.name for column in answer.columns]
    assert names == [
        "Cost",
        "UsageDate",
        "ResourceId",
        "ServiceName",
        "ResourceLocation",
        "ChargeType",
        "TagKey",
        "TagValue",
        "Currency",
    ]
    by_team = money([[row[0], row[7]] for row in answer.rows])
    expected = seeded.totals(
        lambda line: line.tags.get("team", ""), subscription=DEFAULT_SUBSCRIPTION, first=first, last=last
    )
    assert {key: pytest.approx(amount) for (_, key), amount in expected.items()} == {
        team: amount for (team,), amount in by_team.items()
    }
    assert all(row[6] == "team" for row in answer.rows)
    assert all(row[2] == row[2].lower() for row in answer.rows)


def test_without_granularity_by_month_and_in_dollars(azure: LocalAzure, seeded: CostSeed) -> None:
    first, last = week()
    scope = f"subscriptions/{SECOND_SUBSCRIPTION}"
    both = {"cost": {"name": "Cost", "function": "Sum"}, "usd": {"name": "CostUSD", "function": "Sum"}}
    answer = ask(azure, query(first, last, granularity="None", aggregation=both), scope)
    ((euros, dollars, currency),) = answer.rows
    total = seeded.totals(subscription=SECOND_SUBSCRIPTION, first=first, last=last)["EUR", ""]
    assert (currency, euros) == ("EUR", pytest.approx(float(total)))
    assert dollars == pytest.approx(euros * 1.1096)
    months = ask(azure, query(last - timedelta(days=39), last, granularity="Monthly"), scope)
    assert [(column.name, column.type) for column in months.columns][1] == ("BillingMonth", "Datetime")
    assert months.rows[-1][1] == f"{last:%Y-%m}-01T00:00:00"


def test_a_group_and_a_filter(azure: LocalAzure, seeded: CostSeed) -> None:
    first, last = week()
    body = query(first, last, "ServiceName", granularity="None")
    body["dataset"]["filter"] = {
        "and": [
            {"dimensions": {"name": "ServiceName", "operator": "In", "values": ["storage", "Bandwidth"]}},
            {"tags": {"name": "team", "operator": "In", "values": ["vision"]}},
        ]
    }
    rows = ask(azure, body, f"{_SCOPE}/resourceGroups/WEB").rows
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    for (subscription, day), lines in seeded.days.items():
        for line in lines:
            if (subscription, line.resource_group) == (DEFAULT_SUBSCRIPTION, "web") and first <= day <= last:
                wanted = line.service_name in {"Storage", "Bandwidth"} and line.tags.get("team") == "vision"
                totals[line.service_name] += (line.cost or Decimal(0)) if wanted else Decimal(0)
    assert {row[1]: row[0] for row in rows} == {
        service: pytest.approx(float(amount)) for service, amount in totals.items() if amount
    }


def test_currencies_of_a_tenant_are_never_added_up(azure: LocalAzure, seeded: CostSeed) -> None:
    first, last = week()
    scope = "/providers/Microsoft.Management/managementGroups/root"
    by_name = ask(azure, query(first, last, "SubscriptionName", granularity="None"), scope).rows
    assert [row[1:] for row in by_name] == [["subscription-1", "USD"], ["subscription-2", "EUR"]]
    rows = ask(azure, query(first, last, granularity="None"), scope).rows
    expected = {currency: float(amount) for (currency, _), amount in seeded.totals(first=first, last=last).items()}
    assert {row[1]: row[0] for row in rows} == {name: pytest.approx(amount) for name, amount in expected.items()}
    assert set(expected) == {"USD", "EUR"}


def test_25_000_rows_arrive_in_pages_of_5_000(empty: LocalAzure) -> None:
    lines = [CostLine(resource_id=f"/subscriptions/s/resourceGroups/g/r/{n}", cost=Decimal(1)) for n in range(25_001)]
    empty.costs.load(DEFAULT_SUBSCRIPTION, _DAY, lines)
    body = query(_DAY, _DAY, "ResourceId")
    rows: list[list[Any]] = []
    options: dict[str, Any] = {}
    client = cost_client(empty)
    while True:
        answer: Any = client.query.usage(_SCOPE, body, **options)  # type: ignore[call-overload]  # plain JSON
        page = answer.rows
        rows += page
        if answer.next_link is None:
            break
        assert len(page) == 5000
        options = {"params": {"$skiptoken": parse_qs(urlsplit(answer.next_link).query)["$skiptoken"][0]}}
    assert empty.calls()["costmanagement:query"] == 6
    assert len({row[2] for row in rows}) == len(rows) == 25_001
    body["dataset"]["granularity"] = "None"
    with pytest.raises(HttpResponseError, match="skiptoken"):
        client.query.usage(_SCOPE, body, **options)  # type: ignore[call-overload]  # plain JSON


def test_a_further_page_fails_and_is_there_again(azure: LocalAzure) -> None:
    azure.costs.page_size = 3
    body = query(*week(), "ServiceName")
    following = ask(azure, body).next_link
    with plain_client(azure) as client:
        azure.inject("bad_page", api="costmanagement:query", count=1)
        assert client.post(following, json=body).status_code == 400
        assert len(client.post(following, json=body).json()["properties"]["rows"]) == 3
        azure.inject("internal", api="costmanagement:query", further=True)
        assert client.post(following, json=body).status_code == 500
    assert len(ask(azure, body).rows) == 3


def test_a_day_is_restated_and_a_day_has_nothing(empty: LocalAzure) -> None:
    body = query(_DAY, _DAY)
    assert ask(empty, body).rows == []
    empty.costs.load(DEFAULT_SUBSCRIPTION, _DAY, [CostLine(cost=Decimal("1.25"))])
    assert ask(empty, body).rows == [[1.25, 20261001, "USD"]]
    empty.costs.restate(DEFAULT_SUBSCRIPTION, _DAY, [CostLine(cost=Decimal("2.5"), currency="GBP")])
    assert ask(empty, body).rows == [[2.5, 20261001, "GBP"]]
    empty.inject("no_content", count=1)
    assert ask(empty, body) is None
    assert ask(empty, body) is not None


def test_costs_over_http(empty: LocalAzure) -> None:
    context = ssl.create_default_context(cafile=empty.ca_file)
    where = {"subscription": DEFAULT_SUBSCRIPTION, "day": "2026-10-01"}
    with httpx.Client(base_url=f"{empty.url}/_local", verify=context) as pages:
        lines = [{"service_name": "Storage", "cost": "1.25"}, {"service_name": "Storage", "cost": "0.25"}]
        assert pages.post("costs", params=where, json=lines).json() == {"lines": 2}
        assert ask(empty, query(_DAY, _DAY, "ServiceName")).rows == [[1.5, 20261001, "Storage", "USD"]]
        pages.put("costs", params=where, json=lines[1:])
        assert ask(empty, query(_DAY, _DAY)).rows == [[0.25, 20261001, "USD"]]
        assert pages.post("costs", json=lines).status_code == 400
        pages.delete("costs")
    assert ask(empty, query(_DAY, _DAY)).rows == []


def test_both_ends_of_a_period_are_in_it(empty: LocalAzure) -> None:
    for offset in range(-1, 3):
        day = _DAY + timedelta(days=offset)
        empty.costs.load(DEFAULT_SUBSCRIPTION, day, [CostLine(cost=Decimal(1))])
    body = query(_DAY, _DAY)
    body["timePeriod"]["to"] = "2026-10-02T00:00:00Z"
    assert [row[1] for row in ask(empty, body).rows] == [20261001, 20261002]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"type": "Guesses"}, "query type"),
        ({"timeframe": "Someday"}, "timeframe"),
        ({"timePeriod": {}}, "Time period"),
        ({"timePeriod": {"from": "2026-10-02", "to": "2026-10-01"}}, "is after"),
        ({"timePeriod": {"from": "2024-01-01", "to": "2026-10-01"}}, "1 year"),
        ({"dataset": {"aggregation": {"c": {"name": "Colour", "function": "Sum"}}}}, "Colour"),
        ({"dataset": {}}, "aggregation"),
    ],
)
def test_a_wrong_query_is_refused(empty: LocalAzure, change: dict[str, Any], says: str) -> None:
    with pytest.raises(HttpResponseError, match=says) as refused:
        ask(empty, {**query(_DAY, _DAY), **change})
    assert refusal(refused.value) == (400, "BadRequest")


def test_the_dimensions_are_those_of_the_agreement(empty: LocalAzure) -> None:
    with pytest.raises(HttpResponseError, match="Invalid dataset grouping: 'ServiceFamily'; valid values: 'Resource"):
        ask(empty, query(_DAY, _DAY, "ServiceFamily"))
    empty.costs.agreement[DEFAULT_SUBSCRIPTION] = "mca"
    assert ask(empty, query(_DAY, _DAY, "ServiceFamily")).rows == []
    with pytest.raises(HttpResponseError, match="'MeterId'"):
        ask(empty, query(_DAY, _DAY, "MeterId"))


def test_units_of_a_query_count_down_and_then_there_is_no_retry_after(empty: LocalAzure) -> None:
    empty.limits.cost_units = ((3, 600), (60, 3600))
    headers = Headers()
    two_months = query(date(2026, 9, 1), _DAY)
    ask(empty, two_months, raw_response_hook=headers)
    assert headers.all[-1]["x-ms-ratelimit-microsoft.costmanagement-qpu-consumed"] == "2"
    assert headers.all[-1]["x-ms-ratelimit-microsoft.costmanagement-qpu-remaining"].endswith("QueriesPerHour:58")
    with pytest.raises(HttpResponseError, match="Too many requests") as refused:
        ask(empty, two_months, raw_response_hook=headers)
    assert refusal(refused.value) == (429, "429")
    assert "retry-after" not in headers.all[-1]
    assert 0 < int(headers.all[-1]["x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after"]) <= 600
    ask(empty, query(_DAY, _DAY))


def test_calls_of_one_scope_have_a_limit_of_their_own(empty: LocalAzure) -> None:
    empty.limits.cost_calls = (1, 600)
    headers = Headers()
    ask(empty, query(_DAY, _DAY))
    with pytest.raises(HttpResponseError):
        ask(empty, query(_DAY, _DAY), raw_response_hook=headers)
    assert "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after" in headers.all[-1]
    ask(empty, query(_DAY, _DAY), f"{_SCOPE}/resourceGroups/web")


def test_denied_and_disabled(azure: LocalAzure) -> None:
    body = query(*week())
    azure.faults.deny(scope=_SCOPE)
    with pytest.raises(HttpResponseError) as refused:
        ask(azure, body)
    assert refusal(refused.value) == (403, "RBACAccessDenied")
    azure.faults.clear()
    azure.faults.disable_subscription(DEFAULT_SUBSCRIPTION)
    with pytest.raises(HttpResponseError) as refused:
        ask(azure, body)
    assert refusal(refused.value) == (409, "ReadOnlyDisabledSubscription")


def test_tags_of_each_line(empty: LocalAzure) -> None:
    empty.costs.load(DEFAULT_SUBSCRIPTION, _DAY, [CostLine(cost=Decimal(1), tags={"team": "a", "env": "prod"})])
    with plain_client(empty) as client:
        path = f"{_SCOPE}/providers/Microsoft.CostManagement/query"
        body = query(_DAY, _DAY, include=["Tags"])
        properties = client.post(path, params={"api-version": "2025-03-01"}, json=body).json()["properties"]
    assert properties["columns"][2] == {"name": "Tags", "type": "Array"}
    assert properties["rows"] == [[1.0, 20261001, ['"env":"prod"', '"team":"a"'], "USD"]]
