"""What a window of each cloud becomes in OpenTelemetry's terms, decoded by the official classes."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from emulators.aws.seed import seed_costs
from emulators.azure import DEFAULT_SUBSCRIPTION
from telemetry.batch import Batch, Points, Series
from telemetry.costs import CostLine
from telemetry.records import Resource
from telemetry.target import Target, Window
from tests.support import azure as azures
from tests.support import costs, ec2
from tests.support import gcp as gcps
from tests.support.collecting import collect
from tests.support.otlp import TAKEN, Sent, decoded, otlp, points
from tests.support.outbox import make_batch
from tests.support.scripted_http import ScriptedServer

_NS = 1_000_000_000
_MINUTE = timedelta(minutes=1)


def _sent(batches: Iterable[Batch]) -> list[Sent]:
    """What arrives of some batches."""
    with ScriptedServer(lambda _: TAKEN) as server, otlp(server.url) as destination:
        for batch in batches:
            assert destination.send(batch) == ""
        return [point for request in server.requests for point in points(decoded(request))]


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * _NS


def _spans(window: Window, found: Iterable[Sent]) -> None:
    """Every point is of the window, in nanoseconds."""
    assert {(point.start, point.time) for point in found} == {(_ns(window.start), _ns(window.end))}


def _by_name(found: Iterable[Sent]) -> dict[str, Sent]:
    return {point.name: point for point in found}


def test_a_window_of_aws() -> None:
    with ec2.standing_aws() as aws:
        machine = ec2.add_instance(aws, tags={"team": "web"})
        pairs = {"InstanceId": machine.instance_id}
        starts = [ec2.WINDOW.start + number * _MINUTE for number in range(5)]
        ec2.put_metric(aws, pairs, "CPUUtilization", [(at, 40.0) for at in starts])
        ec2.put_metric(aws, pairs, "NetworkIn", [(at, 1000.0) for at in starts])
        collected = collect(ec2.shared(aws), ec2.TARGET, ec2.WINDOW)
    assert collected.error is None
    found = _sent(collected.batches)
    _spans(ec2.WINDOW, found)
    (resource,) = collected.resources
    for point in found:
        about = dict(point.resource)
        assert about.pop("host.id") == machine.instance_id
        assert about.pop("host.type") == "m5.large"
        assert about.pop("finfleet.tag.team") == "web"
        about.pop("host.name", None)
        assert about == {
            "cloud.provider": "aws",
            "cloud.account.id": resource.account,
            "cloud.region": "us-east-1",
            "cloud.resource_id": resource.resource_id,
            "service.namespace": "aws",
            "service.name": "ec2",
            "service.instance.id": resource.resource_id,
            "finfleet.account": "default",
        }
    names = _by_name(found)
    cpu = names["finfleet.cpu_utilization.average"]
    assert (cpu.unit, cpu.kind, cpu.value) == ("%", "gauge", 40.0)
    assert cpu.attributes == {"finfleet.source_metric": "CPUUtilization"}
    network = names["finfleet.network_in.sum"]
    assert (network.unit, network.kind, network.value) == ("By", "delta monotonic", 5000.0)
    price = names["finfleet.cost.list_price"]
    (rate,) = collected.rates()
    assert (price.unit, price.kind, price.value) == ("{USD}/h", "gauge", float(rate.amount))
    assert price.attributes == {"currency": "USD", "finfleet.basis": rate.basis}


def test_a_window_of_azure() -> None:
    with azures.standing_azure() as azure:
        identity = azures.add_vm(azure)
        azures.put(azure, identity, azures.CPU, azures.steady(25.0))
        azures.put(azure, identity, "Network In Total", azures.steady(100.0))
        collected = collect(azures.shared(azure), "azure/default/global/virtual_machines", azures.WINDOW)
    assert collected.error is None
    found = _sent(collected.batches)
    _spans(azures.WINDOW, found)
    (resource,) = collected.resources
    names = _by_name(found)
    about = names["finfleet.cpu_utilization.average"].resource
    assert about["cloud.provider"] == "azure"
    assert about["cloud.account.id"] == DEFAULT_SUBSCRIPTION
    assert about["cloud.region"] == "eastus"
    assert about["cloud.resource_id"] == about["service.instance.id"] == resource.resource_id
    assert (about["service.namespace"], about["service.name"]) == ("azure", "virtual_machines")
    assert about["host.id"] == resource.attributes["vm_id"]
    assert about["host.type"] == "Standard_D2s_v5"
    cpu = names["finfleet.cpu_utilization.average"]
    assert (cpu.unit, cpu.kind, cpu.value) == ("%", "gauge", 25.0)
    network = names["finfleet.network_in.sum"]
    assert (network.unit, network.kind) == ("By", "delta monotonic")
    assert names["finfleet.cost.list_price"].unit == "{USD}/h"


def test_a_window_of_google_cloud() -> None:
    with gcps.standing_gcp() as gcp:
        number = gcps.add_instance(gcp, labels={"team": "search"})
        ends = [gcps.WINDOW.start + (minute + 1) * _MINUTE for minute in range(5)]
        labels = {"instance_name": "vm-0001"}
        gcps.put(gcp, gcps.CPU, number, [(at, 0.3) for at in ends], labels=labels)
        sizes = {**labels, "loadbalanced": "true"}
        gcps.put(gcp, gcps.RECEIVED, number, [(at, 10) for at in ends], labels=sizes, kind="DELTA", value_type="INT64")
        collected = collect(gcps.shared(gcp), gcps.TARGET, gcps.WINDOW)
    assert collected.error is None
    found = _sent(collected.batches)
    _spans(gcps.WINDOW, found)
    (resource,) = collected.resources
    names = _by_name(found)
    cpu = names["finfleet.cpu_utilization.average"]
    assert (cpu.unit, cpu.kind) == ("%", "gauge")
    assert cpu.value == pytest.approx(30)
    about = cpu.resource
    assert about["cloud.provider"] == "gcp"
    assert about["cloud.account.id"] == gcps.PROJECT
    assert about["cloud.region"] == "us-central1"
    assert about["cloud.resource_id"] == resource.resource_id
    assert (about["host.id"], about["host.type"]) == (number, "n2-standard-4")
    assert about["finfleet.tag.team"] == "search"
    network = names["finfleet.network_in.sum"]
    assert (network.unit, network.kind, network.value) == ("By", "delta monotonic", 50.0)


def test_a_day_of_a_bill_is_what_was_billed() -> None:
    with ec2.standing_aws() as aws:
        seed_costs(aws, 25)
        collected = collect(costs.shared_with_costs(aws), costs.TARGET, costs.DAY)
    assert collected.error is None
    found = _sent(collected.batches)
    _spans(costs.DAY, found)
    assert {point.kind for point in found} == {"delta"}  # credits are negative
    assert {point.unit for point in found} == {"{USD}"} == {f"{{{point.attributes['currency']}}}" for point in found}
    billed = sum((line.billed_cost or Decimal(0) for line in collected.costs("")), Decimal(0))
    whole = [point for point in found if point.name == "finfleet.cost.billed"]
    assert sum(point.value for point in whole) == pytest.approx(float(billed), rel=1e-12)
    assert not any("finfleet.breakdown" in point.attributes for point in whole)
    cut = [point for point in found if point.name == "finfleet.cost_breakdown.billed"]
    assert all(point.attributes["finfleet.breakdown"] for point in cut)
    assert {point.resource["cloud.provider"] for point in found} == {"aws"}
    # What is sent is told apart: nothing that a backend would add up or drop.
    places = [(*sorted(p.resource.items()), p.name, p.unit, p.start, *sorted(p.attributes.items())) for p in found]
    assert len(set(places)) == len(places)


def test_currencies_are_never_added_and_what_is_the_same_is() -> None:
    batch = make_batch()
    window = batch.run.window
    line = CostLine(start=window.start, end=window.end, currency="USD", billed_cost=Decimal("0.1"))
    euros = msgspec.structs.replace(line, currency="EUR")
    other = msgspec.structs.replace(line, charge_description="of another line")
    found = _sent([msgspec.structs.replace(batch, costs=[line, euros, other], rates=[], points=Points([], [], []))])
    by_currency = defaultdict(list)
    for point in found:
        by_currency[point.unit].append(point.value)
    assert dict(by_currency) == {"{USD}": [0.2], "{EUR}": [0.1]}


def test_what_is_no_cloud_says_so_and_units_of_others_are_annotations() -> None:
    target = Target("generic", "training", "global", "pushed")
    resource = Resource(
        provider="generic", account="training", region="global", service="pushed", resource_id="job-1", name="job"
    )
    batch = msgspec.structs.replace(
        make_batch(target),
        resources=[resource],
        rates=[],
        series=[
            Series(0, "loss", "loss", "nats of {loss}", "gauge", 0),
            Series(0, "requests", "requests", "count", "counter", 0),
            Series(0, "latency", "latency", "milliseconds", "sample_count", 60),
            Series(0, "change", "change", "bytes", "sum", 60),
            Series(0, "steps", "steps", "count", "counter", 60),
        ],
        points=Points([0, 1, 2, 3, 4], [1000, 1000, 1000, 1000, 1000], [0.5, 7, 3, -4, 8]),
    )
    found = _by_name(_sent([batch]))
    assert {name: (one.unit, one.kind, one.start, one.time) for name, one in found.items()} == {
        "finfleet.loss": ("{natsofloss}", "gauge", 0, 1000 * _NS),
        "finfleet.requests": ("{count}", "cumulative monotonic", 0, 1000 * _NS),
        "finfleet.latency.sample_count": ("{sample}", "delta monotonic", 1000 * _NS, 1060 * _NS),
        "finfleet.change.sum": ("By", "delta", 1000 * _NS, 1060 * _NS),
        # Its beginning is not that of the minute that it was told for: that would be a reset each minute.
        "finfleet.steps": ("{count}", "cumulative monotonic", 0, 1060 * _NS),
    }
    assert found["finfleet.loss"].resource == {
        "finfleet.account.id": "training",
        "service.namespace": "generic",
        "service.name": "pushed",
        "service.instance.id": "job-1",
        "finfleet.account": "training",
        "finfleet.resource.name": "job",
    }


def test_what_otlp_cannot_carry_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "destinations.md").read_text(encoding="utf-8")
    for name in ("attributes", "charge_description", "quantity", "estimated", "amounts", "sub_account_name"):
        assert name in page
