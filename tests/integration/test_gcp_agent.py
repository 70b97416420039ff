"""The Google Cloud agent of OpenFinOps's API against the local one: every documented call, key and printed field."""

import json
import logging
import math
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.gcp_telemetry_agent import GCPTelemetryAgent
from emulators.gcp import LocalGcp
from emulators.gcp.seed import seed_billing, seed_compute, seed_vertex
from emulators.gcp.seed.compute import ComputeSeed
from telemetry.errors import ConfigError, Denied
from tests.support.clocks import agents_at
from tests.support.gcp import NOW, PROJECT, endpoints, standing_gcp
from tests.support.waiting import until

ZONES = ("us-central1-a", "us-central1-b", "europe-west4-a")
MONTH = date(2026, 9, 1)


@pytest.fixture(autouse=True)
def _clock_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    agents_at(monkeypatch, NOW)


@pytest.fixture(scope="module")
def seeded(gcp: LocalGcp) -> ComputeSeed:
    return seed_compute(gcp, 60, [PROJECT], ZONES, hours_back=0.5, hours_ahead=0.1)


@pytest.fixture(scope="module")
def gcp() -> Iterator[LocalGcp]:
    with standing_gcp() as running:
        seed_vertex(running, 4, [PROJECT], hours_back=0.5, hours_ahead=0.1)
        yield running


@pytest.fixture(scope="module")
def key(gcp: LocalGcp, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gcp.credentials_file(PROJECT, tmp_path_factory.mktemp("keys"))


@pytest.fixture
def make(gcp: LocalGcp, seeded: ComputeSeed, key: Path, tmp_path: Path) -> Callable[..., GCPTelemetryAgent]:
    """An agent of the local Google Cloud, which has sixty instances."""
    assert len(seeded.instances) == 60

    def agent(**more: Any) -> GCPTelemetryAgent:
        given = {"project_id": PROJECT, "credentials_file": str(key), "endpoints": endpoints(gcp), **more}
        return GCPTelemetryAgent(**given, settings={"quotas": {"*": 1000}}, price_cache=tmp_path)

    return agent


def test_instances_have_every_documented_key_and_print(
    make: Callable[..., GCPTelemetryAgent], seeded: ComputeSeed
) -> None:
    found = make().collect_compute_metrics()

    assert len(found) == 60
    for one in found:
        line = (
            f"{one['name']} {one['cpu_utilization']:.1f}% {one['memory_utilization']:.1f}% "
            f"{one['gpu_utilization']:.1f}% ${one['cost_per_hour']:.4f}"
        )
        assert one["name"] in line
    running = [one for one in found if one["state"] == "RUNNING"]
    assert all(0 < one["cpu_utilization"] <= 100 and one["network_in"] > 0 for one in running)
    prices = {one.name: one.hourly_price for one in seeded.instances}
    for one in running:
        price = prices[one["name"]]
        assert math.isnan(one["cost_per_hour"]) if price is None else one["cost_per_hour"] == float(price)
    assert {one["price_basis"] for one in running} == {"on_demand_list", "spot", None}
    assert 0 < sum(not math.isnan(one["memory_utilization"]) for one in running) < len(running)
    assert all(one["cost_per_hour"] == 0 for one in found if one["state"] == "TERMINATED")
    assert all(math.isnan(one["cpu_utilization"]) for one in found if one["state"] == "TERMINATED")


def test_instances_by_zone_and_by_name(gcp: LocalGcp, make: Callable[..., GCPTelemetryAgent]) -> None:
    agent = make()
    in_zone = agent.collect_compute_metrics(zone=ZONES[0])
    assert len(in_zone) == 20
    assert {one["zone"] for one in in_zone} == {ZONES[0]}
    wanted = [in_zone[0]["name"], in_zone[1]["name"]]
    named = agent.collect_compute_metrics(instance_names=[*wanted, "absent", wanted[0]])
    assert sorted(one["name"] for one in named) == sorted(wanted)
    assert agent.collect_compute_metrics(instance_names=wanted, zone=ZONES[1]) == []
    gcp.reset_calls()
    assert agent.collect_compute_metrics(instance_names=["absent"]) == []
    assert "monitoring:ListTimeSeries" not in gcp.calls(), "nobody pays for metrics of nothing"
    assert agent.collect_compute_metrics(instance_names=[]) == []


def test_endpoints_have_every_documented_key_and_print(make: Callable[..., GCPTelemetryAgent]) -> None:
    found = {one["name"]: one for one in make().collect_vertex_ai_metrics()}

    assert found.keys() == {f"endpoint-{number}" for number in range(4)}
    for one in found.values():
        line = (
            f"{one['name']} {one['prediction_count']} {one['latency_p50_ms']:.2f}ms {one['latency_p95_ms']:.2f}ms "
            f"{one['error_rate']:.2f}%"
        )
        assert one["name"] in line
    busy = [found[f"endpoint-{number}"] for number in range(3)]
    assert all(one["prediction_count"] > 0 for one in busy)
    assert all(0 < one["latency_p50_ms"] < one["latency_p95_ms"] for one in busy)
    assert busy[0]["error_rate"] == 0, "Google counted responses, and no errors"
    assert busy[2]["error_rate"] > 0
    idle = found["endpoint-3"]
    for name in ("prediction_count", "latency_p50_ms", "latency_p95_ms", "error_rate"):
        assert math.isnan(idle[name]), "no traffic is not zero"
    (alone,) = make().collect_vertex_ai_metrics(endpoint_id=busy[0]["endpoint_id"])
    assert alone["name"] == "endpoint-0"
    assert make().collect_vertex_ai_metrics(endpoint_id="1") == []


def test_a_bill_is_the_exports_own_sum_and_prints(gcp: LocalGcp, make: Callable[..., GCPTelemetryAgent]) -> None:
    seeded = seed_billing(gcp, MONTH, 5, [PROJECT], dataset="one")
    agent = make(billing_export_table=seeded.table)

    bill = agent.get_billing_data(MONTH, MONTH + timedelta(days=2))

    start = datetime(2026, 9, 1, tzinfo=UTC)
    own = seeded.totals(start, start + timedelta(days=3))["USD"]
    assert bill["total"] == float(own.net)
    assert (bill["cost"], bill["credits"]) == (float(own.cost), float(own.credits))
    assert own.credits < 0
    assert bill["currency"] == "USD"
    by_service = seeded.totals(start, start + timedelta(days=3), by="service")
    assert bill["by_service"] == {name: float(total.net) for name, total in by_service.items()}
    assert f"Total Cost: ${bill['total']:.2f}" == f"Total Cost: ${own.net:.2f}"
    assert "".join(f"{service}: ${cost:.2f}" for service, cost in bill["by_service"].items())
    # Datetimes are half-open: the same three days, and the half of one.
    assert agent.get_billing_data(start, start + timedelta(days=3)) == bill
    half = agent.get_billing_data(start, start + timedelta(hours=12))
    assert half["total"] == float(seeded.totals(start, start + timedelta(hours=12))["USD"].net)


def test_late_and_corrected_rows_are_in_the_next_answer(gcp: LocalGcp, make: Callable[..., GCPTelemetryAgent]) -> None:
    seeded = seed_billing(gcp, MONTH, 2, [PROJECT], dataset="late", detailed=True)
    agent = make(billing_export_table=seeded.table)
    before = agent.get_billing_data(MONTH, MONTH)["total"]
    seeded.add_late(MONTH, datetime(2026, 9, 6, tzinfo=UTC))
    seeded.correct(MONTH, datetime(2026, 10, 4, tzinfo=UTC))
    after = agent.get_billing_data(MONTH, MONTH)["total"]
    start = datetime(2026, 9, 1, tzinfo=UTC)
    assert after == float(seeded.totals(start, start + timedelta(days=1))["USD"].net)
    assert after - before == pytest.approx(3.25 - 0.75 - 1.5)


def test_two_currencies_are_never_added(gcp: LocalGcp, make: Callable[..., GCPTelemetryAgent]) -> None:
    dollars = seed_billing(gcp, MONTH, 1, [PROJECT], dataset="mixed")
    euros = seed_billing(gcp, MONTH, 1, [PROJECT], dataset="mixed", currency="EUR")
    assert dollars.table == euros.table
    bill = make(billing_export_table=dollars.table).get_billing_data(MONTH, MONTH)
    assert math.isnan(bill["total"])
    assert bill["currency"] is None
    assert bill["by_service"] == {}
    start = datetime(2026, 9, 1, tzinfo=UTC)
    own = dollars.totals(start, start + timedelta(days=1))
    assert {name: one["total"] for name, one in bill["by_currency"].items()} == {
        name: float(total.net) for name, total in own.items()
    }


def test_nothing_exported_yet_is_not_zero(gcp: LocalGcp, make: Callable[..., GCPTelemetryAgent]) -> None:
    seeded = seed_billing(gcp, MONTH, 1, [PROJECT], dataset="empty")
    bill = make(billing_export_table=seeded.table).get_billing_data(date(2026, 10, 1), date(2026, 10, 2))
    assert math.isnan(bill["total"])
    assert bill["by_currency"] == {}


def test_a_bill_that_lacks_an_amount_has_no_total(gcp: LocalGcp, make: Callable[..., GCPTelemetryAgent]) -> None:
    seeded = seed_billing(gcp, MONTH, 1, [PROJECT], dataset="holes")
    (row, *_) = gcp.billing_export.rows(seeded.table)
    gcp.billing_export.load(seeded.table, [{**row, "currency": None, "credits": []}])
    bill = make(billing_export_table=seeded.table).get_billing_data(MONTH, MONTH)
    assert math.isnan(bill["total"])
    assert [reason.partition(":")[0] for reason in bill["partial"]] == ["amounts of 1 bill line"]
    assert bill["by_currency"].keys() == {"USD"}


def test_without_an_export_it_says_what_to_configure(gcp: LocalGcp, make: Callable[..., GCPTelemetryAgent]) -> None:
    gcp.projects.add("shop-none")
    with pytest.raises(Denied, match=r"shop-none has no table .* set gcp\.billing_export_table"):
        make(project_id="shop-none").get_billing_data(MONTH, MONTH)


def test_the_only_export_of_a_project_is_found(gcp: LocalGcp, make: Callable[..., GCPTelemetryAgent]) -> None:
    seeded = seed_billing(gcp, MONTH, 1, ["shop-bill"], dataset="found")
    for number in range(3):
        gcp.billing_export.create(f"shop-bill.found.cloud_pricing_export_{number}")
        gcp.billing_export.create(f"shop-bill.other_{number}.gcp_billing_export_v1_notes")
    gcp.bigquery.listing_page = 1
    agent = make(project_id="shop-bill")
    gcp.reset_calls()
    bill = agent.get_billing_data(MONTH, MONTH)
    start = datetime(2026, 9, 1, tzinfo=UTC)
    assert bill["total"] == float(seeded.totals(start, start + timedelta(days=1))["USD"].net)
    assert gcp.calls()["bigquery:datasets.list"] == 4, "every page"
    agent.get_billing_data(MONTH, MONTH)
    assert gcp.calls()["bigquery:datasets.list"] == 4, "it is looked up once"

    second = seeded.table.replace("_v1_", "_resource_v1_")
    gcp.billing_export.create(second)
    with pytest.raises(Denied, match="2 tables of the export") as caught:
        make(project_id="shop-bill").get_billing_data(MONTH, MONTH)
    assert seeded.table in str(caught.value)
    assert second in str(caught.value)


def test_who_may_not_list_is_told_both_ways_out(gcp: LocalGcp, make: Callable[..., GCPTelemetryAgent]) -> None:
    gcp.faults.deny("bigquery.datasets.get", count=1)
    with pytest.raises(Denied, match=r"allow bigquery\.datasets\.get .*, or set billing_export_table") as caught:
        make().get_billing_data(MONTH, MONTH)
    assert caught.value.permission == "bigquery.datasets.get"


def test_the_table_may_be_given_by_a_variable(
    gcp: LocalGcp, make: Callable[..., GCPTelemetryAgent], monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded = seed_billing(gcp, MONTH, 1, [PROJECT], dataset="by_variable")
    monkeypatch.setenv("GCP_BILLING_EXPORT_TABLE", seeded.table)
    gcp.reset_calls()
    assert make().get_billing_data(MONTH, MONTH)["total"] > 0
    assert "bigquery:datasets.list" not in gcp.calls()


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (MONTH, date(2026, 8, 1), "not before start_date"),
        (datetime(2026, 9, 1), datetime(2026, 9, 2), "add a time zone"),  # noqa: DTZ001 - the fault
        (MONTH, datetime(2026, 9, 2, tzinfo=UTC), "use two dates"),
    ],
)
def test_a_span_that_cannot_be_is_refused(
    make: Callable[..., GCPTelemetryAgent], start: date, end: date, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        make().get_billing_data(start, end)
    with pytest.raises(TypeError, match="start_date"):
        make().get_billing_data("2026-09-01", MONTH)  # type: ignore[arg-type] # the fault


def test_references_to_the_environment_are_replaced(
    make: Callable[..., GCPTelemetryAgent], key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PROJECT", PROJECT)
    monkeypatch.setenv("TEST_KEY", str(key))
    agent = make(project_id="${TEST_PROJECT}", credentials_file="${TEST_KEY}")
    assert agent.project_id == PROJECT
    assert len(agent.collect_compute_metrics()) == 60
    with pytest.raises(ConfigError, match="TEST_ABSENT is not set"):
        make(project_id="${TEST_ABSENT}")


def test_the_project_of_the_credentials_is_used_where_none_is_named(make: Callable[..., GCPTelemetryAgent]) -> None:
    assert len(make(project_id=None).collect_compute_metrics()) == 60


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"project_id": "Not A Project"}, "project_id"),
        ({"billing_export_table": "just-a-table"}, "billing_export_table"),
        ({"endpoints": {"monitoring": "http://example.com"}}, "use https"),
        ({"endpoints": {"compute": "https://example.com"}}, "known are monitoring"),
    ],
)
def test_an_argument_that_cannot_be_right_is_named(
    make: Callable[..., GCPTelemetryAgent], argument: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        make(**argument)


def test_positional_arguments_are_those_of_the_reference(gcp: LocalGcp, key: Path, tmp_path: Path) -> None:
    agent = GCPTelemetryAgent(PROJECT, str(key), endpoints=endpoints(gcp), price_cache=tmp_path)
    assert agent.collect_vertex_ai_metrics("1") == []


def test_it_collects_in_the_background_until_it_is_stopped(make: Callable[..., GCPTelemetryAgent]) -> None:
    agent = make()
    rounds: list[str] = []
    agent.start_collection(interval_seconds=0.05, on_collected=lambda service, _rows: rounds.append(service))
    try:
        with pytest.raises(RuntimeError, match="stop_collection"):
            agent.start_collection()
        until(lambda: rounds.count("vertex_ai") >= 2, 60)
    finally:
        agent.stop_collection()
    assert {name: len(rows) for name, rows in agent.latest.items()} == {"compute": 60, "vertex_ai": 4}
    assert rounds[:2] == ["compute", "vertex_ai"]
    assert "gcp-telemetry-agent" not in {thread.name for thread in threading.enumerate()}


def test_in_the_background_one_service_that_is_denied_harms_no_other(
    gcp: LocalGcp, make: Callable[..., GCPTelemetryAgent], key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    gcp.faults.deny("cloudasset.assets.listResource", count=1)
    agent = make()
    agent.start_collection(interval_seconds=300)
    try:
        until(lambda: "vertex_ai" in agent.latest, 60)
    finally:
        agent.stop_collection()
    assert set(agent.latest) == {"vertex_ai"}
    assert "allow cloudasset.assets.listResource" in caplog.text
    secret = json.loads(key.read_text(encoding="utf-8"))["private_key"]
    assert secret[40:80] not in f"{caplog.text} {agent!r} {vars(agent)}"
