"""Kinds of faults that were found in answers of the real Google Cloud: each against the local one."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agents.gcp.monitoring import Metric, MetricReader, Value
from emulators.gcp import LocalGcp
from emulators.gcp.asset import Asset
from emulators.gcp.projects import project_number
from emulators.gcp.seed import seed_functions, seed_gke, seed_storage, seed_vertex
from telemetry.batch import Outcome
from telemetry.errors import Unavailable
from telemetry.records import Resource
from telemetry.target import Window
from tests.support.collecting import Collected, collect
from tests.support.gcp import (
    CPU,
    NOW,
    PROJECT,
    RECEIVED,
    TARGET,
    WINDOW,
    add_instance,
    machine_type,
    put,
    shared,
    standing_gcp,
)

_MINUTE = timedelta(minutes=1)
_LATER = Window(WINDOW.end, WINDOW.end + 5 * _MINUTE)
_DATA = Path(__file__).parents[1] / "data"
_INSTANCES = json.loads((_DATA / "gcp-instances.json").read_text(encoding="utf-8"))
_BAD = json.loads((_DATA / "gcp-bad-assets.json").read_text(encoding="utf-8"))
_VERTEX = "gcp/default/global/vertex_ai"


@pytest.fixture
def gcp() -> Iterator[LocalGcp]:
    with standing_gcp() as running:
        yield running


def _traffic(gcp: LocalGcp, number: str, until: datetime, size: int = 400, name: str = "vm-0001") -> None:
    """Five minutes of it, each of so many bytes, until then."""
    labels = {"instance_name": name, "loadbalanced": "false"}
    points = [(until - minute * _MINUTE, size) for minute in range(5)]
    put(gcp, RECEIVED, number, points, labels=labels, kind="DELTA", value_type="INT64")


def _one(collected: Collected) -> Resource:
    assert collected.error is None
    (resource,) = collected.resources
    return resource


def test_a_deleted_instance_is_known_by_labels_alone_and_says_so(gcp: LocalGcp) -> None:
    number = add_instance(gcp, labels={"team": "search"})
    _traffic(gcp, number, WINDOW.end + _MINUTE)
    gcp.assets.remove(PROJECT, gcp.assets.of(PROJECT)[0].name, at=WINDOW.end + 2 * _MINUTE)
    listed, gone = _one(collect(shared(gcp), TARGET, WINDOW)), _one(collect(shared(gcp), TARGET, _LATER))
    assert gone.key == listed.key
    assert (listed.whole, listed.tags) == (True, {"team": "search"})
    assert (gone.whole, gone.type, gone.name) == (False, "", "vm-0001")


def test_a_deleted_endpoint_is_known_by_labels_alone_and_says_so(gcp: LocalGcp) -> None:
    labels = {"endpoint_id": "123", "location": "us-central1"}
    rows = [(WINDOW.end - _MINUTE, WINDOW.end, 3)]
    metric = "aiplatform.googleapis.com/prediction/online/prediction_count"
    gcp.metrics.put(PROJECT, metric, {}, "aiplatform.googleapis.com/Endpoint", labels, "DELTA", "INT64", rows)
    gone = _one(collect(shared(gcp), _VERTEX, WINDOW))
    assert (gone.whole, gone.name, gone.attributes) == (False, "", {"endpoint_id": "123"})


def test_an_instance_that_is_made_anew_under_its_name_has_both_series(gcp: LocalGcp) -> None:
    add_instance(gcp, id="222")
    for number in ("111", "222"):
        _traffic(gcp, number, WINDOW.end)
    collected = collect(shared(gcp), TARGET, WINDOW)
    points = collected.points("network_in")
    assert sum(point.value for point in points) == 4000
    by_id = {str(point.resource.attributes["instance_id"]): point.resource.resource_id for point in points}
    assert by_id["222"].endswith("/instances/vm-0001"), "the name is the one's that has it at the end of the window"
    assert by_id["111"].endswith("/instances/111"), "as Google's own links with an id name it"


def test_a_resource_on_two_pages_is_taken_once(gcp: LocalGcp, monkeypatch: pytest.MonkeyPatch) -> None:
    number = add_instance(gcp)
    _traffic(gcp, number, WINDOW.end)
    _double_pages(monkeypatch)
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert len(collected.resources) == len(collected.rates()) == 1
    assert [point.value for point in collected.points()] == [2000]


def _double_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page of a listing comes twice, as of one that changes while it is read."""
    from agents.gcp.calls import GcpCalls  # noqa: PLC0415 - what is patched

    once = GcpCalls.pages

    def twice(self: GcpCalls, api: str, *rest: Any) -> Iterator[Any]:
        for page in once(self, api, *rest):
            yield page
            yield page

    monkeypatch.setattr(GcpCalls, "pages", twice)


_SERVICES = ["cloud_functions", "storage", "gke", "vertex_ai"]


def _seed(gcp: LocalGcp, service: str) -> Window:
    """Some of it, and the window in which that has figures."""
    day = datetime(2026, 11, 23, tzinfo=NOW.tzinfo)
    match service:
        case "vertex_ai":
            seed_vertex(gcp, 3, [PROJECT], hours_back=0.5, hours_ahead=0)
        case "cloud_functions":
            seed_functions(gcp, 2, [PROJECT])
        case "storage":
            seed_storage(gcp, 2, [PROJECT])
            return Window(day, day + timedelta(days=1))
        case _:
            seed_gke(gcp, 2, [PROJECT])
    return WINDOW


@pytest.mark.parametrize("service", _SERVICES)
def test_no_figure_is_doubled_by_a_page_that_comes_twice(
    gcp: LocalGcp, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    window, target = _seed(gcp, service), f"gcp/default/global/{service}"
    alone = collect(shared(gcp), target, window)
    _double_pages(monkeypatch)
    doubled = collect(shared(gcp), target, window)
    assert alone.error is doubled.error is None
    assert _figures(alone) == _figures(doubled) != []


@pytest.mark.parametrize("service", _SERVICES)
def test_a_metric_that_breaks_off_costs_no_other_and_invents_nothing(
    gcp: LocalGcp, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    window, target = _seed(gcp, service), f"gcp/default/global/{service}"
    whole = _figures(collect(shared(gcp), target, window))
    read, asked, refused = MetricReader.read, set[str](), [""]

    def breaking_off(self: MetricReader, metric: Metric, *doubt: Any) -> Iterator[Value]:
        asked.add(metric.source)
        for value in read(self, metric, *doubt):
            yield value
            if metric.source == refused[0]:
                raise Unavailable("the second page does not come")

    monkeypatch.setattr(MetricReader, "read", breaking_off)
    assert _figures(collect(shared(gcp), target, window)) == whole
    for source in sorted(asked):
        refused[0] = source
        found = collect(shared(gcp), target, window)
        assert found.report.outcome is Outcome.COMPLETE
        assert any("the second page" in reason for reason in found.report.partial), source
        assert set(_figures(found)) <= set(whole), f"{source}: of a part there is no total, and no answer is no zero"
        kept = [point for point in whole if point[-1] != source and point[1] not in {"error_count", "error_rate"}]
        assert set(kept) <= set(_figures(found)), source


def _figures(collected: Collected) -> list[tuple[Any, ...]]:
    return sorted(
        (point.resource.key, point.metric, point.start, point.value, point.source_metric)
        for point in collected.points()
    )


@pytest.mark.parametrize("case", _INSTANCES, ids=[case["why"] for case in _INSTANCES])
def test_a_price_is_that_of_all_that_the_description_names(gcp: LocalGcp, case: dict[str, Any]) -> None:
    given = dict(case["instance"])
    if "machineType" in given:
        given["machineType"] = machine_type(given["machineType"])
    add_instance(gcp, **given)
    collected = collect(shared(gcp), TARGET, WINDOW)
    resource = _one(collected)
    reason = resource.attributes.get("price_unknown")
    if case["unknown"] is None:
        assert reason is None
        (rate,) = collected.rates()
        assert rate.amount == Decimal(case["price"])
    else:
        assert case["unknown"] in str(reason)
        assert collected.rates() == []
        assert collected.report.unknown_prices == 1


def test_a_stopped_instance_costs_nothing_whatever_it_is(gcp: LocalGcp) -> None:
    stop = (WINDOW.start - _MINUTE).isoformat()
    add_instance(gcp, status="TERMINATED", lastStopTimestamp=stop, machineType=machine_type("z9-standard-4"))
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert [rate.amount for rate in collected.rates()] == [0]
    assert "price_unknown" not in _one(collected).attributes


@pytest.mark.parametrize("case", _BAD, ids=[f"{case['service']}: {case['why']}" for case in _BAD])
def test_one_bad_item_costs_no_neighbour(gcp: LocalGcp, case: dict[str, Any]) -> None:
    kind, service = case["kind"], case["service"]
    place = "us-central1-a" if service == "compute" else "us-central1"
    folder = f"//{kind.partition('/')[0]}/projects/{PROJECT}/locations/{place}/things"
    for name, data in (("bad", case["data"]), ("good", case["neighbour"])):
        gcp.assets.add(Asset(f"{folder}/{name}", kind, PROJECT, case.get("location", ""), name, data=data))
    day = datetime(2026, 11, 23, tzinfo=NOW.tzinfo)
    window = Window(day, day + timedelta(days=1)) if service == "storage" else WINDOW

    collected = collect(shared(gcp), f"gcp/default/global/{service}", window)

    assert collected.report.outcome is Outcome.COMPLETE
    found = {one.resource_id.removeprefix(f"{folder}/"): one for one in collected.resources}
    assert found["good"].tags == {"team": "shop"}
    assert found["bad"].region == "us-central1"
    assert (found["good"].whole, found["bad"].whole) == (True, False), "what cannot be read takes nothing away"
    for name, value in case["kept"].items():
        assert found["bad"].attributes[name] == value
    for name in case["unknown"]:
        assert name not in found["bad"].attributes
    for path in case["missing"]:
        assert any(reason.startswith(f"{path} of ") for reason in collected.report.partial), collected.report.partial


def test_where_nothing_can_be_read_nothing_is_empty(gcp: LocalGcp) -> None:
    kind = "compute.googleapis.com/Instance"
    gcp.assets.add(Asset("//compute.googleapis.com/nowhere", kind, PROJECT, "", "bad", data={"status": "RUNNING"}))
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert collected.report.outcome is Outcome.FAILED
    assert collected.report.error == "without a place"
    add_instance(gcp)
    assert collect(shared(gcp), TARGET, WINDOW).report.outcome is Outcome.COMPLETE


def test_a_project_by_its_number_is_spelled_by_its_id(gcp: LocalGcp) -> None:
    number = add_instance(gcp)
    put(gcp, CPU, number, [(WINDOW.end, 0.5)], labels={"instance_name": "vm-0001"})
    put(gcp, CPU, "4711", [(WINDOW.end, 0.5)], labels={"instance_name": "gone"})
    context = shared(gcp, project_id=project_number(PROJECT))
    for _ in range(2):
        collected = collect(context, TARGET, WINDOW)
        assert collected.error is None
        assert {one.account for one in collected.resources} == {PROJECT}
        assert all(f"/projects/{PROJECT}/" in one.resource_id for one in collected.resources)
    assert gcp.calls()["cloudasset:ListAssets"] == 1 + 2, "once it is asked what the project is called"
