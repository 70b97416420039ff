"""metrics:getBatch of the local Azure, by the SDK's client."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from emulators.azure import DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION, LocalAzure
from emulators.azure.seed import VmSeed, seed_storage, seed_vms
from emulators.azure.seed.vms import MEMORY
from tests.support.azure import NOW
from tests.support.local_azure import METRICS_SCOPE, measure, metrics_client, plain_client, refusal

_MINUTE = timedelta(minutes=1)
_CPU = "Percentage CPU"


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[LocalAzure, VmSeed]]:
    with LocalAzure(clock=NOW.timestamp) as azure:
        yield azure, seed_vms(azure, 240)


@pytest.fixture
def azure(running: tuple[LocalAzure, VmSeed]) -> Iterator[LocalAzure]:
    running[0].reset_calls()
    yield running[0]
    running[0].faults.clear()


@pytest.fixture
def vms(running: tuple[LocalAzure, VmSeed]) -> VmSeed:
    return running[1]


def ids(vms: VmSeed, **only: Any) -> list[str]:
    wanted = {"subscription": DEFAULT_SUBSCRIPTION, "region": "eastus", **only}
    return [vm.id for vm in vms.vms if all(getattr(vm, name) == value for name, value in wanted.items())]


def hour() -> tuple[datetime, datetime]:
    end = NOW.replace(second=0) - timedelta(minutes=5)
    return end - timedelta(hours=1), end


def test_the_values_are_those_of_the_store(azure: LocalAzure, vms: VmSeed) -> None:
    span = hour()
    asked = ids(vms)[:50]
    answer = measure(metrics_client(azure), asked, _CPU, MEMORY, timespan=span, aggregations=["Average", "Maximum"])
    assert azure.calls()["metrics:getBatch"] == 1
    assert len(answer) == 50
    by_id = {vm.id: vm for vm in vms.vms}
    told = 0
    for result in answer:
        assert (result.resource_region, result.granularity) == ("eastus", _MINUTE)
        for metric in result.metrics:
            vm = by_id[metric.id.split("/providers/Microsoft.Insights/metrics/")[0]]
            expected = vms.expected(vm, metric.name, *span)
            assert (expected is None) == (metric.timeseries == [])
            assert (expected is None) == (not vm.measured or (metric.name == MEMORY and not vm.memory))
            if expected is None:
                continue
            told += 1
            points = metric.timeseries[0].data
            assert [point.timestamp for point in points] == [span[0] + n * _MINUTE for n in range(60)]
            assert sum(point.average for point in points) / 60 == pytest.approx(expected.average)
            assert max(point.maximum for point in points) == expected.maximum
            assert points[0].minimum is None  # was not asked for
            assert metric.unit == "Percent"
    assert told > 40


@pytest.mark.parametrize(("minutes", "points"), [(5, 12), (15, 4), (60, 1)])
def test_samples_are_aggregated_by_interval(azure: LocalAzure, vms: VmSeed, minutes: int, points: int) -> None:
    vm = next(vm for vm in vms.vms if vm.measured and vm.region == "eastus")
    # Whole hours, so that every interval fits.
    start = NOW.replace(minute=0, second=0) - timedelta(hours=2)
    answer = measure(
        metrics_client(azure),
        [vm.id],
        "Network In Total",
        timespan=(start, start + timedelta(hours=1)),
        granularity=timedelta(minutes=minutes),
        aggregations=["Total", "Count", "Minimum"],
    )
    data = answer[0].metrics[0].timeseries[0].data
    assert len(data) == points
    for index, point in enumerate(data):
        first = start + index * timedelta(minutes=minutes)
        expected = vms.expected(vm, "Network In Total", first, first + timedelta(minutes=minutes))
        assert expected is not None
        assert point.timestamp == first
        assert (point.count, point.minimum) == (expected.count, expected.minimum)
        assert point.total == pytest.approx(expected.total)


def test_values_that_a_test_puts_and_a_gap_between_them(azure: LocalAzure) -> None:
    with LocalAzure(clock=NOW.timestamp) as own:
        vm = seed_vms(own, 1).vms[0]
        own.metrics.forget(vm.id)
        start = hour()[0]
        first = int(start.timestamp()) // 60
        own.metrics.put(vm.id, _CPU, {first: 10.0, first + 2: 30.0})
        client = metrics_client(own, vm.region)
        (point, gap, last, *_) = measure(client, [vm.id], _CPU, timespan=hour())[0].metrics[0].timeseries[0].data
        assert (point.average, gap.average, last.average) == (10.0, None, 30.0)
        assert gap.timestamp == start + _MINUTE


def test_what_is_to_come_is_not_told() -> None:
    now = datetime(2026, 10, 1, 12, tzinfo=UTC)
    with LocalAzure(clock=now.timestamp) as azure:
        vm = next(vm for vm in seed_vms(azure, 20).vms if vm.measured and vm.region == "eastus")
        span = (now - timedelta(minutes=2), now + timedelta(minutes=2))
        # The token is judged by the same clock, and the real client by its own: ask plainly.
        with plain_client(azure, METRICS_SCOPE) as client:
            query = {
                "api-version": "2024-02-01",
                "metricnamespace": "Microsoft.Compute/virtualMachines",
                "metricnames": _CPU,
                "starttime": span[0].isoformat(),
                "endtime": span[1].isoformat(),
            }
            path = f"/subscriptions/{vm.subscription}/metrics:getBatch"
            answer = client.post(path, params=query, json={"resourceids": [vm.id]}).json()
        data = answer["values"][0]["value"][0]["timeseries"][0]["data"]
        assert ["average" in point for point in data] == [True, True, False, False]


def test_the_most_and_one_more(azure: LocalAzure, vms: VmSeed) -> None:
    asked = ids(vms)
    assert len(asked) == 60
    assert len(measure(metrics_client(azure), asked[:50], _CPU)) == 50
    with pytest.raises(HttpResponseError, match="51") as refused:
        measure(metrics_client(azure), asked[:51], _CPU)
    assert refusal(refused.value) == (400, "BadRequest")


def test_a_batch_is_of_one_subscription_region_and_type(azure: LocalAzure, vms: VmSeed) -> None:
    here, there = ids(vms)[0], ids(vms, region="westeurope")[0]
    other = ids(vms, subscription=SECOND_SUBSCRIPTION)[0]
    store = seed_storage(azure, 1).resources[0].id
    for asked, says in (([here, there], "one region"), ([here, other], "subscription"), ([here, store], "type")):
        with pytest.raises(HttpResponseError, match=says):
            measure(metrics_client(azure), asked, _CPU)
    with pytest.raises(HttpResponseError, match="westeurope"):
        measure(metrics_client(azure, "eastus"), [there], _CPU)
    assert measure(metrics_client(azure, "westeurope"), [there], _CPU)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"names": ["Percentage GPU"]}, "Failed to find metric configuration"),
        ({"metric_namespace": "Microsoft.Nothing/things"}, "namespace"),
        ({"granularity": timedelta(minutes=7)}, "time grain"),
        ({"aggregations": ["Median"]}, "median"),
        ({"timespan": (datetime(2020, 1, 1, tzinfo=UTC), timedelta(hours=1))}, "retention"),
        ({"filter": "LUN eq '*'"}, "filter"),
    ],
)
def test_what_there_is_not_is_refused(azure: LocalAzure, vms: VmSeed, options: dict[str, Any], says: str) -> None:
    names = options.pop("names", [_CPU])
    with pytest.raises(HttpResponseError, match=says) as refused:
        measure(metrics_client(azure), ids(vms)[:1], *names, **options)
    assert refused.value.status_code == 400


def test_capacity_is_told_by_the_hour(azure: LocalAzure) -> None:
    seeded = seed_storage(azure, 2)
    account = seeded.resources[0]
    blobs = f"{account.id}/blobServices/default"
    namespace = "Microsoft.Storage/storageAccounts/blobServices"
    hours: dict[str, Any] = {"metric_namespace": namespace, "timespan": (NOW - timedelta(hours=3), NOW)}
    client = metrics_client(azure, account.location)
    answer = measure(client, [blobs], "BlobCapacity", granularity=timedelta(hours=1), **hours)
    values = [point.average for point in answer[0].metrics[0].timeseries[0].data if point.average is not None]
    assert len(values) >= 3
    assert all(value > 0 for value in values)
    with pytest.raises(HttpResponseError, match="time grain"):
        measure(client, [blobs], "BlobCapacity", **hours)


def test_a_denied_group_denies_the_batch_that_has_one_of_it(azure: LocalAzure, vms: VmSeed) -> None:
    azure.faults.deny(scope=f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/web")
    with pytest.raises(HttpResponseError, match=r"'Microsoft[.]Insights/Metrics/Read' over scope") as refused:
        measure(metrics_client(azure), ids(vms)[:50], _CPU)
    assert refusal(refused.value) == (403, "AuthorizationFailed")
    assert measure(metrics_client(azure), ids(vms, group="data"), _CPU)


def test_a_thousand_machines_take_the_least_calls(azure: LocalAzure) -> None:
    with LocalAzure(clock=NOW.timestamp) as own:
        regions = ("eastus", "westeurope", "westus2", "uksouth")
        seeded = seed_vms(own, 1000, regions=regions)
        assert seeded.metric_calls() == 8 * 3
        assert seeded.count("subscription", "region").most_common()[-1][1] == 125
