"""Compute Engine against the local Google Cloud: the least calls, and the numbers that were put in."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from emulators.gcp import LocalGcp
from telemetry.batch import Outcome
from telemetry.errors import CollectionFailed
from telemetry.target import Window
from tests.support.collecting import collect
from tests.support.gcp import (
    CPU,
    GPU,
    MEMORY,
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


@pytest.fixture
def gcp() -> Iterator[LocalGcp]:
    with standing_gcp() as running:
        yield running


def _minutes(window: Window, *values: float) -> list[tuple[datetime, float]]:
    """Values whose minutes end within the window, from the first on."""
    return [(window.start + (number + 1) * _MINUTE, value) for number, value in enumerate(values)]


def test_an_instance_has_its_metrics_and_its_rate(gcp: LocalGcp) -> None:
    number = add_instance(gcp, labels={"team": "search"})
    put(gcp, CPU, number, _minutes(WINDOW, 0.1, 0.2, 0.3, 0.4, 0.5), labels={"instance_name": "vm-0001"})
    for balanced, sizes in (("true", (10, 10, 10, 10, 10)), ("false", (1, 2, 3, 4, 5))):
        labels = {"instance_name": "vm-0001", "loadbalanced": balanced}
        put(gcp, RECEIVED, number, _minutes(WINDOW, *sizes), labels=labels, kind="DELTA", value_type="INT64")
    put(gcp, MEMORY, number, _minutes(WINDOW, 40, 60), labels={"state": "used"})
    put(gcp, MEMORY, number, _minutes(WINDOW, 60, 40), labels={"state": "free"})
    for card, value in (("0", 50), ("1", 70)):  # the Ops Agent's own figures are percent
        put(gcp, GPU, number, _minutes(WINDOW, value), labels={"gpu_number": card, "model": "T4", "uuid": card})

    collected = collect(shared(gcp), TARGET, WINDOW)

    assert collected.error is None
    (resource,) = collected.resources
    assert resource.resource_id == f"//compute.googleapis.com/projects/{PROJECT}/zones/us-central1-a/instances/vm-0001"
    assert (resource.account, resource.region, resource.type) == (PROJECT, "us-central1", "n2-standard-4")
    assert resource.tags == {"team": "search"}
    assert resource.attributes["instance_id"] == number
    assert resource.attributes["provisioning"] == "standard"
    found = {point.metric: (point.value, point.unit, point.statistic) for point in collected.points()}
    assert found == {
        "cpu_utilization": (pytest.approx(30), "percent", "average"),
        "network_in": (65, "bytes", "sum"),
        "memory_utilization": (50, "percent", "average"),
        "gpu_utilization": (pytest.approx(60), "percent", "average"),
    }
    assert {(point.start, point.period) for point in collected.points()} == {(WINDOW.start, 300)}
    (rate,) = collected.rates()
    # 4 vCPUs and 16 GiB of N2 in the Americas.
    assert rate.amount == 4 * Decimal("0.031611") + 16 * Decimal("0.004237")
    assert (rate.currency, rate.basis, rate.period) == ("USD", "on_demand_list", 300)


def test_a_metric_is_read_once_for_all_instances_of_the_project(gcp: LocalGcp) -> None:
    for number in range(40):
        made = add_instance(gcp, number, zone=f"us-central1-{'abcf'[number % 4]}")
        put(gcp, CPU, made, _minutes(WINDOW, 0.5), zone=f"us-central1-{'abcf'[number % 4]}")

    collected = collect(shared(gcp), TARGET, WINDOW)

    assert len(collected.points("cpu_utilization")) == 40
    calls = {api.replace(".", ":", 1): calls for api, calls in collected.calls.items()}
    assert calls == gcp.calls()
    assert gcp.calls()["monitoring:ListTimeSeries"] == 5
    assert gcp.calls()["cloudasset:ListAssets"] == 1
    use = next(use for use in collected.report.apis if use.api == "monitoring:ListTimeSeries")
    assert use.cost_usd == 40 * Decimal("0.0000005")


def test_windows_side_by_side_neither_lose_a_point_nor_have_one_twice(gcp: LocalGcp) -> None:
    number = add_instance(gcp)
    start = WINDOW.start - 10 * _MINUTE
    values = {start + minute * _MINUTE: minute for minute in range(16)}
    labels = {"instance_name": "vm-0001", "loadbalanced": "false"}
    put(gcp, RECEIVED, number, list(values.items()), labels=labels, kind="DELTA", value_type="INT64")
    put(gcp, CPU, number, [(at, value / 100) for at, value in values.items()], labels={"instance_name": "vm-0001"})
    context = shared(gcp)
    windows = [Window(start + step * 5 * _MINUTE, start + (step + 1) * 5 * _MINUTE) for step in range(3)]

    found = [collect(context, TARGET, window) for window in windows]

    # The point stamped with a window's start ended then: it speaks of the window before.
    sums = [one.points("network_in")[0].value for one in found]
    assert sums == [1 + 2 + 3 + 4 + 5, 6 + 7 + 8 + 9 + 10, 11 + 12 + 13 + 14 + 15]
    assert [one.points("cpu_utilization")[0].value for one in found] == pytest.approx([3, 8, 13])
    assert [one.points("network_in")[0].start for one in found] == [window.start for window in windows]


def test_a_window_of_odd_minutes_has_a_point_a_minute(gcp: LocalGcp) -> None:
    number = add_instance(gcp)
    window = Window(WINDOW.start, WINDOW.start + 3 * _MINUTE)
    put(gcp, CPU, number, _minutes(window, 0.1, 0.2, 0.3, 0.4))
    points = collect(shared(gcp), TARGET, window).points("cpu_utilization")
    assert sorted((point.start - window.start, point.period, round(point.value)) for point in points) == [
        (0 * _MINUTE, 60, 10),
        (1 * _MINUTE, 60, 20),
        (2 * _MINUTE, 60, 30),
    ]
    off = collect(shared(gcp), TARGET, Window(WINDOW.start, WINDOW.start + timedelta(seconds=90)))
    assert isinstance(off.error, CollectionFailed)
    assert "multiple of 60 s" in str(off.error)


def test_without_the_ops_agent_memory_and_gpu_are_missing_and_not_zero(gcp: LocalGcp) -> None:
    with_agent, without = add_instance(gcp, 1), add_instance(gcp, 2)
    for number in (with_agent, without):
        put(gcp, CPU, number, _minutes(WINDOW, 0.5))
    nowhere = collect(shared(gcp), TARGET, WINDOW)
    assert nowhere.error is None, "a metric that no agent of the project has ever written is not a failure"
    assert {point.metric for point in nowhere.points()} == {"cpu_utilization"}

    put(gcp, MEMORY, with_agent, _minutes(WINDOW, 40), labels={"state": "used"})
    some = collect(shared(gcp), TARGET, WINDOW)
    assert [point.resource.name for point in some.points("memory_utilization")] == ["vm-0001"]


@pytest.mark.parametrize(
    ("data", "amount", "basis"),
    [
        ({"machineType": machine_type("e2-micro")}, Decimal("0.0083764275"), "on_demand_list"),
        ({"machineType": machine_type("n1-highmem-8")}, 8 * Decimal("0.031611") + 52 * Decimal("0.004237"), None),
        (
            {"machineType": machine_type("custom-6-20480")},
            6 * Decimal("0.03319155") + 20 * Decimal("0.00444885"),
            None,
        ),
        (
            {"scheduling": {"provisioningModel": "SPOT", "preemptible": True}},
            4 * Decimal("0.0094833") + 16 * Decimal("0.0012711"),
            "spot",
        ),
        (
            {
                "machineType": machine_type("n1-standard-4"),
                "guestAccelerators": [
                    {"acceleratorType": "projects/p/zones/z/acceleratorTypes/nvidia-tesla-t4", "acceleratorCount": 2}
                ],
            },
            4 * Decimal("0.031611") + 15 * Decimal("0.004237") + 2 * Decimal("0.35"),
            None,
        ),
        # The GPU belongs to the type, though the inventory may not list it.
        (
            {"machineType": machine_type("g2-standard-4")},
            4 * Decimal("0.024988") + 16 * Decimal("0.002927") + Decimal("0.560004"),
            None,
        ),
    ],
)
def test_a_machine_is_priced_by_its_parts(
    gcp: LocalGcp, data: dict[str, Any], amount: Decimal, basis: str | None
) -> None:
    add_instance(gcp, **data)
    (rate,) = collect(shared(gcp), TARGET, WINDOW).rates()
    assert rate.amount == amount
    assert basis in {None, rate.basis}


@pytest.mark.parametrize(
    "data",
    [
        {"machineType": machine_type("x9-standard-4")},
        {"machineType": machine_type("n2-standard-4", "mars-north1-a"), "zone": "zones/mars-north1-a"},
        {"disks": [{"licenses": [".../projects/windows-cloud/global/licenses/windows-server-2022-dc"]}]},
        {"status": "SUSPENDED"},
    ],
)
def test_an_unknown_price_is_no_record_and_is_counted(gcp: LocalGcp, data: dict[str, Any]) -> None:
    add_instance(gcp, **data)
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert collected.error is None
    assert collected.rates() == []
    assert collected.report.unknown_prices == 1


def test_a_stopped_instance_costs_nothing_from_its_stop_on(gcp: LocalGcp) -> None:
    stop = WINDOW.start + 2 * _MINUTE
    add_instance(gcp, status="TERMINATED", lastStopTimestamp=stop.isoformat())
    ran, stopped = sorted(collect(shared(gcp), TARGET, WINDOW).rates(), key=lambda rate: rate.start)
    assert (ran.basis, ran.start, ran.period) == ("on_demand_list", WINDOW.start, 120)
    assert (stopped.basis, stopped.start, stopped.period) == ("stopped", stop, 180)
    assert stopped.amount == 0


def test_what_started_within_the_window_is_priced_from_then_on(gcp: LocalGcp) -> None:
    add_instance(gcp, lastStartTimestamp=(WINDOW.start + 3 * _MINUTE).isoformat())
    (rate,) = collect(shared(gcp), TARGET, WINDOW).rates()
    assert (rate.start, rate.period) == (WINDOW.start + 3 * _MINUTE, 120)


def test_metrics_of_an_instance_that_the_inventory_does_not_have_are_kept(gcp: LocalGcp) -> None:
    add_instance(gcp, 1)
    put(gcp, CPU, "4711", _minutes(WINDOW, 0.5), labels={"instance_name": "gone"}, zone="europe-west4-b")
    (point,) = collect(shared(gcp), TARGET, WINDOW).points()
    assert point.resource.resource_id.endswith(f"/projects/{PROJECT}/zones/europe-west4-b/instances/gone")
    assert point.resource.region == "europe-west4"


def test_metrics_of_other_projects_that_the_project_can_see_are_not_its_own(gcp: LocalGcp) -> None:
    gcp.metrics.add_to_scope(PROJECT, "shop-test")
    for project, load, size in ((PROJECT, 0.5, 7), ("shop-test", 0.9, 1000)):
        number = add_instance(gcp, project=project)
        labels = {"instance_name": "vm-0001", "loadbalanced": "false"}
        put(gcp, CPU, number, _minutes(WINDOW, load), labels={"instance_name": "vm-0001"}, project=project)
        sizes = _minutes(WINDOW, size)
        put(gcp, RECEIVED, number, sizes, labels=labels, project=project, kind="DELTA", value_type="INT64")
    collected = collect(shared(gcp), TARGET, WINDOW)
    found = {point.metric: (point.resource.account, point.value) for point in collected.points()}
    assert len(found) == len(collected.points())
    assert found == {"cpu_utilization": (PROJECT, 50), "network_in": (PROJECT, 7)}


def test_the_catalogue_is_read_once_however_many_collections_ask(gcp: LocalGcp) -> None:
    add_instance(gcp)
    context = shared(gcp)
    for _ in range(3):
        assert len(collect(context, TARGET, WINDOW).rates()) == 1
    assert gcp.calls()["cloudbilling:ListSkus"] == 1


def test_a_window_that_is_not_over_is_refused(gcp: LocalGcp) -> None:
    start = NOW.replace(second=0)
    collected = collect(shared(gcp), TARGET, Window(start, start + 5 * _MINUTE))
    assert collected.report.outcome is Outcome.FAILED
    assert "not over yet" in str(collected.error)
