"""A batch as OpenFinOps takes it: true figures, and nothing where there is none."""

import json
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import pytest

from agents.destinations.openfinops.shape import Telemetry, agent_of, telemetry_of, to_json
from telemetry.batch import Batch, Points, Rate, Series
from telemetry.costs import CostLine
from telemetry.errors import ForwardRejected
from telemetry.target import format_time
from tests.support.outbox import EC2, make_batch


def _summary(batch: Batch) -> dict[str, Any]:
    summary: dict[str, Any] = telemetry_of(batch, "host").metrics["summary"]
    return summary


def _replace(batch: Batch, **changes: Any) -> Batch:
    return msgspec.structs.replace(batch, **changes)


def test_the_row_names_agent_window_and_batch() -> None:
    batch = make_batch()
    telemetry = telemetry_of(batch, "host-1")
    assert telemetry.agent_id == agent_of(EC2, "host-1").agent_id == "finfleet:aws/prod/us-east-1/ec2"
    assert (telemetry.hostname, telemetry.cloud_provider, telemetry.region) == ("host-1", "aws", "us-east-1")
    assert telemetry.timestamp == batch.run.window.end.timestamp()
    (event,) = telemetry.events
    assert event["idempotency_key"] == telemetry.idempotency_key == str(batch.batch_id)
    assert (event["batch_number"], event["records"], event["final"]) == (1, batch.record_count, True)


def test_the_event_names_what_is_missing_and_is_silent_where_nothing_is() -> None:
    missing = ("prices of 3 instances: no pricing:GetProducts",)
    (event,) = telemetry_of(_replace(make_batch(), partial=missing), "host-1").events
    assert event["partial"] == [*missing]
    assert "partial" not in telemetry_of(make_batch(), "host-1").events[0]


def test_a_whole_window_has_its_total_in_its_currency() -> None:
    batch = make_batch(prices=[("0.0960", "USD"), ("0.1", "USD"), None])
    assert _summary(batch) == {
        "whole_window": True,
        "resources_in_batch": 3,
        "points_in_batch": 3,
        "cost_lines_in_batch": 0,
        "total_resources": 3,
        "resources_without_price": 1,
        "currency": "USD",
        "total_hourly_cost": Decimal("0.1960"),
    }
    service = telemetry_of(batch, "host").metrics["services"]["ec2"]
    assert service["total_hourly_cost"] == Decimal("0.1960")


def test_currencies_are_never_added_up() -> None:
    summary = _summary(make_batch(prices=[("1", "USD"), ("2", "EUR"), ("3", "USD")]))
    assert "total_hourly_cost" not in summary
    assert summary["total_hourly_cost_by_currency"] == {"EUR": Decimal(2), "USD": Decimal(4)}


def test_without_any_price_there_is_no_total() -> None:
    summary = _summary(make_batch(prices=[None, None]))
    assert "total_hourly_cost" not in summary
    assert "total_hourly_cost_by_currency" not in summary
    assert summary["resources_without_price"] == 2


@pytest.mark.parametrize(("number", "final"), [(1, False), (2, True), (2, False)])
def test_a_part_of_a_window_has_no_totals(number: int, final: bool) -> None:
    summary = _summary(make_batch(number=number, final=final))
    in_batch = {"resources_in_batch": 2, "points_in_batch": 2, "cost_lines_in_batch": 0}
    assert summary == {"whole_window": False, **in_batch}


def test_a_resource_counts_once_by_its_latest_rate() -> None:
    batch = make_batch(prices=[("0.5", "USD")])
    rate = batch.rates[0]
    later = Rate(0, rate.start + 60, 300, Decimal(7), "USD", "stopped")
    for rates in ([rate, later], [later, rate]):
        assert _summary(_replace(batch, rates=rates))["total_hourly_cost"] == Decimal(7)


def test_resources_carry_what_is_known_of_them() -> None:
    priced, unpriced = telemetry_of(make_batch(), "host").metrics["services"]["ec2"]["resources"]
    assert (priced["hourly_cost"], priced["currency"], priced["price_basis"]) == (
        Decimal("0.0960"),
        "USD",
        "on_demand_list",
    )
    assert priced["attributes"] == {"state": "running"}
    assert priced["metrics"] == [
        {
            "metric": "cpu_utilization",
            "source_metric": "CPUUtilization",
            "statistic": "average",
            "unit": "percent",
            "period_seconds": 300,
            "points": 1,
            "latest": 10.0,
            "minimum": 10.0,
            "maximum": 10.0,
            "mean": 10.0,
        }
    ]
    assert not {"hourly_cost", "currency", "price_basis"} & set(unpriced)


def test_points_of_a_series_are_summed_up() -> None:
    batch = make_batch(prices=[None])
    series = [Series(0, "network_in", "NetworkIn", "bytes", "sum", 60)]
    batch = _replace(batch, series=series, points=Points([0, 0, 0], [120, 0, 60], [3.0, 1.0, 8.0]))
    (metric,) = telemetry_of(batch, "host").metrics["services"]["ec2"]["resources"][0]["metrics"]
    assert (metric["points"], metric["latest"], metric["minimum"], metric["maximum"]) == (3, 3.0, 1.0, 8.0)
    assert metric["mean"] == 4.0


def test_a_mean_that_no_double_holds_is_left_out() -> None:
    batch = make_batch(prices=[None])
    batch = _replace(batch, points=Points([0, 0], [0, 60], [1.7e308, 1.7e308]))
    (metric,) = telemetry_of(batch, "host").metrics["services"]["ec2"]["resources"][0]["metrics"]
    assert "mean" not in metric
    assert metric["maximum"] == 1.7e308


@pytest.mark.parametrize("amount", ["0.0960", "0.1", "123456789.012345", "0.000000000001", "3.00"])
def test_money_arrives_digit_by_digit(amount: str) -> None:
    text = to_json(telemetry_of(make_batch(prices=[(amount, "USD")]), "host"))
    exact = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    assert exact["metrics"]["summary"]["total_hourly_cost"] == Decimal(amount)
    # OpenFinOps itself reads doubles: of up to 15 digits they give the amount back.
    as_read = json.loads(text)["metrics"]["summary"]["total_hourly_cost"]
    assert Decimal(repr(as_read)) == Decimal(amount)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("Infinity")])
def test_what_is_no_number_is_refused_by_its_place(value: float | Decimal) -> None:
    telemetry = Telemetry("k", "a", "h", "p", "r", 0, {"services": [{"ec2": value}]}, [])
    with pytest.raises(ForwardRejected, match=r"metrics\.services\[0\]\.ec2: .*finite"):
        to_json(telemetry)


def test_costs_arrive_line_by_line_and_totals_leave_other_cuts_out() -> None:
    window = make_batch().run.window
    line = partial(CostLine, start=window.start, end=window.end, currency="USD")
    lines = [
        line(billed_cost=Decimal("0.10"), effective_cost=Decimal("0.05"), service_name="EC2", estimated=True),
        line(billed_cost=Decimal("0.20"), currency="EUR", tags={"team": "web"}),
        line(billed_cost=Decimal("0.10"), breakdown="region", region_id="us-east-1"),
    ]
    empty = _replace(make_batch(), resources=[], series=[], points=Points([], [], []), rates=[])
    telemetry = telemetry_of(_replace(empty, costs=lines), "host")
    service = telemetry.metrics["services"]["ec2"]
    assert service["costs"][0] == {
        "start": format_time(window.start),
        "end": format_time(window.end),
        "currency": "USD",
        "billed_cost": Decimal("0.10"),
        "effective_cost": Decimal("0.05"),
        "service_name": "EC2",
        "estimated": True,
    }
    assert [cost.get("breakdown") for cost in service["costs"]] == [None, None, "region"]
    assert telemetry.metrics["summary"] == {
        "whole_window": True,
        "resources_in_batch": 0,
        "points_in_batch": 0,
        "cost_lines_in_batch": 3,
        "billed_cost_by_currency": {"EUR": Decimal("0.20"), "USD": Decimal("0.10")},
        "effective_cost_by_currency": {"USD": Decimal("0.05")},
    }
    assert b'"billed_cost":0.10' in to_json(telemetry)
