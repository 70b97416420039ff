"""Costs of the standalone agent: every granularity, both ends of a range, and what prints."""

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agents.aws_telemetry_agent import AWSTelemetryAgent
from emulators.aws import LocalAws
from emulators.aws.cost import CostLine
from emulators.aws.seed import seed_costs
from telemetry.errors import BudgetReached, CollectionFailed, Denied
from tests.support.clocks import agents_at
from tests.support.costs import cost_line, endpoints
from tests.support.ec2 import ACCESS_KEY, NOW, SECRET_KEY, standing_aws

API = "ce.GetCostAndUsage"


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


@pytest.fixture(autouse=True)
def _clock_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    agents_at(monkeypatch, NOW)


def _agent(aws: LocalAws, **settings: Any) -> AWSTelemetryAgent:
    return AWSTelemetryAgent(ACCESS_KEY, SECRET_KEY, "us-west-2", endpoints=endpoints(aws), settings=settings)


def _sum(charges: list[CostLine], start: datetime, end: datetime, metric: str = "UnblendedCost") -> float:
    return float(sum((one.amount(metric) for one in charges if start <= one.start < end), Decimal(0)))


def _day(number: int, month: int = 11) -> datetime:
    return datetime(2026, month, number, tzinfo=UTC)


def test_a_range_of_days_has_both_ends_and_prints(aws: LocalAws) -> None:
    charges = seed_costs(aws, 40)
    costs = _agent(aws).get_cost_and_usage(start_date=date(2026, 10, 30), end_date=date(2026, 11, 2))
    assert list(costs) == ["2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02"]
    for day, cost in costs.items():
        start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        end = start + timedelta(days=1)
        assert f"{day}: ${cost['total']:.2f}" == f"{day}: ${_sum(charges, start, end):.2f}"
        assert cost["total"] == cost["unblended"] == _sum(charges, start, end)
        assert cost["amortized"] == _sum(charges, start, end, "AmortizedCost")
        assert cost["net"] == _sum(charges, start, end, "NetUnblendedCost")
        assert cost["net_amortized"] == _sum(charges, start, end, "NetAmortizedCost")
        assert (cost["currency"], cost["estimated"]) == ("USD", start.month == 11)
        assert (cost["start"], cost["end"]) == (day, f"{end:%Y-%m-%d}")
        services = {one.service for one in charges if one.start == start}
        assert cost["by_service"] == {
            service: _sum([one for one in charges if one.service == service], start, end) for service in services
        }
        assert cost["by_currency"] == {"USD": {"total": cost["total"], "by_service": cost["by_service"]}}
    assert aws.calls() == {API: 1}
    assert {call.region for call in aws.records()} == {"us-east-1"}


def test_months_begin_and_end_where_the_range_does(aws: LocalAws) -> None:
    charges = seed_costs(aws, 40)
    costs = _agent(aws).get_cost_and_usage(date(2026, 10, 20), date(2026, 11, 5), "MONTHLY")
    assert {month: cost["total"] for month, cost in costs.items()} == {
        "2026-10-20": _sum(charges, _day(20, 10), _day(1)),
        "2026-11-01": _sum(charges, _day(1), _day(6)),
    }
    assert costs["2026-11-01"]["end"] == "2026-11-06"


def test_hours_are_named_by_their_instant(aws: LocalAws) -> None:
    charges = seed_costs(aws, 3)
    start = datetime(2026, 11, 22, 22, tzinfo=UTC)
    costs = _agent(aws).get_cost_and_usage(start, start + timedelta(hours=3), "HOURLY")
    assert {hour: cost["total"] for hour, cost in costs.items()} == {
        "2026-11-22T22:00:00Z": _sum(charges, start, start + timedelta(hours=1)),
        "2026-11-22T23:00:00Z": _sum(charges, start + timedelta(hours=1), start + timedelta(hours=2)),
        "2026-11-23T00:00:00Z": _sum(charges, start + timedelta(hours=2), start + timedelta(hours=3)),
    }
    whole_day = _agent(aws).get_cost_and_usage(date(2026, 11, 22), date(2026, 11, 22), "HOURLY")
    assert len(whole_day) == 24


def test_datetimes_leave_their_end_out(aws: LocalAws) -> None:
    seed_costs(aws, 5)
    costs = _agent(aws).get_cost_and_usage(_day(21), _day(23))
    assert list(costs) == ["2026-11-21", "2026-11-22"]


def test_a_day_without_costs_is_zero_in_no_currency(aws: LocalAws) -> None:
    aws.costs.load([cost_line("1.5")])
    costs = _agent(aws).get_cost_and_usage(date(2026, 11, 21), date(2026, 11, 22))
    empty = costs["2026-11-21"]
    assert (empty["total"], empty["amortized"], empty["currency"]) == (0.0, 0.0, None)
    assert (empty["by_service"], empty["by_currency"]) == ({}, {})
    assert costs["2026-11-22"]["total"] == 1.5


def test_all_pages_are_read(aws: LocalAws) -> None:
    charges = seed_costs(aws, 5)
    whole = _agent(aws).get_cost_and_usage(date(2026, 11, 20), date(2026, 11, 23))
    aws.costs.page_size = 4
    aws.log.reset()
    assert _agent(aws).get_cost_and_usage(date(2026, 11, 20), date(2026, 11, 23)) == whole
    groups = len({(one.start.date(), one.service) for one in charges if _day(20) <= one.start < _day(24)})
    assert aws.calls() == {API: -(-groups // 4)}


def test_net_costs_that_are_withheld_are_nan(aws: LocalAws) -> None:
    aws.costs.net = False
    aws.costs.load([cost_line("1.5")])
    (cost,) = _agent(aws).get_cost_and_usage(date(2026, 11, 22), date(2026, 11, 22)).values()
    assert (cost["total"], cost["amortized"]) == (1.5, 1.5)
    assert math.isnan(cost["net"])
    assert math.isnan(cost["net_amortized"])


@pytest.mark.parametrize("hourly", [True, False])
def test_hours_that_aws_does_not_have_say_what_mends_it(aws: LocalAws, *, hourly: bool) -> None:
    aws.costs.hourly = hourly
    day = date(2026, 11, 1) if hourly else date(2026, 11, 22)
    with pytest.raises(CollectionFailed, match="hourly costs reach back 14 days, and only where") as caught:
        _agent(aws).get_cost_and_usage(day, day, "HOURLY")
    assert "use DAILY" in str(caught.value)


def test_what_cannot_be_asked_is_refused_before_any_call(aws: LocalAws) -> None:
    with pytest.raises(ValueError, match="end_date"):
        _agent(aws).get_cost_and_usage(date(2026, 11, 2), date(2026, 11, 1))
    assert aws.calls() == {}


def test_a_missing_permission_is_raised_by_name(aws: LocalAws) -> None:
    aws.inject("deny", service="ce")
    with pytest.raises(Denied) as caught:
        _agent(aws).get_cost_and_usage(date(2026, 11, 1), date(2026, 11, 1))
    assert caught.value.permission == "ce:GetCostAndUsage"
    assert SECRET_KEY not in f"{caught.value!r} {caught.value}"


def test_a_budget_holds_for_the_agent_too(aws: LocalAws) -> None:
    seed_costs(aws, 5)
    agent = _agent(aws, budget_usd_per_day="0.01")
    agent.get_cost_and_usage(date(2026, 11, 20), date(2026, 11, 20))
    with pytest.raises(BudgetReached, match="raise budget_usd_per_day"):
        agent.get_cost_and_usage(date(2026, 11, 20), date(2026, 11, 20))
    assert aws.calls() == {API: 1}
